/** A filter's shape: it makes itself ready for a pod, then judges node by node. */

import type { ClusterPicture, NodeView, PodView } from "./cluster-view.ts";

export interface Refusal {
  /** In kube-scheduler's words: users search for them. */
  readonly reason: string;
  /** True: it would be over if pods left the node, so preemption may help. */
  readonly mayEnd: boolean;
}

export interface Filter {
  readonly name: string;
  /** Undefined when the filter has nothing to say of this pod. */
  prepare(pod: PodView, cluster: ClusterPicture): ((node: NodeView) => Refusal | undefined) | undefined;
}

export const lasting = (reason: string): Refusal => ({ reason, mayEnd: false });
export const passing = (reason: string): Refusal => ({ reason, mayEnd: true });
