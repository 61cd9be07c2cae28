/** Finds a node for a pod: filters, then scores. Nothing is changed here. */

import type { ClusterPicture, NodeView, PodView } from "./cluster-view.ts";
import type { Filter, Refusal } from "./filter.ts";
import { bestNode } from "./scores.ts";

export interface Verdict extends Refusal {
  readonly filter: string;
}
export type Placement =
  | { readonly node: NodeView }
  /** Why each node was refused. */
  | { readonly node: undefined; readonly refusals: ReadonlyMap<string, Verdict> };

type Judge = (node: NodeView) => Verdict | undefined;

/** The filters made ready for a pod. */
export function judgeOf(filters: readonly Filter[], pod: PodView, cluster: ClusterPicture): Judge {
  const ready = filters.flatMap((filter) => {
    const test = filter.prepare(pod, cluster);
    return test === undefined ? [] : [{ name: filter.name, test }];
  });
  return (node) => {
    for (const { name, test } of ready) {
      const refusal = test(node);
      if (refusal !== undefined) return { ...refusal, filter: name };
    }
    return undefined;
  };
}

/**
 * How many nodes that would do are enough to choose from: all of a small cluster, a falling share of a large one (kube-scheduler's
 * percentageOfNodesToScore, by default 50 % less one for each 125 nodes, at least 5 %).
 */
export function enoughNodes(count: number): number {
  if (count < 100) return count;
  const percent = Math.max(5, 50 - Math.floor(count / 125));
  return Math.max(100, Math.floor((count * percent) / 100));
}

/**
 * @param from where in the list of nodes to begin, so that all get their turn
 * @param reserved pods of no lower priority that a node was promised to by preemption
 */
export function placePod(
  pod: PodView,
  cluster: ClusterPicture,
  filters: readonly Filter[],
  options: { from?: number; reserved?(node: string): readonly PodView[]; random?(): number } = {},
): Placement {
  const { nodes } = cluster;
  const judge = judgeOf(filters, pod, cluster);
  const wanted = enoughNodes(nodes.length);
  const fitting: NodeView[] = [];
  const refusals = new Map<string, Verdict>();
  for (let at = 0; at < nodes.length && fitting.length < wanted; at++) {
    const node = nodes[((options.from ?? 0) + at) % nodes.length]!;
    const verdict = judge(withReserved(node, options.reserved?.(node.name)));
    if (verdict === undefined) fitting.push(node);
    else refusals.set(node.name, verdict);
  }
  if (fitting.length === 0) return { node: undefined, refusals };
  return { node: bestNode(pod, fitting, cluster, options.random) };
}

function withReserved(node: NodeView, reserved: readonly PodView[] | undefined): NodeView {
  if (reserved === undefined || reserved.length === 0) return node;
  const fuller = node.copy();
  for (const pod of reserved) fuller.add(pod);
  return fuller;
}

/** "1 Insufficient cpu, 2 node(s) were unschedulable." */
export function sumOfReasons(reasons: Iterable<string>): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return `${[...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(", ")}.`;
}

/** "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable." */
export function refusalMessage(nodeCount: number, refusals: ReadonlyMap<string, Refusal>): string {
  if (nodeCount === 0) return "no nodes available to schedule pods";
  const reasons = [...refusals.values()].map(({ reason }) => reason);
  return `0/${nodeCount} nodes are available: ${sumOfReasons(reasons)}`;
}
