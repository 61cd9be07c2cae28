/** Rules for containers, init containers and ephemeral containers. */

import type {
  Container,
  EnvFromSource,
  EnvVar,
  EphemeralContainer,
  PodSpec,
  SecurityContext,
  Volume,
} from "../../model/kubernetes/core.ts";
import { duplicate, type FieldError, fieldNotFound, forbidden, invalid, required } from "../machinery/field-error.ts";
import {
  configKeyFaults,
  dnsLabelFaults,
  environmentNameFaults,
  portNameFaults,
  portNumberFaults,
} from "../name-rules.ts";
import { oneOf } from "./common-rules.ts";
import { lifecycleFaults, probeFaults } from "./probe-validation.ts";
import { resourceFaults } from "./resource-validation.ts";

type AnyContainer = Container | EphemeralContainer;

/** Faults of all containers of a pod's spec, that is found at `field`. */
export function containersFaults(field: string, spec: PodSpec): FieldError[] {
  const faults: FieldError[] = [];
  const names = new Set<string>();
  const visit = (list: readonly AnyContainer[] | undefined, at: string, kind: "main" | "init" | "ephemeral") => {
    for (const [index, container] of (list ?? []).entries()) {
      const place = `${at}[${index}]`;
      faults.push(...containerFaults(place, container, spec, kind));
      if (container.name && names.has(container.name)) faults.push(duplicate(`${place}.name`, container.name));
      names.add(container.name);
    }
  };
  if ((spec.containers ?? []).length === 0) faults.push(required(`${field}.containers`));
  visit(spec.containers, `${field}.containers`, "main");
  visit(spec.initContainers, `${field}.initContainers`, "init");
  visit(spec.ephemeralContainers, `${field}.ephemeralContainers`, "ephemeral");
  faults.push(...hostPortConflicts(`${field}.containers`, spec.containers ?? []));
  return faults;
}

function containerFaults(
  field: string,
  container: AnyContainer,
  spec: PodSpec,
  kind: "main" | "init" | "ephemeral",
): FieldError[] {
  const faults: FieldError[] = [];
  if (!container.name) faults.push(required(`${field}.name`));
  else faults.push(...dnsLabelFaults(container.name).map((why) => invalid(`${field}.name`, container.name, why)));
  // Templates of controllers may come without an image only in old clients' tests; Kubernetes asks for it everywhere.
  if (!container.image) faults.push(required(`${field}.image`));
  else if (container.image !== container.image.trim()) {
    faults.push(invalid(`${field}.image`, container.image, "must not have leading or trailing whitespace"));
  }
  faults.push(...oneOf(`${field}.imagePullPolicy`, container.imagePullPolicy, ["Always", "IfNotPresent", "Never"]));
  faults.push(
    ...oneOf(`${field}.terminationMessagePolicy`, container.terminationMessagePolicy, [
      "File",
      "FallbackToLogsOnError",
    ]),
  );
  faults.push(...restartFaults(field, container, kind));
  if (kind === "ephemeral") faults.push(...ephemeralFaults(field, container as EphemeralContainer, spec));
  else faults.push(...resourceFaults(`${field}.resources`, container.resources), ...portFaults(field, container));
  faults.push(
    ...environmentFaults(`${field}.env`, container.env),
    ...sourceFaults(`${field}.envFrom`, container.envFrom),
  );
  faults.push(...mountFaults(field, container, spec.volumes ?? []));
  const sidecar = kind === "init" && container.restartPolicy === "Always";
  if (kind === "main" || sidecar) {
    faults.push(...probeFaults(`${field}.livenessProbe`, container.livenessProbe, "liveness"));
    faults.push(...probeFaults(`${field}.readinessProbe`, container.readinessProbe, "readiness"));
    faults.push(...probeFaults(`${field}.startupProbe`, container.startupProbe, "startup"));
    faults.push(...lifecycleFaults(`${field}.lifecycle`, container.lifecycle));
  } else if (kind === "init") {
    for (const name of ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const) {
      if (container[name] === undefined) continue;
      faults.push(forbidden(`${field}.${name}`, "may not be set for init containers without restartPolicy=Always"));
    }
  }
  faults.push(...securityFaults(`${field}.securityContext`, container.securityContext));
  return faults;
}

function restartFaults(field: string, container: AnyContainer, kind: "main" | "init" | "ephemeral"): FieldError[] {
  if (container.restartPolicy === undefined) return [];
  if (kind === "ephemeral") return [forbidden(`${field}.restartPolicy`, "cannot be set for an Ephemeral Container")];
  return oneOf(`${field}.restartPolicy`, container.restartPolicy, ["Always", "OnFailure", "Never"]);
}

function ephemeralFaults(field: string, container: EphemeralContainer, spec: PodSpec): FieldError[] {
  const faults: FieldError[] = [];
  for (const name of ["lifecycle", "livenessProbe", "ports", "readinessProbe", "startupProbe"] as const) {
    if (container[name] !== undefined) {
      faults.push(forbidden(`${field}.${name}`, "cannot be set for an Ephemeral Container"));
    }
  }
  if (Object.keys(container.resources ?? {}).length > 0) {
    faults.push(forbidden(`${field}.resources`, "cannot be set for an Ephemeral Container"));
  }
  const target = container.targetContainerName;
  const known = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].some((one) => one.name === target);
  if (target && !known) faults.push(fieldNotFound(`${field}.targetContainerName`, target));
  return faults;
}

function portFaults(field: string, container: AnyContainer): FieldError[] {
  const faults: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, port] of (container.ports ?? []).entries()) {
    const at = `${field}.ports[${index}]`;
    if (port.name) {
      const wrong = portNameFaults(port.name).map((why) => invalid(`${at}.name`, port.name, why));
      faults.push(...wrong);
      if (wrong.length === 0 && names.has(port.name)) faults.push(duplicate(`${at}.name`, port.name));
      names.add(port.name);
    }
    if (!port.containerPort) faults.push(required(`${at}.containerPort`));
    else {
      faults.push(
        ...portNumberFaults(port.containerPort).map((why) => invalid(`${at}.containerPort`, port.containerPort, why)),
      );
    }
    if (port.hostPort) {
      faults.push(...portNumberFaults(port.hostPort).map((why) => invalid(`${at}.hostPort`, port.hostPort, why)));
    }
    faults.push(...oneOf(`${at}.protocol`, port.protocol, ["SCTP", "TCP", "UDP"]));
  }
  return faults;
}

function hostPortConflicts(field: string, containers: readonly Container[]): FieldError[] {
  const taken = new Set<string>();
  return containers.flatMap((container, index) =>
    (container.ports ?? []).flatMap((port, place) => {
      if (!port.hostPort) return [];
      const key = `${port.protocol ?? "TCP"}/${port.hostIP ?? ""}/${port.hostPort}`;
      if (taken.has(key)) return [duplicate(`${field}[${index}].ports[${place}].hostPort`, key)];
      taken.add(key);
      return [];
    }),
  );
}

const POD_FIELDS = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.hostname",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
];

function environmentFaults(field: string, variables: readonly EnvVar[] | undefined): FieldError[] {
  const faults: FieldError[] = [];
  for (const [index, variable] of (variables ?? []).entries()) {
    const at = `${field}[${index}]`;
    if (!variable.name) faults.push(required(`${at}.name`));
    else faults.push(...environmentNameFaults(variable.name).map((why) => invalid(`${at}.name`, variable.name, why)));
    const source = variable.valueFrom;
    if (source === undefined) continue;
    const given = Object.keys(source);
    if (given.length === 0) {
      faults.push(
        invalid(
          `${at}.valueFrom`,
          "",
          "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
        ),
      );
    } else if (variable.value) {
      faults.push(invalid(`${at}.valueFrom`, "", "may not be specified when `value` is not empty"));
    } else if (given.length > 1) {
      faults.push(invalid(`${at}.valueFrom`, "", "may not have more than one field specified at a time"));
    }
    faults.push(...fieldReferenceFaults(`${at}.valueFrom.fieldRef`, source.fieldRef?.fieldPath));
    for (const name of ["configMapKeyRef", "secretKeyRef"] as const) {
      const reference = source[name];
      if (reference === undefined) continue;
      if (!reference.name) faults.push(required(`${at}.valueFrom.${name}.name`));
      if (!reference.key) faults.push(required(`${at}.valueFrom.${name}.key`));
      else
        faults.push(
          ...configKeyFaults(reference.key).map((why) => invalid(`${at}.valueFrom.${name}.key`, reference.key, why)),
        );
    }
    const resource = source.resourceFieldRef?.resource;
    if (source.resourceFieldRef !== undefined && !resource)
      faults.push(required(`${at}.valueFrom.resourceFieldRef.resource`));
    else if (resource !== undefined)
      faults.push(...resourceReferenceFaults(`${at}.valueFrom.resourceFieldRef.resource`, resource));
  }
  return faults;
}

function resourceReferenceFaults(field: string, resource: string): FieldError[] {
  if (/^(limits|requests)\.hugepages-/.test(resource)) return [];
  const names = ["cpu", "memory", "ephemeral-storage"].flatMap((name) => [`limits.${name}`, `requests.${name}`]);
  return oneOf(field, resource, names);
}

function fieldReferenceFaults(field: string, path: string | undefined): FieldError[] {
  if (path === undefined) return [];
  if (path === "") return [required(`${field}.fieldPath`)];
  if (/^metadata\.(labels|annotations)\['[^']+'\]$/.test(path)) return [];
  if (/^(metadata|spec|status)\./.test(path)) return oneOf(`${field}.fieldPath`, path, POD_FIELDS);
  return [invalid(`${field}.fieldPath`, path, `error converting fieldPath: field label not supported: ${path}`)];
}

function sourceFaults(field: string, sources: readonly EnvFromSource[] | undefined): FieldError[] {
  return (sources ?? []).flatMap((source, index) => {
    const at = `${field}[${index}]`;
    if (source.configMapRef === undefined && source.secretRef === undefined) {
      return [invalid(at, "", "must specify one of: `configMapRef` or `secretRef`")];
    }
    if (source.configMapRef !== undefined && source.secretRef !== undefined) {
      return [invalid(at, "", "may not have more than one field specified at a time")];
    }
    if (source.configMapRef !== undefined) return source.configMapRef.name ? [] : [required(`${at}.configMapRef.name`)];
    return source.secretRef?.name ? [] : [required(`${at}.secretRef.name`)];
  });
}

function mountFaults(field: string, container: AnyContainer, volumes: readonly Volume[]): FieldError[] {
  const faults: FieldError[] = [];
  const paths = new Set<string>();
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const at = `${field}.volumeMounts[${index}]`;
    if (!mount.name) faults.push(required(`${at}.name`));
    else if (!volumes.some((volume) => volume.name === mount.name))
      faults.push(fieldNotFound(`${at}.name`, mount.name));
    if (!mount.mountPath) faults.push(required(`${at}.mountPath`));
    else if (paths.has(mount.mountPath)) faults.push(invalid(`${at}.mountPath`, mount.mountPath, "must be unique"));
    paths.add(mount.mountPath);
    if (mount.subPath && mount.subPathExpr) {
      faults.push(invalid(`${at}.subPathExpr`, mount.subPathExpr, "subPathExpr and subPath are mutually exclusive"));
    }
    for (const name of ["subPath", "subPathExpr"] as const)
      faults.push(...innerPathFaults(`${at}.${name}`, mount[name]));
    faults.push(
      ...oneOf(`${at}.mountPropagation`, mount.mountPropagation, ["Bidirectional", "HostToContainer", "None"]),
    );
    if (mount.mountPropagation === "Bidirectional" && container.securityContext?.privileged !== true) {
      faults.push(
        forbidden(
          `${at}.mountPropagation`,
          "Bidirectional mount propagation is available only to privileged containers",
        ),
      );
    }
  }
  for (const [index, device] of (container.volumeDevices ?? []).entries()) {
    const at = `${field}.volumeDevices[${index}]`;
    const volume = volumes.find((one) => one.name === device.name);
    if (volume === undefined) faults.push(fieldNotFound(`${at}.name`, device.name));
    if (!device.devicePath) faults.push(required(`${at}.devicePath`));
  }
  return faults;
}

/** Paths inside a volume: relative and never upwards. */
export function innerPathFaults(field: string, path: string | undefined): FieldError[] {
  if (!path) return [];
  if (path.startsWith("/")) return [invalid(field, path, "must be a relative path")];
  return path.split("/").includes("..") ? [invalid(field, path, "must not contain '..'")] : [];
}

function securityFaults(field: string, context: SecurityContext | undefined): FieldError[] {
  if (context === undefined) return [];
  const faults: FieldError[] = [];
  for (const name of ["runAsUser", "runAsGroup"] as const)
    faults.push(...userFaults(`${field}.${name}`, context[name]));
  const escalation = context.allowPrivilegeEscalation === false;
  if (escalation && context.privileged) {
    faults.push(invalid(field, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"));
  }
  if (escalation && (context.capabilities?.add ?? []).some((one) => one === "SYS_ADMIN" || one === "CAP_SYS_ADMIN")) {
    faults.push(
      invalid(field, context, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"),
    );
  }
  faults.push(...oneOf(`${field}.procMount`, context.procMount, ["Default", "Unmasked"]));
  faults.push(...profileFaults(`${field}.seccompProfile`, context.seccompProfile));
  return faults;
}

/** Faults of a user's or group's number. */
export function userFaults(field: string, id: number | undefined): FieldError[] {
  return id === undefined || (id >= 0 && id <= 2147483647)
    ? []
    : [invalid(field, id, "must be between 0 and 2147483647, inclusive")];
}

/** Faults of a seccomp (or AppArmor) profile. */
export function profileFaults(
  field: string,
  profile: { type: string; localhostProfile?: string } | undefined,
): FieldError[] {
  if (profile === undefined) return [];
  if (!profile.type) return [required(`${field}.type`, "type is required when seccompProfile is set")];
  if (profile.type === "Localhost" && !profile.localhostProfile) {
    return [required(`${field}.localhostProfile`, "must be set when seccomp type is Localhost")];
  }
  if (profile.type !== "Localhost" && profile.localhostProfile) {
    return [
      invalid(`${field}.localhostProfile`, profile.localhostProfile, "can only be set when seccomp type is Localhost"),
    ];
  }
  return oneOf(`${field}.type`, profile.type, ["Localhost", "RuntimeDefault", "Unconfined"]);
}
