/** What a replica set's status says of its pods. ReplicaSets and ReplicationControllers have the same. */

import type { ReplicaSetCondition, ReplicaSetStatus } from "../../../model/kubernetes/apps.ts";
import type { Pod } from "../../../model/kubernetes/core.ts";
import { timestamp } from "../../machinery/core.ts";
import { isAvailable, isReady } from "../pod-state.ts";
import { findCondition, withCondition, withoutCondition } from "../status-conditions.ts";

/** A replica set or a replication controller, in one form. */
export interface ReplicaOwner {
  replicas: number;
  minReadySeconds: number;
  templateLabels: Readonly<Record<string, string>>;
  generation: number | undefined;
  status: ReplicaSetStatus | undefined;
}
/** Why the number of pods could not be changed. */
export interface ScaleFailure {
  reason: "FailedCreate" | "FailedDelete";
  message: string;
}

/**
 * @param pods the active pods that the owner controls
 * @param failure of this round; undefined when all went well
 */
export function replicaStatus(
  owner: ReplicaOwner,
  pods: readonly Pod[],
  failure: ScaleFailure | undefined,
  now: number,
): ReplicaSetStatus {
  const labels = Object.entries(owner.templateLabels);
  const status: ReplicaSetStatus = {
    replicas: pods.length,
    fullyLabeledReplicas: pods.filter((pod) => labels.every(([key, value]) => pod.metadata.labels?.[key] === value))
      .length,
    readyReplicas: pods.filter(isReady).length,
    availableReplicas: pods.filter((pod) => isAvailable(pod, owner.minReadySeconds, now)).length,
    observedGeneration: owner.generation,
  };
  const conditions = failureConditions(owner.status?.conditions, failure, now);
  if (conditions.length > 0) status.conditions = conditions;
  return withoutZeros(status);
}

function failureConditions(
  current: readonly ReplicaSetCondition[] | undefined,
  failure: ScaleFailure | undefined,
  now: number,
): ReplicaSetCondition[] {
  if (failure === undefined) return withoutCondition(current, "ReplicaFailure");
  if (findCondition(current, "ReplicaFailure") !== undefined) return [...(current ?? [])];
  return withCondition(current, {
    type: "ReplicaFailure",
    status: "True",
    reason: failure.reason,
    message: failure.message,
    lastTransitionTime: timestamp(now),
  });
}

/** Counts that are 0 are left out, all but `replicas`, as Kubernetes writes them. */
function withoutZeros(status: ReplicaSetStatus): ReplicaSetStatus {
  const entries = Object.entries(status).filter(
    ([key, value]) => key === "replicas" || (value !== 0 && value !== undefined),
  );
  return Object.fromEntries(entries) as unknown as ReplicaSetStatus;
}
