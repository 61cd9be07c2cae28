/**
 * The cluster as the scheduler sees it: nodes, what is free on them, and the pods that are there or are about to be. It is
 * changed piece by piece as objects change; nothing is computed over the whole cluster again.
 */

import type { Node, Pod } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { type Amounts, addAmounts, amountsOf, type HostPort, hostPortsOf, requestsOf, weightOf } from "./pod-demand.ts";
import { type PodKind, PodKinds } from "./pod-kinds.ts";

/** A pod with what was worked out about it once. */
export interface PodView {
  readonly pod: Stored<Pod>;
  readonly priority: number;
  readonly requests: Amounts;
  readonly weight: { readonly cpu: number; readonly memory: number };
  readonly ports: readonly HostPort[];
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The uid of the controller that made it. */
  readonly owner: string | undefined;
  /** Has required terms against other pods, which bind pods that come later too. */
  readonly keepsOthersAway: boolean;
  /** Has any terms about other pods that count for those that come later. */
  readonly caresForOthers: boolean;
  /** It is on its way out. */
  readonly isEnding: boolean;
  /** The same for pods that are alike for others. */
  readonly kind: string;
}

export function viewPod(pod: Stored<Pod>): PodView {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  const { namespace = "", labels = {}, deletionTimestamp } = pod.metadata;
  const isEnding = deletionTimestamp !== undefined;
  return {
    pod,
    priority: pod.spec?.priority ?? 0,
    requests: requestsOf(pod),
    weight: weightOf(pod),
    ports: hostPortsOf(pod),
    namespace,
    labels,
    owner: pod.metadata.ownerReferences?.find((reference) => reference.controller === true)?.uid,
    keepsOthersAway: (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).length > 0,
    caresForOthers: podAffinity !== undefined || podAntiAffinity !== undefined,
    isEnding,
    kind: JSON.stringify([namespace, labels, podAffinity, podAntiAffinity, isEnding]),
  };
}

export class NodeView {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly allocatable: Amounts;
  readonly images: ReadonlyMap<string, number>;
  readonly requested: Amounts = new Map();
  /** Requests for scores. */
  readonly weight = { cpu: 0, memory: 0 };
  readonly pods = new Map<string, PodView>();

  constructor(
    readonly node: Stored<Node>,
    pods: Iterable<PodView> = [],
  ) {
    this.name = node.metadata.name;
    this.labels = node.metadata.labels ?? {};
    this.allocatable = amountsOf(node.status?.allocatable);
    this.images = new Map(
      (node.status?.images ?? []).flatMap(({ names = [], sizeBytes = 0 }) =>
        names.map((name) => [name, sizeBytes] as const),
      ),
    );
    for (const pod of pods) this.add(pod);
  }

  add(pod: PodView): void {
    const uid = pod.pod.metadata.uid;
    this.remove(uid);
    this.pods.set(uid, pod);
    this.count(pod, 1);
  }

  remove(uid: string): PodView | undefined {
    const pod = this.pods.get(uid);
    if (pod === undefined) return undefined;
    this.pods.delete(uid);
    this.count(pod, -1);
    return pod;
  }

  /** The same node with its own list of pods, to try things out on. */
  copy(): NodeView {
    return new NodeView(this.node, this.pods.values());
  }

  private count(pod: PodView, sign: 1 | -1): void {
    addAmounts(this.requested, pod.requests, sign);
    this.weight.cpu += sign * pod.weight.cpu;
    this.weight.memory += sign * pod.weight.memory;
  }
}

/** What filters and scores may look at. */
export interface ClusterPicture {
  readonly nodes: readonly NodeView[];
  node(name: string): NodeView | undefined;
  /** All pods on known nodes, those that are alike together. */
  podKinds(): Iterable<PodKind>;
  /** Labels of a namespace, for terms that select namespaces. */
  namespaceLabels(namespace: string): Readonly<Record<string, string>>;
}

export class ClusterView implements ClusterPicture {
  private readonly byName = new Map<string, NodeView>();
  /** Where each pod is counted. */
  private readonly places = new Map<string, string>();
  /** Pods on nodes that are not known (yet). */
  private readonly homeless = new Map<string, Map<string, PodView>>();
  private readonly kinds = new PodKinds();
  private list: NodeView[] | undefined;

  constructor(readonly namespaceLabels: (namespace: string) => Readonly<Record<string, string>>) {}

  get nodes(): readonly NodeView[] {
    this.list ??= [...this.byName.values()];
    return this.list;
  }

  node(name: string): NodeView | undefined {
    return this.byName.get(name);
  }

  podKinds(): Iterable<PodKind> {
    return this.kinds.all();
  }

  putNode(node: Stored<Node>): void {
    const name = node.metadata.name;
    const homeless = this.homeless.get(name);
    const pods = this.byName.get(name)?.pods ?? homeless;
    this.homeless.delete(name);
    for (const pod of homeless?.values() ?? []) this.kinds.add(pod, name);
    this.byName.set(name, new NodeView(node, pods?.values()));
    this.list = undefined;
  }

  removeNode(name: string): void {
    const node = this.byName.get(name);
    if (node === undefined) return;
    this.byName.delete(name);
    this.list = undefined;
    for (const pod of node.pods.values()) this.kinds.remove(pod, name);
    if (node.pods.size > 0) this.homeless.set(name, new Map(node.pods));
  }

  /** Counts the pod on its node, in place of what was known of it. */
  putPod(view: PodView, nodeName: string): void {
    const uid = view.pod.metadata.uid;
    this.removePod(uid);
    this.places.set(uid, nodeName);
    const node = this.byName.get(nodeName);
    if (node !== undefined) {
      node.add(view);
      this.kinds.add(view, nodeName);
      return;
    }
    const waiting = this.homeless.get(nodeName) ?? new Map<string, PodView>();
    this.homeless.set(nodeName, waiting.set(uid, view));
  }

  /** @returns true when it was counted somewhere */
  removePod(uid: string): boolean {
    const name = this.places.get(uid);
    if (name === undefined) return false;
    this.places.delete(uid);
    const homeless = this.homeless.get(name);
    if (homeless?.delete(uid) === true && homeless.size === 0) this.homeless.delete(name);
    const view = this.byName.get(name)?.remove(uid);
    if (view !== undefined) this.kinds.remove(view, name);
    return true;
  }

  /** The cluster with one node replaced, to try things out on. */
  with(changed: NodeView): ClusterPicture {
    const nodes = this.nodes.map((node) => (node.name === changed.name ? changed : node));
    return {
      nodes,
      node: (name) => (name === changed.name ? changed : this.byName.get(name)),
      podKinds() {
        const kinds = new PodKinds();
        for (const node of nodes) for (const pod of node.pods.values()) kinds.add(pod, node.name);
        return kinds.all();
      },
      namespaceLabels: this.namespaceLabels,
    };
  }
}
