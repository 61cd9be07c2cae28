/** What a daemon set does next: one pod a node, and how an update goes over the nodes. Pure. */

import type { DaemonSet, DaemonSetStatus } from "../../../model/kubernetes/apps.ts";
import type { Node, Pod } from "../../../model/kubernetes/core.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { intOrPercent } from "../int-or-percent.ts";
import { isAvailable, isReady, isTerminating } from "../pod-state.ts";
import { type Fit, nodeFit, targetNode } from "./node-fit.ts";

const REVISION_LABEL = "controller-revision-hash";

export interface DaemonPlan {
  /** Names of nodes that get a pod. */
  create: string[];
  remove: Stored<Pod>[];
  /** Pods that ended: they are removed, but slowly where they end again and again. */
  ended: { pod: Stored<Pod>; node: string; phase: "Failed" | "Succeeded" }[];
}

interface NodePods {
  node: string;
  fit: Fit;
  pods: Stored<Pod>[];
}

interface View {
  set: DaemonSet;
  /** The hash of the present template's revision. */
  hash: string;
  nodes: NodePods[];
  now: number;
}

function viewOf(
  set: DaemonSet,
  nodes: readonly Stored<Node>[],
  byNode: Map<string, Stored<Pod>[]>,
  hash: string,
  now: number,
): View {
  const views = nodes.map((node) => {
    const name = node.metadata.name;
    return { node: name, fit: nodeFit(set, node), pods: [...(byNode.get(name) ?? [])].sort(byAge) };
  });
  return { set, hash, nodes: views, now };
}

function byAge(a: Stored<Pod>, b: Stored<Pod>): number {
  const left = `${a.metadata.creationTimestamp} ${a.metadata.name}`;
  return left < `${b.metadata.creationTimestamp} ${b.metadata.name}` ? -1 : 1;
}

/** Pods by the node for which they were made. */
function podsByNode(pods: readonly Stored<Pod>[]): Map<string, Stored<Pod>[]> {
  const map = new Map<string, Stored<Pod>[]>();
  for (const pod of pods) {
    const node = targetNode(pod) ?? "";
    map.set(node, [...(map.get(node) ?? []), pod]);
  }
  return map;
}

/** @param pods that the set controls */
export function planDaemons(
  set: DaemonSet,
  nodes: readonly Stored<Node>[],
  pods: readonly Stored<Pod>[],
  hash: string,
  now: number,
): DaemonPlan {
  const byNode = podsByNode(pods);
  const view = viewOf(set, nodes, byNode, hash, now);
  const plan: DaemonPlan = { create: [], remove: [], ended: [] };
  for (const each of view.nodes) planNode(view, each, plan);
  // Pods whose node is gone and that were never bound; bound ones are collected with their node.
  const known = new Set(nodes.map((node) => node.metadata.name));
  for (const [node, lost] of byNode) {
    if (known.has(node)) continue;
    plan.remove.push(...lost.filter((pod) => (pod.spec?.nodeName ?? "") === "" && !isTerminating(pod)));
  }
  if (set.spec?.updateStrategy?.type !== "OnDelete") planUpdate(view, plan);
  return plan;
}

function isOfHash(view: View, pod: Pod): boolean {
  return pod.metadata.labels?.[REVISION_LABEL] === view.hash;
}

function isUp(view: View, pod: Pod): boolean {
  return isAvailable(pod, view.set.spec?.minReadySeconds ?? 0, view.now) && !isTerminating(pod);
}

function maxSurge(view: View): number {
  const desired = view.nodes.filter((each) => each.fit.shouldRun).length;
  return intOrPercent(view.set.spec?.updateStrategy?.rollingUpdate?.maxSurge, desired, "up");
}

function maxUnavailable(view: View): number {
  const desired = view.nodes.filter((each) => each.fit.shouldRun).length;
  const rolling = view.set.spec?.updateStrategy?.rollingUpdate;
  return intOrPercent(rolling?.maxUnavailable ?? (maxSurge(view) > 0 ? 0 : 1), desired, "up");
}

function planNode(view: View, { node, fit, pods }: NodePods, plan: DaemonPlan): void {
  if (!fit.shouldStay) {
    plan.remove.push(...pods.filter((pod) => !isTerminating(pod)));
    return;
  }
  if (fit.shouldRun && pods.length === 0) {
    plan.create.push(node);
    return;
  }
  const running: Stored<Pod>[] = [];
  for (const pod of pods) {
    if (isTerminating(pod)) continue;
    const phase = pod.status?.phase;
    if (phase === "Failed" || phase === "Succeeded") plan.ended.push({ pod, node, phase });
    else running.push(pod);
  }
  if (running.length <= 1) return;
  if (maxSurge(view) === 0) plan.remove.push(...running.slice(1));
  else plan.remove.push(...surplusInSurge(view, running));
}

/** With surge a node may have one pod of the new template beside one of the old, until the new one is available. */
function surplusInSurge(view: View, running: readonly Stored<Pod>[]): Stored<Pod>[] {
  const fresh = running.find((pod) => isOfHash(view, pod));
  const old = running.find((pod) => !isOfHash(view, pod));
  const surplus = running.filter((pod) => pod !== fresh && pod !== old);
  if (fresh !== undefined && old !== undefined && (!isReady(old) || isUp(view, fresh))) surplus.push(old);
  return surplus;
}

/** The pods of a node by template; undefined where an update is at work that cannot be told apart. */
function newAndOld(view: View, pods: readonly Stored<Pod>[]): { fresh?: Stored<Pod>; old?: Stored<Pod> } | undefined {
  const fresh = pods.filter((pod) => isOfHash(view, pod) && !isTerminating(pod));
  const old = pods.filter((pod) => !isOfHash(view, pod) && !isTerminating(pod));
  if (fresh.length > 1 || old.length > 1) return undefined;
  if (fresh.length === 0 && old.length === 0 && pods.length > 0) return undefined;
  return { ...(fresh[0] === undefined ? {} : { fresh: fresh[0] }), ...(old[0] === undefined ? {} : { old: old[0] }) };
}

function planUpdate(view: View, plan: DaemonPlan): void {
  if (maxSurge(view) > 0) planSurge(view, plan);
  else planReplacement(view, plan);
}

/** Old pods go first, as many as may be unavailable; ones that are not available anyway go at once. */
function planReplacement(view: View, plan: DaemonPlan): void {
  const going = new Set(plan.remove);
  let unavailable = 0;
  const atOnce: Stored<Pod>[] = [];
  const candidates: Stored<Pod>[] = [];
  for (const { fit, pods } of view.nodes) {
    const found = newAndOld(view, pods);
    if (found === undefined) {
      unavailable++;
      continue;
    }
    const { fresh, old } = found;
    if (fresh === undefined && old === undefined) {
      if (fit.shouldRun) unavailable++;
    } else if (fresh !== undefined) {
      if (!isUp(view, fresh)) unavailable++;
    } else if (old !== undefined && !going.has(old)) {
      if (isUp(view, old)) candidates.push(old);
      else {
        atOnce.push(old);
        unavailable++;
      }
    }
  }
  const room = Math.max(0, maxUnavailable(view) - unavailable);
  plan.remove.push(...atOnce, ...candidates.slice(0, room));
}

/** New pods come first, beside the old ones. */
function planSurge(view: View, plan: DaemonPlan): void {
  let surging = 0;
  const atOnce: string[] = [];
  const candidates: string[] = [];
  for (const { node, pods, fit } of view.nodes) {
    const found = newAndOld(view, pods);
    if (found === undefined) {
      surging++;
      continue;
    }
    const { fresh, old } = found;
    if (old === undefined) continue;
    if (fresh !== undefined) {
      if (!isUp(view, fresh)) surging++;
    } else if (fit.shouldRun) {
      if (isUp(view, old)) candidates.push(node);
      else atOnce.push(node);
    }
  }
  const room = Math.max(0, maxSurge(view) - surging);
  plan.create.push(...[...atOnce, ...candidates.slice(0, room)].filter((node) => !plan.create.includes(node)));
}

export function daemonStatus(
  set: DaemonSet,
  nodes: readonly Stored<Node>[],
  pods: readonly Stored<Pod>[],
  hash: string,
  now: number,
  collisionCount: number,
): DaemonSetStatus {
  const view = viewOf(set, nodes, podsByNode(pods), hash, now);
  const status = { current: 0, desired: 0, misplaced: 0, ready: 0, available: 0, updated: 0 };
  for (const { fit, pods: here } of view.nodes) {
    const living = here.filter((pod) => !isTerminating(pod));
    if (!fit.shouldRun) {
      if (living.length > 0) status.misplaced++;
      continue;
    }
    status.desired++;
    if (living.length === 0) continue;
    status.current++;
    if (living.some((pod) => isReady(pod))) status.ready++;
    if (living.some((pod) => isUp(view, pod))) status.available++;
    if (living.some((pod) => isOfHash(view, pod))) status.updated++;
  }
  const optional = {
    numberAvailable: status.available,
    numberUnavailable: status.desired - status.available,
    updatedNumberScheduled: status.updated,
    collisionCount,
  };
  return {
    currentNumberScheduled: status.current,
    desiredNumberScheduled: status.desired,
    numberMisscheduled: status.misplaced,
    numberReady: status.ready,
    observedGeneration: set.metadata.generation,
    ...(set.status?.conditions === undefined ? {} : { conditions: set.status.conditions }),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value > 0)),
  };
}
