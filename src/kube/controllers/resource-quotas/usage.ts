/** What an object uses of the amounts that a ResourceQuota may limit (core/v1 ResourceQuota, "object count" and compute quotas). */

import type { PersistentVolumeClaim, Pod, Service } from "../../../model/kubernetes/core.ts";
import { PERSISTENT_VOLUME_CLAIMS, PODS, SERVICES } from "../../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType } from "../../../model/kubernetes/object.ts";
import { parseQuantity, type Quantity } from "../../../model/kubernetes/quantity.ts";
import { qualifiedResource } from "../../machinery/definition.ts";
import { requestsOf } from "../../scheduler/pod-demand.ts";

/** By the quota's names ("requests.cpu", "count/jobs.batch"): billionths of a whole unit, as Quantity has them. */
export type Usage = Map<string, bigint>;

const UNIT = 1_000_000_000n;
const MILLI = 1_000_000n;
/** Core kinds that are counted under their own name as well. */
const COUNTED = new Set([
  "configmaps",
  "persistentvolumeclaims",
  "pods",
  "replicationcontrollers",
  "resourcequotas",
  "secrets",
  "services",
]);
/** Amounts of requests that have a short name too. */
const SHORT = new Set(["cpu", "memory", "ephemeral-storage"]);
const CLASS_SUFFIX = ".storageclass.storage.k8s.io/";

export function isKind(type: ResourceType, other: ResourceType): boolean {
  return type.group === other.group && type.resource === other.resource;
}

/** What one object uses; nothing for pods that have ended. */
export function usageOf(type: ResourceType, object: KubeObject, now: number): Usage {
  const usage: Usage = new Map();
  if (isKind(type, PODS) && hasEnded(object as Pod, now)) return usage;
  usage.set(`count/${qualifiedResource(type)}`, UNIT);
  if (type.group === "" && COUNTED.has(type.resource)) usage.set(type.resource, UNIT);
  if (isKind(type, PODS)) addPod(usage, object as Pod);
  else if (isKind(type, SERVICES)) addService(usage, object as Service);
  else if (isKind(type, PERSISTENT_VOLUME_CLAIMS)) addClaim(usage, object as PersistentVolumeClaim);
  return usage;
}

function hasEnded({ metadata, status }: Pod, now: number): boolean {
  if (status?.phase === "Failed" || status?.phase === "Succeeded") return true;
  return metadata.deletionTimestamp !== undefined && Date.parse(metadata.deletionTimestamp) < now;
}

function addPod(usage: Usage, pod: Pod): void {
  for (const [name, amount] of requestsOf(pod)) {
    const nano = BigInt(amount) * (name === "cpu" ? MILLI : UNIT);
    usage.set(`requests.${name}`, nano);
    if (SHORT.has(name) || name.startsWith("hugepages-")) usage.set(name, nano);
  }
  for (const [name, amount] of requestsOf(withLimitsAsRequests(pod))) {
    usage.set(`limits.${name}`, BigInt(amount) * (name === "cpu" ? MILLI : UNIT));
  }
}

function withLimitsAsRequests(pod: Pod): Pod {
  const swapped = <T extends { resources?: { limits?: Record<string, string> } }>(one: T): T => ({
    ...one,
    resources: { requests: one.resources?.limits },
  });
  const { spec } = pod;
  if (spec === undefined) return pod;
  return {
    ...pod,
    spec: {
      ...swapped(spec),
      containers: spec.containers.map(swapped),
      initContainers: spec.initContainers?.map(swapped),
    },
  } as Pod;
}

function addService(usage: Usage, { spec }: Service): void {
  const balanced = spec?.type === "LoadBalancer";
  if (balanced) usage.set("services.loadbalancers", UNIT);
  const ports = spec?.ports?.length ?? 0;
  const allocated = balanced && spec?.allocateLoadBalancerNodePorts !== false;
  if (spec?.type === "NodePort" || allocated) usage.set("services.nodeports", BigInt(ports) * UNIT);
}

function addClaim(usage: Usage, { spec }: PersistentVolumeClaim): void {
  const storage = parseQuantity(spec?.resources?.requests?.storage ?? "0")?.nano ?? 0n;
  usage.set("requests.storage", storage);
  if (!spec?.storageClassName) return;
  usage.set(`${spec.storageClassName}${CLASS_SUFFIX}requests.storage`, storage);
  usage.set(`${spec.storageClassName}${CLASS_SUFFIX}persistentvolumeclaims`, UNIT);
}

/** The kinds whose objects count towards one of these names. */
export function kindsOf(names: readonly string[], types: readonly ResourceType[]): ResourceType[] {
  return types.filter(
    (type) =>
      type.namespaced &&
      names.some((name) => {
        if (name === `count/${qualifiedResource(type)}`) return true;
        if (type.group === "" && COUNTED.has(name)) return name === type.resource;
        if (name.startsWith("count/")) return false;
        if (name.startsWith("services.")) return isKind(type, SERVICES);
        if (name === "requests.storage" || name.includes(CLASS_SUFFIX)) return isKind(type, PERSISTENT_VOLUME_CLAIMS);
        return isKind(type, PODS);
      }),
  );
}

/** An amount as text, in the form in which the quota writes its limit. */
export function amountOf(nano: bigint, like: string): Quantity {
  return { nano, format: parseQuantity(like)?.format ?? "decimal" } as Quantity;
}
