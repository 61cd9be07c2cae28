/** Runs pods until as many as wished have succeeded, or too many have failed. */

import type { Job, JobCondition, JobStatus } from "../../../model/kubernetes/batch.ts";
import type { Pod } from "../../../model/kubernetes/core.ts";
import { JOBS, PODS } from "../../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterPart, Informer } from "../../contract.ts";
import { sameJson } from "../../machinery/copy.ts";
import { timestamp } from "../../machinery/core.ts";
import type { EventRecorder } from "../../machinery/event-recorder.ts";
import { labelSelectorMatcher } from "../../machinery/selectors.ts";
import { isStatus } from "../../status.ts";
import { claim } from "../claiming.ts";
import { type Controller, type ControllerTools, controlLoop } from "../control-loop.ts";
import { createPods, deletePods } from "../pod-making.ts";
import { hasEnded, isActive, isReady, isTerminating } from "../pod-state.ts";
import { claimable, controlledBy, indexByController, ownersHandler } from "../relations.ts";
import { untilSeen } from "../seen-writes.ts";
import { findCondition, hasCondition, withCondition } from "../status-conditions.ts";
import { type Account, account, settled } from "./accounting.ts";
import { JobBackOff } from "./back-off.ts";
import { isTracked, TRACKING } from "./job-pods.ts";
import { planGrowth, surplusPods } from "./job-size.ts";
import { deadlineRemainder, isFinished, jobCondition, type Outcome, outcomeOf, podDifference } from "./outcome.ts";

const NAME = "job-controller";
const OWN_MANAGER = "kubernetes.io/job-controller";
type Tools = ControllerTools & { events: EventRecorder; backOff: JobBackOff };

export function jobController(tools: ControllerTools): ClusterPart {
  return controlLoop(NAME, tools, (own) => makeController({ ...own, backOff: new JobBackOff() }));
}

function makeController(tools: Tools): Controller {
  const jobs = tools.client.informer(JOBS);
  const pods = tools.client.informer(PODS);
  indexByController(pods);
  const matching = (pod: Stored<Pod>) => jobs.list(pod.metadata.namespace).filter((job) => selects(job, pod));
  return {
    name: NAME,
    workers: 5,
    informers: [jobs, pods] as unknown as Informer<KubeObject>[],
    watch: (enqueue) => [
      jobs.subscribe({
        added: (job) => enqueue(job),
        updated: (_, job) => enqueue(job),
        deleted: (job) => {
          tools.backOff.forget(job.metadata.uid);
          enqueue(job);
        },
      }),
      pods.subscribe(ownersHandler(JOBS, jobs, matching, (job) => enqueue(job))),
      pods.subscribe({
        updated: (_, pod) => freeOrphan(tools, jobs, pod),
        added: (pod) => freeOrphan(tools, jobs, pod),
      }),
    ],
    async sync({ namespace, name }) {
      const job = jobs.get(namespace, name);
      if (job === undefined) return undefined;
      if (job.spec?.managedBy !== undefined && job.spec.managedBy !== OWN_MANAGER) return undefined;
      return syncOne(tools, job, pods);
    },
  };
}

function selects(job: Job, pod: Pod): boolean {
  return labelSelectorMatcher(job.spec?.selector)(pod.metadata.labels);
}

/** A pod whose job is gone is counted by nobody: it must not wait for that. */
function freeOrphan(tools: Tools, jobs: Informer<Job>, pod: Stored<Pod>): void {
  if (!isTracked(pod)) return;
  const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (owner?.kind === "Job" && jobs.get(pod.metadata.namespace, owner.name)?.metadata.uid === owner.uid) return;
  if (owner !== undefined && owner.kind !== "Job") return;
  release(tools, [pod]).catch((error) => tools.log(`${NAME}: ${pod.metadata.name}: ${error}`));
}

async function syncOne(tools: Tools, found: Stored<Job>, informer: Informer<Pod>): Promise<number | undefined> {
  if (isFinished(found)) {
    await release(tools, controlledBy(informer, found).filter(isTracked));
    tools.backOff.forget(found.metadata.uid);
    return undefined;
  }
  let job = found;
  if (job.metadata.deletionTimestamp === undefined) job = await tellSuspension(tools, job);
  const matches = (pod: Stored<Pod>) => selects(job, pod);
  const pods = await claim(tools.client, JOBS, job, PODS, claimable(informer, job), matches);
  const mine = pods.map((pod) => informer.get(pod.metadata.namespace, pod.metadata.name) ?? pod);
  const isOver = hasCondition(job.status?.conditions, "FailureTarget");
  let counted = account(job, mine, isOver);
  tools.backOff.note(job, counted, tools.now());
  const outcome = outcomeOf(job, counted, mine.filter(isActive), tools.now());
  const change =
    outcome === undefined
      ? await resize(tools, job, counted, mine, informer)
      : await stopAll(tools, job, outcome, mine.filter(isActive));
  if (outcome?.interim === "FailureTarget" && !isOver) {
    counted = account(job, controlledBy(informer, job).filter(matches), true);
  }
  job = await count(tools, job, counted, informer, outcome);
  if (change.error !== undefined) throw change.error;
  const deadline = deadlineRemainder(job, tools.now());
  const waits = [change.again, deadline].filter((wait) => wait !== undefined);
  return waits.length === 0 ? undefined : Math.min(...waits);
}

interface Change {
  error?: unknown;
  again?: number;
}

async function stopAll(
  tools: Tools,
  job: Stored<Job>,
  outcome: Outcome,
  active: readonly Stored<Pod>[],
): Promise<Change> {
  const isTold = hasCondition(job.status?.conditions, outcome.interim);
  if (!isTold && active.length > 0) await tell(tools, job, outcome);
  const { error } = await deletePods(tools, { type: JOBS, object: job }, active);
  return { error };
}

/** The interim condition is written before pods are stopped: a restart in between must not take them for failed. */
async function tell(tools: Tools, job: Stored<Job>, outcome: Outcome): Promise<void> {
  const now = tools.client.informer(JOBS).get(job.metadata.namespace, job.metadata.name) ?? job;
  const condition = jobCondition(outcome.interim, "True", outcome.reason, outcome.message, tools.now());
  const conditions = withCondition(now.status?.conditions, condition);
  await write(tools, now, { ...now.status, conditions });
}

async function resize(
  tools: Tools,
  job: Stored<Job>,
  counted: Account,
  pods: readonly Stored<Pod>[],
  informer: Informer<Pod>,
): Promise<Change> {
  if (job.metadata.deletionTimestamp !== undefined) return {};
  const owner = { type: JOBS, object: job };
  const active = pods.filter(isActive);
  const terminating = pods.filter((pod) => isTerminating(pod) && !hasEnded(pod)).length;
  const isSuspended = job.spec?.suspend === true;
  const difference = isSuspended ? -active.length : podDifference(job, counted, active.length, terminating);
  const surplus = surplusPods(job, active, Math.max(0, -difference), tools.now());
  if (surplus.length > 0) {
    // Pods that the job itself takes away count neither as failed nor as succeeded.
    await release(tools, surplus);
    const fresh = surplus.map((pod) => informer.get(pod.metadata.namespace, pod.metadata.name) ?? pod);
    const { error } = await deletePods(tools, owner, fresh);
    return { error };
  }
  if (difference <= 0) return {};
  const wait = tools.backOff.remainder(job, tools.now());
  const perIndex = job.spec?.backoffLimitPerIndex !== undefined;
  if (wait > 0 && !perIndex) return { again: wait };
  const growth = planGrowth(job, counted, pods, difference, tools.now());
  const { error } = await createPods(tools, owner, growth.pods);
  return { error, ...(growth.again === undefined ? {} : { again: growth.again }) };
}

/** Writes the account: what is noted, then without the finalizers what is counted, with conditions. */
async function count(
  tools: Tools,
  job: Stored<Job>,
  counted: Account,
  informer: Informer<Pod>,
  outcome: Outcome | undefined,
): Promise<Stored<Job>> {
  let current = tools.client.informer(JOBS).get(job.metadata.namespace, job.metadata.name) ?? job;
  if (current.metadata.uid !== job.metadata.uid) return job;
  let final = counted;
  if (counted.release.length > 0) {
    current = await write(tools, current, statusOf(tools, current, counted, informer, undefined));
    await release(tools, counted.release);
    final = settled(job, counted, new Set(counted.release.map((pod) => pod.metadata.uid)));
  }
  const status = statusOf(tools, current, final, informer, outcome);
  const written = await write(tools, current, status);
  tellEnd(tools, written, job);
  return written;
}

function tellEnd(tools: Tools, job: Stored<Job>, before: Job): void {
  if (!isFinished(job) || isFinished(before)) return;
  const failed = findCondition(job.status?.conditions, "Failed");
  const subject = { type: JOBS, object: job };
  if (failed === undefined) tools.events.record(subject, "Normal", "Completed", "Job completed");
  else tools.events.record(subject, "Warning", failed.reason ?? "", failed.message ?? "");
}

function statusOf(
  tools: Tools,
  job: Stored<Job>,
  counted: Account,
  informer: Informer<Pod>,
  outcome: Outcome | undefined,
): JobStatus {
  const pods = controlledBy(informer, job).filter((pod) => selects(job, pod));
  const active = pods.filter(isActive);
  const terminating = pods.filter((pod) => isTerminating(pod) && !hasEnded(pod)).length;
  const { succeeded, failed, noted } = counted;
  const isLast =
    outcome !== undefined && active.length + terminating + noted.succeeded.length + noted.failed.length === 0;
  const conditions = endConditions(tools, job, outcome, isLast);
  const indexes = counted.succeededIndexes.toString();
  const failedIndexes = counted.failedIndexes?.toString();
  return {
    ...(job.status?.startTime === undefined ? {} : { startTime: job.status.startTime }),
    ...(isLast && outcome.final === "Complete" ? { completionTime: timestamp(tools.now()) } : {}),
    ...(active.length === 0 ? {} : { active: active.length }),
    ready: active.filter(isReady).length,
    terminating,
    ...(succeeded === 0 ? {} : { succeeded }),
    ...(failed === 0 ? {} : { failed }),
    ...(indexes === "" ? {} : { completedIndexes: indexes }),
    ...(failedIndexes === undefined ? {} : { failedIndexes }),
    uncountedTerminatedPods: {
      ...(noted.succeeded.length === 0 ? {} : { succeeded: noted.succeeded }),
      ...(noted.failed.length === 0 ? {} : { failed: noted.failed }),
    },
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

function endConditions(tools: Tools, job: Job, outcome: Outcome | undefined, isLast: boolean): JobCondition[] {
  let conditions = [...(job.status?.conditions ?? [])];
  if (outcome === undefined) return conditions;
  const { interim, final, reason, message } = outcome;
  conditions = withCondition(conditions, jobCondition(interim, "True", reason, message, tools.now()));
  if (isLast) conditions = withCondition(conditions, jobCondition(final, "True", reason, message, tools.now()));
  return conditions;
}

/** Notes when the job begins, is suspended, goes on. */
async function tellSuspension(tools: Tools, job: Stored<Job>): Promise<Stored<Job>> {
  const told = findCondition(job.status?.conditions, "Suspended");
  const now = tools.now();
  const subject = { type: JOBS, object: job };
  if (job.spec?.suspend === true) {
    if (told?.status === "True") return job;
    const condition = jobCondition("Suspended", "True", "JobSuspended", "Job suspended", now);
    const { startTime: _, ...status } = job.status ?? {};
    tools.events.record(subject, "Normal", "Suspended", "Job suspended");
    return write(tools, job, { ...status, conditions: withCondition(status.conditions, condition) });
  }
  if (told?.status === "True") {
    const condition = jobCondition("Suspended", "False", "JobResumed", "Job resumed", now);
    tools.events.record(subject, "Normal", "Resumed", "Job resumed");
    const conditions = withCondition(job.status?.conditions, condition);
    return write(tools, job, { ...job.status, startTime: timestamp(now), conditions });
  }
  if (job.status?.startTime !== undefined) return job;
  return write(tools, job, { ...job.status, startTime: timestamp(now) });
}

async function write(tools: Tools, job: Stored<Job>, status: JobStatus): Promise<Stored<Job>> {
  if (sameJson(status, job.status)) return job;
  const written = await tools.client.resource(JOBS).updateStatus({ ...job, status });
  await untilSeen(tools.client.informer(JOBS), [written]);
  return written;
}

/** Takes the tracking finalizer from pods. */
async function release(tools: Tools, pods: readonly Stored<Pod>[]): Promise<void> {
  const written = await Promise.all(
    pods.map(async (pod) => {
      const { namespace, name, uid, resourceVersion } = pod.metadata;
      const finalizers = (pod.metadata.finalizers ?? []).filter((finalizer) => finalizer !== TRACKING);
      const metadata = { uid, resourceVersion, finalizers: finalizers.length === 0 ? null : finalizers };
      try {
        return await tools.client.resource(PODS).patch(namespace, name, "merge", { metadata });
      } catch (error) {
        if (isStatus(error, "NotFound")) return undefined;
        throw error;
      }
    }),
  );
  await untilSeen(
    tools.client.informer(PODS),
    written.filter((pod) => pod !== undefined),
  );
}
