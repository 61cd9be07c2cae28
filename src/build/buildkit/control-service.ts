/** BuildKit's Control service: what buildx asks of a builder. */
import type { Builder } from "../contract.ts";
import type { GrpcCall, GrpcMethods } from "../grpc/grpc-server.ts";
import type { BuildHistory } from "./build-history.ts";
import { BuildJobs } from "./build-jobs.ts";
import type { SolveParts } from "./build-solve.ts";
import { matchesRow, parseRowFilters, pruneFilters, usageRow } from "./cache-rows.ts";
import { contentMethods } from "./content-service.ts";
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
  history: BuildHistory;
  worker(): Promise<WorkerRecord>;
}

/** The methods of a builder's gRPC connection; their state is shared by all connections. */
export function controlMethods(parts: ControlParts): GrpcMethods {
  const jobs = new BuildJobs();
  const gateway = new GatewayBuilds();
  const { history } = parts;
  return {
    [`${SERVICE}/ListWorkers`]: async (call) => {
      await oneMessage(call);
      await call.send(listWorkersResponse.encode({ record: [await parts.worker()] }));
    },
    [`${SERVICE}/Info`]: async (call) => {
      await oneMessage(call);
      await call.send(infoResponse.encode({ buildkitVersion: (await parts.worker()).BuildkitVersion }));
    },
    [`${SERVICE}/Solve`]: (call) => answerSolve(call, parts, { jobs, gateway, history }),
    [`${SERVICE}/Status`]: async (call) => {
      const { Ref } = statusRequest.decode(await oneMessage(call));
      const kept = jobs.has(Ref) ? undefined : history.findLog(Ref);
      if (kept) {
        for await (const status of readFrames(kept)) await call.send(status);
        return;
      }
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
    ...contentMethods(history.files),
    ...gatewayMethods(gateway, parts.worker),
    ...sideMethods(),
  };
}

/** Messages that lie each behind its length (32 bits, the lowest first). */
async function* readFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let waiting = Buffer.alloc(0);
  for await (const chunk of chunks) {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= 4) {
      const end = 4 + waiting.readUInt32LE(0);
      if (waiting.length < end) break;
      yield waiting.subarray(4, end);
      waiting = waiting.subarray(end);
    }
  }
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
