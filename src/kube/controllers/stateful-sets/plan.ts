/** What a stateful set does next with its pods: strictly one after the other, or all at once. Pure. */

import type { StatefulSet } from "../../../model/kubernetes/apps.ts";
import type { Pod } from "../../../model/kubernetes/core.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { hasEnded, isAvailable, isReady, isTerminating } from "../pod-state.ts";
import { CONTROLLER_REVISION_HASH, hasIdentity, ordinalOf, ordinals } from "./identity.ts";

export type PodAction =
  | { action: "create"; ordinal: number; revision: string }
  /** The pod has ended, though it should run for ever: it makes room for one of its name. */
  | { action: "recreate"; pod: Stored<Pod> }
  | { action: "delete"; pod: Stored<Pod>; why: "scaled down" | "updated" }
  /** Labels that tell its identity were changed by somebody. */
  | { action: "repair"; pod: Stored<Pod> };

export interface Revisions {
  current: string;
  update: string;
}

export function revisionOf(pod: Pod): string | undefined {
  return pod.metadata.labels?.[CONTROLLER_REVISION_HASH];
}

/** The revision in which a pod of that number is made while an update is under way. */
function revisionFor(set: StatefulSet, ordinal: number, revisions: Revisions): string {
  const strategy = set.spec?.updateStrategy;
  if (strategy?.type === "OnDelete") return revisions.update;
  const start = set.spec?.ordinals?.start ?? 0;
  const behind =
    strategy?.rollingUpdate === undefined
      ? (set.status?.currentReplicas ?? 0)
      : (strategy.rollingUpdate.partition ?? 0);
  return ordinal < start + behind ? revisions.current : revisions.update;
}

interface Slots {
  wanted: { ordinal: number; pod: Stored<Pod> | undefined }[];
  /** Pods whose number is not wanted any more, the highest first. */
  condemned: Stored<Pod>[];
}

function slotsOf(set: Stored<StatefulSet>, pods: readonly Stored<Pod>[]): Slots {
  const byOrdinal = new Map<number, Stored<Pod>>();
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod.metadata.name);
    if (ordinal !== undefined) byOrdinal.set(ordinal, pod);
  }
  const wanted = ordinals(set).map((ordinal) => ({ ordinal, pod: byOrdinal.get(ordinal) }));
  for (const { ordinal } of wanted) byOrdinal.delete(ordinal);
  const condemned = [...byOrdinal].sort(([a], [b]) => b - a).map(([, pod]) => pod);
  return { wanted, condemned };
}

export function isRunningAndReady(pod: Pod): boolean {
  return pod.status?.phase === "Running" && isReady(pod);
}

/**
 * The actions of this round, in order. In order means also: an action that must be waited for is the last one.
 * @param pods that the set controls
 * @param now Unix milliseconds
 */
export function planPods(
  set: Stored<StatefulSet>,
  pods: readonly Stored<Pod>[],
  revisions: Revisions,
  now: number,
): PodAction[] {
  if (set.metadata.deletionTimestamp !== undefined) return [];
  const ordered = set.spec?.podManagementPolicy !== "Parallel";
  const isUp = (pod: Pod) =>
    isRunningAndReady(pod) && !isTerminating(pod) && isAvailable(pod, set.spec?.minReadySeconds ?? 0, now);
  const slots = slotsOf(set, pods);
  const actions: PodAction[] = [];
  const fill = fillSlots(set, slots, revisions, { ordered, isUp }, actions);
  if (fill === "wait") return actions;
  const shrink = removeCondemned(slots, { ordered, isUp }, actions);
  if (shrink === "wait" || set.spec?.updateStrategy?.type === "OnDelete") return actions;
  const update = nextUpdate(set, slots, revisions, isUp);
  if (update !== undefined) actions.push({ action: "delete", pod: update, why: "updated" });
  return actions;
}

interface Rules {
  ordered: boolean;
  isUp(pod: Pod): boolean;
}

function fillSlots(
  set: Stored<StatefulSet>,
  slots: Slots,
  revisions: Revisions,
  rules: Rules,
  actions: PodAction[],
): "go on" | "wait" {
  let waits: "go on" | "wait" = "go on";
  for (const { ordinal, pod } of slots.wanted) {
    if (pod === undefined) {
      actions.push({ action: "create", ordinal, revision: revisionFor(set, ordinal, revisions) });
      if (rules.ordered) return "wait";
      continue;
    }
    if (hasEnded(pod) && !isTerminating(pod)) {
      actions.push({ action: "recreate", pod });
      waits = "wait";
      if (rules.ordered) return waits;
      continue;
    }
    if (rules.ordered && !rules.isUp(pod)) return "wait";
    if (!isTerminating(pod) && !hasIdentity(set, pod)) actions.push({ action: "repair", pod });
  }
  return waits;
}

/** Removes from the highest number down. In order, every other pod must be well, but for the one that is ill itself. */
function removeCondemned(slots: Slots, rules: Rules, actions: PodAction[]): "go on" | "wait" {
  const all = [
    ...slots.wanted.flatMap(({ pod }) => (pod === undefined ? [] : [pod])),
    ...[...slots.condemned].reverse(),
  ];
  const firstIll = all.find((pod) => !isRunningAndReady(pod) || isTerminating(pod));
  for (const pod of slots.condemned) {
    if (isTerminating(pod)) {
      if (rules.ordered) return "wait";
      continue;
    }
    if (rules.ordered && !rules.isUp(pod) && pod !== firstIll) return "wait";
    actions.push({ action: "delete", pod, why: "scaled down" });
    if (rules.ordered) return "wait";
  }
  return "go on";
}

/** The highest pod of an old revision that may go; undefined when one must be waited for, or none is left. */
function nextUpdate(
  set: StatefulSet,
  slots: Slots,
  revisions: Revisions,
  isUp: (pod: Pod) => boolean,
): Stored<Pod> | undefined {
  const partition = set.spec?.updateStrategy?.rollingUpdate?.partition ?? 0;
  const start = set.spec?.ordinals?.start ?? 0;
  for (const { ordinal, pod } of [...slots.wanted].reverse()) {
    if (ordinal < start + partition) return undefined;
    if (pod === undefined) return undefined;
    if (revisionOf(pod) !== revisions.update && !isTerminating(pod)) return pod;
    if (!isUp(pod)) return undefined;
  }
  return undefined;
}
