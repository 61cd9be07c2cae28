/** Daemon sets, and the revisions that they and stateful sets keep. */

import type { ControllerRevision, DaemonSet } from "../../model/kubernetes/apps.ts";
import { CONTROLLER_REVISIONS, DAEMON_SETS } from "../../model/kubernetes/names.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { invalid, required } from "../machinery/field-error.ts";
import { immutable, nonNegative, oneOf } from "./common-rules.ts";
import { amountFaults, workloadFaults } from "./deployments.ts";
import { defaultPodSpec } from "./pod-defaults.ts";
import { statusUpdate } from "./status-update.ts";

export const daemonSets: ResourceDefinition<DaemonSet> = {
  type: DAEMON_SETS,
  singular: "daemonset",
  shortNames: ["ds"],
  categories: ["all"],
  generation: true,
  partialUpdates: { status: statusUpdate() },
  prepareCreate(set) {
    set.status = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
  },
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.revisionHistoryLimit ??= 10;
    spec.updateStrategy ??= {};
    spec.updateStrategy.type ||= "RollingUpdate";
    if (spec.updateStrategy.type === "RollingUpdate") {
      spec.updateStrategy.rollingUpdate ??= {};
      spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
      spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
    }
    if (spec.template?.spec !== undefined) defaultPodSpec(spec.template.spec);
  },
  validate({ spec }) {
    if (spec === undefined) return [required("spec.selector")];
    const faults = workloadFaults(spec.selector, spec.template, "daemonset");
    faults.push(...nonNegative("spec.minReadySeconds", spec.minReadySeconds));
    faults.push(...nonNegative("spec.revisionHistoryLimit", spec.revisionHistoryLimit));
    faults.push(...oneOf("spec.updateStrategy.type", spec.updateStrategy?.type, ["OnDelete", "RollingUpdate"]));
    const rolling = spec.updateStrategy?.rollingUpdate;
    if (rolling === undefined) return faults;
    const at = "spec.updateStrategy.rollingUpdate";
    faults.push(...amountFaults(`${at}.maxUnavailable`, rolling.maxUnavailable));
    faults.push(...amountFaults(`${at}.maxSurge`, rolling.maxSurge));
    const some = [rolling.maxUnavailable, rolling.maxSurge].filter((one) => Number.parseInt(String(one ?? 0), 10) > 0);
    if (some.length === 0) {
      faults.push(invalid(`${at}.maxUnavailable`, rolling.maxUnavailable, "cannot be 0 when maxSurge is 0"));
    } else if (some.length === 2) {
      faults.push(invalid(`${at}.maxSurge`, rolling.maxSurge, "may not be set when maxUnavailable is non-zero"));
    }
    return faults;
  },
  validateUpdate: (now, before) => immutable("spec.selector", now.spec?.selector, before.spec?.selector),
};

export const controllerRevisions: ResourceDefinition<ControllerRevision> = {
  type: CONTROLLER_REVISIONS,
  singular: "controllerrevision",
  validate: (revision) => nonNegative("revision", revision.revision),
  validateUpdate: (now, before) => immutable("data", now.data, before.data),
};
