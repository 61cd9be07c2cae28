/** Starts jobs at the times of a schedule. */

import { errorText } from "../../../lib/errors.ts";
import type { CronJob, CronJobStatus, Job } from "../../../model/kubernetes/batch.ts";
import { CRON_JOBS, JOBS } from "../../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterPart, Informer } from "../../contract.ts";
import { copyOf, sameJson } from "../../machinery/copy.ts";
import { timestamp } from "../../machinery/core.ts";
import type { EventRecorder } from "../../machinery/event-recorder.ts";
import { isStatus } from "../../status.ts";
import { type Controller, type ControllerTools, controlLoop, isNamespaceTerminating } from "../control-loop.ts";
import { controllerReference, isControlledBy } from "../ownership.ts";
import { controlledBy, indexByController, ownersHandler } from "../relations.ts";
import { untilSeen } from "../seen-writes.ts";
import { instant } from "../timestamps.ts";
import { decideCron, jobEnd, jobName, missedTimes, surplusJobs } from "./decision.ts";
import { parseSchedule, type Schedule } from "./schedule.ts";

const NAME = "cronjob-controller";
const SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp";
type Tools = ControllerTools & { events: EventRecorder };

export function cronJobController(tools: ControllerTools): ClusterPart {
  return controlLoop(NAME, tools, makeController);
}

function makeController(tools: Tools): Controller {
  const crons = tools.client.informer(CRON_JOBS);
  const jobs = tools.client.informer(JOBS);
  indexByController(jobs);
  return {
    name: NAME,
    workers: 5,
    informers: [crons, jobs] as unknown as Informer<KubeObject>[],
    watch: (enqueue) => [
      crons.subscribe({ added: (cron) => enqueue(cron), updated: (_, cron) => enqueue(cron) }),
      jobs.subscribe(
        ownersHandler(
          CRON_JOBS,
          crons,
          () => [],
          (cron) => enqueue(cron),
        ),
      ),
    ],
    async sync({ namespace, name }) {
      const cron = crons.get(namespace, name);
      return cron === undefined ? undefined : syncOne(tools, cron, jobs);
    },
  };
}

async function syncOne(tools: Tools, found: Stored<CronJob>, jobs: Informer<Job>): Promise<number | undefined> {
  const mine = controlledBy(jobs, found);
  await trimHistory(tools, found, mine);
  const cron = await writeStatus(tools, found, lookAtActive(tools, found, mine, jobs));
  if (cron.metadata.deletionTimestamp !== undefined || cron.spec?.suspend === true) return undefined;
  const schedule = readSchedule(tools, cron);
  if (schedule === undefined) return undefined;
  const now = tools.now();
  const active = mine.filter((job) => jobEnd(job) === undefined);
  const decision = decideCron(cron, schedule, active, now);
  const subject = { type: CRON_JOBS, object: cron };
  if (decision.action !== "wait" && missedTimes(cron, schedule, now).many) {
    const text = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
    tools.events.record(subject, "Warning", "TooManyMissedTimes", text);
  }
  if (decision.action === "missed") {
    const text = `Missed scheduled time to start a job: ${new Date(decision.scheduled).toUTCString()}`;
    tools.events.record(subject, "Warning", "MissSchedule", text);
  } else if (decision.action === "forbid") {
    const text = "Not starting job because prior execution is running and concurrency policy is Forbid";
    tools.events.record(subject, "Normal", "JobAlreadyActive", text);
  } else if (decision.action === "start") {
    if (decision.replace) for (const job of active) await removeJob(tools, cron, job);
    await start(tools, cron, decision.scheduled, jobs);
  }
  return decision.at === undefined ? undefined : Math.max(100, decision.at - tools.now());
}

function readSchedule(tools: Tools, cron: Stored<CronJob>): Schedule | undefined {
  try {
    return parseSchedule(cron.spec!.schedule, cron.spec!.timeZone);
  } catch (error) {
    const text = `unparseable schedule: ${cron.spec!.schedule} : ${errorText(error)}`;
    tools.events.record({ type: CRON_JOBS, object: cron }, "Warning", "UnparseableSchedule", text);
    return undefined;
  }
}

function reference(job: Stored<Job>) {
  const { name, namespace, uid, resourceVersion } = job.metadata;
  return { apiVersion: "batch/v1", kind: "Job", name, namespace, uid, resourceVersion };
}

/** The status with the jobs that are active now; tells of those that have finished or are missing. */
function lookAtActive(
  tools: Tools,
  cron: Stored<CronJob>,
  mine: readonly Stored<Job>[],
  jobs: Informer<Job>,
): CronJobStatus {
  const status = copyOf(cron.status ?? {});
  const subject = { type: CRON_JOBS, object: cron };
  const listed = new Set((status.active ?? []).map((each) => each.uid));
  for (const job of mine) {
    const end = jobEnd(job);
    if (end === undefined) {
      if (listed.has(job.metadata.uid)) continue;
      const text = `Saw a job that the controller did not create or forgot: ${job.metadata.name}`;
      tools.events.record(subject, "Warning", "UnexpectedJob", text);
      continue;
    }
    if (listed.has(job.metadata.uid)) {
      const text = `Saw completed job: ${job.metadata.name}, condition: ${end}`;
      tools.events.record(subject, "Normal", "SawCompletedJob", text);
      status.active = status.active!.filter((each) => each.uid !== job.metadata.uid);
    }
    const completed = job.status?.completionTime;
    if (end === "Complete" && completed !== undefined && instant(completed) > instant(status.lastSuccessfulTime)) {
      status.lastSuccessfulTime = completed;
    }
  }
  for (const each of status.active ?? []) {
    if (jobs.get(cron.metadata.namespace, each.name ?? "")?.metadata.uid === each.uid) continue;
    tools.events.record(subject, "Normal", "MissingJob", `Active job went missing: ${each.name}`);
    status.active = status.active!.filter((other) => other.uid !== each.uid);
  }
  if (status.active?.length === 0) delete status.active;
  return status;
}

async function writeStatus(tools: Tools, cron: Stored<CronJob>, status: CronJobStatus): Promise<Stored<CronJob>> {
  if (sameJson(status, cron.status ?? {})) return cron;
  const written = await tools.client.resource(CRON_JOBS).updateStatus({ ...cron, status });
  await untilSeen(tools.client.informer(CRON_JOBS), [written]);
  return written;
}

async function trimHistory(tools: Tools, cron: Stored<CronJob>, mine: readonly Stored<Job>[]): Promise<void> {
  const listed = new Set((cron.status?.active ?? []).map((each) => each.uid));
  // One whose end has not been told yet stays until it has.
  const told = mine.filter((job) => !listed.has(job.metadata.uid));
  for (const job of surplusJobs(cron, told)) await removeJob(tools, cron, job);
}

async function removeJob(tools: Tools, cron: Stored<CronJob>, job: Stored<Job>): Promise<void> {
  const { namespace, name, uid } = job.metadata;
  const subject = { type: CRON_JOBS, object: cron };
  try {
    const options = { preconditions: { uid }, propagationPolicy: "Background" } as const;
    await tools.client.resource(JOBS).delete(namespace, name, options);
    await untilSeen(tools.client.informer(JOBS), [], [job]);
    tools.events.record(subject, "Normal", "SuccessfulDelete", `Deleted job ${name}`);
  } catch (error) {
    if (isStatus(error, "NotFound")) return;
    tools.events.record(subject, "Warning", "FailedDelete", `Deleted job: ${errorText(error)}`);
    throw error;
  }
}

function newJob(cron: Stored<CronJob>, scheduled: number): Job {
  const template = copyOf(cron.spec!.jobTemplate);
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: jobName(cron, scheduled),
      namespace: cron.metadata.namespace,
      ...(template.metadata?.labels === undefined ? {} : { labels: template.metadata.labels }),
      annotations: { ...template.metadata?.annotations, [SCHEDULED_AT]: timestamp(scheduled) },
      ownerReferences: [controllerReference(CRON_JOBS, cron)],
    },
    spec: template.spec!,
  };
}

async function start(tools: Tools, cron: Stored<CronJob>, scheduled: number, jobs: Informer<Job>): Promise<void> {
  const wanted = newJob(cron, scheduled);
  const subject = { type: CRON_JOBS, object: cron };
  let job: Stored<Job>;
  try {
    job = await tools.client.resource(JOBS).create(cron.metadata.namespace, wanted);
    await untilSeen(jobs, [job]);
    tools.events.record(subject, "Normal", "SuccessfulCreate", `Created job ${job.metadata.name}`);
  } catch (error) {
    if (isNamespaceTerminating(error)) return;
    if (!isStatus(error, "AlreadyExists")) {
      tools.events.record(subject, "Warning", "FailedCreate", `Error creating job: ${errorText(error)}`);
      throw error;
    }
    // Made before a restart, with the status not yet written.
    job = await tools.client.resource(JOBS).get(cron.metadata.namespace, wanted.metadata.name!);
    if (!isControlledBy(job, cron)) throw error;
  }
  const active = jobEnd(job) === undefined ? [...(cron.status?.active ?? []), reference(job)] : cron.status?.active;
  const now = tools.client.informer(CRON_JOBS).get(cron.metadata.namespace, cron.metadata.name) ?? cron;
  await writeStatus(tools, now, { ...cron.status, ...(active && { active }), lastScheduleTime: timestamp(scheduled) });
}
