/** Builds that clients lead over the gateway, and what they have made so far, so that one can be the input of another. */
import { NaruError } from "../../lib/errors.ts";
import type { GrpcError } from "../grpc/grpc-error.ts";
import type { GrpcCall } from "../grpc/grpc-server.ts";
import type { SolveWish } from "./build-solve.ts";
import type { FrontendAttributes } from "./frontend-attributes.ts";
import type { Attributes } from "./messages.ts";

const BUILD_ID = "buildkit-controlapi-buildid";
const ARRIVAL_MS = 5000;
const ARRIVAL_POLL_MS = 5;

/** What the client of an opened build decides. */
export interface GatewayWish {
  attributes: FrontendAttributes;
  cacheImports: readonly Attributes[];
  /** Results of other builds, by the names that attributes use. */
  inputs: ReadonlyMap<string, SolveWish>;
  graph?: SolveWish["graph"];
}

/** A build that is led over the gateway. */
export interface GatewayBuild {
  /** The whole wish, without exports. */
  wishOf(wish: GatewayWish): SolveWish;
  /** Answers a sub-request (lint, outline, targets) at once: its JSON. */
  check(wish: GatewayWish, signal: AbortSignal): Promise<Record<string, unknown>>;
  /** A directory with the files that the wish makes, until the build is over. */
  openFiles(wish: GatewayWish): Promise<string>;
  /** The client is done: export this, or nothing. */
  finish(wish: GatewayWish | undefined): void;
  fail(error: GrpcError): void;
  /** Keeps the client's session until the answer is called, since another build reads from it. */
  hold(): () => void;
  /** Runs it when the build is over. */
  atEnd(action: () => void): void;
}

interface GatewayResult {
  wish: GatewayWish;
  build: GatewayBuild;
  /** Where its files are, when somebody wanted to read them. */
  files?: Promise<string>;
}

export class GatewayBuilds {
  private readonly builds = new Map<string, GatewayBuild>();
  private readonly results = new Map<string, GatewayResult>();

  /** The build can be led until the answer is called. */
  open(ref: string, build: GatewayBuild): () => void {
    this.builds.set(ref, build);
    return () => {
      this.builds.delete(ref);
      for (const [id, result] of this.results) if (result.build === build) this.results.delete(id);
    };
  }

  /** Waits a moment: the call may arrive before the build that it belongs to. @throws {NaruError} not-found */
  async find(call: GrpcCall): Promise<GatewayBuild> {
    const ref = String(call.metadata[BUILD_ID] ?? "");
    const deadline = Date.now() + ARRIVAL_MS;
    for (;;) {
      const build = this.builds.get(ref);
      if (build) return build;
      if (Date.now() > deadline || call.signal.aborted) throw new NaruError("not-found", `no such job ${ref}`);
      await Bun.sleep(ARRIVAL_POLL_MS);
    }
  }

  /** @returns the result's id */
  keep(build: GatewayBuild, wish: GatewayWish): string {
    const id = crypto.randomUUID();
    this.results.set(id, { build, wish });
    return id;
  }

  result(id: string): GatewayResult | undefined {
    return this.results.get(id);
  }
}
