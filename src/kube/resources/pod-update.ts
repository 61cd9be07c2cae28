/** What may change of a pod that exists, and by which way in. */

import type { Container, Pod, PodSpec, Toleration } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { PartialUpdate } from "../machinery/definition.ts";
import { type FieldError, forbidden, invalid, required } from "../machinery/field-error.ts";
import { qosClassOf } from "./pod-qos.ts";
import { podSpecFaults } from "./pod-validation.ts";

const CHANGEABLE =
  "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/** Faults of an update of the pod itself. */
export function podUpdateFaults(pod: Pod, before: Stored<Pod>): FieldError[] {
  const now = pod.spec;
  const old = before.spec;
  if (now === undefined || old === undefined) return [];
  const faults: FieldError[] = [];
  for (const name of ["containers", "initContainers"] as const) {
    if ((now[name] ?? []).length !== (old[name] ?? []).length) {
      return [forbidden(`spec.${name}`, "pod updates may not add or remove containers")];
    }
  }
  faults.push(...deadlineFaults(now.activeDeadlineSeconds, old.activeDeadlineSeconds));
  if ((old.tolerations ?? []).some((one) => !(now.tolerations ?? []).some((other) => sameToleration(one, other)))) {
    faults.push(forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"));
  }
  const gated = (old.schedulingGates ?? []).length > 0;
  if ((now.schedulingGates ?? []).some((gate) => !(old.schedulingGates ?? []).some((one) => one.name === gate.name))) {
    faults.push(forbidden("spec.schedulingGates", "only deletion is allowed, but found new scheduling gates"));
  }
  if (!Bun.deepEquals(comparable(now, gated), comparable(old, gated))) faults.push(forbidden("spec", CHANGEABLE));
  return faults;
}

function sameToleration(a: Toleration, b: Toleration): boolean {
  return Bun.deepEquals({ ...a, tolerationSeconds: undefined }, { ...b, tolerationSeconds: undefined });
}

function deadlineFaults(now: number | undefined, old: number | undefined): FieldError[] {
  if (old === undefined || now === old) return [];
  const field = "spec.activeDeadlineSeconds";
  if (now === undefined) return [invalid(field, null, "must not update from a positive integer to nil value")];
  return now > old ? [invalid(field, now, `must be less than or equal to previous value`)] : [];
}

/** The spec without what may change. */
function comparable(spec: PodSpec, gated: boolean): unknown {
  const images = (list: readonly Container[] | undefined) => list?.map((one) => ({ ...one, image: "" }));
  return JSON.parse(
    JSON.stringify({
      ...spec,
      containers: images(spec.containers),
      initContainers: images(spec.initContainers),
      activeDeadlineSeconds: undefined,
      tolerations: undefined,
      schedulingGates: undefined,
      terminationGracePeriodSeconds: undefined,
      // While its gates hold a pod back, it may be told more narrowly where to run.
      ...(gated ? { nodeSelector: undefined, affinity: undefined } : {}),
    }),
  );
}

/** PUT and PATCH of ephemeralcontainers: only adds. */
export const EPHEMERAL_CONTAINERS: PartialUpdate<Pod> = {
  prepare(pod, before) {
    const added = pod.spec?.ephemeralContainers;
    pod.spec = structuredClone(before.spec) as PodSpec;
    if (added !== undefined) pod.spec.ephemeralContainers = added;
    if (before.status !== undefined) pod.status = before.status;
  },
  validate(pod, before) {
    const faults = podSpecFaults("spec", pod.spec);
    for (const [index, old] of (before.spec?.ephemeralContainers ?? []).entries()) {
      const now = pod.spec?.ephemeralContainers?.find((one) => one.name === old.name);
      const at = `spec.ephemeralContainers[${index}]`;
      if (now === undefined) {
        faults.push(forbidden("spec.ephemeralContainers", "existing ephemeral containers may not be removed"));
      } else if (!Bun.deepEquals(now, old)) {
        faults.push(forbidden(at, "existing ephemeral containers may not be changed"));
      }
    }
    return faults;
  },
};

/** PUT and PATCH of resize: cpu and memory of containers that run. */
export const RESIZE: PartialUpdate<Pod> = {
  prepare(pod, before) {
    const asked = pod.spec;
    const spec = structuredClone(before.spec) as PodSpec;
    for (const name of ["containers", "initContainers"] as const) {
      for (const container of spec[name] ?? []) {
        const wish = asked?.[name]?.find((one) => one.name === container.name);
        if (wish === undefined) continue;
        if (wish.resources !== undefined) container.resources = wish.resources;
        if (wish.resizePolicy !== undefined) container.resizePolicy = wish.resizePolicy;
      }
    }
    pod.spec = spec;
    if (before.status !== undefined) pod.status = before.status;
  },
  validate(pod, before) {
    const faults = podSpecFaults("spec", pod.spec);
    if (qosClassOf(pod.spec) !== (before.status?.qosClass ?? qosClassOf(before.spec))) {
      faults.push(invalid("spec", qosClassOf(pod.spec), "Pod QOS Class may not change as a result of resizing"));
    }
    for (const name of ["containers", "initContainers"] as const) {
      for (const [index, container] of (pod.spec?.[name] ?? []).entries()) {
        const old = before.spec?.[name]?.[index];
        if (Bun.deepEquals(container.resources, old?.resources)) continue;
        const at = `spec.${name}[${index}].resources`;
        if (name === "initContainers" && container.restartPolicy !== "Always") {
          faults.push(forbidden(at, "resources of non-sidecar init containers are immutable"));
        }
        for (const kind of ["requests", "limits"] as const) {
          for (const resource of Object.keys(old?.resources?.[kind] ?? {})) {
            if (container.resources?.[kind]?.[resource] === undefined) {
              faults.push(forbidden(`${at}.${kind}`, `resource ${kind} cannot be removed`));
            }
          }
        }
      }
    }
    if ((before.spec?.containers ?? []).length === 0) faults.push(required("spec.containers"));
    return faults;
  },
};
