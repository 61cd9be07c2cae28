/** One Control.Solve: a build in one request, or one that the client then leads over the gateway. */
import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { NaruError } from "../../lib/errors.ts";
import type { BuildResult } from "../contract.ts";
import { GRPC, GrpcError } from "../grpc/grpc-error.ts";
import type { GrpcCall } from "../grpc/grpc-server.ts";
import { buildErrorOf } from "./build-failure-status.ts";
import type { ActiveBuild, BuildHistory } from "./build-history.ts";
import type { BuildJob } from "./build-job.ts";
import type { BuildJobs } from "./build-jobs.ts";
import { exporterResponse, type SolveParts, type SolveWish, solve } from "./build-solve.ts";
import type { GatewayBuild, GatewayBuilds, GatewayWish } from "./gateway-builds.ts";
import { graphOf, inputsOf } from "./gateway-inputs.ts";
import { type SolveRequest, solveRequest, solveResponse } from "./messages.ts";
import { oneMessage } from "./one-message.ts";
import type { BuildSession } from "./session-registry.ts";

/** For clients that take all of the steps' output: one that takes none of it gets its answer all the same. */
const HEARING_MS = 60_000;

interface SolveState {
  jobs: BuildJobs;
  gateway: GatewayBuilds;
  history: BuildHistory;
}

export async function answerSolve(call: GrpcCall, parts: SolveParts, state: SolveState): Promise<void> {
  const request = solveRequest.decode(await oneMessage(call));
  const job = state.jobs.begin(request.Ref);
  const entry = request.Internal
    ? undefined
    : state.history.begin(job, request.Frontend, request.FrontendAttrs, exportersOf(request));
  try {
    const result = await new SolveCall(request, call.signal, parts, state.gateway, job, entry).run();
    const response = result === undefined ? {} : exporterResponse(result);
    job.end();
    entry?.complete(response, result);
    // The steps are told before the end is: a client that has the end leaves, within seconds.
    await job.heard(AbortSignal.any([call.signal, AbortSignal.timeout(HEARING_MS)]));
    await call.send(solveResponse.encode({ ExporterResponse: response }));
  } catch (error) {
    const told = buildErrorOf(call.signal.aborted ? new GrpcError(GRPC.cancelled, "context canceled") : error);
    job.end();
    entry?.fail(told);
    await job.heard(AbortSignal.any([call.signal, AbortSignal.timeout(HEARING_MS)]));
    throw told;
  } finally {
    job.end();
    // From then on it is read from the history, so that its output need not stay in memory.
    void entry?.settled().then(() => state.jobs.forget(request.Ref));
  }
}

class SolveCall {
  private session: BuildSession | undefined;
  private readonly undo = new AsyncDisposableStack();

  constructor(
    private readonly request: SolveRequest,
    private readonly signal: AbortSignal,
    private readonly parts: SolveParts,
    private readonly gateway: GatewayBuilds,
    private readonly job: BuildJob,
    private readonly entry: ActiveBuild | undefined,
  ) {}

  /** @returns undefined when the client wanted nothing built */
  async run(): Promise<BuildResult | undefined> {
    const { request, parts, signal } = this;
    if (request.Session !== "") this.session = await parts.findSession(request.Session, signal);
    const inputs = inputsOf(request, (wish) => this.wishOf(wish, false), this.gateway);
    const graph = graphOf(request, this.gateway);
    if (graph) return await this.solve(this.wishOf({ attributes: {}, cacheImports: [], inputs, graph }, true));
    if (request.Frontend === "") return await this.led();
    if (!["dockerfile.v0", "gateway.v0"].includes(request.Frontend)) {
      throw new NaruError(
        "not-implemented",
        `the frontend ${request.Frontend} is not supported: naru builds Dockerfiles`,
      );
    }
    return await this.solve(this.wishOf({ attributes: request.FrontendAttrs, cacheImports: [], inputs }, true));
  }

  /** Waits for what the client says over the gateway. */
  private async led(): Promise<BuildResult | undefined> {
    const { signal } = this;
    const { promise, resolve, reject } = Promise.withResolvers<GatewayWish | undefined>();
    const gone = Promise.withResolvers<never>();
    gone.promise.catch(() => {});
    const holds = new Holds();
    const endings: (() => void)[] = [];
    const build: GatewayBuild = {
      wishOf: (wish) => this.wishOf(wish, false),
      check: async (wish, stop) => {
        const stopping = AbortSignal.any([signal, stop]);
        const { answer = {} } = await solve(this.parts, this.wishOf(wish, false), this.job, stopping);
        return answer;
      },
      openFiles: (wish) => this.openFiles(wish),
      finish: resolve,
      fail: reject,
      hold: () => holds.take(),
      atEnd: (action) => endings.push(action),
    };
    const close = this.gateway.open(this.request.Ref, build);
    const leave = () => gone.reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    // The client may have left while its session was waited for.
    if (signal.aborted) leave();
    try {
      const wish = await Promise.race([promise, gone.promise]);
      const result = wish && (await this.solve(this.wishOf(wish, true)));
      for (const action of endings.splice(0)) action();
      await Promise.race([holds.free(), gone.promise]);
      return result;
    } finally {
      for (const action of endings.splice(0)) action();
      signal.removeEventListener("abort", leave);
      close();
      await this.undo.disposeAsync();
    }
  }

  /** Makes the result for somebody who reads its files. */
  private async openFiles(wish: GatewayWish): Promise<string> {
    const { signal } = this;
    const { files, scratch } = this.parts;
    const directory = join(scratch, randomBytes(8).toString("hex"));
    this.undo.defer(() => rm(directory, { recursive: true, force: true }));
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const takeFiles = (tar: AsyncIterable<Uint8Array>) =>
      files.writeArchive(directory, "/", tar, { noOverwriteDirNonDir: false, signal });
    await solve(this.parts, { ...this.wishOf(wish, false), takeFiles }, this.job, signal);
    return directory;
  }

  private async solve(wish: SolveWish): Promise<BuildResult> {
    this.entry?.describe(wish.attributes);
    return await solve(this.parts, wish, this.job, this.signal);
  }

  private wishOf({ attributes, cacheImports, inputs, graph }: GatewayWish, exports: boolean): SolveWish {
    const { request, session } = this;
    return {
      attributes,
      session,
      exporters: exports ? exportersOf(request) : [],
      cacheExports: exports ? (request.Cache?.Exports ?? []) : [],
      cacheImports: [...(request.Cache?.Imports ?? []), ...cacheImports],
      entitlements: request.Entitlements,
      inputs,
      ...(graph ? { graph } : {}),
    };
  }
}

/** Older clients name one exporter in fields of its own. */
function exportersOf({ Exporters, ExporterDeprecated, ExporterAttrsDeprecated }: SolveRequest) {
  if (Exporters.length > 0) return Exporters;
  return ExporterDeprecated === "" ? [] : [{ Type: ExporterDeprecated, Attrs: ExporterAttrsDeprecated }];
}

/** Counts who still needs something. */
class Holds {
  private count = 0;
  private waiting: (() => void)[] = [];

  take(): () => void {
    this.count += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.count -= 1;
      if (this.count === 0) for (const wake of this.waiting.splice(0)) wake();
    };
  }

  /** Resolves when nobody does. */
  async free(): Promise<void> {
    if (this.count > 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}
