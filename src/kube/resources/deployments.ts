/** Deployments and replica sets. */

import type { Deployment, ReplicaSet } from "../../model/kubernetes/apps.ts";
import type { PodTemplateSpec } from "../../model/kubernetes/core.ts";
import type { LabelSelector } from "../../model/kubernetes/meta.ts";
import { DEPLOYMENTS, REPLICA_SETS } from "../../model/kubernetes/names.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { type FieldError, forbidden, invalid, required } from "../machinery/field-error.ts";
import { labelSelectorMatcher } from "../machinery/selectors.ts";
import { immutable, nonNegative, oneOf, selectorFaults, selectsEverything } from "./common-rules.ts";
import { defaultPodSpec } from "./pod-defaults.ts";
import { podTemplateFaults } from "./pod-validation.ts";
import { statusUpdate } from "./status-update.ts";

export const deployments: ResourceDefinition<Deployment> = {
  type: DEPLOYMENTS,
  singular: "deployment",
  shortNames: ["deploy"],
  categories: ["all"],
  generation: true,
  partialUpdates: { status: statusUpdate() },
  scale: { replicas: "spec.replicas", statusReplicas: "status.replicas", selector: "spec.selector" },
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    spec.strategy ??= {};
    spec.strategy.type ||= "RollingUpdate";
    if (spec.strategy.type === "RollingUpdate") {
      spec.strategy.rollingUpdate ??= {};
      spec.strategy.rollingUpdate.maxUnavailable ??= "25%";
      spec.strategy.rollingUpdate.maxSurge ??= "25%";
    }
    if (spec.template?.spec !== undefined) defaultPodSpec(spec.template.spec);
  },
  validate({ spec }) {
    if (spec === undefined) return [required("spec.selector")];
    const faults = workloadFaults(spec.selector, spec.template);
    faults.push(
      ...nonNegative("spec.replicas", spec.replicas),
      ...nonNegative("spec.minReadySeconds", spec.minReadySeconds),
    );
    faults.push(...nonNegative("spec.revisionHistoryLimit", spec.revisionHistoryLimit));
    faults.push(...oneOf("spec.strategy.type", spec.strategy?.type, ["Recreate", "RollingUpdate"]));
    const rolling = spec.strategy?.rollingUpdate;
    if (spec.strategy?.type === "Recreate" && rolling !== undefined) {
      const why = "may not be specified when strategy `type` is 'Recreate'";
      faults.push(forbidden("spec.strategy.rollingUpdate", why));
    } else if (rolling !== undefined) {
      const at = "spec.strategy.rollingUpdate";
      faults.push(...amountFaults(`${at}.maxUnavailable`, rolling.maxUnavailable));
      faults.push(...amountFaults(`${at}.maxSurge`, rolling.maxSurge));
      if (isNothing(rolling.maxUnavailable) && isNothing(rolling.maxSurge)) {
        faults.push(invalid(`${at}.maxUnavailable`, rolling.maxUnavailable, "may not be 0 when `maxSurge` is 0"));
      }
    }
    const deadline = spec.progressDeadlineSeconds;
    faults.push(...nonNegative("spec.progressDeadlineSeconds", deadline));
    if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0)) {
      faults.push(invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"));
    }
    return faults;
  },
  validateUpdate: (now, before) => immutable("spec.selector", now.spec?.selector, before.spec?.selector),
};

export const replicaSets: ResourceDefinition<ReplicaSet> = {
  type: REPLICA_SETS,
  singular: "replicaset",
  shortNames: ["rs"],
  categories: ["all"],
  generation: true,
  partialUpdates: { status: statusUpdate() },
  scale: { replicas: "spec.replicas", statusReplicas: "status.replicas", selector: "spec.selector" },
  prepareCreate(set) {
    set.status = { replicas: 0 };
  },
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.replicas ??= 1;
    if (spec.template?.spec !== undefined) defaultPodSpec(spec.template.spec);
  },
  validate({ spec }) {
    if (spec === undefined) return [required("spec.selector")];
    return [
      ...nonNegative("spec.replicas", spec.replicas),
      ...nonNegative("spec.minReadySeconds", spec.minReadySeconds),
      ...workloadFaults(spec.selector, spec.template),
    ];
  },
  validateUpdate: (now, before) => immutable("spec.selector", now.spec?.selector, before.spec?.selector),
  selectableFields: { "status.replicas": (set) => String(set.status?.replicas ?? 0) },
};

/** Faults of a selector that must choose the pods of its own template. */
export function workloadFaults(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
  kind = "deployment",
): FieldError[] {
  if (selector === undefined)
    return [required("spec.selector"), ...podTemplateFaults("spec.template", template, ["Always"])];
  const faults = selectorFaults("spec.selector", selector);
  if (selectsEverything(selector)) {
    faults.push(invalid("spec.selector", selector, `empty selector is invalid for ${kind}`));
  } else if (faults.length === 0 && !labelSelectorMatcher(selector)(template?.metadata?.labels)) {
    const why = "`selector` does not match template `labels`";
    faults.push(invalid("spec.template.metadata.labels", template?.metadata?.labels ?? null, why));
  }
  faults.push(...podTemplateFaults("spec.template", template, ["Always"]));
  return faults;
}

function isNothing(amount: number | string | undefined): boolean {
  return amount === undefined || Number.parseInt(String(amount), 10) === 0;
}

/** Faults of a count or a percentage of pods. */
export function amountFaults(field: string, amount: number | string | undefined): FieldError[] {
  if (amount === undefined) return [];
  if (typeof amount === "number") return nonNegative(field, amount);
  if (/^\d+%$/.test(amount)) {
    return Number.parseInt(amount, 10) <= 100 || field.endsWith("Surge")
      ? []
      : [invalid(field, amount, "must not be greater than 100%")];
  }
  const why =
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
  return [invalid(field, amount, why)];
}
