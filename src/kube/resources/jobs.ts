/** Jobs. */

import type { Job, JobSpec } from "../../model/kubernetes/batch.ts";
import { JOBS } from "../../model/kubernetes/names.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { type FieldError, invalid, required } from "../machinery/field-error.ts";
import { labelSelectorMatcher } from "../machinery/selectors.ts";
import { immutable, nonNegative, oneOf, selectorFaults } from "./common-rules.ts";
import { defaultPodSpec } from "./pod-defaults.ts";
import { podTemplateFaults } from "./pod-validation.ts";
import { statusUpdate } from "./status-update.ts";

const UID_LABEL = "batch.kubernetes.io/controller-uid";
const NAME_LABEL = "batch.kubernetes.io/job-name";
const MANY = 2147483647;

export const jobs: ResourceDefinition<Job> = {
  type: JOBS,
  singular: "job",
  categories: ["all"],
  generation: true,
  partialUpdates: { status: statusUpdate() },
  defaultPropagation: "Orphan",
  prepareCreate(job) {
    job.status = {};
    const { spec } = job;
    if (spec?.template === undefined || spec.manualSelector) return;
    const uid = job.metadata.uid ?? "";
    const name = job.metadata.name ?? "";
    // The names without a prefix are for readers of before 1.27.
    const labels = { [UID_LABEL]: uid, [NAME_LABEL]: name, "controller-uid": uid, "job-name": name };
    spec.template.metadata = { ...spec.template.metadata, labels: { ...spec.template.metadata?.labels, ...labels } };
    if (spec.selector === undefined) spec.selector = { matchLabels: { [UID_LABEL]: uid } };
  },
  defaults({ spec, metadata }) {
    if (spec === undefined) return;
    defaultJobSpec(spec);
    const labels = spec.template?.metadata?.labels;
    if (Object.keys(metadata.labels ?? {}).length === 0 && labels !== undefined) metadata.labels = { ...labels };
  },
  validate: ({ spec }) => (spec === undefined ? [required("spec.template")] : jobSpecFaults("spec", spec, true)),
  validateUpdate(now, before) {
    const faults: FieldError[] = [];
    const [spec, old] = [now.spec, before.spec];
    if (spec === undefined || old === undefined) return faults;
    for (const name of [
      "selector",
      "completionMode",
      "podFailurePolicy",
      "backoffLimitPerIndex",
      "managedBy",
      "successPolicy",
    ] as const) {
      faults.push(...immutable(`spec.${name}`, spec[name], old[name]));
    }
    // An indexed job may grow and shrink together with its parallelism.
    const elastic = spec.completionMode === "Indexed" && spec.completions === spec.parallelism;
    if (!elastic) faults.push(...immutable("spec.completions", spec.completions, old.completions));
    // A job that has not begun may still be told where to run.
    if (!(old.suspend && before.status?.startTime === undefined)) {
      faults.push(...immutable("spec.template", spec.template, old.template));
    }
    return faults;
  },
  selectableFields: { "status.successful": (job) => String(job.status?.succeeded ?? 0) },
};

/** Also of the template of a cron job. */
export function defaultJobSpec(spec: JobSpec): void {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : MANY;
  spec.completionMode ||= "NonIndexed";
  spec.suspend ??= false;
  spec.podReplacementPolicy ||= spec.podFailurePolicy === undefined ? "TerminatingOrFailed" : "Failed";
  for (const rule of spec.podFailurePolicy?.rules ?? []) {
    for (const pattern of rule.onPodConditions ?? []) pattern.status ||= "True";
  }
  if (spec.template?.spec !== undefined) defaultPodSpec(spec.template.spec);
}

/** Faults of a job's spec at `field`; `own`: of a job itself, which must have a selector. */
export function jobSpecFaults(field: string, spec: JobSpec, own: boolean): FieldError[] {
  const faults: FieldError[] = [];
  for (const name of [
    "parallelism",
    "completions",
    "backoffLimit",
    "activeDeadlineSeconds",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
  ] as const) {
    faults.push(...nonNegative(`${field}.${name}`, spec[name]));
  }
  if (own && spec.selector === undefined) faults.push(required(`${field}.selector`));
  else if (own) {
    faults.push(...selectorFaults(`${field}.selector`, spec.selector));
    const labels = spec.template?.metadata?.labels;
    if (!labelSelectorMatcher(spec.selector)(labels)) {
      faults.push(
        invalid(`${field}.template.metadata.labels`, labels ?? null, "`selector` does not match template `labels`"),
      );
    }
  } else if (spec.selector !== undefined) {
    faults.push(invalid(`${field}.selector`, spec.selector, "`selector` will be auto-generated"));
  }
  faults.push(...oneOf(`${field}.completionMode`, spec.completionMode, ["Indexed", "NonIndexed"]));
  faults.push(...oneOf(`${field}.podReplacementPolicy`, spec.podReplacementPolicy, ["Failed", "TerminatingOrFailed"]));
  if (spec.completionMode === "Indexed") {
    if (spec.completions === undefined) {
      faults.push(required(`${field}.completions`, "when completion mode is Indexed"));
    }
    if ((spec.parallelism ?? 0) > 100000) {
      faults.push(
        invalid(
          `${field}.parallelism`,
          spec.parallelism,
          "must be less than or equal to 100000 when completion mode is Indexed",
        ),
      );
    }
  } else {
    for (const name of ["backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"] as const) {
      if (spec[name] !== undefined)
        faults.push(invalid(`${field}.${name}`, spec[name], "requires indexed completion mode"));
    }
  }
  faults.push(...failurePolicyFaults(field, spec));
  faults.push(...podTemplateFaults(`${field}.template`, spec.template, ["OnFailure", "Never"]));
  return faults;
}

function failurePolicyFaults(field: string, spec: JobSpec): FieldError[] {
  const faults: FieldError[] = [];
  if (spec.podFailurePolicy !== undefined && spec.template?.spec?.restartPolicy !== "Never") {
    const why = 'only "Never" is supported when podFailurePolicy is specified';
    faults.push(invalid(`${field}.template.spec.restartPolicy`, spec.template?.spec?.restartPolicy, why));
  }
  for (const [index, rule] of (spec.podFailurePolicy?.rules ?? []).entries()) {
    const at = `${field}.podFailurePolicy.rules[${index}]`;
    faults.push(...oneOf(`${at}.action`, rule.action ?? "", ["Count", "FailIndex", "FailJob", "Ignore"]));
    const byCode = rule.onExitCodes !== undefined;
    const byCondition = (rule.onPodConditions ?? []).length > 0;
    if (byCode && byCondition) {
      const why = "specifying both OnExitCodes and OnPodConditions is not supported";
      faults.push(invalid(at, rule, why));
    } else if (!byCode && !byCondition) {
      faults.push(invalid(at, rule, "specifying one of OnExitCodes and OnPodConditions is required"));
    }
    if (rule.onExitCodes !== undefined) {
      faults.push(...oneOf(`${at}.onExitCodes.operator`, rule.onExitCodes.operator ?? "", ["In", "NotIn"]));
      if ((rule.onExitCodes.values ?? []).length === 0) {
        faults.push(invalid(`${at}.onExitCodes.values`, [], "at least one value is required"));
      }
    }
  }
  return faults;
}
