/** Enforces network policies on this node's pods: what policies, pods and namespaces say becomes elements of the kernel's sets. */

import { errorText } from "../../lib/errors.ts";
import type { Pod } from "../../model/kubernetes/core.ts";
import { NAMESPACES, NETWORK_POLICIES, PODS } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient, ClusterPart } from "../contract.ts";
import { RuleUpdates } from "../machinery/rule-updates.ts";
import { PolicyFirewall } from "./policy-firewall.ts";
import { isolatedPods, type PlacedPod } from "./policy-rules.ts";

interface PolicyOptions {
  client: ClusterClient;
  /** This node's name: only its pods are led past our rules. */
  node: string;
  /** A name for the table that no other cluster of the machine has. */
  tableName: string;
  log(message: string): void;
}

interface PolicyPart extends ClusterPart {
  /** Told of a pod's addresses before its containers start, so that it is isolated from its first moment on. */
  addressed(pod: Stored<Pod>, addresses: readonly string[]): void;
}

export function createPolicyPart(options: PolicyOptions): PolicyPart {
  /** Addresses that the API has not been told yet, by the pods' uids. */
  const ahead = new Map<string, string>();
  const running: { apply: (() => void) | undefined } = { apply: undefined };
  return {
    name: "network-policies",
    addressed(pod, [address]) {
      if (address === undefined || pod.spec?.hostNetwork) return;
      ahead.set(pod.metadata.uid, address);
      if (options.client.informer(NETWORK_POLICIES).list().length > 0) running.apply?.();
    },
    run: (signal) => run(options, ahead, running, signal),
  };
}

async function run(
  { client, node, tableName, log }: PolicyOptions,
  ahead: Map<string, string>,
  running: { apply: (() => void) | undefined },
  signal: AbortSignal,
): Promise<void> {
  const policies = client.informer(NETWORK_POLICIES);
  const pods = client.informer(PODS);
  const namespaces = client.informer(NAMESPACES);
  await Promise.all([policies.synced, pods.synced, namespaces.synced]);
  if (signal.aborted) return;
  const firewall = new PolicyFirewall(tableName);
  const isOurs = (pod: Stored<Pod>) => pod.spec?.nodeName === node && !pod.spec.hostNetwork;
  const placed = (): PlacedPod[] =>
    pods.list().flatMap((pod) => {
      const ip = pod.status?.podIP ?? ahead.get(pod.metadata.uid);
      return !isOurs(pod) || ip === undefined || isOver(pod) ? [] : [{ pod, ip }];
    });
  const labelsOf = (namespace: string) => namespaces.get(undefined, namespace)?.metadata.labels;
  const updates = new RuleUpdates({
    apply() {
      const list = policies.list();
      firewall.apply(list.length === 0 ? [] : isolatedPods(list, placed(), labelsOf));
    },
    isBehind: () => firewall.isBehind(),
    failed: (error) => log(`network policies: the kernel's rules are behind: ${errorText(error)}`),
  });
  const { soon } = updates;
  const whenNeeded = () => policies.list().length > 0 && soon();
  running.apply = () => updates.now();
  const ends = [
    policies.subscribe({ added: soon, updated: soon, deleted: soon }),
    namespaces.subscribe({ added: whenNeeded, updated: whenNeeded, deleted: whenNeeded }),
    pods.subscribe({
      added: (pod) => isOurs(pod) && whenNeeded(),
      updated: (before, pod) => isOurs(pod) && matters(before, pod) && whenNeeded(),
      deleted: (pod) => {
        ahead.delete(pod.metadata.uid);
        if (isOurs(pod)) whenNeeded();
      },
    }),
  ];
  try {
    updates.now();
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  } finally {
    updates.close();
    running.apply = undefined;
    for (const end of ends) end();
    firewall.close();
  }
}

/** Most news of a pod are of its containers. */
function matters(before: Stored<Pod>, pod: Stored<Pod>): boolean {
  return (
    before.status?.podIP !== pod.status?.podIP ||
    isOver(before) !== isOver(pod) ||
    before.spec?.nodeName !== pod.spec?.nodeName ||
    !Bun.deepEquals(before.metadata.labels, pod.metadata.labels)
  );
}

function isOver({ status }: Stored<Pod>): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}
