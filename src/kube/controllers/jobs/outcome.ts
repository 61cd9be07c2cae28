/** Whether a job is done, has failed, is suspended, and how many pods it should have. Pure. */

import type { Job, JobCondition } from "../../../model/kubernetes/batch.ts";
import type { Pod } from "../../../model/kubernetes/core.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { timestamp } from "../../machinery/core.ts";
import { findCondition, hasCondition } from "../status-conditions.ts";
import { instant } from "../timestamps.ts";
import type { Account } from "./accounting.ts";
import { metSuccessRule } from "./failure-policy.ts";
import { isIndexed, replacesFailedOnly } from "./job-pods.ts";

const DEFAULT_BACKOFF_LIMIT = 6;

/** How the job ends: the condition that says so first (its pods may still be on their way out), and the last one. */
export interface Outcome {
  interim: "FailureTarget" | "SuccessCriteriaMet";
  final: "Failed" | "Complete";
  reason: string;
  message: string;
}

export function isFinished(job: Job): boolean {
  return hasCondition(job.status?.conditions, "Complete") || hasCondition(job.status?.conditions, "Failed");
}

export function jobCondition(type: string, status: string, reason: string, message: string, now: number): JobCondition {
  return { type, status, lastProbeTime: timestamp(now), lastTransitionTime: timestamp(now), reason, message };
}

const failure = (reason: string, message: string): Outcome => ({
  interim: "FailureTarget",
  final: "Failed",
  reason,
  message,
});
const success = (reason: string, message: string): Outcome => ({
  interim: "SuccessCriteriaMet",
  final: "Complete",
  reason,
  message,
});

/**
 * The job's end, if it has come to it.
 * @param active pods that run or will
 */
export function outcomeOf(
  job: Stored<Job>,
  counted: Account,
  active: readonly Pod[],
  now: number,
): Outcome | undefined {
  const told = toldOutcome(job);
  if (told !== undefined) return told;
  const failed = counted.failed + counted.noted.failed.length;
  const succeeded = isIndexed(job) ? counted.succeededIndexes.size : counted.succeeded + counted.noted.succeeded.length;
  if (counted.failJob !== undefined) return failure("PodFailurePolicy", counted.failJob);
  if (failed > (job.spec?.backoffLimit ?? DEFAULT_BACKOFF_LIMIT) || restartsExceed(job, active)) {
    return failure("BackoffLimitExceeded", "Job has reached the specified backoff limit");
  }
  if (deadlineRemainder(job, now) === 0) {
    return failure("DeadlineExceeded", "Job was active longer than specified deadline");
  }
  const indexes = indexOutcome(job, counted);
  if (indexes !== undefined) return indexes;
  const rule = isIndexed(job) ? metSuccessRule(job, counted.succeededIndexes) : undefined;
  if (rule !== undefined) return success("SuccessPolicy", `Matched rules at index ${rule}`);
  const completions = job.spec?.completions;
  const isDone = completions === undefined ? succeeded > 0 && active.length === 0 : succeeded >= completions;
  if (isDone && job.spec?.suspend !== true) {
    return success("CompletionsReached", "Reached expected number of succeeded pods");
  }
  return undefined;
}

/** The end that was told before and waits for pods to go. */
function toldOutcome(job: Job): Outcome | undefined {
  const failed = findCondition(job.status?.conditions, "FailureTarget");
  if (failed?.status === "True") return failure(failed.reason ?? "", failed.message ?? "");
  const done = findCondition(job.status?.conditions, "SuccessCriteriaMet");
  return done?.status === "True" ? success(done.reason ?? "", done.message ?? "") : undefined;
}

function indexOutcome(job: Job, counted: Account): Outcome | undefined {
  const failed = counted.failedIndexes?.size ?? 0;
  if (failed === 0) return undefined;
  const most = job.spec?.maxFailedIndexes;
  if (most !== undefined && failed > most) {
    const text = "Job has exceeded the specified maximal number of failed indexes";
    return failure("MaxFailedIndexesExceeded", text);
  }
  const all = failed + counted.succeededIndexes.size >= (job.spec?.completions ?? 0);
  return all ? failure("FailedIndexes", "Job has failed indexes") : undefined;
}

/** Pods that restart their containers themselves count against the limit by their restarts. */
function restartsExceed(job: Job, active: readonly Pod[]): boolean {
  if (job.spec?.template.spec?.restartPolicy !== "OnFailure") return false;
  const limit = job.spec.backoffLimit ?? DEFAULT_BACKOFF_LIMIT;
  const counts = active
    .filter((pod) => pod.status?.phase === "Running" || pod.status?.phase === "Pending")
    .flatMap((pod) => [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])])
    .map((status) => status.restartCount);
  const restarts = counts.reduce((total, count) => total + count, 0);
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

/** Milliseconds until the job has been active too long; undefined without a deadline, or while it does not count. */
export function deadlineRemainder(job: Job, now: number): number | undefined {
  const seconds = job.spec?.activeDeadlineSeconds;
  if (seconds === undefined || job.spec?.suspend === true || job.status?.startTime === undefined) return undefined;
  return Math.max(0, instant(job.status.startTime) + seconds * 1000 - now);
}

/**
 * By how many pods the job should grow (or shrink, below 0).
 * @param terminating pods on their way out that have not ended
 */
export function podDifference(job: Job, counted: Account, active: number, terminating: number): number {
  const parallelism = job.spec?.parallelism ?? 1;
  const succeeded = isIndexed(job) ? counted.succeededIndexes.size : counted.succeeded + counted.noted.succeeded.length;
  const completions = job.spec?.completions;
  let wanted: number;
  if (completions === undefined) wanted = succeeded > 0 ? Math.min(active, parallelism) : parallelism;
  else wanted = Math.max(0, Math.min(completions - succeeded - (counted.failedIndexes?.size ?? 0), parallelism));
  if (active > wanted) return wanted - active;
  return Math.max(0, wanted - active - (replacesFailedOnly(job) ? terminating : 0));
}
