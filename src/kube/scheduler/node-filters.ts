/** Filters that look at one node alone: its name, taints, labels, ports and what is free on it. */

import { type Filter, lasting, passing } from "./filter.ts";
import { podWantsNode, tolerates, untoleratedTaint } from "./node-selection.ts";
import { portsCollide } from "./pod-demand.ts";

const UNSCHEDULABLE_TAINT = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

const nodeName: Filter = {
  name: "NodeName",
  prepare({ pod }) {
    // A pod with spec.nodeName never comes here; this guards a node that was chosen before.
    const wanted = pod.spec?.nodeName;
    if (wanted === undefined || wanted === "") return undefined;
    return (node) => (node.name === wanted ? undefined : lasting("node(s) didn't match the requested node name"));
  },
};

const nodeUnschedulable: Filter = {
  name: "NodeUnschedulable",
  prepare({ pod }) {
    const isTolerated = (pod.spec?.tolerations ?? []).some((toleration) => tolerates(toleration, UNSCHEDULABLE_TAINT));
    if (isTolerated) return undefined;
    return ({ node }) => (node.spec?.unschedulable === true ? lasting("node(s) were unschedulable") : undefined);
  },
};

const taintToleration: Filter = {
  name: "TaintToleration",
  prepare({ pod }) {
    const tolerations = pod.spec?.tolerations ?? [];
    return ({ node }) => {
      const taints = node.spec?.taints;
      if (taints === undefined) return undefined;
      const taint = untoleratedTaint(taints, tolerations, ["NoSchedule", "NoExecute"]);
      return taint && lasting(`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ""}}`);
    };
  },
};

const nodeAffinity: Filter = {
  name: "NodeAffinity",
  prepare({ pod }) {
    const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    if (required === undefined && Object.keys(pod.spec?.nodeSelector ?? {}).length === 0) return undefined;
    return (node) =>
      podWantsNode(pod, node) ? undefined : lasting("node(s) didn't match Pod's node affinity/selector");
  },
};

const nodePorts: Filter = {
  name: "NodePorts",
  prepare({ ports }) {
    if (ports.length === 0) return undefined;
    return (node) => {
      for (const other of node.pods.values()) {
        if (other.ports.some((taken) => ports.some((port) => portsCollide(port, taken))))
          return passing("node(s) didn't have free ports for the requested pod ports");
      }
      return undefined;
    };
  },
};

const nodeResources: Filter = {
  name: "NodeResourcesFit",
  prepare({ requests }) {
    const asked = [...requests].filter(([, amount]) => amount > 0);
    return (node) => {
      if (node.pods.size + 1 > (node.allocatable.get("pods") ?? 0)) return passing("Too many pods");
      for (const [name, amount] of asked) {
        const allocatable = node.allocatable.get(name) ?? 0;
        if (amount <= allocatable - (node.requested.get(name) ?? 0)) continue;
        return amount > allocatable ? lasting(`Insufficient ${name}`) : passing(`Insufficient ${name}`);
      }
      return undefined;
    };
  },
};

/** In the order in which they are asked: the cheap and decisive ones first. */
export const NODE_FILTERS: readonly Filter[] = [
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResources,
];
