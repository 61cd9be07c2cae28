/**
 * Pods that are alike for others: of one namespace, with the same labels and the same terms. Terms are matched against kinds, of which there are about as many as
 * workloads, not against each pod.
 */

import type { PodView } from "./cluster-view.ts";

export interface PodKind {
  /** One of them. */
  readonly sample: PodView;
  /** How many of them lie on each node. */
  readonly nodes: ReadonlyMap<string, number>;
}

export class PodKinds {
  private readonly kinds = new Map<string, { sample: PodView; nodes: Map<string, number> }>();

  add(pod: PodView, node: string): void {
    const kind = this.kinds.get(pod.kind) ?? { sample: pod, nodes: new Map<string, number>() };
    this.kinds.set(pod.kind, kind);
    kind.nodes.set(node, (kind.nodes.get(node) ?? 0) + 1);
  }

  remove(pod: PodView, node: string): void {
    const kind = this.kinds.get(pod.kind);
    const left = (kind?.nodes.get(node) ?? 0) - 1;
    if (kind === undefined) return;
    if (left > 0) kind.nodes.set(node, left);
    else kind.nodes.delete(node);
    if (kind.nodes.size === 0) this.kinds.delete(pod.kind);
  }

  all(): Iterable<PodKind> {
    return this.kinds.values();
  }
}
