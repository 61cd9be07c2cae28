/** What makes this machine a node of its cluster: its agent, the way to services, and who may connect to which pod. */
import { createPolicyPart } from "../kube/network-policies/policy-part.ts";
import { createNodeAgent } from "../kube/node/create-node-agent.ts";
import { createServiceProxy } from "../kube/services/service-proxy.ts";
import { serviceTableName } from "../kube/services/service-range.ts";
import type { ClusterPlan } from "./cluster-plan.ts";
import { restartPeriod } from "./cluster-settings.ts";
import type { ClusterState } from "./cluster-state.ts";

export type ClusterNode = ReturnType<typeof createClusterNode>;

export function createClusterNode(plan: ClusterPlan, { client }: ClusterState) {
  const { surroundings, settings, range, nodeName } = plan;
  const { instance, engine, log } = surroundings;
  const proxy = createServiceProxy({
    client: client.as("kube-proxy"),
    node: nodeName,
    tableName: serviceTableName(instance, range),
    serviceCidr: range.cidr,
    log: plan.warn("service-proxy"),
  });
  const policies = createPolicyPart({
    client: client.as("network-policies"),
    node: nodeName,
    tableName: `naru-${instance}-policies`,
    log: plan.warn("network-policies"),
  });
  const agent = createNodeAgent({
    addressed: policies.addressed,
    clusterDns: () => range.dnsAddress,
    connectionsEnded: async ({ status }, signal) => {
      if (status?.podIP !== undefined) await proxy.untilWithdrawn(status.podIP, signal);
    },
    client: client.as("kubelet"),
    engine,
    nodeName,
    ...plan.agentRoots,
    nodeAddress: plan.address,
    ...restartPeriod(settings.maxContainerRestartPeriod),
    log,
  });
  return { proxy, policies, agent };
}
