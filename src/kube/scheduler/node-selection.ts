/** Which nodes a pod wants: node selector, node affinity, taints and tolerations (core/v1 PodSpec). */

import type {
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
  Taint,
  Toleration,
} from "../../model/kubernetes/core.ts";
import type { NodeView } from "./cluster-view.ts";

type NodeFacts = Pick<NodeView, "name" | "labels">;

function meets(value: string | undefined, { operator, values = [] }: NodeSelectorRequirement): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return value !== undefined && /^-?\d+$/.test(value) && Number(value) > Number(values[0]);
    case "Lt":
      return value !== undefined && /^-?\d+$/.test(value) && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

/** All of a term's requirements; an empty term takes no node. */
export function termMatches(term: NodeSelectorTerm, node: NodeFacts): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length + fields.length === 0) return false;
  return (
    expressions.every((requirement) => meets(node.labels[requirement.key], requirement)) &&
    fields.every((requirement) => requirement.key === "metadata.name" && meets(node.name, requirement))
  );
}

/** Any of a selector's terms. */
export function nodeSelectorMatches(selector: NodeSelector, node: NodeFacts): boolean {
  return selector.nodeSelectorTerms.some((term) => termMatches(term, node));
}

/** The pod's own wish: every label of its node selector and its required node affinity. */
export function podWantsNode(pod: Pod, node: NodeFacts): boolean {
  if (pod.spec?.nodeSelector === undefined && pod.spec?.affinity?.nodeAffinity === undefined) return true;
  for (const [key, value] of Object.entries(pod.spec?.nodeSelector ?? {})) {
    if (node.labels[key] !== value) return false;
  }
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || nodeSelectorMatches(required, node);
}

export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect !== undefined && toleration.effect !== "" && toleration.effect !== taint.effect) return false;
  if (toleration.key !== undefined && toleration.key !== "" && toleration.key !== taint.key) return false;
  return toleration.operator === "Exists" || (toleration.value ?? "") === (taint.value ?? "");
}

/** The first taint with one of these effects that no toleration covers. */
export function untoleratedTaint(
  taints: readonly Taint[],
  tolerations: readonly Toleration[],
  effects: readonly string[],
): Taint | undefined {
  return taints.find(
    (taint) => effects.includes(taint.effect) && !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
}
