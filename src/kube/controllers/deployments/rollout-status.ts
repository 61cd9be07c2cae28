/** What a deployment's status says: counts, Available, Progressing (with its deadline), ReplicaFailure. */

import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from "../../../model/kubernetes/apps.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { timestamp } from "../../machinery/core.ts";
import { findCondition, withCondition, withoutCondition } from "../status-conditions.ts";
import { instant } from "../timestamps.ts";
import { availableOf, desiredOf, rolloutBounds, totalSize } from "./rolling.ts";

/** A deployment without deadline never gives up (kubectl writes this number for "none"). */
const NO_DEADLINE = 2 ** 31 - 1;

export function deploymentCondition(
  type: string,
  status: string,
  reason: string,
  message: string,
  now: number,
): DeploymentCondition {
  const at = timestamp(now);
  return { type, status, reason, message, lastUpdateTime: at, lastTransitionTime: at };
}

function count(sets: readonly ReplicaSet[], of: (set: ReplicaSet) => number | undefined): number {
  return sets.reduce((total, set) => total + (of(set) ?? 0), 0);
}

/** Counts and the condition Available; Progressing is left as it was. */
export function countedStatus(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
  now: number,
): DeploymentStatus {
  const available = count(sets, availableOf);
  const enough = available >= desiredOf(deployment) - rolloutBounds(deployment).unavailable;
  const condition = enough
    ? deploymentCondition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", now)
    : deploymentCondition(
        "Available",
        "False",
        "MinimumReplicasUnavailable",
        "Deployment does not have minimum availability.",
        now,
      );
  return {
    observedGeneration: deployment.metadata.generation,
    replicas: count(sets, (set) => set.status?.replicas),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: count(sets, (set) => set.status?.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, totalSize(sets) - available),
    collisionCount: deployment.status?.collisionCount,
    conditions: withCondition(deployment.status?.conditions, condition),
  };
}

export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const desired = desiredOf(deployment);
  return (
    status.updatedReplicas === desired &&
    status.replicas === desired &&
    status.availableReplicas === desired &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

/** More new, fewer old, more ready or available ones than when the status was last written. */
function hasProgressed(deployment: Deployment, next: DeploymentStatus): boolean {
  const before = deployment.status ?? {};
  const old = (status: DeploymentStatus) => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (next.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(next) < old(before) ||
    (next.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (next.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

export function hasDeadline(deployment: Deployment): boolean {
  const seconds = deployment.spec?.progressDeadlineSeconds;
  return seconds !== undefined && seconds !== NO_DEADLINE;
}

/** Milliseconds until the roll-out has taken too long; undefined when that cannot be said. */
export function deadlineRemainder(deployment: Deployment, status: DeploymentStatus, now: number): number | undefined {
  const condition = findCondition(status.conditions, "Progressing");
  if (condition === undefined || !hasDeadline(deployment)) return undefined;
  if (isComplete(deployment, status) || condition.reason === "ProgressDeadlineExceeded") return undefined;
  return instant(condition.lastUpdateTime, now) + deployment.spec!.progressDeadlineSeconds! * 1000 - now;
}

function hasTimedOut(deployment: Deployment, status: DeploymentStatus, now: number): boolean {
  const condition = findCondition(status.conditions, "Progressing");
  if (condition === undefined || condition.reason === "NewReplicaSetAvailable") return false;
  if (condition.reason === "ProgressDeadlineExceeded") return true;
  if (condition.reason === "DeploymentPaused" || !hasDeadline(deployment)) return false;
  return instant(condition.lastUpdateTime, now) + deployment.spec!.progressDeadlineSeconds! * 1000 < now;
}

/**
 * The status of a deployment that is rolling out (or has), with Progressing and ReplicaFailure.
 * @param sets all replica sets, `current` among them
 */
export function rolloutStatus(
  deployment: Stored<Deployment>,
  sets: readonly ReplicaSet[],
  current: Stored<ReplicaSet> | undefined,
  now: number,
): DeploymentStatus {
  const status = countedStatus(deployment, sets, current, now);
  if (!hasDeadline(deployment)) status.conditions = withoutCondition(status.conditions, "Progressing");
  const condition = findCondition(status.conditions, "Progressing");
  const settled = status.replicas === status.updatedReplicas && condition?.reason === "NewReplicaSetAvailable";
  if (hasDeadline(deployment) && !settled) setProgress(deployment, status, current, now);
  const failure = replicaFailure(sets, current);
  status.conditions =
    failure === undefined
      ? withoutCondition(status.conditions, "ReplicaFailure")
      : withCondition(status.conditions, { ...failure, lastUpdateTime: timestamp(now) });
  return status;
}

function setProgress(
  deployment: Stored<Deployment>,
  status: DeploymentStatus,
  current: Stored<ReplicaSet> | undefined,
  now: number,
): void {
  const what =
    current === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${current.metadata.name}"`;
  if (isComplete(deployment, status)) {
    const text = `${what} has successfully progressed.`;
    const done = deploymentCondition("Progressing", "True", "NewReplicaSetAvailable", text, now);
    status.conditions = withCondition(status.conditions, done);
  } else if (hasProgressed(deployment, status)) {
    const next = deploymentCondition("Progressing", "True", "ReplicaSetUpdated", `${what} is progressing.`, now);
    const before = findCondition(status.conditions, "Progressing");
    // Each sign of progress moves lastUpdateTime, from which the deadline counts.
    if (before?.status === "True") next.lastTransitionTime = before.lastTransitionTime;
    status.conditions = [...withoutCondition(status.conditions, "Progressing"), next];
  } else if (hasTimedOut(deployment, status, now)) {
    const text = `${what} has timed out progressing.`;
    const late = deploymentCondition("Progressing", "False", "ProgressDeadlineExceeded", text, now);
    status.conditions = withCondition(status.conditions, late);
  }
}

function replicaFailure(sets: readonly ReplicaSet[], current: ReplicaSet | undefined): DeploymentCondition | undefined {
  const ordered = current === undefined ? sets : [current, ...sets];
  for (const set of ordered) {
    const condition = findCondition(set.status?.conditions, "ReplicaFailure");
    if (condition !== undefined) return { ...condition, type: "ReplicaFailure" };
  }
  return undefined;
}

/** The condition that tells of a pause or its end; undefined when it is right already. */
export function pauseCondition(deployment: Deployment, now: number): DeploymentCondition | undefined {
  if (!hasDeadline(deployment)) return undefined;
  const condition = findCondition(deployment.status?.conditions, "Progressing");
  if (condition?.reason === "ProgressDeadlineExceeded") return undefined;
  const told = condition?.reason === "DeploymentPaused";
  if (deployment.spec?.paused === true && !told) {
    return deploymentCondition("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", now);
  }
  if (deployment.spec?.paused !== true && told) {
    return deploymentCondition("Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed", now);
  }
  return undefined;
}
