/** Services. Their addresses and ports are handed out by service-addresses.ts. */

import { isIP } from "node:net";
import { parsePrefix } from "../../lib/ip-address.ts";
import type { Service, ServiceSpec } from "../../model/kubernetes/core.ts";
import { SERVICES } from "../../model/kubernetes/names.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { duplicate, type FieldError, forbidden, invalid, required } from "../machinery/field-error.ts";
import {
  dns1035LabelFaults,
  dnsLabelFaults,
  dnsSubdomainFaults,
  portNameFaults,
  portNumberFaults,
} from "../name-rules.ts";
import { labelFaults, oneOf } from "./common-rules.ts";
import { badAddress } from "./pod-validation.ts";
import { statusUpdate } from "./status-update.ts";

const PROXY = ["create", "delete", "get", "patch", "update"];

export const services: ResourceDefinition<Service> = {
  type: SERVICES,
  singular: "service",
  shortNames: ["svc"],
  categories: ["all"],
  partialUpdates: { status: statusUpdate() },
  subresources: [{ name: "proxy", kind: "ServiceProxyOptions", verbs: PROXY }],
  nameFaults: dns1035LabelFaults,
  prepareCreate(service) {
    service.status = { loadBalancer: {} };
  },
  prepareUpdate(service, before) {
    if (service.spec !== undefined && before.spec !== undefined) keepAllocated(service.spec, before.spec);
  },
  defaults({ spec }) {
    if (spec !== undefined) fillSpec(spec);
  },
  validate: ({ spec }) => (spec === undefined ? [required("spec.ports")] : specFaults(spec)),
  validateUpdate({ spec }, before) {
    const old = before.spec?.clusterIP;
    const bothInside = spec?.type !== "ExternalName" && before.spec?.type !== "ExternalName";
    return old && bothInside && spec?.clusterIP !== old
      ? [invalid("spec.clusterIPs[0]", spec?.clusterIP ?? "", "may not change once set")]
      : [];
  },
  selectableFields: {
    "spec.clusterIP": (service) => service.spec?.clusterIP ?? "",
    "spec.type": (service) => service.spec?.type ?? "",
  },
};

function fillSpec(spec: ServiceSpec): void {
  spec.type ||= "ClusterIP";
  spec.sessionAffinity ||= "None";
  if (spec.sessionAffinity === "ClientIP") {
    spec.sessionAffinityConfig ??= {};
    spec.sessionAffinityConfig.clientIP ??= {};
    spec.sessionAffinityConfig.clientIP.timeoutSeconds ??= 10800;
  } else delete spec.sessionAffinityConfig;
  for (const port of spec.ports ?? []) {
    port.protocol ||= "TCP";
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === "") port.targetPort = port.port;
  }
  if (spec.type === "ExternalName") return;
  spec.internalTrafficPolicy ||= "Cluster";
  const external = spec.type === "NodePort" || spec.type === "LoadBalancer" || (spec.externalIPs ?? []).length > 0;
  if (external) spec.externalTrafficPolicy ||= "Cluster";
  if (spec.type === "LoadBalancer") spec.allocateLoadBalancerNodePorts ??= true;
  if (spec.clusterIP && spec.clusterIPs === undefined) spec.clusterIPs = [spec.clusterIP];
  if (!spec.clusterIP && spec.clusterIPs?.[0] !== undefined) spec.clusterIP = spec.clusterIPs[0];
  spec.ipFamilies ??= ["IPv4"];
  spec.ipFamilyPolicy ||= "SingleStack";
}

/** What an update leaves out of the handed-out values is what the service had; what its new type does not have goes. */
function keepAllocated(spec: ServiceSpec, before: ServiceSpec): void {
  const type = spec.type || "ClusterIP";
  if (type === "ExternalName") {
    if (spec.clusterIP === before.clusterIP) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
      delete spec.ipFamilies;
      delete spec.ipFamilyPolicy;
      delete spec.internalTrafficPolicy;
    }
  } else if (before.type !== "ExternalName") {
    if (!spec.clusterIP && before.clusterIP) spec.clusterIP = before.clusterIP;
    if (!spec.clusterIPs?.length && before.clusterIPs !== undefined && spec.clusterIP === before.clusterIP) {
      spec.clusterIPs = [...before.clusterIPs];
    }
  }
  const open = type === "NodePort" || type === "LoadBalancer";
  for (const port of spec.ports ?? []) {
    const old = before.ports?.find(
      (one) => one.port === port.port && (one.protocol ?? "TCP") === (port.protocol ?? "TCP"),
    );
    if (open && !port.nodePort && old?.nodePort) port.nodePort = old.nodePort;
    // A port that came along from reading the service is not asked for by its new type.
    else if (!open && port.nodePort && old?.nodePort === port.nodePort) delete port.nodePort;
  }
  if (!open && spec.externalTrafficPolicy === before.externalTrafficPolicy && !(spec.externalIPs ?? []).length) {
    delete spec.externalTrafficPolicy;
  }
  if (type !== "LoadBalancer") delete spec.allocateLoadBalancerNodePorts;
}

function specFaults(spec: ServiceSpec): FieldError[] {
  const faults = oneOf("spec.type", spec.type, ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]);
  const headless = spec.clusterIP === "None";
  if ((spec.ports ?? []).length === 0 && !headless && spec.type !== "ExternalName") faults.push(required("spec.ports"));
  if (spec.type === "ExternalName") {
    if (spec.clusterIP) faults.push(forbidden("spec.clusterIPs", "may not be set when `type` is 'ExternalName'"));
    if (!spec.externalName) faults.push(required("spec.externalName"));
    else {
      const name = spec.externalName.replace(/\.$/, "");
      faults.push(...dnsSubdomainFaults(name).map((why) => invalid("spec.externalName", spec.externalName, why)));
    }
  }
  if (headless && (spec.type === "NodePort" || spec.type === "LoadBalancer")) {
    faults.push(invalid("spec.clusterIPs[0]", "None", `may not be set to 'None' for ${spec.type} services`));
  }
  if (spec.clusterIP && !headless && isIP(spec.clusterIP) === 0)
    faults.push(badAddress("spec.clusterIPs[0]", spec.clusterIP));
  if (spec.clusterIPs?.[0] !== undefined && spec.clusterIP !== spec.clusterIPs[0]) {
    faults.push(invalid("spec.clusterIPs", spec.clusterIPs, "first value must match `clusterIP`"));
  }
  if ((spec.ipFamilies ?? []).some((family) => family !== "IPv4") || (spec.ipFamilies ?? []).length > 1) {
    const why = "this cluster is configured for single-stack services of family IPv4";
    faults.push(invalid("spec.ipFamilies", spec.ipFamilies, why));
  }
  if (spec.ipFamilyPolicy === "RequireDualStack") {
    const why = "this cluster is not configured for dual-stack services";
    faults.push(invalid("spec.ipFamilyPolicy", spec.ipFamilyPolicy, why));
  }
  faults.push(...labelFaults("spec.selector", spec.selector), ...portFaults(spec));
  faults.push(...oneOf("spec.sessionAffinity", spec.sessionAffinity, ["ClientIP", "None"]));
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (seconds !== undefined && !(seconds > 0 && seconds <= 86400)) {
    const why = "must be greater than 0 and less than 86400";
    faults.push(invalid("spec.sessionAffinityConfig.clientIP.timeoutSeconds", seconds, why));
  }
  faults.push(...oneOf("spec.externalTrafficPolicy", spec.externalTrafficPolicy, ["Cluster", "Local"]));
  faults.push(...oneOf("spec.internalTrafficPolicy", spec.internalTrafficPolicy, ["Cluster", "Local"]));
  for (const [index, address] of (spec.externalIPs ?? []).entries()) {
    if (isIP(address) === 0) faults.push(badAddress(`spec.externalIPs[${index}]`, address));
  }
  return [...faults, ...sourceRangeFaults(spec)];
}

/** Kubernetes spells this path with a large letter. */
function sourceRangeFaults({ type, loadBalancerSourceRanges = [] }: ServiceSpec): FieldError[] {
  const at = "spec.LoadBalancerSourceRanges";
  if (loadBalancerSourceRanges.length === 0) return [];
  const wrongType = type === "LoadBalancer" ? [] : [forbidden(at, "may only be used when `type` is 'LoadBalancer'")];
  const wrongRanges = loadBalancerSourceRanges.flatMap((range, index) =>
    parsePrefix(range.trim()) === undefined
      ? [invalid(`${at}[${index}]`, range, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")]
      : [],
  );
  return [...wrongType, ...wrongRanges];
}

function portFaults(spec: ServiceSpec): FieldError[] {
  const faults: FieldError[] = [];
  const ports = spec.ports ?? [];
  const names = new Set<string>();
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = `spec.ports[${index}]`;
    if (!port.name && ports.length > 1) faults.push(required(`${at}.name`));
    else if (port.name) {
      faults.push(...dnsLabelFaults(port.name).map((why) => invalid(`${at}.name`, port.name, why)));
      if (names.has(port.name)) faults.push(duplicate(`${at}.name`, port.name));
      names.add(port.name);
    }
    faults.push(...portNumberFaults(port.port ?? 0).map((why) => invalid(`${at}.port`, port.port ?? 0, why)));
    faults.push(...oneOf(`${at}.protocol`, port.protocol, ["SCTP", "TCP", "UDP"]));
    const target = port.targetPort;
    const wrong = typeof target === "string" ? portNameFaults(target) : portNumberFaults(target ?? 0);
    faults.push(...wrong.map((why) => invalid(`${at}.targetPort`, target, why)));
    const number = `${port.protocol} ${port.port}`;
    if (numbers.has(number)) faults.push(duplicate(at, { protocol: port.protocol, port: port.port }));
    numbers.add(number);
    if (!port.nodePort) continue;
    if (spec.type === "ClusterIP") {
      faults.push(forbidden(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
    }
    const node = `${port.protocol} ${port.nodePort}`;
    if (nodePorts.has(node)) faults.push(duplicate(`${at}.nodePort`, port.nodePort));
    nodePorts.add(node);
  }
  return faults;
}
