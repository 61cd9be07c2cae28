/** The node's own object and its lease: made when they are missing, renewed while the agent runs. */

import { mkdir } from "node:fs/promises";
import { errorText } from "../../lib/errors.ts";
import type { Node } from "../../model/kubernetes/core.ts";
import { LEASES, NODES } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { sameJson } from "../machinery/copy.ts";
import { isStatus } from "../status.ts";
import type { NodeContext } from "./node-context.ts";
import { readPressure } from "./node-pressure.ts";
import { machineName, nodeStatus } from "./node-status.ts";

const LEASE_NAMESPACE = "kube-node-lease";
const LEASE_SECONDS = 40;
const RENEW_MS = 10_000;
/** The status is told again so often even when nothing has changed. */
const STATUS_MS = 300_000;
const RETRY_MS = 1000;

/** Resolves when the node is there and ready; goes on renewing until the signal. */
export async function registerNode(context: NodeContext, signal: AbortSignal): Promise<void> {
  await untilDone(context, signal, () => writeNode(context));
  let told = await readPressure(context.dataRoot);
  repeat(context, signal, RENEW_MS, async () => {
    await renewLease(context);
    const now = await readPressure(context.dataRoot);
    if (isDoubted(context) || !sameJson(now, told)) await writeNode(context);
    told = now;
  });
  repeat(context, signal, STATUS_MS, () => writeNode(context));
  // Without the namespace yet the next renewal makes it.
  await renewLease(context).catch(() => {});
}

async function untilDone(context: NodeContext, signal: AbortSignal, action: () => Promise<void>): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      await action();
      return;
    } catch (error) {
      context.log.warn(`node ${context.nodeName} is not registered yet: ${errorText(error)}`);
      await Bun.sleep(RETRY_MS);
    }
  }
}

function repeat(context: NodeContext, signal: AbortSignal, ms: number, action: () => Promise<void>): void {
  if (signal.aborted) return;
  const timer = setInterval(() => {
    action().catch((error) => {
      if (!signal.aborted) context.log.warn(`node ${context.nodeName} was not renewed: ${errorText(error)}`);
    });
  }, ms);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

async function writeNode(context: NodeContext): Promise<void> {
  const { client, nodeName, nodeAddress, dataRoot, engine } = context;
  const nodes = client.resource(NODES);
  const images = await engine.images.list({ all: false, filters: new Map(), sharedSize: false });
  await mkdir(dataRoot, { recursive: true, mode: 0o750 });
  const pressure = await readPressure(dataRoot);
  const facts = { name: nodeName, address: nodeAddress, dataRoot, images, pressure, now: Date.now() };
  const known = await nodes.get(undefined, nodeName).catch((error) => {
    if (isStatus(error, "NotFound")) return undefined;
    throw error;
  });
  const node = known ?? (await nodes.create(undefined, await newNode(context)));
  const present = await withLabels(context, node);
  await nodes.updateStatus({ ...present, status: await nodeStatus(present.status, facts) });
}

async function newNode(context: NodeContext): Promise<Node> {
  const { nodeName, podRange: podCidr } = context;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: nodeName, labels: nodeLabels(nodeName) },
    spec: { podCIDR: podCidr, podCIDRs: [podCidr] },
  };
}

function nodeLabels(name: string): Record<string, string> {
  const machine = machineName();
  return {
    "beta.kubernetes.io/arch": machine,
    "beta.kubernetes.io/os": "linux",
    "kubernetes.io/arch": machine,
    "kubernetes.io/hostname": name,
    "kubernetes.io/os": "linux",
    "node-role.kubernetes.io/control-plane": "",
  };
}

/** A machine that came back may have other pods' addresses than before. */
async function withLabels(
  { client, nodeName, podRange: podCidr }: NodeContext,
  node: Stored<Node>,
): Promise<Stored<Node>> {
  const labels = nodeLabels(nodeName);
  const isMissing = Object.entries(labels).some(([key, value]) => node.metadata.labels?.[key] !== value);
  if (!isMissing && node.spec?.podCIDR === podCidr) return node;
  return client
    .resource(NODES)
    .patch(undefined, nodeName, "merge", { metadata: { labels }, spec: { podCIDR: podCidr, podCIDRs: [podCidr] } });
}

/** The cluster took the node for lost (the machine slept, the API was away): it is told anew that it is well. */
function isDoubted({ client, nodeName }: NodeContext): boolean {
  const conditions = client.informer(NODES).get(undefined, nodeName)?.status?.conditions ?? [];
  return conditions.some(({ type, status }) => type === "Ready" && status !== "True");
}

async function renewLease({ client, nodeName }: NodeContext): Promise<void> {
  const leases = client.resource(LEASES);
  const now = new Date().toISOString().replace("Z", "000Z");
  try {
    await leases.patch(LEASE_NAMESPACE, nodeName, "merge", { spec: { renewTime: now } });
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
    const node = client.informer(NODES).get(undefined, nodeName);
    await leases.create(LEASE_NAMESPACE, {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: {
        name: nodeName,
        namespace: LEASE_NAMESPACE,
        ...(node === undefined
          ? {}
          : { ownerReferences: [{ apiVersion: "v1", kind: "Node", name: nodeName, uid: node.metadata.uid }] }),
      },
      spec: { holderIdentity: nodeName, leaseDurationSeconds: LEASE_SECONDS, renewTime: now },
    });
  }
}
