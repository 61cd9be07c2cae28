/** BuildKit's Control service: what buildx asks of a builder. */
import { NaruError } from "../../lib/errors.ts";
import type { BuildCacheRecord, Builder, BuildResult } from "../contract.ts";
import { GRPC, GrpcError } from "../grpc/grpc-error.ts";
import type { GrpcCall, GrpcMethods } from "../grpc/grpc-server.ts";
import { buildErrorOf } from "./build-failure-status.ts";
import { type BuildJob, timestamp } from "./build-job.ts";
import { BuildJobs } from "./build-jobs.ts";
import { exporterResponse, type SolveParts, type SolveWish, solve } from "./build-solve.ts";
import { GatewayBuilds, type GatewayWish, gatewayMethods } from "./gateway-service.ts";
import {
  diskUsageRequest,
  diskUsageResponse,
  infoResponse,
  listWorkersResponse,
  pruneRequest,
  type SolveRequest,
  solveRequest,
  solveResponse,
  statusRequest,
  statusResponse,
  type UsageRecord,
  usageRecord,
  type WorkerRecord,
} from "./messages.ts";
import { oneMessage } from "./one-message.ts";
import type { SessionRegistry } from "./session-registry.ts";

const SERVICE = "/moby.buildkit.v1.Control";
const NANOSECONDS_PER_SECOND = 1e9;

export interface ControlParts extends SolveParts {
  sessions: SessionRegistry;
  worker(): WorkerRecord;
}

/** The methods of a builder's gRPC connection; their state is shared by all connections. */
export function controlMethods(parts: ControlParts): GrpcMethods {
  const jobs = new BuildJobs();
  const gateway = new GatewayBuilds();
  return {
    [`${SERVICE}/ListWorkers`]: async (call) => {
      await oneMessage(call);
      await call.send(listWorkersResponse.encode({ record: [parts.worker()] }));
    },
    [`${SERVICE}/Info`]: async (call) => {
      await oneMessage(call);
      await call.send(infoResponse.encode({ buildkitVersion: parts.worker().BuildkitVersion }));
    },
    [`${SERVICE}/Solve`]: (call) => answerSolve(call, parts, jobs, gateway),
    [`${SERVICE}/Status`]: async (call) => {
      const { Ref } = statusRequest.decode(await oneMessage(call));
      const job = await jobs.find(Ref, call.signal);
      for await (const status of job.status(call.signal)) await call.send(statusResponse.encode(status));
    },
    [`${SERVICE}/DiskUsage`]: async (call) => {
      const { filter } = diskUsageRequest.decode(await oneMessage(call));
      const rows = (await parts.builder.listCache()).filter(rowMatcher(filtersOf(filter)));
      await call.send(diskUsageResponse.encode({ record: rows.map(usageRow) }));
    },
    [`${SERVICE}/Prune`]: (call) => prune(call, parts.builder),
    ...gatewayMethods(gateway, parts.worker),
  };
}

async function answerSolve(
  call: GrpcCall,
  parts: ControlParts,
  jobs: BuildJobs,
  gateway: GatewayBuilds,
): Promise<void> {
  const request = solveRequest.decode(await oneMessage(call));
  const job = jobs.begin(request.Ref);
  try {
    const result = await run(request, call.signal, parts, job, gateway);
    // The steps are told before the end is: a client that has the end leaves.
    job.end();
    await call.send(solveResponse.encode({ ExporterResponse: result === undefined ? {} : exporterResponse(result) }));
  } catch (error) {
    throw buildErrorOf(call.signal.aborted ? new GrpcError(GRPC.cancelled, "context canceled") : error);
  } finally {
    job.end();
  }
}

/** @returns undefined when the client wanted nothing built */
async function run(
  request: SolveRequest,
  signal: AbortSignal,
  parts: ControlParts,
  job: BuildJob,
  gateway: GatewayBuilds,
): Promise<BuildResult | undefined> {
  if (request.Definition && request.Definition.def.length > 0) {
    throw new NaruError(
      "not-implemented",
      "naru builds Dockerfiles; a build graph of the client's own is not supported",
    );
  }
  const session = request.Session === "" ? undefined : await parts.sessions.find(request.Session, signal);
  const wishOf = ({ attributes, cacheImports }: GatewayWish, exports: boolean): SolveWish => ({
    attributes,
    session,
    exporters: exports ? exportersOf(request) : [],
    cacheExports: exports ? (request.Cache?.Exports ?? []) : [],
    cacheImports: [...(request.Cache?.Imports ?? []), ...cacheImports],
    entitlements: request.Entitlements,
  });
  if (request.Frontend !== "") {
    const wish = { attributes: request.FrontendAttrs, cacheImports: [] };
    return await solve(parts, wishOf(wish, true), job, signal);
  }
  const { promise, resolve, reject } = Promise.withResolvers<GatewayWish | undefined>();
  const close = gateway.open(request.Ref, {
    async check(wish, stop) {
      const { answer = {} } = await solve(parts, wishOf(wish, false), job, AbortSignal.any([signal, stop]));
      return answer;
    },
    finish: resolve,
    fail: reject,
  });
  const leave = () => reject(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  try {
    const wish = await promise;
    return wish === undefined ? undefined : await solve(parts, wishOf(wish, true), job, signal);
  } finally {
    signal.removeEventListener("abort", leave);
    close();
  }
}

/** Older clients name one exporter in fields of its own. */
function exportersOf({ Exporters, ExporterDeprecated, ExporterAttrsDeprecated }: SolveRequest) {
  if (Exporters.length > 0) return Exporters;
  return ExporterDeprecated === "" ? [] : [{ Type: ExporterDeprecated, Attrs: ExporterAttrsDeprecated }];
}

async function prune(call: GrpcCall, builder: Builder): Promise<void> {
  const request = pruneRequest.decode(await oneMessage(call));
  const filters = filtersOf(request.filter);
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

/** "id==x,type==y": all must hold. Of the comparisons only equality, and "~=" for `type`'s sake, are docker's. @throws invalid */
function filtersOf(texts: readonly string[]): Map<string, string[]> {
  const filters = new Map<string, string[]>();
  for (const text of texts.flatMap((one) => one.split(",")).filter(Boolean)) {
    const match = /^([\w.]+)(?:(==|!=|~=)(.*))?$/.exec(text);
    if (match === null) throw new NaruError("invalid", `failed to parse filter ${JSON.stringify(text)}`);
    const [, name = "", operator = "==", value = "true"] = match;
    if (operator !== "==") throw new NaruError("invalid", `the filter ${text} compares by ${operator}: use ==`);
    filters.set(name, [...(filters.get(name) ?? []), value]);
  }
  return filters;
}

/** Rows that hold all of the filters. @throws {NaruError} invalid for unknown ones */
function rowMatcher(filters: ReadonlyMap<string, readonly string[]>): (row: BuildCacheRecord) => boolean {
  const fields: Record<string, (row: BuildCacheRecord) => string> = {
    id: ({ ID }) => ID,
    type: ({ Type }) => Type,
    description: ({ Description }) => Description,
    inuse: ({ InUse }) => String(InUse),
    shared: ({ Shared }) => String(Shared),
    private: ({ Shared }) => String(!Shared),
    parent: ({ Parents }) => Parents?.[0] ?? "",
  };
  for (const name of filters.keys()) {
    if (fields[name] === undefined) throw new NaruError("invalid", `invalid filter ${name}`);
  }
  return (row) => [...filters].every(([name, values]) => values.includes(fields[name]!(row)));
}

function usageRow(row: BuildCacheRecord): UsageRecord {
  return {
    ID: row.ID,
    Mutable: row.Type === "exec.cachemount" || row.Type === "source.local",
    InUse: row.InUse,
    Size: row.Size,
    Parent: row.Parents?.[0] ?? "",
    CreatedAt: timestamp(Date.parse(row.CreatedAt)),
    ...(row.LastUsedAt === null ? {} : { LastUsedAt: timestamp(Date.parse(row.LastUsedAt)) }),
    UsageCount: row.UsageCount,
    Description: row.Description,
    RecordType: row.Type,
    Shared: row.Shared,
    Parents: row.Parents ?? [],
  };
}
