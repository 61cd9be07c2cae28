/** The cluster's API server with all that answers behind it. */
import type { createAggregation } from "../kube/aggregation/create-aggregation.ts";
import type { NodeConnection } from "../kube/node/contract.ts";
import type { PartHealth } from "../kube/part-supervisor.ts";
import { OpenApiDocuments } from "../kube/schema/open-api-documents.ts";
import { openApiServer } from "../kube/server/open-api-server.ts";
import { errorText } from "../lib/errors.ts";
import type { ClusterSurroundings } from "./cluster.ts";
import { MANAGER, SCHEDULER } from "./cluster-parts.ts";
import type { openAudit } from "./cluster-settings.ts";
import type { ClusterState } from "./cluster-state.ts";

/** Set by the build; absent when run from source. */
declare const NARU_COMMIT: string | undefined;
declare const NARU_BUILT: string | undefined;

interface ClusterApi {
  nodeOf(name: string): NodeConnection | undefined;
  aggregation: ReturnType<typeof createAggregation>;
  audit: Awaited<ReturnType<typeof openAudit>>;
  health: PartHealth;
  surroundings: ClusterSurroundings;
}

/** Not listening yet. */
export function openClusterApi(
  { client, authority, core, schemas, store }: ClusterState,
  { nodeOf, aggregation, audit, health, surroundings }: ClusterApi,
) {
  return openApiServer({
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
    storeFault: () =>
      store.revision().then(
        () => undefined,
        (error: unknown) => errorText(error),
      ),
    components: [MANAGER, SCHEDULER].map((name) => ({ name, fault: () => health.faultOf(name) })),
    log: apiLog(surroundings),
  });
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
