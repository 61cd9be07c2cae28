/**
 * Counting the ends of a job's pods, each exactly once. A pod that has ended is first noted in the status (uncountedTerminatedPods, or its index), then loses
 * its finalizer, then is counted: whatever is interrupted in between, nothing is counted twice or forgotten.
 */

import type { Job, JobStatus } from "../../../model/kubernetes/batch.ts";
import type { Pod } from "../../../model/kubernetes/core.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { failureVerdict } from "./failure-policy.ts";
import { IndexSet } from "./index-set.ts";
import { hasFailed, hasSucceeded, indexFailures, indexOf, isIndexed, isTracked } from "./job-pods.ts";

export interface Account {
  succeeded: number;
  failed: number;
  /** Noted, not yet counted. */
  noted: { succeeded: string[]; failed: string[] };
  succeededIndexes: IndexSet;
  /** Undefined for jobs that do not count failures for each index. */
  failedIndexes: IndexSet | undefined;
  /** Pods whose end is noted now and that may lose their finalizer. */
  release: Stored<Pod>[];
  newlySucceeded: Stored<Pod>[];
  newlyFailed: Stored<Pod>[];
  /** Why the failure policy ends the job. */
  failJob: string | undefined;
}

/**
 * @param pods that the job controls
 * @param isOver the job has failed: every pod that still is counts as failed
 */
export function account(job: Stored<Job>, pods: readonly Stored<Pod>[], isOver: boolean): Account {
  const result = begin(job, pods);
  const ended = pods.filter((pod) => isTracked(pod) && (hasSucceeded(pod) || hasFailed(job, pod) || isOver));
  for (const pod of ended) {
    const known = result.noted.succeeded.includes(pod.metadata.uid) || result.noted.failed.includes(pod.metadata.uid);
    if (known) result.release.push(pod);
    else if (hasSucceeded(pod)) noteSuccess(job, pod, result);
    else noteFailure(job, pod, pods, isOver, result);
  }
  if (isIndexed(job)) result.succeeded = result.succeededIndexes.size;
  return result;
}

function begin(job: Stored<Job>, pods: readonly Stored<Pod>[]): Account {
  const status: JobStatus = job.status ?? {};
  const tracked = new Set(pods.filter(isTracked).map((pod) => pod.metadata.uid));
  const noted = status.uncountedTerminatedPods ?? {};
  const split = (uids: readonly string[]) => ({
    kept: uids.filter((uid) => tracked.has(uid)),
    counted: uids.filter((uid) => !tracked.has(uid)).length,
  });
  const succeeded = split(noted.succeeded ?? []);
  const failed = split(noted.failed ?? []);
  const perIndex = job.spec?.backoffLimitPerIndex !== undefined;
  return {
    succeeded: (status.succeeded ?? 0) + succeeded.counted,
    failed: (status.failed ?? 0) + failed.counted,
    noted: { succeeded: succeeded.kept, failed: failed.kept },
    succeededIndexes: IndexSet.parse(status.completedIndexes, job.spec?.completions),
    failedIndexes: perIndex ? IndexSet.parse(status.failedIndexes, job.spec?.completions) : undefined,
    release: [],
    newlySucceeded: [],
    newlyFailed: [],
    failJob: undefined,
  };
}

function noteSuccess(job: Stored<Job>, pod: Stored<Pod>, result: Account): void {
  result.release.push(pod);
  result.newlySucceeded.push(pod);
  if (!isIndexed(job)) {
    result.noted.succeeded.push(pod.metadata.uid);
    return;
  }
  const index = indexOf(job, pod);
  if (index !== undefined) result.succeededIndexes.add(index);
}

function noteFailure(
  job: Stored<Job>,
  pod: Stored<Pod>,
  pods: readonly Stored<Pod>[],
  isOver: boolean,
  result: Account,
): void {
  const verdict = failureVerdict(job, pod);
  if (verdict.action === "FailJob") result.failJob ??= verdict.message;
  const index = indexOf(job, pod);
  if (index !== undefined && result.failedIndexes !== undefined) {
    const failures = indexFailures(pod) + (verdict.action === "Ignore" ? 0 : 1);
    const isLast = verdict.action === "FailIndex" || failures > job.spec!.backoffLimitPerIndex!;
    if (isLast && !result.succeededIndexes.has(index)) result.failedIndexes.add(index);
    // It carries the count of failures until there is another pod that carries it on.
    if (!isLast && !isOver && verdict.action !== "FailJob" && !isReplaced(job, pod, pods)) return;
  }
  result.release.push(pod);
  if (verdict.action === "Ignore" || (isIndexed(job) && index === undefined)) return;
  result.newlyFailed.push(pod);
  result.noted.failed.push(pod.metadata.uid);
}

/** Another pod of the same index came after it. */
function isReplaced(job: Job, pod: Stored<Pod>, pods: readonly Stored<Pod>[]): boolean {
  const index = indexOf(job, pod);
  return pods.some(
    (other) =>
      other.metadata.uid !== pod.metadata.uid &&
      indexOf(job, other) === index &&
      indexFailures(other) > indexFailures(pod),
  );
}

/** The account when the finalizers of `release` are gone: what was noted is counted. */
export function settled(job: Job, before: Account, released: ReadonlySet<string>): Account {
  const left = (uids: readonly string[]) => uids.filter((uid) => !released.has(uid));
  const noted = { succeeded: left(before.noted.succeeded), failed: left(before.noted.failed) };
  return {
    ...before,
    noted,
    succeeded: isIndexed(job)
      ? before.succeededIndexes.size
      : before.succeeded + before.noted.succeeded.length - noted.succeeded.length,
    failed: before.failed + before.noted.failed.length - noted.failed.length,
  };
}
