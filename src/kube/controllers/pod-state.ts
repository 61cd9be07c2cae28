/** What a pod's status says to those who count pods. */

import type { Pod, PodCondition } from "../../model/kubernetes/core.ts";
import { instant } from "./timestamps.ts";

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

export function isReady(pod: Pod): boolean {
  return podCondition(pod, "Ready")?.status === "True";
}

/** Ready for at least `minReadySeconds`. `now` in Unix milliseconds. */
export function isAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  return isReady(pod) && readyRemainder(pod, minReadySeconds, now) <= 0;
}

/** Milliseconds until a ready pod has been ready for `minReadySeconds`; 0 or less when it has. */
export function readyRemainder(pod: Pod, minReadySeconds: number, now: number): number {
  if (minReadySeconds === 0) return 0;
  return instant(podCondition(pod, "Ready")?.lastTransitionTime, now) + minReadySeconds * 1000 - now;
}

/** Ended for good: all containers are done and none will be started again. */
export function hasEnded(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

/** Counts as a replica: neither ended nor on its way out. */
export function isActive(pod: Pod): boolean {
  return !hasEnded(pod) && !isTerminating(pod);
}

/** The highest restart counts of containers: those that live with the pod, and init containers. */
export function restartCount(pod: Pod): number {
  const statuses = pod.status?.containerStatuses ?? [];
  return Math.max(0, ...statuses.map((status) => status.restartCount));
}
