/** Filters that look at other pods: affinity, anti-affinity, topology spread. */

import type { PodAffinityTerm } from "../../model/kubernetes/core.ts";
import type { ClusterPicture, NodeView, PodView } from "./cluster-view.ts";
import { type Filter, lasting, passing } from "./filter.ts";
import { type ReadyTerm, readyTerm } from "./pod-terms.ts";
import { hardSpread } from "./topology-spread.ts";

/** "key value" of a topology domain. */
const domainOf = (key: string, value: string) => `${key} ${value}`;

function readyTerms(
  terms: readonly PodAffinityTerm[] | undefined,
  owner: PodView,
  cluster: ClusterPicture,
): ReadyTerm[] {
  return (terms ?? []).map((term) => readyTerm(term, owner, cluster.namespaceLabels));
}

/** How many pods each domain holds that all (affinity) or any (each term by itself: anti-affinity) of the terms mean. */
function countDomains(terms: readonly ReadyTerm[], cluster: ClusterPicture, all: boolean): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { sample, nodes } of cluster.podKinds()) {
    const matching = terms.filter((term) => term.matches(sample));
    if (matching.length === 0 || (all && matching.length < terms.length)) continue;
    for (const [name, count] of nodes) {
      const labels = cluster.node(name)!.labels;
      for (const { topologyKey } of matching) {
        const value = labels[topologyKey];
        if (value === undefined) continue;
        const domain = domainOf(topologyKey, value);
        counts.set(domain, (counts.get(domain) ?? 0) + count);
      }
    }
  }
  return counts;
}

function holds(counts: ReadonlyMap<string, number>, { topologyKey }: ReadyTerm, node: NodeView): boolean {
  const value = node.labels[topologyKey];
  return value !== undefined && counts.has(domainOf(topologyKey, value));
}

const podAffinity: Filter = {
  name: "InterPodAffinity",
  prepare(pod, cluster) {
    const terms = readyTerms(
      pod.pod.spec?.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution,
      pod,
      cluster,
    );
    if (terms.length === 0) return undefined;
    const counts = countDomains(terms, cluster, true);
    // The first of a group that wants to be together has nobody to join: it may go anywhere that has the labels.
    const isFirst = counts.size === 0 && terms.every((term) => term.matches(pod));
    return (node) => {
      const fits = terms.every((term) =>
        isFirst ? node.labels[term.topologyKey] !== undefined : holds(counts, term, node),
      );
      return fits ? undefined : lasting("node(s) didn't match pod affinity rules");
    };
  },
};

const podAntiAffinity: Filter = {
  name: "InterPodAntiAffinity",
  prepare(pod, cluster) {
    const terms = readyTerms(
      pod.pod.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution,
      pod,
      cluster,
    );
    if (terms.length === 0) return undefined;
    const counts = countDomains(terms, cluster, false);
    return (node) =>
      terms.some((term) => holds(counts, term, node))
        ? passing("node(s) didn't match pod anti-affinity rules")
        : undefined;
  },
};

const existingAntiAffinity: Filter = {
  name: "ExistingAntiAffinity",
  prepare(pod, cluster) {
    const forbidden = new Set<string>();
    for (const { sample, nodes } of cluster.podKinds()) {
      if (!sample.keepsOthersAway) continue;
      const required = sample.pod.spec!.affinity!.podAntiAffinity!.requiredDuringSchedulingIgnoredDuringExecution;
      for (const term of readyTerms(required, sample, cluster)) {
        if (!term.matches(pod)) continue;
        for (const name of nodes.keys()) {
          const value = cluster.node(name)!.labels[term.topologyKey];
          if (value !== undefined) forbidden.add(domainOf(term.topologyKey, value));
        }
      }
    }
    if (forbidden.size === 0) return undefined;
    return (node) => {
      for (const [key, value] of Object.entries(node.labels)) {
        if (forbidden.has(domainOf(key, value)))
          return passing("node(s) didn't satisfy existing pods anti-affinity rules");
      }
      return undefined;
    };
  },
};

const topologySpread: Filter = {
  name: "PodTopologySpread",
  prepare: hardSpread,
};

export const POD_FILTERS: readonly Filter[] = [topologySpread, existingAntiAffinity, podAntiAffinity, podAffinity];
