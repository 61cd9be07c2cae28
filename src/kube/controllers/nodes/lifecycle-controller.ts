/** Watches over nodes: who is silent is out of reach, what ails a node is told as taints, its pods are no longer ready. */

import type { Node, Pod } from "../../../model/kubernetes/core.ts";
import { LEASES, NODES, PODS } from "../../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterPart, Informer } from "../../contract.ts";
import { timestamp } from "../../machinery/core.ts";
import type { EventRecorder } from "../../machinery/event-recorder.ts";
import { isStatus } from "../../status.ts";
import { type Controller, type ControllerTools, controlLoop } from "../control-loop.ts";
import { isReady } from "../pod-state.ts";
import { untilSeen } from "../seen-writes.ts";
import { GRACE_MS, healthTaints, readyStatus, silentConditions } from "./node-health.ts";
import { indexByNode, podsOn } from "./pods-on-node.ts";

const NAME = "node-controller";
const LEASE_NAMESPACE = "kube-node-lease";
/** Nodes are looked at more often than this. */
const LONG_SLEEP_MS = GRACE_MS + 20_000;
type Tools = ControllerTools & { events: EventRecorder };

export function nodeLifecycleController(tools: ControllerTools): ClusterPart {
  return controlLoop(NAME, tools, makeController);
}

function makeController(tools: Tools): Controller {
  const nodes = tools.client.informer(NODES);
  const leases = tools.client.informer(LEASES);
  const pods = tools.client.informer(PODS);
  /** When each node was last heard of, by this process' clock: the nodes' own may be wrong. */
  const heard = new Map<string, number>();
  const lookedAt = new Map<string, number>();
  indexByNode(pods);
  return {
    name: NAME,
    workers: 2,
    informers: [nodes, leases, pods] as unknown as Informer<KubeObject>[],
    watch: (enqueue) => [
      nodes.subscribe({
        added: (node) => {
          heard.set(node.metadata.name, tools.now());
          const text = `Node ${node.metadata.name} event: Registered Node ${node.metadata.name} in Controller`;
          tools.events.record({ type: NODES, object: node }, "Normal", "RegisteredNode", text);
          enqueue(node);
        },
        updated: (before, node) => {
          if (heartbeat(before) !== heartbeat(node)) heard.set(node.metadata.name, tools.now());
          enqueue(node);
        },
        deleted: (node) => {
          heard.delete(node.metadata.name);
          lookedAt.delete(node.metadata.name);
          const text = `Node ${node.metadata.name} event: Removing Node ${node.metadata.name} from Controller`;
          tools.events.record({ type: NODES, object: node }, "Normal", "RemovingNode", text);
        },
      }),
      leases.subscribe({
        updated: (_, { metadata }) => {
          if (metadata.namespace === LEASE_NAMESPACE) heard.set(metadata.name, tools.now());
        },
      }),
    ],
    async sync({ name }) {
      const node = nodes.get(undefined, name);
      if (node === undefined) return undefined;
      const now = tools.now();
      // This process itself has slept: the node must be given time to be heard again.
      if (now - (lookedAt.get(name) ?? now) > LONG_SLEEP_MS) heard.set(name, now);
      lookedAt.set(name, now);
      return syncOne(tools, node, heard.get(name) ?? now, pods);
    },
  };
}

function heartbeat(node: Node): string | undefined {
  return node.status?.conditions?.find((condition) => condition.type === "Ready")?.lastHeartbeatTime;
}

async function syncOne(tools: Tools, found: Stored<Node>, heardAt: number, pods: Informer<Pod>): Promise<number> {
  let node = found;
  const left = heardAt + GRACE_MS - tools.now();
  const conditions = left > 0 ? undefined : silentConditions(node, tools.now());
  if (conditions !== undefined) {
    node = await tools.client.resource(NODES).updateStatus({ ...node, status: { ...node.status, conditions } });
    const text = `Node ${node.metadata.name} status is now: NodeNotReady`;
    tools.events.record({ type: NODES, object: node }, "Normal", "NodeNotReady", text);
  }
  const taints = healthTaints(node, tools.now());
  if (taints !== undefined) {
    node = await tools.client.resource(NODES).update({ ...node, spec: { ...node.spec, taints } });
  }
  await untilSeen(tools.client.informer(NODES), [node]);
  const ready = readyStatus(node);
  if (ready === "False" || ready === "Unknown") {
    for (const pod of podsOn(pods, node.metadata.name)) if (isReady(pod)) await tellUnready(tools, pod);
  }
  return Math.max(left, GRACE_MS / 5);
}

/** Nobody can say whether the pod still serves: services leave it out. */
async function tellUnready(tools: Tools, pod: Stored<Pod>): Promise<void> {
  const conditions = (pod.status?.conditions ?? []).map((condition) =>
    condition.type === "Ready"
      ? { ...condition, status: "False", lastTransitionTime: timestamp(tools.now()) }
      : condition,
  );
  try {
    await tools.client.resource(PODS).updateStatus({ ...pod, status: { ...pod.status, conditions } });
    tools.events.record({ type: PODS, object: pod }, "Warning", "NodeNotReady", "Node is not ready");
  } catch (error) {
    if (!isStatus(error, "NotFound", "Conflict")) throw error;
  }
}
