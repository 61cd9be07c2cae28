/** Pods of jobs: their indexes, what their end counts for, how new ones are made. */

import type { Job } from "../../../model/kubernetes/batch.ts";
import type { Pod } from "../../../model/kubernetes/core.ts";
import { JOBS } from "../../../model/kubernetes/names.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { podFromTemplate } from "../pod-making.ts";
import { instant } from "../timestamps.ts";

/** Keeps a pod until its end has been counted. */
export const TRACKING = "batch.kubernetes.io/job-tracking";
const COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index";
const INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count";

export function isIndexed(job: Job): boolean {
  return job.spec?.completionMode === "Indexed";
}

export function isTracked(pod: Pod): boolean {
  return pod.metadata.finalizers?.includes(TRACKING) === true;
}

/** The pod's index; undefined when it has none that the job knows. */
export function indexOf(job: Job, pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[COMPLETION_INDEX];
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  const index = Number(text);
  return index < (job.spec?.completions ?? 0) ? index : undefined;
}

/** How often the pod's index had failed before it. */
export function indexFailures(pod: Pod): number {
  return Number(pod.metadata.annotations?.[INDEX_FAILURES] ?? 0) || 0;
}

/** Only pods that have really failed are replaced, not those on their way out. */
export function replacesFailedOnly(job: Job): boolean {
  return job.spec?.podReplacementPolicy === "Failed" || job.spec?.podFailurePolicy !== undefined;
}

export function hasSucceeded(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded";
}

export function hasFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === "Failed") return true;
  if (replacesFailedOnly(job)) return false;
  return pod.metadata.deletionTimestamp !== undefined && !hasSucceeded(pod);
}

/** When the pod's last container ended (Unix milliseconds). */
export function finishedAt(pod: Pod, now: number): number {
  const ends = (pod.status?.containerStatuses ?? []).map((status) => instant(status.state?.terminated?.finishedAt));
  const latest = Math.max(0, ...ends);
  if (latest > 0) return latest;
  return instant(pod.metadata.deletionTimestamp, now);
}

/** A pod of the job, for an index when it has indexes. */
export function jobPod(job: Stored<Job>, index: number | undefined, failures: number): Pod {
  const pod = podFromTemplate({ type: JOBS, object: job }, job.spec!.template);
  pod.metadata.finalizers = [...(pod.metadata.finalizers ?? []), TRACKING];
  if (index === undefined) return pod;
  const perIndex = job.spec?.backoffLimitPerIndex !== undefined;
  pod.metadata.generateName = `${job.metadata.name}-${index}-`;
  pod.metadata.labels = { ...pod.metadata.labels, [COMPLETION_INDEX]: String(index) };
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    [COMPLETION_INDEX]: String(index),
    ...(perIndex ? { [INDEX_FAILURES]: String(failures) } : {}),
  };
  if ((pod.spec!.hostname ?? "") === "") pod.spec!.hostname = `${job.metadata.name}-${index}`;
  for (const container of [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]) {
    if (container.env?.some((variable) => variable.name === "JOB_COMPLETION_INDEX")) continue;
    const fieldRef = { apiVersion: "v1", fieldPath: `metadata.labels['${COMPLETION_INDEX}']` };
    container.env = [...(container.env ?? []), { name: "JOB_COMPLETION_INDEX", valueFrom: { fieldRef } }];
  }
  return pod;
}
