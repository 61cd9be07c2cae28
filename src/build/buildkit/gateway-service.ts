/**
 * BuildKit's gateway (LLBBridge): buildx opens a build with Control.Solve, says over the gateway what is to be built, and
 * hands the result back with Return, whereupon the opened build exports it.
 */
import { NaruError } from "../../lib/errors.ts";
import { GRPC, GrpcError } from "../grpc/grpc-error.ts";
import type { GrpcCall, GrpcMethods } from "../grpc/grpc-server.ts";
import { buildErrorOf } from "./build-failure-status.ts";
import type { GatewayBuilds, GatewayWish } from "./gateway-builds.ts";
import { FRONTEND_CAPABILITIES, GRAPH_CAPABILITIES } from "./gateway-capabilities.ts";
import { fileMethods } from "./gateway-files.ts";
import { graphOf, inputsOf } from "./gateway-inputs.ts";
import {
  evaluateRequest,
  type GatewayResult,
  gatewaySolveRequest,
  gatewaySolveResponse,
  pongResponse,
  returnRequest,
  type WorkerRecord,
} from "./messages.ts";
import { oneMessage } from "./one-message.ts";
import { definitionOf } from "./result-definition.ts";

const SERVICE = "/moby.buildkit.v1.frontend.LLBBridge";
const EMPTY = new Uint8Array(0);
/** What a client asks to learn what else it may ask for. */
const DESCRIBE = "frontend.subrequests.describe";
const SUBREQUESTS = [
  ["frontend.lint", "Look for mistakes in the Dockerfile"],
  ["frontend.outline", "List all parameters that the build takes"],
  ["frontend.targets", "List all stages that can be built"],
  [DESCRIBE, "List what can be asked for"],
].map(([name, description]) => ({
  name,
  description,
  version: "1.0.0",
  type: "rpc",
  metadata: [{ name: "result.json" }],
}));

export function gatewayMethods(builds: GatewayBuilds, worker: () => Promise<WorkerRecord>): GrpcMethods {
  return {
    [`${SERVICE}/Ping`]: async (call) => {
      await oneMessage(call);
      await builds.find(call);
      const enabled = (names: readonly string[]) => names.map((ID) => ({ ID, Enabled: true }));
      const pong = {
        FrontendAPICaps: enabled(FRONTEND_CAPABILITIES),
        LLBCaps: enabled(GRAPH_CAPABILITIES),
        Workers: [await worker()],
      };
      await call.send(pongResponse.encode(pong));
    },
    [`${SERVICE}/Solve`]: (call) => solve(call, builds),
    ...fileMethods(SERVICE, builds),
    // A result is made when it is returned; whoever wants it made waits for that too, and would see its steps twice.
    [`${SERVICE}/Evaluate`]: async (call) => {
      const { Ref } = evaluateRequest.decode(await oneMessage(call));
      await builds.find(call);
      if (builds.result(Ref) === undefined) throw new NaruError("not-found", `no such ref: ${Ref}`);
      await call.send(EMPTY);
    },
    [`${SERVICE}/Return`]: async (call) => {
      const { result, error } = returnRequest.decode(await oneMessage(call));
      const build = await builds.find(call);
      if (error && error.code !== GRPC.ok) build.fail(new GrpcError(error.code, error.message));
      else
        try {
          build.finish(returnedWish(builds, result));
        } catch (cause) {
          build.fail(buildErrorOf(cause));
        }
      await call.send(EMPTY);
    },
  };
}

/**
 * A client that made its own graph says with the result what the image's configuration is. Undefined when nothing is to be built.
 * @throws {NaruError} not-found, not-implemented for a result of each of several platforms
 */
function returnedWish(builds: GatewayBuilds, result: GatewayResult | undefined): GatewayWish | undefined {
  if (Object.keys(result?.refs?.refs ?? {}).length > 0) {
    throw new NaruError(
      "not-implemented",
      "several results of one build are not supported: build each for itself, or a Dockerfile for several platforms",
    );
  }
  const id = result?.ref?.id ?? "";
  const wish = builds.result(id)?.wish;
  if (id !== "" && !wish) throw new NaruError("not-found", `no such ref: ${id}`);
  const imageConfig = result?.metadata["containerimage.config"];
  return wish?.graph && imageConfig ? { ...wish, graph: { ...wish.graph, imageConfig } } : wish;
}

async function solve(call: GrpcCall, builds: GatewayBuilds): Promise<void> {
  const request = gatewaySolveRequest.decode(await oneMessage(call));
  const build = await builds.find(call);
  const graph = graphOf(request, builds);
  if (!graph && !["dockerfile.v0", "gateway.v0"].includes(request.Frontend)) {
    throw new NaruError(
      "not-implemented",
      `the frontend ${request.Frontend} is not supported: naru builds Dockerfiles`,
    );
  }
  const inputs = inputsOf(request, build.wishOf, builds, build);
  const wish: GatewayWish = {
    attributes: graph ? {} : request.FrontendOpt,
    cacheImports: request.CacheImports,
    inputs,
    ...(graph ? { graph } : {}),
  };
  if (request.FrontendOpt.requestid === DESCRIBE) {
    const metadata = { "result.json": Buffer.from(JSON.stringify(SUBREQUESTS)), version: Buffer.from("1.0.0") };
    await call.send(gatewaySolveResponse.encode({ result: { metadata } }));
    return;
  }
  if (request.FrontendOpt.requestid) {
    try {
      const metadata = answerMetadata(await build.check(wish, call.signal));
      await call.send(gatewaySolveResponse.encode({ result: { metadata } }));
      return;
    } catch (error) {
      throw buildErrorOf(error);
    }
  }
  const id = builds.keep(build, wish);
  await call.send(gatewaySolveResponse.encode({ result: { ref: { id, def: definitionOf(id) }, metadata: {} } }));
}

/** As BuildKit's sub-requests answer: JSON that the client formats. */
function answerMetadata(answer: Record<string, unknown>): Record<string, Uint8Array> {
  return { "result.json": Buffer.from(JSON.stringify(answer, undefined, 2)), version: Buffer.from("1.0.0") };
}
