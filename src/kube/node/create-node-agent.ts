/** The node agent: runs the pods that are bound to this machine, directly on the engine. */

import { readFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { Slots } from "../../lib/slots.ts";
import { NODES, PODS } from "../../model/kubernetes/names.ts";
import type { ClusterPart } from "../contract.ts";
import { createEventRecorder } from "../machinery/event-recorder.ts";
import type { NodeConnection } from "./contract.ts";
import { ImagePresence } from "./image-presence.ts";
import type { NodeAgentOptions, NodeContext, RecordEvent } from "./node-context.ts";
import { registerNode } from "./node-registration.ts";
import { NodeSession } from "./node-session.ts";
import { machineAddress } from "./node-status.ts";
import { ensurePodNetwork } from "./pod-network.ts";
import { createPodStreams } from "./pod-streams.ts";
import { readUsage } from "./pod-usage.ts";

const CAP_SYS_RESOURCE = 24n;

/** A part of the cluster, and what the API server asks for the streams and figures of this node's pods. */
export function createNodeAgent(options: NodeAgentOptions): ClusterPart & NodeConnection {
  let session: NodeSession | undefined;
  const images = new ImagePresence(options.engine);
  const streams = createPodStreams(options, () => session);
  return {
    name: "node-agent",
    async run(signal) {
      const network = await ensurePodNetwork(options.engine, options.podCidr);
      const context = await nodeContext(options, images, network);
      session = new NodeSession(context);
      const registered = registerNode(context, signal);
      try {
        await Promise.all([registered, session.run(signal)]);
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        session = undefined;
      }
    },
    ...streams,
    usage: () => readUsage(options, () => session),
  };
}

async function nodeContext(
  options: NodeAgentOptions,
  images: ImagePresence,
  network: { name: string; cidr: string },
): Promise<NodeContext> {
  return {
    ...options,
    clusterDomain: options.clusterDomain ?? "cluster.local",
    nodeAddress: options.nodeAddress ?? machineAddress(),
    recordEvent: options.recordEvent ?? eventsOf(options),
    network: network.name,
    podRange: network.cidr,
    images,
    starts: new Slots(() => 2 * cpus().length + 2),
    memoryBytes: totalmem(),
    canLowerOomScore: await hasCapability(CAP_SYS_RESOURCE),
  };
}

function eventsOf({ client, nodeName }: NodeAgentOptions): RecordEvent {
  const recorder = createEventRecorder(client, "kubelet", nodeName);
  return (object, type, reason, message, fieldPath) => {
    const subject = { type: object.kind === "Node" ? NODES : PODS, object };
    recorder.record({ ...subject, ...(fieldPath === undefined ? {} : { fieldPath }) }, type, reason, message);
  };
}

async function hasCapability(bit: bigint): Promise<boolean> {
  const status = await readFile("/proc/self/status", "utf8");
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  return (mask & (1n << bit)) !== 0n;
}
