/** Config maps, secrets, namespaces, service accounts, quotas, storage and priority classes, roles. */

import type {
  ConfigMap, Namespace, PersistentVolume, PersistentVolumeClaim, Pod, ResourceQuota, Secret, ServiceAccount,
} from "../../../model/kubernetes/core.ts"; // biome-ignore format: names only
import type { ClusterRole, RoleBinding } from "../../../model/kubernetes/rbac.ts";
import type { PriorityClass } from "../../../model/kubernetes/scheduling.ts";
import type { StorageClass } from "../../../model/kubernetes/storage.ts";
import type { KubeApi } from "../kube-api.ts";
import { annotationLines, labelLines, yesNo } from "./describer.ts";
import { sourceLines } from "./pod-volumes.ts";

const bytesOf = (base64: string): number => Buffer.from(base64, "base64").length;
const sortedEntries = <T>(values: Readonly<Record<string, T>> = {}): [string, T][] =>
  Object.entries(values).sort(([one], [other]) => (one < other ? -1 : 1));

export function configMapLines({ metadata = {}, data, binaryData }: ConfigMap): string[] {
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    "",
    "Data",
    "====",
    ...sortedEntries(data).flatMap(([key, value]) => [`${key}:`, "----", ...value.split("\n"), ""]),
    "",
    "BinaryData",
    "====",
    ...sortedEntries(binaryData).map(([key, value]) => `${key}: ${bytesOf(value)} bytes`),
    "",
  ];
}

export function secretLines({ metadata = {}, type, data }: Secret): string[] {
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    "",
    `Type:\t${type ?? ""}`,
    "",
    "Data",
    "====",
    ...sortedEntries(data).map(([key, value]) => {
      const isToken = type === "kubernetes.io/service-account-token" && key === "token";
      return `${key}:\t${isToken ? Buffer.from(value, "base64").toString() : `${bytesOf(value)} bytes`}`;
    }),
  ];
}

export async function namespaceLines({ metadata = {}, status }: Namespace, api: KubeApi): Promise<string[]> {
  type Limits = { items?: { metadata: { name: string }; spec: { limits?: LimitItem[] } }[] };
  const place = `/api/v1/namespaces/${metadata.name}`;
  const [quotas, limits] = await Promise.all([
    api.get<{ items?: ResourceQuota[] }>(`${place}/resourcequotas`),
    api.get<Limits>(`${place}/limitranges`),
  ]);
  return [
    `Name:\t${metadata.name}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    `Status:\t${status?.phase ?? ""}`,
    ...conditionsOf(status?.conditions ?? []),
    "",
    ...quotaTable(quotas.items ?? []),
    "",
    ...limitTable((limits.items ?? []).flatMap(({ spec }) => spec.limits ?? [])),
  ];
}

function conditionsOf(
  conditions: readonly {
    type: string;
    status: string;
    lastTransitionTime?: string;
    reason?: string;
    message?: string;
  }[],
): string[] {
  if (conditions.length === 0) return [];
  const rows = conditions.map(
    (one) => `  ${one.type}\t${one.status}\t${one.lastTransitionTime ?? ""}\t${one.reason ?? ""}\t${one.message ?? ""}`,
  );
  return [
    "Conditions:",
    "  Type\tStatus\tLastTransitionTime\tReason\tMessage",
    "  ----\t------\t------------------\t------\t-------",
    ...rows,
  ];
}

function quotaTable(quotas: readonly ResourceQuota[]): string[] {
  if (quotas.length === 0) return ["No resource quota."];
  return [
    "Resource Quotas",
    ...quotas.flatMap(({ metadata, status }) => [
      `  Name:\t${metadata?.name}`,
      "  Resource\tUsed\tHard",
      "  --------\t---\t---",
      ...sortedEntries(status?.hard).map(([name, hard]) => `  ${name}\t${status?.used?.[name] ?? "0"}\t${hard}`),
    ]),
  ];
}

interface LimitItem {
  type: string;
  min?: Record<string, string>;
  max?: Record<string, string>;
  default?: Record<string, string>;
  defaultRequest?: Record<string, string>;
  maxLimitRequestRatio?: Record<string, string>;
}

function limitTable(limits: readonly LimitItem[]): string[] {
  if (limits.length === 0) return ["No LimitRange resource."];
  return [
    "Resource Limits",
    " Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio",
    " ----\t--------\t---\t---\t---------------\t-------------\t-----------------------",
    ...limits.flatMap((one) => {
      const parts = [one.min, one.max, one.defaultRequest, one.default, one.maxLimitRequestRatio];
      const names = [...new Set(parts.flatMap((part) => Object.keys(part ?? {})))].sort();
      return names.map((name) => ` ${[one.type, name, ...parts.map((part) => part?.[name] ?? "-")].join("\t")}`);
    }),
  ];
}

export function serviceAccountLines({ metadata = {}, imagePullSecrets = [] }: ServiceAccount): string[] {
  const names = imagePullSecrets.map(({ name }) => name);
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    ...(names.length === 0
      ? ["Image pull secrets:\t<none>"]
      : names.map((name, at) => `${at === 0 ? "Image pull secrets:" : ""}\t${name}`)),
  ];
}

export function quotaLines({ metadata = {}, spec, status }: ResourceQuota): string[] {
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    ...((spec?.scopes ?? []).length === 0 ? [] : [`Scopes:\t${spec!.scopes!.join(", ")}`]),
    "Resource\tUsed\tHard",
    "--------\t----\t----",
    ...sortedEntries(status?.hard).map(([name, hard]) => `${name}\t${status?.used?.[name] ?? "0"}\t${hard}`),
  ];
}

interface PolicyRow {
  readonly group: string;
  readonly resource: string;
  readonly url: string;
  readonly names: readonly string[];
  readonly verbs: string[];
}

/** A row for each resource and each address; verbs that several rules allow on the same resource come together. */
export function policyRows(rules: NonNullable<ClusterRole["rules"]>): PolicyRow[] {
  const rows = new Map<string, PolicyRow>();
  for (const { apiGroups = [], resources = [], nonResourceURLs = [], resourceNames = [], verbs = [] } of rules) {
    const places = resources.flatMap((resource) => apiGroups.map((group) => ({ group, resource, url: "" })));
    for (const place of [...places, ...nonResourceURLs.map((url) => ({ group: "", resource: "", url }))]) {
      // Addresses stay as they are.
      const key = place.url === "" ? JSON.stringify([place, resourceNames]) : String(rows.size);
      const known = rows.get(key);
      if (known === undefined) rows.set(key, { ...place, names: resourceNames, verbs: [...verbs] });
      else known.verbs.push(...verbs.filter((verb) => !known.verbs.includes(verb)));
    }
  }
  const keyOf = ({ group, resource, url, names, verbs }: PolicyRow) =>
    `[${verbs.join(" ")}][${group}][${resource}][${names.join(" ")}][${url}]`;
  return [...rows.values()].sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}

/** Of "deployments/scale" in the group apps the first cell is "deployments.apps/scale". */
export function policyCells({ group, resource, url, names, verbs }: PolicyRow): string[] {
  const [plain, ...sub] = resource.split("/");
  const place = [`${plain}${group === "" ? "" : `.${group}`}`, ...sub].join("/");
  return [place, `[${url}]`, `[${names.join(" ")}]`, `[${verbs.join(" ")}]`];
}

export function roleLines({ metadata = {}, rules }: ClusterRole): string[] {
  const rows = policyRows(rules ?? []).map((row) => `  ${policyCells(row).join("\t")}`);
  return [
    `Name:\t${metadata.name}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    "PolicyRule:",
    "  Resources\tNon-Resource URLs\tResource Names\tVerbs",
    "  ---------\t-----------------\t--------------\t-----",
    ...rows,
  ];
}

export function bindingLines({ metadata = {}, roleRef, subjects = [] }: RoleBinding): string[] {
  return [
    `Name:\t${metadata.name}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    "Role:",
    `  Kind:\t${roleRef.kind}`,
    `  Name:\t${roleRef.name}`,
    "Subjects:",
    "  Kind\tName\tNamespace",
    "  ----\t----\t---------",
    ...subjects.map(({ kind, name, namespace = "" }) => `  ${kind}\t${name}\t${namespace}`),
  ];
}

export function priorityClassLines({
  metadata = {},
  value,
  globalDefault,
  preemptionPolicy,
  description,
}: PriorityClass): string[] {
  return [
    `Name:\t${metadata.name}`,
    `Value:\t${value}`,
    `GlobalDefault:\t${globalDefault ?? false}`,
    `PreemptionPolicy:\t${preemptionPolicy ?? ""}`,
    `Description:\t${description ?? ""}`,
    ...annotationLines(metadata.annotations),
  ];
}

const MODES: Record<string, string> = {
  ReadWriteOnce: "RWO", ReadOnlyMany: "ROX", ReadWriteMany: "RWX", ReadWriteOncePod: "RWOP",
}; // biome-ignore format: a short table
const modesText = (modes: readonly string[] = []): string => modes.map((mode) => MODES[mode] ?? mode).join(",");

export async function claimDescription(
  { metadata = {}, spec, status }: PersistentVolumeClaim,
  api: KubeApi,
): Promise<string[]> {
  const { items: pods = [] } = await api.get<{ items?: Pod[] }>(`/api/v1/namespaces/${metadata.namespace}/pods`);
  const users = pods
    .filter((pod) =>
      pod.spec?.volumes?.some(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === metadata.name),
    )
    .map((pod) => pod.metadata!.name!);
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    `StorageClass:\t${spec?.storageClassName ?? ""}`,
    `Status:\t${metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating"}`,
    `Volume:\t${spec?.volumeName ?? ""}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    `Finalizers:\t[${(metadata.finalizers ?? []).join(" ")}]`,
    `Capacity:\t${spec?.volumeName ? (status?.capacity?.storage ?? "") : ""}`,
    `Access Modes:\t${spec?.volumeName ? modesText(status?.accessModes) : ""}`,
    ...(spec?.volumeMode === undefined ? [] : [`VolumeMode:\t${spec.volumeMode}`]),
    ...(users.length === 0 ? ["Used By:\t<none>"] : users.map((name, at) => `${at === 0 ? "Used By:" : ""}\t${name}`)),
  ];
}

export function volumeDescription(volume: PersistentVolume): string[] {
  const { metadata = {}, spec, status } = volume;
  const claim = spec?.claimRef;
  const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const term = ({ key, operator, values = [] }: { key: string; operator: string; values?: string[] }) =>
    `${key} ${operator.toLowerCase()} [${values.join(", ")}]`;
  const { hostPath, nfs, csi } = spec ?? {};
  return [
    `Name:\t${metadata.name}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    `Finalizers:\t[${(metadata.finalizers ?? []).join(" ")}]`,
    `StorageClass:\t${spec?.storageClassName ?? ""}`,
    `Status:\t${metadata.deletionTimestamp === undefined ? (status?.phase ?? "") : "Terminating"}`,
    `Claim:\t${claim === undefined ? "" : `${claim.namespace}/${claim.name}`}`,
    `Reclaim Policy:\t${spec?.persistentVolumeReclaimPolicy ?? ""}`,
    `Access Modes:\t${modesText(spec?.accessModes)}`,
    ...(spec?.volumeMode === undefined ? [] : [`VolumeMode:\t${spec.volumeMode}`]),
    `Capacity:\t${spec?.capacity?.storage ?? ""}`,
    ...(terms.length === 0
      ? ["Node Affinity:\t<none>"]
      : [
          "Node Affinity:\t",
          "  Required Terms:\t",
          ...terms.flatMap(({ matchExpressions = [] }, at) =>
            matchExpressions.map((one, index) => `    ${index === 0 ? `Term ${at}:` : ""}\t${term(one)}`),
          ),
        ]),
    `Message:\t${status?.message ?? ""}`,
    "Source:",
    ...sourceLines({
      ...(hostPath === undefined ? {} : { hostPath }),
      ...(nfs === undefined ? {} : { nfs }),
      ...(csi === undefined ? {} : { csi: csi as never }),
    }).map((line) => `    ${line}`),
  ];
}

export function storageClassLines(storage: StorageClass): string[] {
  const { metadata = {}, parameters } = storage;
  const isDefault = metadata.annotations?.["storageclass.kubernetes.io/is-default-class"] === "true";
  const pairs = sortedEntries(parameters).map(([key, value]) => `${key}=${value}`);
  const options = storage.mountOptions ?? [];
  const annotations = sortedEntries(metadata.annotations).map(([key, value]) => `${key}=${value}`);
  return [
    `Name:\t${metadata.name}`,
    `IsDefaultClass:\t${isDefault ? "Yes" : "No"}`,
    `Annotations:\t${annotations.join(",") || "<none>"}`,
    `Provisioner:\t${storage.provisioner}`,
    `Parameters:\t${pairs.join(",") || "<none>"}`,
    `AllowVolumeExpansion:\t${storage.allowVolumeExpansion === undefined ? "<unset>" : yesNo(storage.allowVolumeExpansion)}`,
    ...(options.length === 0 ? ["MountOptions:\t<none>"] : ["MountOptions:", ...options.map((one) => `  ${one}`)]),
    ...(storage.reclaimPolicy === undefined ? [] : [`ReclaimPolicy:\t${storage.reclaimPolicy}`]),
    ...(storage.volumeBindingMode === undefined ? [] : [`VolumeBindingMode:\t${storage.volumeBindingMode}`]),
  ];
}
