/** One build under way: its events, its signal, what it holds. */
import type { Descriptor, Digest } from "../../model/image.ts";
import type { BuildEvent, BuildRequest, BuildStep } from "../contract.ts";
import type { ImportedCaches } from "./cache-import.ts";
import type { CacheRecord } from "./cache-store.ts";
import type { ContentDigests } from "./content-digests.ts";
import type { Step } from "./graph.ts";
import { stepDigest, stepInputs } from "./step-digest.ts";
import type { StepResult } from "./step-result.ts";

export class BuildRun {
  /** Results by step digest, so that a step of several stages is solved once. */
  readonly results = new Map<Digest, Promise<StepResult>>();
  /** By step digest: records found without computing anything, and digests of what steps take from contexts. */
  readonly lookups = new Map<Digest, Promise<CacheRecord | undefined>>();
  readonly contents = new Map<Digest, Promise<ContentDigests>>();
  /** Let go at the end: images and cache records in use, downloaded trees. */
  readonly undo = new AsyncDisposableStack();
  private readonly aborter = new AbortController();
  private readonly steps = new Map<Digest, BuildStep>();
  readonly signal: AbortSignal;
  private readonly ended: Promise<void>;
  /** RFC 3339. */
  readonly startedAt = new Date().toISOString();
  /** Caches from elsewhere; undefined: none were named. */
  imported: ImportedCaches | undefined;
  /** What a cache export to a directory of the client's ended in; the client notes it in its index. */
  cacheRoot: Descriptor | undefined;
  /** Seconds; files that are younger become that old. */
  latestSeconds: number | undefined;

  constructor(
    readonly request: BuildRequest,
    private readonly onEvent: (event: BuildEvent) => void | Promise<void>,
    signal: AbortSignal,
  ) {
    this.signal = AbortSignal.any([signal, this.aborter.signal]);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.signal.addEventListener("abort", () => resolve(), { once: true });
    if (this.signal.aborted) resolve();
  }

  /** Ends what still runs: the build failed or is done. */
  abort(reason: unknown): void {
    this.aborter.abort(reason);
  }

  /** Resolves when the client takes more; only a process' output waits for that. */
  emit(event: BuildEvent): void | Promise<void> {
    const taken = this.onEvent(event);
    // A client that is gone never takes anything.
    return taken && Promise.race([taken, this.ended]);
  }

  /** Tells clients of a step; later calls change what is told of it. */
  show(step: Step, change: Partial<BuildStep>): void {
    const digest = stepDigest(step);
    const before = this.steps.get(digest) ?? {
      digest,
      name: step.show.name,
      inputs: stepInputs(step).map(stepDigest),
      cached: false,
      ...(step.show.group === undefined ? {} : { group: step.show.group }),
    };
    this.tell({ ...before, ...change });
  }

  /** The same for what is no step of the graph. */
  tell(step: BuildStep): void {
    this.steps.set(step.digest, step);
    this.emit({ type: "step", step });
  }

  /** Runs an action that clients see as a step of its own. */
  async showing<Result>(step: BuildStep, work: () => Promise<Result>): Promise<Result> {
    const startedAt = nowMs();
    this.tell({ ...step, startedAt });
    try {
      const result = await work();
      this.tell({ ...step, startedAt, completedAt: nowMs() });
      return result;
    } catch (error) {
      this.tell({
        ...step,
        startedAt,
        completedAt: nowMs(),
        error: error instanceof Error ? error.message : String(error),
      });
      throw error;
    }
  }
}

/** Unix milliseconds with fractions. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
