/** Composition of the cluster: which implementation stands behind each contract, in the order in which they need each other. */
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { builtinAdmission } from "../kube/admission/builtin-steps.ts";
import { createAggregation } from "../kube/aggregation/create-aggregation.ts";
import { certificateParts } from "../kube/certificates/certificate-parts.ts";
import type { ClusterFacts, ClusterSettings, SimulationSettings, SimulationState } from "../kube/cluster-control.ts";
import type { ClusterPart } from "../kube/contract.ts";
import { controllers } from "../kube/controllers/all.ts";
import { podEviction } from "../kube/controllers/disruption-budgets/eviction.ts";
import { isHeldByOther, usableCidrs } from "../kube/controllers/service-ranges/service-ranges.ts";
import { createCustomResources } from "../kube/custom-resources/custom-resource-part.ts";
import { flowControlPart } from "../kube/flow-control/flow-control-part.ts";
import { createIngress } from "../kube/ingress/ingress-part.ts";
import type { LocalClusterClient } from "../kube/machinery/cluster-client.ts";
import { createCompaction } from "../kube/machinery/compaction.ts";
import { createExpiry } from "../kube/machinery/expiry.ts";
import { openMachinery } from "../kube/machinery/open-machinery.ts";
import { createPolicyPart } from "../kube/network-policies/policy-part.ts";
import type { NodeConnection } from "../kube/node/contract.ts";
import { createNodeAgent } from "../kube/node/create-node-agent.ts";
import { endAllPods } from "../kube/node/end-all-pods.ts";
import { KUBERNETES_VERSION } from "../kube/node/kubernetes-version.ts";
import { machineAddress } from "../kube/node/node-status.ts";
import { PartHealth, runParts } from "../kube/part-supervisor.ts";
import { BUILTIN_DEFINITIONS } from "../kube/resources/builtin.ts";
import { createServiceAddresses } from "../kube/resources/service-addresses.ts";
import { podBinding } from "../kube/scheduler/pod-binding.ts";
import { createScheduler } from "../kube/scheduler/scheduler.ts";
import { compileCustomSchema } from "../kube/schema/custom/compile-custom-schema.ts";
import { OpenApiDocuments } from "../kube/schema/open-api-documents.ts";
import { createSchemaSet } from "../kube/schema/schema-set.ts";
import { endpointHost, ensureBootstrapObjects } from "../kube/server/bootstrap.ts";
import { type ClusterAuthority, openClusterAuthority } from "../kube/server/cluster-authority.ts";
import { adminKubeconfig } from "../kube/server/kubeconfig.ts";
import { openApiServer } from "../kube/server/open-api-server.ts";
import { roleAggregation } from "../kube/server/role-aggregation.ts";
import { createClusterDns } from "../kube/services/cluster-dns.ts";
import { createLoadBalancer } from "../kube/services/load-balancer.ts";
import { machineResolvers } from "../kube/services/machine-resolvers.ts";
import { podGateway } from "../kube/services/pod-gateway.ts";
import { createServiceProxy } from "../kube/services/service-proxy.ts";
import { parseServiceRange, type ServiceRange, serviceTableName } from "../kube/services/service-range.ts";
import { simulateNodes } from "../kube/simulator/simulate-nodes.ts";
import { isSimulated } from "../kube/simulator/simulated-node.ts";
import { simulatorParts } from "../kube/simulator/simulator-parts.ts";
import { storageParts } from "../kube/storage/storage-parts.ts";
import { openStore } from "../kube/store/open-store.ts";
import { errorText } from "../lib/errors.ts";
import { NODES, PODS, SERVICES } from "../model/kubernetes/names.ts";
import type { ClusterSurroundings } from "./cluster.ts";
import { autoscalers } from "./cluster-autoscaling.ts";
import { openAudit, parseListen, restartPeriod } from "./cluster-settings.ts";

/** Set by the build; absent when run from source. */
declare const NARU_COMMIT: string | undefined;
declare const NARU_BUILT: string | undefined;

const DEFAULT_INGRESS_HTTP = "0.0.0.0:80";
const DEFAULT_INGRESS_HTTPS = "0.0.0.0:443";
const CLUSTER_DOMAIN = "cluster.local";
const NODE_PORTS = [30_000, 32_767] as const;
/** Components as Kubernetes names them; here each is some parts of the daemon. */
const MANAGER = "controller-manager";
const SCHEDULER = "scheduler";
const API_NAMES = [
  "kubernetes",
  "kubernetes.default",
  "kubernetes.default.svc",
  "kubernetes.default.svc.cluster.local",
];

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
  settings: ClusterSettings & { readonly serviceCidr: string },
): Promise<RunningCluster> {
  const { dataRoot, log } = surroundings;
  const folder = join(dataRoot, "cluster");
  const { host, port } = parseListen(settings.listen ?? "");
  const ingressHttp = parseListen(settings.ingressHttp ?? DEFAULT_INGRESS_HTTP);
  const ingressHttps = parseListen(settings.ingressHttps ?? DEFAULT_INGRESS_HTTPS);
  const range = parseServiceRange(settings.serviceCidr);
  const nodeName = settings.nodeName ?? hostname().toLowerCase();
  const address = machineAddress();
  await using undo = new AsyncDisposableStack();
  const hosts = apiHosts(range.apiAddress);
  const audit = await openAudit(settings, log);
  if (audit !== undefined) undo.defer(() => audit.close());
  // The keys take as long as the store: both at once.
  const [authority, store] = await Promise.all([
    openClusterAuthority(join(folder, "pki"), hosts),
    openStore(settings.store ?? join(folder, "objects.db")),
  ]);
  const schemas = createSchemaSet();
  const machinery = await openMachinery({
    store,
    definitions: BUILTIN_DEFINITIONS,
    schemas,
    onError: (error) => log.error("the cluster's state could not be followed", { reason: errorText(error) }),
  });
  undo.defer(() => machinery.close());
  const { client, core } = machinery;
  core.admission.push(
    ...builtinAdmission(client),
    createServiceAddresses(
      {
        cidrs: () => usableCidrs(client, range.cidr),
        isHeld: (address) => isHeldByOther(client, address),
        nodePorts: NODE_PORTS,
      },
      () => client.informer(SERVICES).list(),
    ),
  );
  client.handleSubresource(PODS, "binding", podBinding(core));
  client.handleSubresource(PODS, "eviction", podEviction(client));
  const agentRoots = { dataRoot: folder, runRoot: join(surroundings.execRoot, "cluster") };
  const proxy = createServiceProxy({
    client: client.as("kube-proxy"),
    node: nodeName,
    tableName: serviceTableName(surroundings.instance, range),
    serviceCidr: range.cidr,
    log: (message) => log.warn(message, { part: "service-proxy" }),
  });
  const policies = createPolicyPart({
    client: client.as("network-policies"),
    node: nodeName,
    tableName: `naru-${surroundings.instance}-policies`,
    log: (message) => log.warn(message, { part: "network-policies" }),
  });
  const agent = createNodeAgent({
    addressed: policies.addressed,
    clusterDns: () => range.dnsAddress,
    connectionsEnded: async ({ status }, signal) => {
      if (status?.podIP !== undefined) await proxy.untilWithdrawn(status.podIP, signal);
    },
    client: client.as("kubelet"),
    engine: surroundings.engine,
    nodeName,
    ...agentRoots,
    nodeAddress: address,
    ...restartPeriod(settings.maxContainerRestartPeriod),
    log,
  });
  const nodeOf = (name: string) => (name === nodeName ? (agent as NodeConnection) : undefined);
  const scaling = autoscalers(machinery, nodeOf, log);
  const health = new PartHealth();
  const component = (name: string) => ({ name, fault: () => health.faultOf(name) });
  const aggregation = createAggregation(client, authority.frontProxy);
  const { server, discovery, authorization } = openApiServer({
    client,
    authority,
    nodeOf,
    openApi: new OpenApiDocuments(core.registry, schemas, aggregation.openApi),
    aggregation,
    audit,
    build: {
      gitCommit: typeof NARU_COMMIT === "string" ? NARU_COMMIT : "",
      buildDate: typeof NARU_BUILT === "string" ? NARU_BUILT : "1970-01-01T00:00:00Z",
    },
    storeFault: async () => {
      try {
        await store.revision();
        return undefined;
      } catch (error) {
        return errorText(error);
      }
    },
    components: [component(MANAGER), component(SCHEDULER)],
    log: apiLog(surroundings),
  });
  const bound = await server.listen(host, port);
  undo.defer(() => server.close());
  const apiAddress = {
    clusterIp: range.apiAddress,
    serviceCidr: range.cidr,
    host: endpointHost(host, address),
    port: bound,
  };
  await ensureBootstrapObjects(client, apiAddress, authority);
  const ending = new AbortController();
  const managers = [
    ...certificateParts(
      {
        client: client.as("kube-controller-manager"),
        now: Date.now,
        log: (message) => log.debug(message, { part: "certificates" }),
      },
      authority.signer,
      authorization,
    ),
    ...controllerParts(client, authority, log),
    ...storageParts({ ...storageTools(client, log), volumeRoot: join(folder, "volumes"), nodeName }),
  ];
  const scheduler = createScheduler({
    client: client.as("kube-scheduler"),
    log: (message) => log.debug(message, { part: "scheduler" }),
  });
  health.assign(MANAGER, managers);
  health.assign(SCHEDULER, [scheduler]);
  const parts = [
    createCustomResources({
      client,
      schemas,
      compile: compileCustomSchema,
      log: (message) => log.warn("a custom resource definition could not be seen to", { reason: message }),
    }),
    ...aggregation.parts(
      { client, now: Date.now, log: (message) => log.debug(message, { part: "aggregation" }) },
      {
        groupVersions: () => discovery.localGroupVersions(),
        onChanged: (listener) => core.registry.onChanged(listener),
      },
    ),
    ...managers,
    scheduler,
    flowControlPart({ client, now: Date.now, log: (message) => log.debug(message, { part: "flow-control" }) }),
    agent,
    createCompaction(core.state),
    createExpiry(core),
    ...scaling,
    proxy,
    policies,
    ...serviceParts(client, range, nodeName, address, log),
    ...simulatorParts({
      client: client.as("simulator"),
      now: Date.now,
      log: (message) => log.debug(message, { part: "simulator" }),
    }),
    createIngress({
      client: client.as("ingress"),
      http: ingressHttp,
      https: ingressHttps,
      fallback: authority.server,
      address: () => address,
      log: (message) => log.debug(message, { part: "ingress" }),
    }),
  ];
  const ended = runParts(parts, log, ending.signal, health);
  const opened = undo.move();
  const apiHost = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const startedAt = Date.now();
  log.info("the cluster's API is ready", { address: `https://${apiHost}:${bound}`, node: nodeName });
  return {
    facts: () => ({
      state: "running",
      server: `https://${apiHost}:${bound}`,
      version: KUBERNETES_VERSION,
      store: settings.store ?? "embedded",
      nodes: nodesOf(client),
      simulatedNodes: client.informer(NODES).list().filter(isSimulated).length,
      pods: client.informer(PODS).list().length,
      startedAt,
    }),
    kubeconfig: () => adminKubeconfig(authority, `https://${apiHost}:${bound}`),
    simulate: (wanted) => simulateNodes(client.as("simulator"), wanted),
    async stop({ podGraceSeconds }) {
      ending.abort();
      await ended;
      await opened.disposeAsync();
      if (podGraceSeconds !== undefined) {
        await endAllPods(surroundings.engine, { ...agentRoots, log }, podGraceSeconds);
      }
    },
  };
}

function controllerParts(
  client: LocalClusterClient,
  authority: ClusterAuthority,
  log: ClusterSurroundings["log"],
): ClusterPart[] {
  return [
    ...controllers({
      client: client.as("kube-controller-manager"),
      now: Date.now,
      log: (message) => log.debug(message, { part: "controllers" }),
      certificate: authority.ca,
    }),
    roleAggregation(client.as("clusterrole-aggregation-controller")),
  ];
}

function serviceParts(
  client: LocalClusterClient,
  range: ServiceRange,
  nodeName: string,
  address: string,
  log: ClusterSurroundings["log"],
): ClusterPart[] {
  return [
    createLoadBalancer({
      client: client.as("service-load-balancer"),
      now: Date.now,
      log: (message) => log.debug(message, { part: "service-load-balancer" }),
      address: () => address,
    }),
    createClusterDns({
      client: client.as("cluster-dns"),
      domain: CLUSTER_DOMAIN,
      clusterIp: range.dnsAddress,
      listenAddress: (signal) => podGateway(client, nodeName, signal),
      upstream: machineResolvers(),
    }),
  ];
}

function storageTools(client: LocalClusterClient, log: ClusterSurroundings["log"]) {
  const tell = (message: string) => log.debug(message, { part: "storage" });
  return { client: client.as("kube-controller-manager"), now: Date.now, log: tell };
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

function apiLog({ log, onRequest }: ClusterSurroundings) {
  return {
    request: (verb: string, url: string, durationMs: number, code: number) => {
      onRequest();
      if (log.isEnabled("debug"))
        log.debug("cluster request", { verb, url, code, ms: Math.round(durationMs * 10) / 10 });
    },
    fault: (method: string, url: string, error: unknown) => {
      log.error("a request to the cluster failed in an unexpected way", {
        method,
        url,
        error: error instanceof Error ? error : errorText(error),
      });
    },
    debug: (message: string, fields: Record<string, unknown>) => log.debug(message, fields),
  };
}

/** Every name and address that clients may call the API by. */
function apiHosts(apiAddress: string): string[] {
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === "IPv4" && !internal)
    .map(({ address }) => address);
  return [...new Set([...API_NAMES, "localhost", hostname(), "127.0.0.1", apiAddress, ...own])];
}
