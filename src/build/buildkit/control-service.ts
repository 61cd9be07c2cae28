/** BuildKit's Control service: what buildx asks of a builder. */
import type { Builder } from "../contract.ts";
import type { GrpcCall, GrpcMethods } from "../grpc/grpc-server.ts";
import { BuildHistory } from "./build-history.ts";
import { BuildJobs } from "./build-jobs.ts";
import type { SolveParts } from "./build-solve.ts";
import { matchesRow, parseRowFilters, pruneFilters, usageRow } from "./cache-rows.ts";
import { GatewayBuilds } from "./gateway-builds.ts";
import { gatewayMethods } from "./gateway-service.ts";
import { historyMethods } from "./history-service.ts";
import {
  diskUsageRequest,
  diskUsageResponse,
  infoResponse,
  listWorkersResponse,
  pruneRequest,
  statusRequest,
  statusResponse,
  usageRecord,
  type WorkerRecord,
} from "./messages.ts";
import { oneMessage } from "./one-message.ts";
import type { SessionRegistry } from "./session-registry.ts";
import { sideMethods } from "./side-services.ts";
import { answerSolve } from "./solve-call.ts";
import { tunneledConnection } from "./tunneled-connection.ts";

const SERVICE = "/moby.buildkit.v1.Control";
const NANOSECONDS_PER_SECOND = 1e9;

interface ControlParts extends SolveParts {
  sessions: SessionRegistry;
  worker(): WorkerRecord;
}

/** The methods of a builder's gRPC connection; their state is shared by all connections. */
export function controlMethods(parts: ControlParts): GrpcMethods {
  const jobs = new BuildJobs();
  const gateway = new GatewayBuilds();
  const history = new BuildHistory();
  return {
    [`${SERVICE}/ListWorkers`]: async (call) => {
      await oneMessage(call);
      await call.send(listWorkersResponse.encode({ record: [parts.worker()] }));
    },
    [`${SERVICE}/Info`]: async (call) => {
      await oneMessage(call);
      await call.send(infoResponse.encode({ buildkitVersion: parts.worker().BuildkitVersion }));
    },
    [`${SERVICE}/Solve`]: (call) => answerSolve(call, parts, { jobs, gateway, history }),
    [`${SERVICE}/Status`]: async (call) => {
      const { Ref } = statusRequest.decode(await oneMessage(call));
      const job = await jobs.find(Ref, call.signal);
      for await (const status of job.status(call.signal)) await call.send(statusResponse.encode(status));
    },
    [`${SERVICE}/DiskUsage`]: async (call) => {
      const filters = parseRowFilters(diskUsageRequest.decode(await oneMessage(call)).filter);
      const rows = (await parts.builder.listCache()).filter((row) => matchesRow(filters, row));
      await call.send(diskUsageResponse.encode({ record: rows.map(usageRow) }));
    },
    [`${SERVICE}/Session`]: async (call) => {
      call.begin();
      await parts.sessions.accept(tunneledConnection(call), call.metadata);
    },
    [`${SERVICE}/Prune`]: (call) => prune(call, parts.builder),
    ...historyMethods(history, jobs),
    ...gatewayMethods(gateway, parts.worker),
    ...sideMethods(),
  };
}

async function prune(call: GrpcCall, builder: Builder): Promise<void> {
  const request = pruneRequest.decode(await oneMessage(call));
  const filters = pruneFilters(request.filter);
  if (request.keepDuration > 0) {
    filters.set("until", [`${Math.round(request.keepDuration / NANOSECONDS_PER_SECOND)}s`]);
  }
  const { deleted } = await builder.pruneCache({
    all: request.all,
    filters,
    ...(request.reservedSpace > 0 ? { keepBytes: request.reservedSpace } : {}),
    ...(request.maxUsedSpace > 0 ? { maxUsedBytes: request.maxUsedSpace } : {}),
    ...(request.minFreeSpace > 0 ? { minFreeBytes: request.minFreeSpace } : {}),
  });
  for (const row of deleted) await call.send(usageRecord.encode(usageRow(row)));
}
