/** How many replicas each replica set of a deployment gets next. Pure: sizes in, sizes out. */

import type { Deployment, ReplicaSet } from "../../../model/kubernetes/apps.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { resolveFenceposts } from "../int-or-percent.ts";
import { byAge, desiredReplicasOf, MAX_REPLICAS } from "./revisions.ts";

/** A size that a replica set is to get. */
export interface Resize {
  set: Stored<ReplicaSet>;
  replicas: number;
}

export function isRollingUpdate(deployment: Deployment): boolean {
  return deployment.spec?.strategy?.type !== "Recreate";
}

export function desiredOf(deployment: Deployment): number {
  return deployment.spec?.replicas ?? 1;
}

export function sizeOf(set: ReplicaSet): number {
  return set.spec?.replicas ?? 1;
}

export function availableOf(set: ReplicaSet): number {
  return set.status?.availableReplicas ?? 0;
}

function sum(sets: readonly ReplicaSet[], count: (set: ReplicaSet) => number): number {
  return sets.reduce((total, set) => total + count(set), 0);
}

export function totalSize(sets: readonly ReplicaSet[]): number {
  return sum(sets, sizeOf);
}

/** How far a roll-out may go above and below the wished size. A deployment that recreates has no surge and may lose all. */
export function rolloutBounds(deployment: Deployment): { surge: number; unavailable: number } {
  const desired = desiredOf(deployment);
  if (!isRollingUpdate(deployment)) return { surge: 0, unavailable: 0 };
  const rolling = deployment.spec?.strategy?.rollingUpdate;
  const bounds = resolveFenceposts(rolling?.maxSurge, rolling?.maxUnavailable, desired);
  return { surge: bounds.surge, unavailable: Math.min(bounds.unavailable, desired) };
}

/** The size of the new replica set, so that all together stay within the surge. */
export function newSetSize(deployment: Deployment, all: readonly ReplicaSet[], current: number): number {
  const desired = desiredOf(deployment);
  if (!isRollingUpdate(deployment)) return desired;
  const room = desired + rolloutBounds(deployment).surge - totalSize(all);
  if (room <= 0) return current;
  return current + Math.min(room, desired - current);
}

/** One step up (or down) of the new set in a rolling update; undefined when it has its size. */
export function stepNewSet(
  deployment: Deployment,
  all: readonly Stored<ReplicaSet>[],
  current: Stored<ReplicaSet>,
): Resize | undefined {
  const desired = desiredOf(deployment);
  const size = sizeOf(current);
  if (size === desired) return undefined;
  const next = size > desired ? desired : newSetSize(deployment, all, size);
  return next === size ? undefined : { set: current, replicas: next };
}

/**
 * One step down of the old sets in a rolling update: first what never became available, then as many as the available ones allow.
 */
export function stepOldSets(
  deployment: Deployment,
  old: readonly Stored<ReplicaSet>[],
  current: Stored<ReplicaSet> | undefined,
): Resize[] {
  const sets = [...old].sort(byAge);
  const newSize = current === undefined ? 0 : sizeOf(current);
  const newAvailable = current === undefined ? 0 : availableOf(current);
  const minimum = desiredOf(deployment) - rolloutBounds(deployment).unavailable;
  const removable = totalSize(sets) + newSize - minimum - (newSize - newAvailable);
  if (totalSize(sets) === 0 || removable <= 0) return [];
  const sizes = new Map(sets.map((set) => [set, sizeOf(set)]));
  let unhealthyLeft = removable;
  for (const set of sets) {
    const unhealthy = Math.min(unhealthyLeft, sizeOf(set) - availableOf(set));
    if (unhealthy <= 0) continue;
    sizes.set(set, sizeOf(set) - unhealthy);
    unhealthyLeft -= unhealthy;
  }
  let healthyLeft = sum(sets, availableOf) + newAvailable - minimum;
  for (const set of sets) {
    const step = Math.min(healthyLeft, sizes.get(set)!);
    if (step <= 0) continue;
    sizes.set(set, sizes.get(set)! - step);
    healthyLeft -= step;
  }
  return sets.filter((set) => sizes.get(set) !== sizeOf(set)).map((set) => ({ set, replicas: sizes.get(set)! }));
}

/** The set that alone takes a change of size: the only one with replicas, or the newest when none has any. */
export function activeOrLatest(
  current: Stored<ReplicaSet> | undefined,
  old: readonly Stored<ReplicaSet>[],
): Stored<ReplicaSet> | undefined {
  const all = current === undefined ? [...old] : [...old, current];
  const active = all.filter((set) => sizeOf(set) > 0);
  if (active.length === 0) return current ?? [...old].sort((a, b) => byAge(b, a))[0];
  return active.length === 1 ? active[0] : undefined;
}

/** The new set has all replicas of the deployment, and all are available. */
export function isSaturated(deployment: Deployment, set: ReplicaSet | undefined): boolean {
  if (set === undefined) return false;
  const desired = desiredOf(deployment);
  return sizeOf(set) === desired && availableOf(set) === desired && desiredReplicasOf(set) === desired;
}

/**
 * Sizes when the deployment was scaled in the middle of a roll-out (or while paused): every set keeps its share.
 */
export function proportionalSizes(deployment: Deployment, active: readonly Stored<ReplicaSet>[]): Resize[] {
  const desired = desiredOf(deployment);
  const allowed = desired > 0 ? desired + rolloutBounds(deployment).surge : 0;
  const toAdd = allowed - totalSize(active);
  const ordered = [...active].sort((a, b) => sizeOf(b) - sizeOf(a) || (toAdd > 0 ? byAge(b, a) : byAge(a, b)));
  let added = 0;
  const sizes = ordered.map((set) => {
    const share = toAdd === 0 ? 0 : shareOf(deployment, set, toAdd, added);
    added += share;
    return sizeOf(set) + share;
  });
  if (toAdd !== 0 && sizes.length > 0) sizes[0] = Math.max(0, sizes[0]! + toAdd - added);
  return ordered.map((set, i) => ({ set, replicas: sizes[i]! }));
}

function shareOf(deployment: Deployment, set: ReplicaSet, toAdd: number, added: number): number {
  if (sizeOf(set) === 0 || toAdd === added) return 0;
  const share = fractionOf(deployment, set);
  const left = toAdd - added;
  return toAdd > 0 ? Math.min(share, left) : Math.max(share, left);
}

function fractionOf(deployment: Deployment, set: ReplicaSet): number {
  const desired = desiredOf(deployment);
  if (desired === 0) return -sizeOf(set);
  const told = Number(set.metadata.annotations?.[MAX_REPLICAS] ?? 0);
  const before = told > 0 ? told : (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  const after = desired + rolloutBounds(deployment).surge;
  return Math.round((sizeOf(set) * after) / before) - sizeOf(set);
}
