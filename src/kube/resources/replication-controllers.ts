/** Replication controllers: what replica sets were before. */

import type { ReplicationController } from "../../model/kubernetes/core.ts";
import { REPLICATION_CONTROLLERS } from "../../model/kubernetes/names.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { invalid, required } from "../machinery/field-error.ts";
import { nonNegative } from "./common-rules.ts";
import { defaultPodSpec } from "./pod-defaults.ts";
import { podTemplateFaults } from "./pod-validation.ts";
import { statusUpdate } from "./status-update.ts";

export const replicationControllers: ResourceDefinition<ReplicationController> = {
  type: REPLICATION_CONTROLLERS,
  singular: "replicationcontroller",
  shortNames: ["rc"],
  categories: ["all"],
  generation: true,
  partialUpdates: { status: statusUpdate() },
  scale: { replicas: "spec.replicas", statusReplicas: "status.replicas", selector: "spec.selector" },
  prepareCreate(controller) {
    controller.status = { replicas: 0 };
  },
  defaults({ spec, metadata }) {
    if (spec === undefined) return;
    spec.replicas ??= 1;
    const labels = spec.template?.metadata?.labels ?? {};
    if (Object.keys(spec.selector ?? {}).length === 0 && Object.keys(labels).length > 0) spec.selector = { ...labels };
    if (Object.keys(metadata.labels ?? {}).length === 0 && Object.keys(labels).length > 0)
      metadata.labels = { ...labels };
    if (spec.template?.spec !== undefined) defaultPodSpec(spec.template.spec);
  },
  validate({ spec }) {
    const faults = nonNegative("spec.replicas", spec?.replicas);
    faults.push(...nonNegative("spec.minReadySeconds", spec?.minReadySeconds));
    const selector = Object.entries(spec?.selector ?? {});
    const labels = spec?.template?.metadata?.labels ?? {};
    if (selector.length === 0) faults.push(required("spec.selector"));
    if (spec?.template === undefined) return [...faults, required("spec.template")];
    if (!selector.every(([key, value]) => labels[key] === value)) {
      faults.push(invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"));
    }
    faults.push(...podTemplateFaults("spec.template", spec.template, ["Always"]));
    return faults;
  },
  selectableFields: { "status.replicas": (controller) => String(controller.status?.replicas ?? 0) },
};
