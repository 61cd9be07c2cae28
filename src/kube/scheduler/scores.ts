/** Scores: which of the nodes that would do is best. Weights are kube-scheduler's defaults. */

import type { ClusterPicture, NodeView, PodView } from "./cluster-view.ts";
import { termMatches, tolerates } from "./node-selection.ts";
import { type ReadyTerm, readyTerm } from "./pod-terms.ts";
import { spreadCounts } from "./topology-spread.ts";

interface Score {
  readonly name: string;
  readonly weight: number;
  /** Raw points of each node, in the order of `nodes`; undefined when the score has nothing to say. */
  rate(pod: PodView, nodes: readonly NodeView[], cluster: ClusterPicture): number[] | undefined;
  /** How raw points become 0 to 100: as they are, stretched to the best, or stretched the other way round. */
  readonly scale: "as-is" | "more-is-better" | "less-is-better";
}

const BEST = 100;

const leastAllocated: Score = {
  name: "LeastAllocated",
  weight: 1,
  scale: "as-is",
  rate(pod, nodes) {
    return nodes.map((node) => {
      const free = (asked: number, allocatable: number) =>
        allocatable === 0 || asked > allocatable ? 0 : ((allocatable - asked) * BEST) / allocatable;
      const cpu = free(node.weight.cpu + pod.weight.cpu, node.allocatable.get("cpu") ?? 0);
      const memory = free(node.weight.memory + pod.weight.memory, node.allocatable.get("memory") ?? 0);
      return (cpu + memory) / 2;
    });
  },
};

const balanced: Score = {
  name: "BalancedAllocation",
  weight: 1,
  scale: "as-is",
  rate(pod, nodes) {
    return nodes.map((node) => {
      const share = (asked: number, allocatable: number) => (allocatable === 0 ? 1 : Math.min(1, asked / allocatable));
      const cpu = share(node.weight.cpu + pod.weight.cpu, node.allocatable.get("cpu") ?? 0);
      const memory = share(node.weight.memory + pod.weight.memory, node.allocatable.get("memory") ?? 0);
      return (1 - Math.abs(cpu - memory) / 2) * BEST;
    });
  },
};

const nodeAffinity: Score = {
  name: "NodeAffinity",
  weight: 2,
  scale: "more-is-better",
  rate({ pod }, nodes) {
    const terms = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    if (terms.length === 0) return undefined;
    return nodes.map((node) =>
      terms.reduce((sum, { weight, preference }) => sum + (termMatches(preference, node) ? weight : 0), 0),
    );
  },
};

const taints: Score = {
  name: "TaintToleration",
  weight: 3,
  scale: "less-is-better",
  rate({ pod }, nodes) {
    const tolerations = pod.spec?.tolerations ?? [];
    const unwanted = nodes.map(({ node }) => {
      const soft = (node.spec?.taints ?? []).filter(({ effect }) => effect === "PreferNoSchedule");
      return soft.filter((taint) => !tolerations.some((toleration) => tolerates(toleration, taint))).length;
    });
    return unwanted.some((count) => count > 0) ? unwanted : undefined;
  },
};

/** Points of the pod's own preferred terms, and of those of pods that are there, by key and value of the domain. */
function preferencePoints(pod: PodView, cluster: ClusterPicture): Map<string, Map<string, number>> {
  const points = new Map<string, Map<string, number>>();
  const give = (node: NodeView, key: string, amount: number) => {
    const value = node.labels[key];
    if (value === undefined) return;
    const values = points.get(key) ?? new Map<string, number>();
    points.set(key, values.set(value, (values.get(value) ?? 0) + amount));
  };
  const own = weightedTerms(pod, cluster);
  for (const { sample, nodes } of cluster.podKinds()) {
    // The pod's terms about those that are there, and theirs about the pod.
    const wanted = own.filter(({ term }) => term.matches(sample));
    const theirs = sample.caresForOthers ? weightedTerms(sample, cluster).filter(({ term }) => term.matches(pod)) : [];
    if (wanted.length + theirs.length === 0) continue;
    for (const [name, count] of nodes) {
      const node = cluster.node(name)!;
      for (const { term, weight } of [...wanted, ...theirs]) give(node, term.topologyKey, weight * count);
    }
  }
  return points;
}

interface WeightedTerm {
  readonly weight: number;
  readonly term: ReadyTerm;
}
/** A pod's view is replaced when the pod changes, so that its terms are made ready once, not for each pod that is placed. */
const readyTerms = new WeakMap<PodView, readonly WeightedTerm[]>();

function weightedTerms(owner: PodView, cluster: ClusterPicture): readonly WeightedTerm[] {
  const known = readyTerms.get(owner);
  if (known !== undefined) return known;
  const made = makeWeightedTerms(owner, cluster);
  readyTerms.set(owner, made);
  return made;
}

function makeWeightedTerms(owner: PodView, cluster: ClusterPicture): WeightedTerm[] {
  const { podAffinity, podAntiAffinity } = owner.pod.spec?.affinity ?? {};
  const ready = (sign: 1 | -1, preferred = podAffinity?.preferredDuringSchedulingIgnoredDuringExecution) =>
    (preferred ?? []).map(({ weight, podAffinityTerm }) => ({
      weight: sign * weight,
      term: readyTerm(podAffinityTerm, owner, cluster.namespaceLabels),
    }));
  return [
    ...ready(1),
    ...(podAntiAffinity === undefined
      ? []
      : ready(-1, podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? [])),
  ];
}

const podAffinity: Score = {
  name: "InterPodAffinity",
  weight: 2,
  scale: "more-is-better",
  rate(pod, nodes, cluster) {
    const points = preferencePoints(pod, cluster);
    if (points.size === 0) return undefined;
    return nodes.map((node) => {
      let sum = 0;
      for (const [key, values] of points) {
        const value = node.labels[key];
        if (value !== undefined) sum += values.get(value) ?? 0;
      }
      return sum;
    });
  },
};

const topologySpread: Score = {
  name: "PodTopologySpread",
  weight: 2,
  scale: "less-is-better",
  rate(pod, nodes, cluster) {
    const soft = spreadCounts(pod, cluster, "ScheduleAnyway");
    if (soft.length > 0) {
      return nodes.map((node) =>
        soft.reduce((sum, { constraint, domains }) => {
          const domain = node.labels[constraint.topologyKey];
          // Fewer domains weigh each pod in them more (KEP-895's normalization by the logarithm of their number).
          if (domain === undefined) return Number.POSITIVE_INFINITY;
          return sum + (domains.get(domain) ?? 0) * Math.log(domains.size + 2) + (constraint.maxSkew - 1);
        }, 0),
      );
    }
    return (pod.pod.spec?.topologySpreadConstraints ?? []).length > 0 ? undefined : siblingsOn(pod, nodes);
  },
};

/** Without constraints of its own, a controller's pod keeps away from its siblings' nodes. */
function siblingsOn(pod: PodView, nodes: readonly NodeView[]): number[] | undefined {
  const { owner } = pod;
  if (owner === undefined) return undefined;
  return nodes.map((node) => {
    let siblings = 0;
    for (const other of node.pods.values()) {
      if (other.owner === owner && other.pod.metadata.deletionTimestamp === undefined) siblings++;
    }
    return siblings;
  });
}

const imageLocality: Score = {
  name: "ImageLocality",
  weight: 1,
  scale: "more-is-better",
  rate({ pod }, nodes) {
    const images = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map(
      ({ image }) => image ?? "",
    );
    const present = nodes.map((node) => images.reduce((sum, image) => sum + (node.images.get(image) ?? 0), 0));
    return present.some((bytes) => bytes > 0) ? present : undefined;
  },
};

const SCORES: readonly Score[] = [
  leastAllocated,
  balanced,
  nodeAffinity,
  taints,
  podAffinity,
  topologySpread,
  imageLocality,
];

function scaled(points: readonly number[], how: Score["scale"]): number[] {
  if (how === "as-is") return [...points];
  const known = points.filter(Number.isFinite);
  const most = Math.max(...known);
  const least = Math.min(...known, how === "more-is-better" ? most : 0);
  const span = most - least;
  return points.map((value) => {
    if (!Number.isFinite(value)) return 0;
    if (how === "more-is-better") return span === 0 ? 0 : ((value - least) * BEST) / span;
    return span === 0 ? BEST : ((most - value) * BEST) / span;
  });
}

/** The best node; among equals, one by chance (`random` gives 0 to 1). */
export function bestNode(
  pod: PodView,
  nodes: readonly NodeView[],
  cluster: ClusterPicture,
  random: () => number = Math.random,
): NodeView {
  if (nodes.length === 1) return nodes[0]!;
  const totals = nodes.map(() => 0);
  for (const score of SCORES) {
    const points = score.rate(pod, nodes, cluster);
    if (points === undefined) continue;
    const values = scaled(points, score.scale);
    for (let at = 0; at < totals.length; at++) totals[at]! += Math.round(values[at]!) * score.weight;
  }
  const top = Math.max(...totals);
  const best = nodes.filter((_node, at) => totals[at] === top);
  return best[Math.floor(random() * best.length)]!;
}
