/** ReplicaSets and ReplicationControllers: the same controller, two forms of the same thing. */

import type { ReplicaSet, ReplicaSetStatus } from "../../../model/kubernetes/apps.ts";
import type { PodTemplateSpec, ReplicationController } from "../../../model/kubernetes/core.ts";
import { REPLICA_SETS, REPLICATION_CONTROLLERS } from "../../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType } from "../../../model/kubernetes/object.ts";
import { labelSelectorMatcher, type Predicate } from "../../machinery/selectors.ts";
import type { ReplicaOwner } from "./replica-status.ts";

export interface ReplicaKind<T extends KubeObject> {
  type: ResourceType<T>;
  /** The name in which the controller speaks. */
  controller: string;
  view(object: T): ReplicaOwner & { template: PodTemplateSpec; matches: Predicate<Record<string, string> | undefined> };
  withStatus(object: T, status: ReplicaSetStatus): T;
}

export const REPLICA_SET_KIND: ReplicaKind<ReplicaSet> = {
  type: REPLICA_SETS,
  controller: "replicaset-controller",
  view: (set) => ({
    replicas: set.spec?.replicas ?? 1,
    minReadySeconds: set.spec?.minReadySeconds ?? 0,
    templateLabels: set.spec?.template?.metadata?.labels ?? {},
    template: set.spec?.template ?? {},
    generation: set.metadata.generation,
    status: set.status,
    matches: labelSelectorMatcher(set.spec?.selector),
  }),
  withStatus: (set, status) => ({ ...set, status }),
};

export const REPLICATION_CONTROLLER_KIND: ReplicaKind<ReplicationController> = {
  type: REPLICATION_CONTROLLERS,
  controller: "replication-controller",
  view: (controller) => ({
    replicas: controller.spec?.replicas ?? 1,
    minReadySeconds: controller.spec?.minReadySeconds ?? 0,
    templateLabels: controller.spec?.template?.metadata?.labels ?? {},
    template: controller.spec?.template ?? {},
    generation: controller.metadata.generation,
    status: controller.status,
    matches: labelSelectorMatcher({ matchLabels: controller.spec?.selector ?? {} }),
  }),
  withStatus: (controller, status) => ({ ...controller, status }),
};
