/** What a node's silence and its conditions mean: conditions that nobody knows, and taints. Pure. */

import type { Node, NodeCondition, Taint } from "../../../model/kubernetes/core.ts";
import { timestamp } from "../../machinery/core.ts";

/** A node that has not renewed its lease for so long is out of reach. */
export const GRACE_MS = 50_000;

const WATCHED = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];
const NOT_READY = "node.kubernetes.io/not-ready";
const UNREACHABLE = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE = "node.kubernetes.io/unschedulable";
const PRESSURES: Record<string, string> = {
  MemoryPressure: "node.kubernetes.io/memory-pressure",
  DiskPressure: "node.kubernetes.io/disk-pressure",
  PIDPressure: "node.kubernetes.io/pid-pressure",
  NetworkUnavailable: "node.kubernetes.io/network-unavailable",
};
const OWN_KEYS = new Set([NOT_READY, UNREACHABLE, UNSCHEDULABLE, ...Object.values(PRESSURES)]);

/** "True", "False", "Unknown"; undefined for a node that is just being made and has not told anything. */
export function readyStatus(node: Node): string | undefined {
  return node.status?.conditions?.find((condition) => condition.type === "Ready")?.status;
}

/** The conditions of a node that is silent: nobody knows. Undefined when they say so already. */
export function silentConditions(node: Node, now: number): NodeCondition[] | undefined {
  const present = node.status?.conditions ?? [];
  const missing = WATCHED.filter((type) => !present.some((condition) => condition.type === type));
  const stale = present.filter((condition) => WATCHED.includes(condition.type) && condition.status !== "Unknown");
  if (missing.length === 0 && stale.length === 0) return undefined;
  const at = timestamp(now);
  const changed = present.map((condition) =>
    stale.includes(condition)
      ? {
          ...condition,
          status: "Unknown",
          reason: "NodeStatusUnknown",
          message: "Kubelet stopped posting node status.",
          lastTransitionTime: at,
        }
      : condition,
  );
  const added = missing.map((type) => ({
    type,
    status: "Unknown",
    reason: "NodeStatusNeverUpdated",
    message: "Kubelet never posted node status.",
    lastHeartbeatTime: node.metadata.creationTimestamp ?? at,
    lastTransitionTime: at,
  }));
  return [...changed, ...added];
}

/** The taints that the node shall have: those of its conditions, and what others have put on it. Undefined when they are right. */
export function healthTaints(node: Node, now: number): Taint[] | undefined {
  const present = node.spec?.taints ?? [];
  const wanted = wantedTaints(node);
  const isSame = (a: Taint, b: Taint) => a.key === b.key && a.effect === b.effect;
  const kept = present.filter((taint) => !OWN_KEYS.has(taint.key) || wanted.some((each) => isSame(each, taint)));
  const added = wanted.filter((taint) => !present.some((each) => isSame(each, taint)));
  if (kept.length === present.length && added.length === 0) return undefined;
  return [...kept, ...added.map((taint) => ({ ...taint, timeAdded: timestamp(now) }))];
}

function wantedTaints(node: Node): Taint[] {
  const taints: Taint[] = [];
  const ready = readyStatus(node);
  const key = ready === "False" ? NOT_READY : ready === "Unknown" ? UNREACHABLE : undefined;
  if (key !== undefined) taints.push({ key, effect: "NoSchedule" }, { key, effect: "NoExecute" });
  for (const { type, status } of node.status?.conditions ?? []) {
    const pressure = PRESSURES[type];
    if (pressure !== undefined && status === "True") taints.push({ key: pressure, effect: "NoSchedule" });
  }
  if (node.spec?.unschedulable === true) taints.push({ key: UNSCHEDULABLE, effect: "NoSchedule" });
  return taints;
}
