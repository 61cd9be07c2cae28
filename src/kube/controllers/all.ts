/** Every controller of the cluster, as parts to be run. */

import type { ClusterPart } from "../contract.ts";
import type { ControllerTools } from "./control-loop.ts";
import { cronJobController } from "./cron-jobs/controller.ts";
import { daemonSetController } from "./daemon-sets/controller.ts";
import { deploymentController } from "./deployments/controller.ts";
import { disruptionController } from "./disruption-budgets/controller.ts";
import { endpointsController } from "./endpoints/endpoints-controller.ts";
import { mirroringController } from "./endpoints/mirroring-controller.ts";
import { sliceController } from "./endpoints/slice-controller.ts";
import { garbageCollector } from "./garbage/collector.ts";
import { jobController } from "./jobs/controller.ts";
import { jobExpiry } from "./jobs/expiry.ts";
import { namespaceController } from "./namespaces/controller.ts";
import { nodeLifecycleController } from "./nodes/lifecycle-controller.ts";
import { lostPodCollector } from "./nodes/lost-pods.ts";
import { taintEviction } from "./nodes/taint-eviction.ts";
import { unscheduledPodCollector } from "./nodes/unscheduled-pods.ts";
import { replicaController } from "./replica-sets/controller.ts";
import { REPLICA_SET_KIND, REPLICATION_CONTROLLER_KIND } from "./replica-sets/replica-kinds.ts";
import { resourceQuotaController } from "./resource-quotas/controller.ts";
import { serviceAccountController } from "./service-accounts/controller.ts";
import { serviceAddressController } from "./service-ranges/address-controller.ts";
import { serviceRangeController } from "./service-ranges/range-controller.ts";
import { statefulSetController } from "./stateful-sets/controller.ts";

interface ControllersOptions extends ControllerTools {
  /** PEM of the cluster's certificate authority, for kube-root-ca.crt in every namespace. */
  certificate: string;
}

/** The parts act on nothing before they are run. */
export function controllers(options: ControllersOptions): ClusterPart[] {
  return [
    deploymentController(options),
    replicaController(REPLICA_SET_KIND, options),
    replicaController(REPLICATION_CONTROLLER_KIND, options),
    statefulSetController(options),
    daemonSetController(options),
    jobController(options),
    jobExpiry(options),
    cronJobController(options),
    endpointsController(options),
    sliceController(options),
    mirroringController(options),
    serviceRangeController(options),
    serviceAddressController(options),
    serviceAccountController(options, options.certificate),
    namespaceController(options),
    resourceQuotaController(options),
    garbageCollector(options),
    disruptionController(options),
    nodeLifecycleController(options),
    taintEviction(options),
    lostPodCollector(options),
    unscheduledPodCollector(options),
  ];
}
