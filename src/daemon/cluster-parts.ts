/** All that runs for a cluster as long as it does: which implementation stands behind each part. */
import { join } from "node:path";
import type { createAggregation } from "../kube/aggregation/create-aggregation.ts";
import { certificateParts } from "../kube/certificates/certificate-parts.ts";
import type { ClusterPart } from "../kube/contract.ts";
import { controllers } from "../kube/controllers/all.ts";
import { createCustomResources } from "../kube/custom-resources/custom-resource-part.ts";
import { flowControlPart } from "../kube/flow-control/flow-control-part.ts";
import { createIngress } from "../kube/ingress/ingress-part.ts";
import { createCompaction } from "../kube/machinery/compaction.ts";
import { createExpiry } from "../kube/machinery/expiry.ts";
import type { PartHealth } from "../kube/part-supervisor.ts";
import { createScheduler } from "../kube/scheduler/scheduler.ts";
import { compileCustomSchema } from "../kube/schema/custom/compile-custom-schema.ts";
import { roleAggregation } from "../kube/server/role-aggregation.ts";
import { createClusterDns } from "../kube/services/cluster-dns.ts";
import { createLoadBalancer } from "../kube/services/load-balancer.ts";
import { machineResolvers } from "../kube/services/machine-resolvers.ts";
import { podGateway } from "../kube/services/pod-gateway.ts";
import { simulatorParts } from "../kube/simulator/simulator-parts.ts";
import { storageParts } from "../kube/storage/storage-parts.ts";
import type { openClusterApi } from "./cluster-api.ts";
import type { ClusterNode } from "./cluster-node.ts";
import type { ClusterPlan } from "./cluster-plan.ts";
import type { ClusterState } from "./cluster-state.ts";

/** Components as Kubernetes names them; here each is some parts of the daemon. */
export const MANAGER = "controller-manager";
export const SCHEDULER = "scheduler";
const CLUSTER_DOMAIN = "cluster.local";

interface Running {
  plan: ClusterPlan;
  state: ClusterState;
  api: ReturnType<typeof openClusterApi>;
  node: ClusterNode;
  aggregation: ReturnType<typeof createAggregation>;
  /** What scales workloads by their use. */
  scaling: readonly ClusterPart[];
  health: PartHealth;
}

/** The parts in the order in which they begin. `health` learns which of them a component is made of. */
export function clusterParts(running: Running): ClusterPart[] {
  const { plan, state, node, scaling, health } = running;
  const { client, core } = state;
  const managers = managerParts(running);
  const scheduler = createScheduler({ client: client.as("kube-scheduler"), log: plan.tell("scheduler") });
  health.assign(MANAGER, managers);
  health.assign(SCHEDULER, [scheduler]);
  return [
    ...apiParts(running),
    ...managers,
    scheduler,
    flowControlPart({ client, now: Date.now, log: plan.tell("flow-control") }),
    node.agent,
    createCompaction(core.state),
    createExpiry(core),
    ...scaling,
    node.proxy,
    node.policies,
    ...serviceParts(running),
    ...simulatorParts({ client: client.as("simulator"), now: Date.now, log: plan.tell("simulator") }),
  ];
}

/** What brings kinds that are not built in. */
function apiParts({ plan, state: { client, core, schemas }, api: { discovery }, aggregation }: Running): ClusterPart[] {
  const { log } = plan.surroundings;
  return [
    createCustomResources({
      client,
      schemas,
      compile: compileCustomSchema,
      log: (message) => log.warn("a custom resource definition could not be seen to", { reason: message }),
    }),
    ...aggregation.parts(
      { client, now: Date.now, log: plan.tell("aggregation") },
      {
        groupVersions: () => discovery.localGroupVersions(),
        onChanged: (listener) => core.registry.onChanged(listener),
      },
    ),
  ];
}

function managerParts({ plan, state: { client, authority }, api: { authorization } }: Running): ClusterPart[] {
  const tools = { client: client.as("kube-controller-manager"), now: Date.now };
  return [
    ...certificateParts({ ...tools, log: plan.tell("certificates") }, authority.signer, authorization),
    ...controllers({ ...tools, log: plan.tell("controllers"), certificate: authority.ca }),
    roleAggregation(client.as("clusterrole-aggregation-controller")),
    ...storageParts({
      ...tools,
      log: plan.tell("storage"),
      volumeRoot: join(plan.folder, "volumes"),
      nodeName: plan.nodeName,
    }),
  ];
}

/** How services are found and reached from outside. */
function serviceParts({ plan, state: { client, authority } }: Running): ClusterPart[] {
  const address = () => plan.address;
  return [
    createLoadBalancer({
      client: client.as("service-load-balancer"),
      now: Date.now,
      log: plan.tell("service-load-balancer"),
      address,
    }),
    createClusterDns({
      client: client.as("cluster-dns"),
      domain: CLUSTER_DOMAIN,
      clusterIp: plan.range.dnsAddress,
      listenAddress: (signal) => podGateway(client, plan.nodeName, signal),
      upstream: machineResolvers(),
    }),
    createIngress({
      client: client.as("ingress"),
      http: plan.ingressHttp,
      https: plan.ingressHttps,
      fallback: authority.server,
      address,
      log: plan.tell("ingress"),
    }),
  ];
}
