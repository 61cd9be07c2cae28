/** Stateful sets. */

import type { StatefulSet } from "../../model/kubernetes/apps.ts";
import { STATEFUL_SETS } from "../../model/kubernetes/names.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { forbidden, required } from "../machinery/field-error.ts";
import { nonNegative, oneOf } from "./common-rules.ts";
import { workloadFaults } from "./deployments.ts";
import { defaultPodSpec } from "./pod-defaults.ts";
import { statusUpdate } from "./status-update.ts";

const CHANGEABLE = [
  "replicas",
  "ordinals",
  "template",
  "updateStrategy",
  "revisionHistoryLimit",
  "persistentVolumeClaimRetentionPolicy",
  "minReadySeconds",
];

export const statefulSets: ResourceDefinition<StatefulSet> = {
  type: STATEFUL_SETS,
  singular: "statefulset",
  shortNames: ["sts"],
  categories: ["all"],
  generation: true,
  partialUpdates: { status: statusUpdate() },
  scale: { replicas: "spec.replicas", statusReplicas: "status.replicas", selector: "spec.selector" },
  prepareCreate(set) {
    set.status = { replicas: 0, availableReplicas: 0 };
  },
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= 10;
    spec.podManagementPolicy ||= "OrderedReady";
    spec.serviceName ??= "";
    spec.updateStrategy ??= {};
    spec.updateStrategy.type ||= "RollingUpdate";
    if (spec.updateStrategy.type === "RollingUpdate") {
      spec.updateStrategy.rollingUpdate ??= {};
      spec.updateStrategy.rollingUpdate.partition ??= 0;
    }
    spec.persistentVolumeClaimRetentionPolicy ??= {};
    spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= "Retain";
    spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= "Retain";
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.apiVersion ||= "v1";
      claim.kind ||= "PersistentVolumeClaim";
      if (claim.spec !== undefined) claim.spec.volumeMode ||= "Filesystem";
      claim.status ??= { phase: "Pending" };
    }
    if (spec.template?.spec !== undefined) defaultPodSpec(spec.template.spec);
  },
  validate({ spec }) {
    if (spec === undefined) return [required("spec.selector")];
    const faults = workloadFaults(spec.selector, templateWithClaims(spec), "statefulset");
    faults.push(...nonNegative("spec.replicas", spec.replicas));
    faults.push(...nonNegative("spec.minReadySeconds", spec.minReadySeconds));
    faults.push(...nonNegative("spec.revisionHistoryLimit", spec.revisionHistoryLimit));
    faults.push(...nonNegative("spec.ordinals.start", spec.ordinals?.start));
    faults.push(...oneOf("spec.podManagementPolicy", spec.podManagementPolicy, ["OrderedReady", "Parallel"]));
    faults.push(...oneOf("spec.updateStrategy.type", spec.updateStrategy?.type, ["OnDelete", "RollingUpdate"]));
    faults.push(
      ...nonNegative("spec.updateStrategy.rollingUpdate.partition", spec.updateStrategy?.rollingUpdate?.partition),
    );
    for (const name of ["whenDeleted", "whenScaled"] as const) {
      const policy = spec.persistentVolumeClaimRetentionPolicy?.[name];
      faults.push(...oneOf(`spec.persistentVolumeClaimRetentionPolicy.${name}`, policy, ["Delete", "Retain"]));
    }
    return faults;
  },
  validateUpdate(now, before) {
    const rest = (set: StatefulSet) => {
      const spec: Record<string, unknown> = { ...set.spec };
      for (const name of CHANGEABLE) delete spec[name];
      return spec;
    };
    if (Bun.deepEquals(rest(now), rest(before))) return [];
    const names = `${CHANGEABLE.slice(0, -1)
      .map((name) => `'${name}'`)
      .join(", ")} and 'minReadySeconds'`;
    return [forbidden("spec", `updates to statefulset spec for fields other than ${names} are forbidden`)];
  },
};

/** The template as its pods will be: claims become volumes of the same name. */
function templateWithClaims(spec: NonNullable<StatefulSet["spec"]>): typeof spec.template {
  const claims = spec.volumeClaimTemplates ?? [];
  const pod = spec.template?.spec;
  if (claims.length === 0 || pod === undefined) return spec.template;
  const names = new Set(claims.map((claim) => claim.metadata?.name));
  const volumes = (pod.volumes ?? []).filter((volume) => !names.has(volume.name));
  const claimed = claims.map((claim) => ({
    name: claim.metadata?.name ?? "",
    persistentVolumeClaim: { claimName: claim.metadata?.name ?? "" },
  }));
  return { ...spec.template, spec: { ...pod, volumes: [...volumes, ...claimed] } };
}
