/** Nodes and pods for the scheduler's tests. */

import { ClusterView, type PodView, viewPod } from "../../../../src/kube/scheduler/cluster-view.ts";
import type { Node, Pod, PodSpec, Taint } from "../../../../src/model/kubernetes/core.ts";
import type { Stored } from "../../../../src/model/kubernetes/object.ts";

let serial = 0;
const meta = (name: string) => ({
  name,
  uid: `uid-${name}`,
  resourceVersion: String(++serial),
  creationTimestamp: new Date(1_700_000_000_000 + serial * 1000).toISOString(),
});

export function node(
  name: string,
  options: {
    labels?: Record<string, string>;
    cpu?: string;
    memory?: string;
    pods?: string;
    taints?: Taint[];
    unschedulable?: boolean;
  } = {},
): Stored<Node> {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { ...meta(name), labels: { "kubernetes.io/hostname": name, ...options.labels } },
    spec: {
      ...(options.taints === undefined ? {} : { taints: options.taints }),
      ...(options.unschedulable === undefined ? {} : { unschedulable: options.unschedulable }),
    },
    status: { allocatable: { cpu: options.cpu ?? "4", memory: options.memory ?? "8Gi", pods: options.pods ?? "110" } },
  };
}

export function pod(
  name: string,
  spec: Partial<PodSpec> = {},
  options: { labels?: Record<string, string>; namespace?: string; owner?: string } = {},
): Stored<Pod> {
  const ownerReferences =
    options.owner === undefined
      ? {}
      : {
          ownerReferences: [
            { apiVersion: "apps/v1", kind: "ReplicaSet", name: options.owner, uid: options.owner, controller: true },
          ],
        };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...meta(name),
      namespace: options.namespace ?? "default",
      labels: options.labels ?? {},
      ...ownerReferences,
    },
    spec: { containers: [{ name: "c", image: "x" }], ...spec },
    status: {},
  };
}

/** A spec that asks for so much. */
export function asking(requests: Record<string, string>, more: Partial<PodSpec> = {}): Partial<PodSpec> {
  return { containers: [{ name: "c", image: "x", resources: { requests } }], ...more };
}

export function cluster(
  nodes: Stored<Node>[],
  placed: [Stored<Pod>, string][] = [],
  namespaces: Record<string, Record<string, string>> = {},
): ClusterView {
  const view = new ClusterView((name) => namespaces[name] ?? {});
  for (const one of nodes) view.putNode(one);
  for (const [one, on] of placed) view.putPod(viewPod(one), on);
  return view;
}

export const seen = (one: Stored<Pod>): PodView => viewPod(one);
