/** A cluster from its settings to its end: what is opened, in the order in which it is needed. */
import { createAggregation } from "../kube/aggregation/create-aggregation.ts";
import type { ClusterFacts, SimulationSettings, SimulationState } from "../kube/cluster-control.ts";
import type { LocalClusterClient } from "../kube/machinery/cluster-client.ts";
import type { NodeConnection } from "../kube/node/contract.ts";
import { endAllPods } from "../kube/node/end-all-pods.ts";
import { KUBERNETES_VERSION } from "../kube/node/kubernetes-version.ts";
import { PartHealth, runParts } from "../kube/part-supervisor.ts";
import { endpointHost, ensureBootstrapObjects } from "../kube/server/bootstrap.ts";
import { adminKubeconfig } from "../kube/server/kubeconfig.ts";
import { simulateNodes } from "../kube/simulator/simulate-nodes.ts";
import { isSimulated } from "../kube/simulator/simulated-node.ts";
import { NODES, PODS } from "../model/kubernetes/names.ts";
import type { ClusterSurroundings } from "./cluster.ts";
import { openClusterApi } from "./cluster-api.ts";
import { autoscalers } from "./cluster-autoscaling.ts";
import { createClusterNode } from "./cluster-node.ts";
import { clusterParts } from "./cluster-parts.ts";
import { type ClusterPlan, planCluster, type SettledSettings } from "./cluster-plan.ts";
import { openAudit } from "./cluster-settings.ts";
import { type ClusterState, openClusterState } from "./cluster-state.ts";

export interface RunningCluster {
  facts(): ClusterFacts;
  kubeconfig(): string;
  simulate(settings: SimulationSettings): Promise<SimulationState>;
  /** With `podGraceSeconds` what runs for it ends too, in so long. */
  stop(options: { podGraceSeconds?: number }): Promise<void>;
}

/**
 * Opens the store, serves the API and runs all parts; undoes what it began when a step fails.
 * @throws {NaruError} invalid for an address that is none, unavailable when the address or the store cannot be had
 */
export async function startCluster(
  surroundings: ClusterSurroundings,
  settings: SettledSettings,
): Promise<RunningCluster> {
  const { log } = surroundings;
  const plan = planCluster(surroundings, settings);
  const { listen, nodeName } = plan;
  await using undo = new AsyncDisposableStack();
  const audit = await openAudit(settings, log);
  if (audit !== undefined) undo.defer(() => audit.close());
  const state = await openClusterState(plan, undo);
  const node = createClusterNode(plan, state);
  const nodeOf = (name: string) => (name === nodeName ? (node.agent as NodeConnection) : undefined);
  const scaling = autoscalers(state.machinery, nodeOf, log);
  const aggregation = createAggregation(state.client, state.authority.frontProxy);
  const health = new PartHealth();
  const api = openClusterApi(state, { nodeOf, aggregation, audit, health, surroundings });
  const port = await api.server.listen(listen.host, listen.port);
  undo.defer(() => api.server.close());
  await ensureBootstrapObjects(state.client, apiAddress(plan, port), state.authority);
  const ending = new AbortController();
  const parts = clusterParts({ plan, state, api, node, aggregation, scaling, health });
  const ended = runParts(parts, log, ending.signal, health);
  const opened = undo.move();
  const server = `https://${listen.host === "0.0.0.0" || listen.host === "::" ? "127.0.0.1" : listen.host}:${port}`;
  log.info("the cluster's API is ready", { address: server, node: nodeName });
  return {
    ...readings(state, server, settings.store ?? "embedded"),
    async stop({ podGraceSeconds }) {
      ending.abort();
      await ended;
      await opened.disposeAsync();
      if (podGraceSeconds !== undefined) {
        await endAllPods(surroundings.engine, { ...plan.agentRoots, log }, podGraceSeconds);
      }
    },
  };
}

const apiAddress = ({ range, listen, address }: ClusterPlan, port: number) => ({
  clusterIp: range.apiAddress,
  serviceCidr: range.cidr,
  host: endpointHost(listen.host, address),
  port,
});

/** What is asked of a cluster that runs since now. */
function readings({ client, authority }: ClusterState, server: string, store: string): Omit<RunningCluster, "stop"> {
  const startedAt = Date.now();
  return {
    facts: () => ({
      state: "running",
      server,
      version: KUBERNETES_VERSION,
      store,
      nodes: nodesOf(client),
      simulatedNodes: client.informer(NODES).list().filter(isSimulated).length,
      pods: client.informer(PODS).list().length,
      startedAt,
    }),
    kubeconfig: () => adminKubeconfig(authority, server),
    simulate: (wanted) => simulateNodes(client.as("simulator"), wanted),
  };
}

function nodesOf(client: LocalClusterClient): { name: string; ready: boolean }[] {
  return client
    .informer(NODES)
    .list()
    .filter((node) => !isSimulated(node))
    .map(({ metadata, status }) => ({
      name: metadata.name,
      ready: status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false,
    }));
}
