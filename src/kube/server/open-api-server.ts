/** Puts the API server together over the machinery. */

import type { Aggregation } from "../aggregation/create-aggregation.ts";
import type { Audit } from "../audit/audit.ts";
import { FlowControl } from "../flow-control/flow-control.ts";
import type { LocalClusterClient } from "../machinery/cluster-client.ts";
import type { NodeConnection } from "../node/contract.ts";
import { KUBERNETES_VERSION } from "../node/kubernetes-version.ts";
import { accessReviews } from "./access-reviews.ts";
import { ApiServer, type ApiServerParts } from "./api-server.ts";
import { Authentication } from "./authentication.ts";
import { Authorization } from "./authorization.ts";
import { certificateGuard } from "./certificate-guard.ts";
import type { ClusterAuthority } from "./cluster-authority.ts";
import { type Component, componentStatuses } from "./component-statuses.ts";
import { Discovery } from "./discovery.ts";
import { metricsText, RequestCounts } from "./own-metrics.ts";
import type { OpenApiDocuments } from "./plain-paths.ts";
import { podBindings } from "./pod-bindings.ts";
import { PodStreams } from "./pod-streams.ts";
import { roleGuard } from "./role-guard.ts";
import { ServiceAccountTokens } from "./service-account-tokens.ts";
import { answerTokenRequests } from "./token-requests.ts";
import { usageResources } from "./usage-resources.ts";

interface ApiServerOptions {
  client: LocalClusterClient;
  authority: ClusterAuthority;
  /** What runs the pods of a node; undefined when there is no such node here. */
  nodeOf(nodeName: string): NodeConnection | undefined;
  openApi: OpenApiDocuments | undefined;
  aggregation: Aggregation;
  /** Undefined: requests are written down nowhere. */
  audit: Audit | undefined;
  build: { gitCommit: string; buildDate: string };
  /** Undefined when all is well with the store, else what is wrong. */
  storeFault(): Promise<string | undefined>;
  /** Beside the store: what a cluster cannot do without. */
  components: readonly Component[];
  log: ApiServerParts["log"];
}

interface OpenedApiServer {
  authorization: Authorization;
  server: ApiServer;
  discovery: Discovery;
  tokens: ServiceAccountTokens;
}

export function openApiServer(options: ApiServerOptions): OpenedApiServer {
  const { client, authority, log } = options;
  const { core } = client;
  const authorization = new Authorization(client);
  const tokens = new ServiceAccountTokens(authority.tokenKey);
  const authentication = new Authentication(client, tokens, authorization);
  answerTokenRequests(client, tokens);
  core.admission.push(roleGuard(authorization), certificateGuard(authorization));
  const counts = new RequestCounts();
  const store = { name: "etcd-0", fault: () => options.storeFault() };
  const virtual = [
    ...accessReviews(authorization, authentication),
    ...usageResources(client, options.nodeOf),
    podBindings(client),
    componentStatuses([...options.components, store]),
  ];
  const discovery = new Discovery(core.registry, virtual, options.aggregation.remotes);
  const server = new ApiServer({
    client,
    authority,
    authentication,
    authorization,
    flowControl: new FlowControl(client),
    aggregation: options.aggregation,
    audit: options.audit,
    virtual,
    streams: new PodStreams(client, options.nodeOf),
    paths: {
      discovery,
      openApi: options.openApi,
      tokens,
      version: versionInfo(options.build),
      health: async () =>
        new Map([
          ["ping", undefined],
          ["store", await options.storeFault()],
        ]),
      metrics: () => metricsText(core, counts),
    },
    log: {
      ...log,
      request: (verb, url, durationMs, code) => {
        counts.add(verb, code, durationMs);
        log.request(verb, url, durationMs, code);
      },
    },
  });
  return { server, authorization, discovery, tokens };
}

function versionInfo({ gitCommit, buildDate }: ApiServerOptions["build"]): Record<string, string> {
  const [, major = "", minor = ""] = /^v(\d+)\.(\d+)/.exec(KUBERNETES_VERSION) ?? [];
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  return {
    major,
    minor,
    gitVersion: KUBERNETES_VERSION,
    gitCommit,
    gitTreeState: "clean",
    buildDate,
    goVersion: "none",
    compiler: `bun${Bun.version}`,
    platform: `linux/${architecture}`,
  };
}
