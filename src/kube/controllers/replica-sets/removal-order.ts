/** Which pods go first when there are too many. */

import type { Pod } from "../../../model/kubernetes/core.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { isReady, podCondition, restartCount } from "../pod-state.ts";
import { instant } from "../timestamps.ts";

const DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";
const PHASE_ORDER: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };

/** The cost that the pod's annotation tells; 0 when there is none or it is no whole number of 32 bits. */
function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[DELETION_COST];
  if (text === undefined || !/^(0|-?[1-9]\d*)$/.test(text)) return 0;
  const cost = Number(text);
  return cost >= -(2 ** 31) && cost < 2 ** 31 ? cost : 0;
}

/** Ages are compared by their order of magnitude, so that not always the newest pod goes. */
function ageRank(since: number, now: number): number {
  const seconds = Math.floor((now - since) / 1000);
  return seconds <= 0 ? -1 : Math.floor(Math.log2(seconds));
}

function readySince(pod: Pod): number {
  return instant(podCondition(pod, "Ready")?.lastTransitionTime);
}

/**
 * Pods in the order in which they are removed: unassigned, pending, not ready, cheap, crowded on their node, shortly ready,
 * often restarted, young.
 * @param relatedOn how many active pods of the same application a node runs
 * @param now Unix milliseconds
 */
export function removalOrder(
  pods: readonly Stored<Pod>[],
  relatedOn: (node: string) => number,
  now: number,
): Stored<Pod>[] {
  const keys = new Map(pods.map((pod) => [pod, removalKey(pod, relatedOn, now)]));
  return [...pods].sort((a, b) => {
    const left = keys.get(a)!;
    const right = keys.get(b)!;
    for (let i = 0; i < left.length; i++) {
      const difference = left[i]! - right[i]!;
      if (difference !== 0) return difference;
    }
    return a.metadata.uid < b.metadata.uid ? -1 : 1;
  });
}

/** Numbers compared one after the other; the lower goes first. */
function removalKey(pod: Stored<Pod>, relatedOn: (node: string) => number, now: number): number[] {
  const node = pod.spec?.nodeName ?? "";
  const ready = isReady(pod);
  return [
    node === "" ? 0 : 1,
    PHASE_ORDER[pod.status?.phase ?? "Unknown"] ?? 1,
    ready ? 1 : 0,
    deletionCost(pod),
    -relatedOn(node),
    ready ? ageRank(readySince(pod), now) : 0,
    -restartCount(pod),
    ageRank(instant(pod.metadata.creationTimestamp), now),
  ];
}
