/**
 * Keeps pretended nodes alive and runs the pods bound to them in name only. The nodes' own objects say which they are, so
 * they are there again after a restart of the daemon.
 */

import type { Node, Pod } from "../../model/kubernetes/core.ts";
import { LEASES, NODES, PODS } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient, ClusterPart } from "../contract.ts";
import { type ControllerTools, controlLoop } from "../controllers/control-loop.ts";
import { isStatus } from "../status.ts";
import { isSimulated, wellStatus } from "./simulated-node.ts";
import { mustStart, PodAddresses, runningStatus } from "./simulated-pod.ts";

const LEASE_NAMESPACE = "kube-node-lease";
const LEASE_SECONDS = 40;
/** Well before a node counts as lost, and seldom enough for hundreds of them. */
const RENEW_MS = 20_000;
const POD_WORKERS = 16;

export function simulatorParts(tools: ControllerTools): ClusterPart[] {
  return [simulatedNodes(tools), simulatedPods(tools)];
}

function simulatedNodes(tools: ControllerTools): ClusterPart {
  return controlLoop("simulated-nodes", tools, ({ client, now }) => {
    const nodes = client.informer(NODES);
    const isLost = ({ status }: Node) =>
      status?.conditions?.some(({ type, status: value }) => type === "Ready" && value !== "True") ?? false;
    return {
      name: "simulated-nodes",
      workers: 4,
      informers: [nodes],
      watch: (enqueue) => [
        nodes.subscribe({
          added: (node) => isSimulated(node) && enqueue(node),
          updated: (before, node) => isSimulated(node) && isLost(node) && !isLost(before) && enqueue(node),
        }),
      ],
      async sync({ name }) {
        const node = nodes.get(undefined, name);
        if (node === undefined || !isSimulated(node)) return undefined;
        await renewLease(client, node, now());
        if (isLost(node)) {
          const status = wellStatus(node.status, undefined, now());
          await client.resource(NODES).patch(undefined, name, "merge", { status }, { subresource: "status" });
        }
        return RENEW_MS;
      },
    };
  });
}

async function renewLease(client: ClusterClient, { metadata }: Stored<Node>, now: number): Promise<void> {
  const { name, uid } = metadata;
  const leases = client.resource(LEASES);
  const renewTime = new Date(now).toISOString().replace("Z", "000Z");
  try {
    await leases.patch(LEASE_NAMESPACE, name, "merge", { spec: { renewTime } });
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
    const ownerReferences = [{ apiVersion: "v1", kind: "Node", name, uid }];
    await leases.create(LEASE_NAMESPACE, {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name, namespace: LEASE_NAMESPACE, ownerReferences },
      spec: { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime },
    });
  }
}

function simulatedPods(tools: ControllerTools): ClusterPart {
  return controlLoop("simulated-pods", tools, ({ client, now }) => {
    const pods = client.informer(PODS);
    const nodes = client.informer(NODES);
    const addresses = new PodAddresses();
    const nodeOf = (pod: Pod): Stored<Node> | undefined => {
      const name = pod.spec?.nodeName;
      const node = name === undefined ? undefined : nodes.get(undefined, name);
      return node !== undefined && isSimulated(node) ? node : undefined;
    };
    return {
      name: "simulated-pods",
      workers: POD_WORKERS,
      informers: [pods, nodes],
      watch(enqueue) {
        const look = (pod: Stored<Pod>) => {
          const isDue = mustStart(pod) || pod.metadata.deletionTimestamp !== undefined;
          if (nodeOf(pod) === undefined) return;
          if (pod.status?.podIP !== undefined) addresses.hold(pod, pod.status.podIP);
          if (isDue) enqueue(pod);
        };
        return [
          pods.subscribe({
            added: look,
            updated: (_before, pod) => look(pod),
            deleted: (pod) => addresses.release(pod),
          }),
        ];
      },
      async sync({ namespace, name }) {
        const pod = pods.get(namespace, name);
        const node = pod === undefined ? undefined : nodeOf(pod);
        if (pod === undefined || node === undefined) return undefined;
        const { uid, deletionTimestamp } = pod.metadata;
        if (deletionTimestamp !== undefined) {
          await client.resource(PODS).delete(namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } });
        } else if (mustStart(pod)) {
          const ip = addresses.take(pod, node.spec?.podCIDR ?? "");
          if (ip === undefined) throw new Error(`${node.metadata.name} has no address left for it`);
          await client.resource(PODS).updateStatus({ ...pod, status: runningStatus(pod, ip, now()) });
        }
        return undefined;
      },
    };
  });
}
