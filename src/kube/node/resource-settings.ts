/** Requests and limits as the kernel takes them, and the pod's quality of service. Pure. */

import type { HostConfig } from "../../model/container.ts";
import type { Container, Pod, PodSpec, ResourceRequirements } from "../../model/kubernetes/core.ts";
import { milliValue, wholeValue } from "../../model/kubernetes/quantity.ts";

const PERIOD_US = 100_000;
const MIN_QUOTA_US = 1000;
const MIN_SHARES = 2;
const MAX_SHARES = 262_144;

type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

/** By the requests and limits of cpu and memory of all containers, as the API documents it. */
export function qosClass(spec: PodSpec): QosClass {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const demands = spec.resources === undefined ? containers.map(({ resources }) => resources) : [spec.resources];
  const isAsked = (resources: ResourceRequirements | undefined) =>
    ["cpu", "memory"].some(
      (name) => wholeOrMilli(resources?.requests?.[name]) + wholeOrMilli(resources?.limits?.[name]) > 0,
    );
  if (!demands.some(isAsked)) return "BestEffort";
  const isBound = (resources: ResourceRequirements | undefined) =>
    ["cpu", "memory"].every((name) => {
      const limit = wholeOrMilli(resources?.limits?.[name]);
      const request = resources?.requests?.[name];
      return limit > 0 && (request === undefined || wholeOrMilli(request) === limit);
    });
  return demands.every(isBound) ? "Guaranteed" : "Burstable";
}

function wholeOrMilli(quantity: string | undefined): number {
  return milliValue(quantity);
}

/** Weight by the request (1024 a processor), bound by the limit; no swap beyond the memory. */
export function containerLimits(
  resources: ResourceRequirements | undefined,
): Pick<HostConfig, "CpuShares" | "CpuPeriod" | "CpuQuota" | "Memory" | "MemorySwap"> {
  const { requests = {}, limits = {} } = resources ?? {};
  const milli = milliValue(requests.cpu ?? limits.cpu);
  const shares = Math.min(MAX_SHARES, Math.max(MIN_SHARES, Math.floor((milli * 1024) / 1000)));
  const limitMilli = milliValue(limits.cpu);
  const memory = wholeValue(limits.memory);
  return {
    CpuShares: shares,
    ...(limitMilli > 0
      ? { CpuPeriod: PERIOD_US, CpuQuota: Math.max(MIN_QUOTA_US, Math.floor((limitMilli * PERIOD_US) / 1000)) }
      : {}),
    ...(memory > 0 ? { Memory: memory, MemorySwap: memory } : {}),
  };
}

/** A container that names no limit of its own may use what its whole pod may. */
export function withinPod(
  own: ResourceRequirements | undefined,
  pod: ResourceRequirements | undefined,
): ResourceRequirements | undefined {
  if (pod?.limits === undefined) return own;
  return { ...own, limits: { ...pod.limits, ...own?.limits }, requests: own?.requests ?? {} };
}

/** Who is killed first when memory ends: best effort before burstable before guaranteed. */
export function oomScore(pod: Pod, container: Container, memoryBytes: number): number {
  const spec = pod.spec ?? { containers: [] };
  const qos = qosClass(spec);
  if (qos === "Guaranteed") return -997;
  if (qos === "BestEffort") return 1000;
  const request = wholeValue(container.resources?.requests?.memory);
  const score = 1000 - Math.floor((1000 * request) / memoryBytes);
  return Math.min(999, Math.max(3, score));
}
