/** Pod affinity terms made ready for matching: which pods they mean, in which namespaces. */

import type { PodAffinityTerm } from "../../model/kubernetes/core.ts";
import type { LabelSelector } from "../../model/kubernetes/meta.ts";
import { labelSelectorMatcher } from "../machinery/selectors.ts";
import type { PodView } from "./cluster-view.ts";

export interface ReadyTerm {
  readonly topologyKey: string;
  /** True for a pod that the term is about. */
  matches(pod: Pick<PodView, "namespace" | "labels">): boolean;
}

/** The selector with "and the same value of these labels as the owner" (matchLabelKeys) and "another value" added. */
export function withLabelKeys(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>>,
  same: readonly string[] = [],
  different: readonly string[] = [],
): LabelSelector | undefined {
  if (selector === undefined) return undefined;
  const expression = (operator: string) => (key: string) => ({ key, operator, values: [labels[key]!] });
  const known = (key: string) => labels[key] !== undefined;
  return {
    ...selector,
    matchExpressions: [
      ...(selector.matchExpressions ?? []),
      ...same.filter(known).map(expression("In")),
      ...different.filter(known).map(expression("NotIn")),
    ],
  };
}

/** `owner` is the pod that carries the term: without namespaces and selector the term means the owner's namespace. */
export function readyTerm(
  term: PodAffinityTerm,
  owner: Pick<PodView, "namespace" | "labels">,
  namespaceLabels: (namespace: string) => Readonly<Record<string, string>>,
): ReadyTerm {
  const selector = withLabelKeys(term.labelSelector, owner.labels, term.matchLabelKeys, term.mismatchLabelKeys);
  const labelsMatch = labelSelectorMatcher(selector);
  const named = new Set(term.namespaces ?? []);
  const bySelector = term.namespaceSelector === undefined ? undefined : labelSelectorMatcher(term.namespaceSelector);
  if (named.size === 0 && bySelector === undefined) named.add(owner.namespace);
  return {
    topologyKey: term.topologyKey,
    matches: (pod) =>
      (named.has(pod.namespace) || bySelector?.(namespaceLabels(pod.namespace)) === true) && labelsMatch(pod.labels),
  };
}
