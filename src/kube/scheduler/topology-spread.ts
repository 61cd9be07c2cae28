/** Topology spread constraints: how evenly matching pods lie over domains (KEP-895). */

import type { TopologySpreadConstraint } from "../../model/kubernetes/core.ts";
import { labelSelectorMatcher } from "../machinery/selectors.ts";
import type { ClusterPicture, NodeView, PodView } from "./cluster-view.ts";
import { lasting, passing, type Refusal } from "./filter.ts";
import { podWantsNode, untoleratedTaint } from "./node-selection.ts";
import { withLabelKeys } from "./pod-terms.ts";

interface SpreadCounts {
  readonly constraint: TopologySpreadConstraint;
  /** Matching pods in each domain that counts, by the domain's label value. */
  readonly domains: ReadonlyMap<string, number>;
  /** The pod itself will count. */
  readonly countsSelf: boolean;
}

/** By default nodes that the pod does not want do not count, tainted ones do. */
function counts(constraint: TopologySpreadConstraint, pod: PodView, node: NodeView): boolean {
  if (constraint.nodeAffinityPolicy !== "Ignore" && !podWantsNode(pod.pod, node)) return false;
  if (constraint.nodeTaintsPolicy !== "Honor") return true;
  const taints = node.node.spec?.taints ?? [];
  return untoleratedTaint(taints, pod.pod.spec?.tolerations ?? [], ["NoSchedule", "NoExecute"]) === undefined;
}

/** Counts for the pod's constraints of one strictness. */
export function spreadCounts(
  pod: PodView,
  cluster: ClusterPicture,
  whenUnsatisfiable: "DoNotSchedule" | "ScheduleAnyway",
): SpreadCounts[] {
  const constraints = (pod.pod.spec?.topologySpreadConstraints ?? []).filter(
    (constraint) => constraint.whenUnsatisfiable === whenUnsatisfiable,
  );
  if (constraints.length === 0) return [];
  // A node counts only if it has all of the keys.
  const nodes = cluster.nodes.filter((node) => constraints.every(({ topologyKey }) => topologyKey in node.labels));
  return constraints.map((constraint) => {
    const matches = labelSelectorMatcher(
      withLabelKeys(constraint.labelSelector, pod.labels, constraint.matchLabelKeys),
    );
    const domains = new Map<string, number>();
    const counted = new Map<string, string>();
    for (const node of nodes) {
      if (!counts(constraint, pod, node)) continue;
      const domain = node.labels[constraint.topologyKey]!;
      counted.set(node.name, domain);
      if (!domains.has(domain)) domains.set(domain, 0);
    }
    for (const { sample, nodes: places } of cluster.podKinds()) {
      if (sample.namespace !== pod.namespace || sample.isEnding || !matches(sample.labels)) continue;
      for (const [name, count] of places) {
        const domain = counted.get(name);
        if (domain !== undefined) domains.set(domain, domains.get(domain)! + count);
      }
    }
    return { constraint, domains, countsSelf: matches(pod.labels) };
  });
}

/** The filter's part: constraints that must be met. */
export function hardSpread(
  pod: PodView,
  cluster: ClusterPicture,
): ((node: NodeView) => Refusal | undefined) | undefined {
  const ready = spreadCounts(pod, cluster, "DoNotSchedule").map(({ constraint, domains, countsSelf }) => {
    // With fewer domains than asked for, an empty one is missing: the least is nothing.
    const isShort = domains.size < (constraint.minDomains ?? 1);
    const least = isShort || domains.size === 0 ? 0 : Math.min(...domains.values());
    return { ...constraint, domains, self: countsSelf ? 1 : 0, least };
  });
  if (ready.length === 0) return undefined;
  return (node) => {
    for (const { topologyKey, maxSkew, domains, self, least } of ready) {
      const domain = node.labels[topologyKey];
      if (domain === undefined)
        return lasting("node(s) didn't match pod topology spread constraints (missing required label)");
      if ((domains.get(domain) ?? 0) + self - least > maxSkew)
        return passing("node(s) didn't match pod topology spread constraints");
    }
    return undefined;
  };
}
