/** POST pods/NAME/binding: gives a pod its node, once (core/v1 Binding). */

import type { Binding, Pod } from "../../model/kubernetes/core.ts";
import { PODS } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { commitObject } from "../machinery/commit-object.ts";
import { copyOf } from "../machinery/copy.ts";
import { type Core, type SubresourceHandler, timestamp } from "../machinery/core.ts";
import { invalidObject, required } from "../machinery/field-error.ts";
import { conflict, notFound, StatusError } from "../status.ts";

const ATTEMPTS = 20;

/** The answer of the binding subresource. */
export function podBinding(core: Core): SubresourceHandler {
  return async ({ namespace, name, body, dryRun }) => {
    const binding = body as Binding;
    const target = binding.target?.name ?? "";
    if (target === "") throw invalidObject(PODS, name, [required("target.name")]);
    const kind = binding.target.kind ?? "";
    if (kind !== "" && kind !== "Node")
      throw new StatusError("BadRequest", `a pod is bound to a Node, not to a ${kind}: set target.kind to Node`);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const before = core.state.kind(PODS).get(namespace, name) as Stored<Pod> | undefined;
      if (before === undefined) throw notFound("", "pods", name);
      const bound = boundPod(before, binding, timestamp(core.now()));
      if (dryRun) break;
      const { stored } = await commitObject(core, PODS, bound, Number(before.metadata.resourceVersion));
      if (stored !== undefined) break;
      if (attempt === ATTEMPTS) throw conflict("", "pods/binding", name, "the pod changes too often; try again");
    }
    return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
  };
}

/** @throws StatusError Conflict when the pod has a node already, is ending, or is another one of the same name */
function boundPod(before: Stored<Pod>, binding: Binding, at: string): Pod {
  const { name, uid } = before.metadata;
  const refuse = (why: string) => conflict("", "pods/binding", name, why);
  if (binding.metadata?.uid && binding.metadata.uid !== uid) {
    throw refuse(`Precondition failed: UID in precondition: ${binding.metadata.uid}, UID in object meta: ${uid}`);
  }
  if (before.metadata.deletionTimestamp !== undefined) {
    throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  }
  if (before.spec?.nodeName) throw refuse(`pod ${name} is already assigned to node "${before.spec.nodeName}"`);
  if ((before.spec?.schedulingGates ?? []).length > 0) {
    throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  }
  const pod = copyOf(before) as Pod;
  pod.spec!.nodeName = binding.target.name!;
  pod.metadata.annotations = { ...pod.metadata.annotations, ...binding.metadata?.annotations };
  if (Object.keys(pod.metadata.annotations).length === 0) delete pod.metadata.annotations;
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== "PodScheduled");
  const condition = { type: "PodScheduled", status: "True", lastTransitionTime: at };
  pod.status = { ...pod.status, conditions: [...others, condition] };
  return pod;
}
