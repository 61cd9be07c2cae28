/** Cron jobs. */

import { errorText } from "../../lib/errors.ts";
import type { CronJob } from "../../model/kubernetes/batch.ts";
import { CRON_JOBS } from "../../model/kubernetes/names.ts";
import { parseSchedule } from "../controllers/cron-jobs/schedule.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { type FieldError, invalid, required } from "../machinery/field-error.ts";
import { dnsSubdomainFaults } from "../name-rules.ts";
import { nonNegative, oneOf } from "./common-rules.ts";
import { defaultJobSpec, jobSpecFaults } from "./jobs.ts";
import { statusUpdate } from "./status-update.ts";

/** The names of its jobs are its own and eleven signs. */
const LONGEST_NAME = 52;

export const cronJobs: ResourceDefinition<CronJob> = {
  type: CRON_JOBS,
  singular: "cronjob",
  shortNames: ["cj"],
  categories: ["all"],
  generation: true,
  partialUpdates: { status: statusUpdate() },
  nameFaults(name) {
    const faults = dnsSubdomainFaults(name);
    if (name.length > LONGEST_NAME) faults.push(`must be no more than ${LONGEST_NAME} characters`);
    return faults;
  },
  prepareCreate(job) {
    job.status = {};
  },
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.concurrencyPolicy ||= "Allow";
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
    if (spec.jobTemplate?.spec !== undefined) {
      const template = spec.jobTemplate.spec;
      // A cron job leaves the count of completions to the job that is made of it.
      const { completions, parallelism } = template;
      defaultJobSpec(template);
      if (completions === undefined && parallelism === undefined) template.completions = 1;
    }
  },
  validate({ spec }) {
    if (spec === undefined) return [required("spec.schedule")];
    const faults = scheduleFaults(spec.schedule, spec.timeZone);
    faults.push(...oneOf("spec.concurrencyPolicy", spec.concurrencyPolicy, ["Allow", "Forbid", "Replace"]));
    for (const name of ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"] as const) {
      faults.push(...nonNegative(`spec.${name}`, spec[name]));
    }
    const template = spec.jobTemplate?.spec;
    if (template === undefined) faults.push(required("spec.jobTemplate.spec.template"));
    else faults.push(...jobSpecFaults("spec.jobTemplate.spec", template, false));
    return faults;
  },
};

function scheduleFaults(schedule: string | undefined, zone: string | undefined): FieldError[] {
  if (!schedule) return [required("spec.schedule")];
  const faults: FieldError[] = [];
  if (/(^|\s)(CRON_)?TZ=/.test(schedule)) {
    return [invalid("spec.schedule", schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")];
  }
  if (zone === "") faults.push(invalid("spec.timeZone", zone, "timeZone must be nil or non-empty string"));
  else if (zone !== undefined && !isZone(zone))
    faults.push(invalid("spec.timeZone", zone, `unknown time zone ${zone}`));
  try {
    parseSchedule(schedule);
  } catch (error) {
    faults.push(invalid("spec.schedule", schedule, errorText(error)));
  }
  return faults;
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return zone.toLowerCase() !== "local";
  } catch {
    return false;
  }
}
