/** Nodes. */

import type { Node } from "../../model/kubernetes/core.ts";
import { NODES } from "../../model/kubernetes/names.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { type FieldError, forbidden, invalid, required } from "../machinery/field-error.ts";
import { labelValueFaults, qualifiedNameFaults } from "../name-rules.ts";
import { oneOf } from "./common-rules.ts";
import { statusUpdate } from "./status-update.ts";

export const nodes: ResourceDefinition<Node> = {
  type: NODES,
  singular: "node",
  shortNames: ["no"],
  partialUpdates: { status: statusUpdate() },
  // Node agents register with what they have to give.
  isCreatedWithStatus: true,
  subresources: [{ name: "proxy", kind: "NodeProxyOptions", verbs: ["create", "delete", "get", "patch", "update"] }],
  defaults(node) {
    if (node.status?.capacity !== undefined) node.status.allocatable ??= { ...node.status.capacity };
  },
  validate: taintFaults,
  validateUpdate(node, before) {
    const old = before.spec?.podCIDR;
    if (old && node.spec?.podCIDR !== old) {
      return [forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid')];
    }
    return [];
  },
  selectableFields: { "spec.unschedulable": (node) => String(node.spec?.unschedulable === true) },
};

function taintFaults(node: Node): FieldError[] {
  const faults: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, taint] of (node.spec?.taints ?? []).entries()) {
    const at = `spec.taints[${index}]`;
    faults.push(...qualifiedNameFaults(taint.key ?? "").map((why) => invalid(`${at}.key`, taint.key, why)));
    faults.push(...labelValueFaults(taint.value ?? "").map((why) => invalid(`${at}.value`, taint.value, why)));
    if (!taint.effect) faults.push(required(`${at}.effect`));
    else faults.push(...oneOf(`${at}.effect`, taint.effect, ["NoExecute", "NoSchedule", "PreferNoSchedule"]));
    const pair = `${taint.key}:${taint.effect}`;
    if (seen.has(pair)) {
      faults.push({
        reason: "FieldValueDuplicate",
        field: `${at}.effect`,
        message: `Duplicate value: ${JSON.stringify(taint)}: taints must be unique by key and effect pair`,
      });
    }
    seen.add(pair);
  }
  return faults;
}
