/** Config maps, secrets, namespaces, service accounts, quotas and priority classes. */

import type {
  ConfigMap,
  LimitRange,
  Namespace,
  ResourceQuota,
  Secret,
  ServiceAccount,
} from "../../../model/kubernetes/core.ts";
import type { PriorityClass } from "../../../model/kubernetes/scheduling.ts";
import type { KubeApi } from "../kube-api.ts";
import { annotationLines, labelLines, sortedEntries } from "./describer.ts";

const bytesOf = (base64: string): number => Buffer.from(base64, "base64").length;

/** A config map with all its texts; of binary data the sizes. */
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

/** A secret with the sizes of its values; of a service account's token the token. */
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

/** A namespace with its quotas and limits, which are asked for. @throws KubeApiError */
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

/** A row for each limit. */
export function limitRangeLines({ metadata = {}, spec }: LimitRange): string[] {
  const [, ...rows] = limitTable(spec?.limits ?? []);
  return [`Name:\t${metadata.name}`, `Namespace:\t${metadata.namespace}`, ...rows.map((row) => row.trimStart())];
}

/** A service account and what it pulls images with. */
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

/** What a quota allows and what is used of it. */
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

/** A class of priorities and what it is for. */
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
