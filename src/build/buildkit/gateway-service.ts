/**
 * BuildKit's gateway (LLBBridge): buildx opens a build with Control.Solve, says over the gateway what is to be built, and
 * hands the result back with Return, whereupon the opened build exports it.
 */
import { NaruError } from "../../lib/errors.ts";
import { GRPC, GrpcError } from "../grpc/grpc-error.ts";
import type { GrpcCall, GrpcMethods } from "../grpc/grpc-server.ts";
import { buildErrorOf } from "./build-failure-status.ts";
import type { FrontendAttributes } from "./frontend-attributes.ts";
import {
  type Attributes,
  gatewaySolveRequest,
  gatewaySolveResponse,
  pongResponse,
  returnRequest,
  type WorkerRecord,
} from "./messages.ts";
import { oneMessage } from "./one-message.ts";

const SERVICE = "/moby.buildkit.v1.frontend.LLBBridge";
const BUILD_ID = "buildkit-controlapi-buildid";
const EMPTY = new Uint8Array(0);

/** What the client of an opened build decides. */
export interface GatewayWish {
  attributes: FrontendAttributes;
  cacheImports: readonly Attributes[];
}

/** A build that is led over the gateway. */
export interface GatewayBuild {
  /** Answers a sub-request (lint, outline, targets) at once: its JSON. */
  check(wish: GatewayWish, signal: AbortSignal): Promise<Record<string, unknown>>;
  /** The client is done: export this, or nothing. */
  finish(wish: GatewayWish | undefined): void;
  fail(error: GrpcError): void;
}

/** The gateway's capabilities that naru has (BuildKit's names). */
const FRONTEND_CAPABILITIES = [
  "solve.base",
  "solve.inlinereturn",
  "gateway.solve.evaluate",
  "gateway.solve.metadata",
  "importcaches",
  "proto.refarray",
  "reference.output",
  "return",
  "returnmap",
  "frontend.caps",
  "frontend.inputs",
];
/** What the exporters and the frontend can do, in the names by which clients ask. */
const GRAPH_CAPABILITIES = [
  "exporter.image.annotations",
  "exporter.image.attestations",
  "exporter.multiple",
  "exporter.sourcedateepoch",
  "source.image",
  "source.local",
  "source.local.sessionid",
  "source.local.includepatterns",
  "source.local.followpaths",
  "source.local.excludepatterns",
  "source.local.sharedkeyhint",
  "source.git",
  "source.http",
  "exec.meta.base",
  "exec.meta.network",
  "exec.meta.security",
  "exec.mount.bind",
  "exec.mount.cache",
  "exec.mount.cache.sharing",
  "exec.mount.tmpfs",
  "exec.mount.secret",
  "exec.mount.ssh",
  "exec.secretenv",
  "file.base",
  "constraints",
  "platform",
  "meta.ignorecache",
  "meta.description",
  "meta.exportcache",
];

export class GatewayBuilds {
  private readonly builds = new Map<string, GatewayBuild>();

  /** The build can be led until the answer is called. */
  open(ref: string, build: GatewayBuild): () => void {
    this.builds.set(ref, build);
    return () => this.builds.delete(ref);
  }

  /** @throws {NaruError} not-found */
  get(call: GrpcCall): { ref: string; build: GatewayBuild } {
    const ref = String(call.metadata[BUILD_ID] ?? "");
    const build = this.builds.get(ref);
    if (build === undefined) throw new NaruError("not-found", `no such job ${ref}`);
    return { ref, build };
  }

  /** Waits a moment: the call may arrive before the build that it belongs to. */
  async find(call: GrpcCall): Promise<{ ref: string; build: GatewayBuild }> {
    const deadline = Date.now() + ARRIVAL_MS;
    for (;;) {
      try {
        return this.get(call);
      } catch (error) {
        if (Date.now() > deadline || call.signal.aborted) throw error;
        await Bun.sleep(ARRIVAL_POLL_MS);
      }
    }
  }
}

const ARRIVAL_MS = 5000;
const ARRIVAL_POLL_MS = 5;

export function gatewayMethods(builds: GatewayBuilds, worker: () => WorkerRecord): GrpcMethods {
  const results = new Map<string, GatewayWish>();
  return {
    [`${SERVICE}/Ping`]: async (call) => {
      await oneMessage(call);
      await builds.find(call);
      const enabled = (names: string[]) => names.map((ID) => ({ ID, Enabled: true }));
      const pong = {
        FrontendAPICaps: enabled(FRONTEND_CAPABILITIES),
        LLBCaps: enabled(GRAPH_CAPABILITIES),
        Workers: [worker()],
      };
      await call.send(pongResponse.encode(pong));
    },
    [`${SERVICE}/Solve`]: (call) => solve(call, builds, results),
    [`${SERVICE}/Return`]: async (call) => {
      const { result, error } = returnRequest.decode(await oneMessage(call));
      const { build } = await builds.find(call);
      if (error && error.code !== GRPC.ok) build.fail(new GrpcError(error.code, error.message));
      else build.finish(results.get(result?.ref?.id ?? ""));
      await call.send(EMPTY);
    },
  };
}

async function solve(call: GrpcCall, builds: GatewayBuilds, results: Map<string, GatewayWish>): Promise<void> {
  const request = gatewaySolveRequest.decode(await oneMessage(call));
  const { build } = await builds.find(call);
  if (request.Definition && request.Definition.def.length > 0) {
    throw new NaruError(
      "not-implemented",
      "naru builds Dockerfiles; a build graph of the client's own is not supported",
    );
  }
  if (!["dockerfile.v0", "gateway.v0"].includes(request.Frontend)) {
    throw new NaruError(
      "not-implemented",
      `the frontend ${request.Frontend} is not supported: naru builds Dockerfiles`,
    );
  }
  const wish: GatewayWish = { attributes: request.FrontendOpt, cacheImports: request.CacheImports };
  if (request.FrontendOpt.requestid) {
    try {
      const metadata = answerMetadata(await build.check(wish, call.signal));
      await call.send(gatewaySolveResponse.encode({ result: { metadata } }));
      return;
    } catch (error) {
      throw buildErrorOf(error);
    }
  }
  const id = crypto.randomUUID();
  results.set(id, wish);
  call.signal.addEventListener("abort", () => setTimeout(() => results.delete(id), RESULT_KEPT_MS).unref());
  await call.send(gatewaySolveResponse.encode({ result: { ref: { id }, metadata: {} } }));
}

/** A result that nobody came back for. */
const RESULT_KEPT_MS = 60 * 60 * 1000;

/** As BuildKit's sub-requests answer: JSON that the client formats. */
function answerMetadata(answer: Record<string, unknown>): Record<string, Uint8Array> {
  return { "result.json": Buffer.from(JSON.stringify(answer)), version: Buffer.from("1.0.0") };
}
