/** What a stateful set's status says of its pods and revisions. */

import type { StatefulSet, StatefulSetStatus } from "../../../model/kubernetes/apps.ts";
import type { Pod } from "../../../model/kubernetes/core.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { isAvailable, isTerminating } from "../pod-state.ts";
import { isRunningAndReady, type Revisions, revisionOf } from "./plan.ts";

export function setStatus(
  set: Stored<StatefulSet>,
  pods: readonly Stored<Pod>[],
  revisions: Revisions,
  collisionCount: number,
  now: number,
): StatefulSetStatus {
  const ready = pods.filter(isRunningAndReady);
  const ofRevision = (revision: string) =>
    pods.filter((pod) => !isTerminating(pod) && revisionOf(pod) === revision).length;
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const status: StatefulSetStatus = {
    observedGeneration: set.metadata.generation,
    replicas: pods.length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter((pod) => isAvailable(pod, minReadySeconds, now)).length,
    currentReplicas: ofRevision(revisions.current),
    updatedReplicas: ofRevision(revisions.update),
    currentRevision: revisions.current,
    updateRevision: revisions.update,
    collisionCount,
    ...(set.status?.conditions === undefined ? {} : { conditions: set.status.conditions }),
  };
  return completed(set, status);
}

/** When all pods are of the new revision and ready, that one is the current. */
function completed(set: StatefulSet, status: StatefulSetStatus): StatefulSetStatus {
  const rolling = set.spec?.updateStrategy?.type !== "OnDelete";
  const done = status.updatedReplicas === status.replicas && status.readyReplicas === status.replicas;
  if (!rolling || !done || status.replicas !== (set.spec?.replicas ?? 1)) return status;
  return { ...status, currentReplicas: status.updatedReplicas, currentRevision: status.updateRevision };
}
