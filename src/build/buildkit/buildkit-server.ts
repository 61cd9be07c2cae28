/** BuildKit's side of the daemon: the connections that clients turn into gRPC (`/grpc`) and into sessions (`/session`). */
import type { IncomingHttpHeaders } from "node:http";
import { release } from "node:os";
import type { Duplex } from "node:stream";
import { errorText } from "../../lib/errors.ts";
import { machineArchitecture } from "../../lib/machine-architecture.ts";
import { NARU_VERSION } from "../../lib/version.ts";
import type { StateStore } from "../../store/contract.ts";
import type { CacheLimit } from "../contract.ts";
import type { GrpcMethods } from "../grpc/grpc-server.ts";
import type { BuildHistory } from "./build-history.ts";
import type { SolveParts } from "./build-solve.ts";
import type { WorkerRecord } from "./messages.ts";
import { SessionRegistry } from "./session-registry.ts";

export interface BuildKitServer {
  /** Serves builds on a connection that was upgraded. Resolves when it has ended. */
  serveBuilds(connection: Duplex): Promise<void>;
  /** Takes a client's session on a connection that was upgraded. Resolves when it has ended. */
  serveSession(connection: Duplex, headers: IncomingHttpHeaders): Promise<void>;
  /** Cuts all sessions; resolves when builds that are over are kept. */
  close(): Promise<void>;
}

interface ServerParts extends Omit<SolveParts, "findSession"> {
  /** Names this builder to its clients; the same after every restart. */
  instance: string;
  store: StateStore;
  /** Where the history's files lie. */
  historyDirectory: string;
  log: { error(message: string, fields?: Record<string, unknown>): void };
}

export function createBuildKitServer(parts: ServerParts): BuildKitServer {
  const sessions = new SessionRegistry();
  let history: BuildHistory | undefined;
  let methods: Promise<GrpcMethods> | undefined;
  // Loaded by the first build: daemons that build nothing need none of it.
  const load = async () => {
    const [{ controlMethods }, { BuildHistory }] = await Promise.all([
      import("./control-service.ts"),
      import("./build-history.ts"),
    ]);
    history = new BuildHistory({ store: parts.store, directory: parts.historyDirectory, log: parts.log });
    return controlMethods({
      ...parts,
      history,
      sessions,
      findSession: (id, signal) => sessions.find(id, signal),
      worker: async () => workerRecord(parts.instance, await parts.builder.listLimits()),
    });
  };
  return {
    async serveBuilds(connection) {
      methods ??= load();
      const { serveGrpc } = await import("../grpc/grpc-server.ts");
      await serveGrpc(connection, await methods, (path, error) => {
        parts.log.error("a builder's call failed in an unexpected way", { path, error: errorText(error) });
      });
    },
    serveSession: (connection, headers) => sessions.accept(connection, headers),
    async close() {
      sessions.close();
      await history?.close();
    },
  };
}

/** The BuildKit whose protocol is spoken: clients ask older ones for less. */
const PROTOCOL = "v0.25.2";
const NANOSECONDS_PER_MS = 1e6;

function wireLimit(limit: CacheLimit): WorkerRecord["GCPolicy"][number] {
  const { all, filters, keepBytes = 0, maxUsedBytes = 0, minFreeBytes = 0, keepDurationMs = 0 } = limit;
  return {
    all,
    keepDuration: keepDurationMs * NANOSECONDS_PER_MS,
    filters: [...filters].map(([name, values]) => `${name}==${values.join(",")}`),
    reservedSpace: keepBytes,
    maxUsedSpace: maxUsedBytes,
    minFreeSpace: minFreeBytes,
  };
}

/** As `buildx inspect` and `buildx ls` show it. */
function workerRecord(instance: string, limits: readonly CacheLimit[]): WorkerRecord {
  return {
    ID: instance,
    Labels: {
      "org.mobyproject.buildkit.worker.executor": "oci",
      "org.mobyproject.buildkit.worker.hostname": `naru (${release()})`,
      "org.mobyproject.buildkit.worker.snapshotter": "overlayfs",
    },
    platforms: [{ Architecture: machineArchitecture(), OS: "linux", Variant: "" }],
    GCPolicy: limits.map(wireLimit),
    BuildkitVersion: { package: "naru", version: `${PROTOCOL}+naru.${NARU_VERSION}`, revision: "" },
  };
}
