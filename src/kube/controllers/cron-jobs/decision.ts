/** What a cron job does now: start a job, skip it, or wait. */

import type { CronJob, Job } from "../../../model/kubernetes/batch.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { hasCondition } from "../status-conditions.ts";
import { instant } from "../timestamps.ts";
import type { Schedule } from "./schedule.ts";

/** More missed times than these are told: something is wrong with the clock or the schedule. */
const MANY_MISSED = 100;
const SECOND = 1000;

type CronDecision =
  /** Nothing now; look again at `at` (undefined: never again). */
  | { action: "wait"; at: number | undefined }
  /** The time has passed by more than the deadline. */
  | { action: "missed"; scheduled: number; at: number | undefined }
  /** An earlier job still runs, and the policy says Forbid. */
  | { action: "forbid"; scheduled: number; at: number | undefined }
  /** Start the job of that time; with Replace after ending the ones that run. */
  | { action: "start"; scheduled: number; replace: boolean; at: number | undefined };

interface MissedTimes {
  /** The last time that has passed and for which no job was started. */
  last: number | undefined;
  many: boolean;
}

/**
 * Times since the last start (or since the cron job was made, or since the deadline allows).
 * @param now Unix milliseconds
 */
export function missedTimes(cron: Stored<CronJob>, schedule: Schedule, now: number): MissedTimes {
  const deadline = cron.spec?.startingDeadlineSeconds;
  const begin = instant(cron.status?.lastScheduleTime, instant(cron.metadata.creationTimestamp));
  const earliest = deadline === undefined ? begin : Math.max(begin, now - deadline * SECOND);
  let last: number | undefined;
  let count = 0;
  for (let time = schedule.next(earliest); time !== undefined && time <= now; time = schedule.next(time)) {
    last = time;
    count++;
    if (count > MANY_MISSED) return { last: latestBefore(schedule, time, now), many: true };
  }
  return { last, many: false };
}

/** The last time up to `now`, found by halving: there may be millions of them after a long sleep. */
function latestBefore(schedule: Schedule, known: number, now: number): number {
  let low = known;
  let high = now;
  while (high - low > SECOND) {
    const middle = Math.floor((low + high) / 2);
    const next = schedule.next(middle);
    if (next !== undefined && next <= now) low = next;
    else high = middle;
  }
  return low;
}

/** @param active jobs of the cron job that have not finished */
export function decideCron(
  cron: Stored<CronJob>,
  schedule: Schedule,
  active: readonly Stored<Job>[],
  now: number,
): CronDecision {
  const at = schedule.next(now);
  if (cron.spec?.suspend === true || cron.metadata.deletionTimestamp !== undefined)
    return { action: "wait", at: undefined };
  const scheduled = missedTimes(cron, schedule, now).last;
  if (scheduled === undefined) return { action: "wait", at };
  const deadline = cron.spec?.startingDeadlineSeconds;
  if (deadline !== undefined && scheduled + deadline * SECOND < now) return { action: "missed", scheduled, at };
  if (active.some((job) => job.metadata.name === jobName(cron, scheduled))) return { action: "wait", at };
  if (cron.spec?.concurrencyPolicy === "Forbid" && active.length > 0) return { action: "forbid", scheduled, at };
  return { action: "start", scheduled, replace: cron.spec?.concurrencyPolicy === "Replace", at };
}

/** The name of the job for that time: the minutes since 1970, so that one time has one job. */
export function jobName(cron: Stored<CronJob>, scheduled: number): string {
  return `${cron.metadata.name}-${Math.floor(scheduled / 60_000)}`;
}

/** How a job has ended; undefined while it has not. */
export function jobEnd(job: Job): "Complete" | "Failed" | undefined {
  if (hasCondition(job.status?.conditions, "Complete")) return "Complete";
  return hasCondition(job.status?.conditions, "Failed") ? "Failed" : undefined;
}

/** Finished jobs that the history has no room for, the oldest. Limits: 3 successful and 1 failed by default. */
export function surplusJobs(cron: CronJob, jobs: readonly Stored<Job>[]): Stored<Job>[] {
  const surplus = (end: "Complete" | "Failed", limit: number) => {
    const ended = jobs.filter((job) => jobEnd(job) === end).sort(byStart);
    return ended.slice(0, Math.max(0, ended.length - limit));
  };
  return [
    ...surplus("Complete", cron.spec?.successfulJobsHistoryLimit ?? 3),
    ...surplus("Failed", cron.spec?.failedJobsHistoryLimit ?? 1),
  ];
}

function byStart(a: Stored<Job>, b: Stored<Job>): number {
  const difference = instant(a.status?.startTime) - instant(b.status?.startTime);
  return difference !== 0 ? difference : a.metadata.name < b.metadata.name ? -1 : 1;
}
