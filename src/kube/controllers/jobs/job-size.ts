/** Which pods a job makes next, and which it takes away. Pure. */

import type { Job } from "../../../model/kubernetes/batch.ts";
import type { Pod } from "../../../model/kubernetes/core.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { BURST } from "../pod-making.ts";
import { isActive, isTerminating } from "../pod-state.ts";
import { removalOrder } from "../replica-sets/removal-order.ts";
import type { Account } from "./accounting.ts";
import { delayLeft } from "./back-off.ts";
import { failureVerdict } from "./failure-policy.ts";
import { finishedAt, hasSucceeded, indexFailures, indexOf, isIndexed, jobPod, replacesFailedOnly } from "./job-pods.ts";

interface Growth {
  pods: Pod[];
  /** Milliseconds until an index may be tried again. */
  again: number | undefined;
}

/** The next pods: for indexes the lowest that have none, each no sooner than its failures allow. */
export function planGrowth(
  job: Stored<Job>,
  counted: Account,
  pods: readonly Stored<Pod>[],
  count: number,
  now: number,
): Growth {
  const room = Math.min(count, BURST);
  if (!isIndexed(job)) {
    return { pods: Array.from({ length: room }, () => jobPod(job, undefined, 0)), again: undefined };
  }
  const occupied = new Set(pods.filter((pod) => occupies(job, pod)).map((pod) => indexOf(job, pod)));
  const growth: Growth = { pods: [], again: undefined };
  for (let index = 0; index < (job.spec?.completions ?? 0) && growth.pods.length < room; index++) {
    if (occupied.has(index) || counted.succeededIndexes.has(index) || counted.failedIndexes?.has(index)) continue;
    const { failures, left } = lastFailure(job, index, pods, now);
    if (left > 0) growth.again = Math.min(growth.again ?? left, left);
    else growth.pods.push(jobPod(job, index, failures));
  }
  return growth;
}

/** A pod that still is at its index: no second one beside it. */
function occupies(job: Job, pod: Pod): boolean {
  if (hasSucceeded(pod) || isActive(pod)) return true;
  return isTerminating(pod) && pod.status?.phase !== "Failed" && replacesFailedOnly(job);
}

function lastFailure(
  job: Job,
  index: number,
  pods: readonly Stored<Pod>[],
  now: number,
): { failures: number; left: number } {
  if (job.spec?.backoffLimitPerIndex === undefined) return { failures: 0, left: 0 };
  const failed = pods.filter((pod) => indexOf(job, pod) === index && !isActive(pod));
  const last = failed.sort((a, b) => indexFailures(b) - indexFailures(a))[0];
  if (last === undefined) return { failures: 0, left: 0 };
  const failures = indexFailures(last) + (failureVerdict(job, last).action === "Ignore" ? 0 : 1);
  return { failures, left: delayLeft(failures, finishedAt(last, now), now) };
}

/** The pods that a smaller (or suspended) job gives up; a second pod of an index goes first. */
export function surplusPods(job: Job, active: readonly Stored<Pod>[], count: number, now: number): Stored<Pod>[] {
  const ordered = removalOrder(active, () => 0, now);
  if (!isIndexed(job)) return ordered.slice(0, count);
  const seen = new Set<number | undefined>();
  const doubles = ordered.filter((pod) => {
    const index = indexOf(job, pod);
    const isDouble = index === undefined || seen.has(index);
    seen.add(index);
    return isDouble;
  });
  // Otherwise the highest indexes go: they were begun last.
  const rest = ordered
    .filter((pod) => !doubles.includes(pod))
    .sort((a, b) => (indexOf(job, b) ?? 0) - (indexOf(job, a) ?? 0));
  return [...doubles, ...rest].slice(0, Math.max(count, doubles.length));
}
