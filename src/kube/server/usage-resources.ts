/** metrics.k8s.io: what nodes and pods use, measured between two readings of their cgroups, with no add-on. */
import type { Node, Pod } from "../../model/kubernetes/core.ts";
import { NODES, PODS } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import type { NodeConnection, NodeUsage, PodUsage } from "../node/contract.ts";
import { notFound } from "../status.ts";
import { UsageReadings } from "./usage-readings.ts";
import { selectorOf, type VirtualRequest, type VirtualResource } from "./virtual-resources.ts";

const PLACE = { group: "metrics.k8s.io", version: "v1beta1" };
const API_VERSION = "metrics.k8s.io/v1beta1";

/** CPU in cores, memory in bytes, over the window that ended at `at`. */
export interface Rate<T> {
  usage: T;
  at: number;
  windowMs: number;
  cores: Map<string, number>;
}

export function usageResources(
  client: ClusterClient,
  nodeOf: (nodeName: string) => NodeConnection | undefined,
): VirtualResource[] {
  const readings = new UsageReadings(client, nodeOf);
  const nodes: VirtualResource = {
    ...PLACE,
    resource: "nodes",
    singular: "node",
    kind: "NodeMetrics",
    namespaced: false,
    verbs: {
      get: async ({ attributes }) => {
        const node = client.informer(NODES).get(undefined, attributes.name);
        const rate = node === undefined ? undefined : await readings.node(node.metadata.name);
        if (node === undefined || rate === undefined) throw notMeasured("nodes", attributes.name);
        return nodeMetrics(node, rate);
      },
      list: async ({ query }) => {
        const selected = client.informer(NODES).list().filter(selectorOf(query));
        const rates = await Promise.all(
          selected.map(async (node) => [node, await readings.node(node.metadata.name)] as const),
        );
        const items = rates.flatMap(([node, rate]) => (rate === undefined ? [] : [nodeMetrics(node, rate)]));
        return { kind: "NodeMetricsList", apiVersion: API_VERSION, metadata: {}, items };
      },
    },
  };
  const pods: VirtualResource = {
    ...PLACE,
    resource: "pods",
    singular: "pod",
    kind: "PodMetrics",
    namespaced: true,
    verbs: {
      get: async ({ attributes }) => {
        const pod = client.informer(PODS).get(attributes.namespace, attributes.name);
        const rate = pod === undefined ? undefined : await readings.pod(pod);
        if (pod === undefined || rate === undefined) throw notMeasured("pods", attributes.name, attributes.namespace);
        return podMetrics(pod, rate);
      },
      list: async (request) => ({
        kind: "PodMetricsList",
        apiVersion: API_VERSION,
        metadata: {},
        items: await listPods(client, readings, request),
      }),
    },
  };
  return [nodes, pods];
}

async function listPods(client: ClusterClient, readings: UsageReadings, { attributes, query }: VirtualRequest) {
  const selected = client
    .informer(PODS)
    .list(attributes.namespace === "" ? undefined : attributes.namespace)
    .filter(selectorOf(query));
  const rates = await Promise.all(selected.map(async (pod) => [pod, await readings.pod(pod)] as const));
  return rates.flatMap(([pod, rate]) => (rate === undefined ? [] : [podMetrics(pod, rate)]));
}

function notMeasured(resource: string, name: string, namespace?: string) {
  return notFound(PLACE.group, resource, namespace === undefined ? name : `${namespace}/${name}`);
}

function nodeMetrics({ metadata }: Stored<Node>, { usage, at, windowMs, cores }: Rate<NodeUsage>) {
  return {
    kind: "NodeMetrics",
    apiVersion: API_VERSION,
    metadata: { name: metadata.name, labels: metadata.labels, creationTimestamp: timeText(at) },
    timestamp: timeText(at),
    window: windowText(windowMs),
    usage: amounts(cores.get("") ?? 0, usage.memoryBytes),
  };
}

function podMetrics({ metadata }: Stored<Pod>, { usage, at, windowMs, cores }: Rate<PodUsage>) {
  const { name, namespace, labels } = metadata;
  return {
    kind: "PodMetrics",
    apiVersion: API_VERSION,
    metadata: { name, namespace, labels, creationTimestamp: timeText(at) },
    timestamp: timeText(at),
    window: windowText(windowMs),
    containers: usage.containers.map((container) => ({
      name: container.name,
      usage: amounts(cores.get(container.name) ?? 0, container.memoryBytes),
    })),
  };
}

function amounts(cores: number, memoryBytes: number): { cpu: string; memory: string } {
  return { cpu: `${Math.round(cores * 1e9)}n`, memory: `${Math.round(memoryBytes / 1024)}Ki` };
}

function timeText(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

function windowText(ms: number): string {
  return `${(ms / 1000).toFixed(3)}s`;
}
