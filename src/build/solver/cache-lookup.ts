/**
 * Finds what a step made in an earlier build without having the results of its inputs: their identities are enough, and those
 * are in their own records. So a stage whose layers are gone is not built again as long as what was copied from it is known.
 */
import type { Digest } from "../../model/image.ts";
import { type BuildRun, nowMs } from "./build-run.ts";
import type { SolverContext } from "./builder-parts.ts";
import { digestOf, keyOf, keyParts } from "./cache-key.ts";
import type { CacheRecord, CacheStore } from "./cache-store.ts";
import { type ContentDigests, contentDigests } from "./content-digests.ts";
import type { Step } from "./graph.ts";
import type { MissHistory } from "./miss-history.ts";
import type { Computed } from "./solver.ts";
import { stepDigest, stepInputs } from "./step-digest.ts";
import { SCRATCH, type StepResult } from "./step-result.ts";

type ResultOf = (step: Step | undefined) => StepResult;

/** The record for a key, kept until the build ends; from a cache elsewhere when this machine has none. */
export async function findRecord(cache: CacheStore, key: Digest, run: BuildRun): Promise<CacheRecord | undefined> {
  const record = cache.find(key) ?? (await run.imported?.find(key));
  if (record) run.undo.defer(cache.hold(record.id));
  return record;
}

/** The same, with its result. */
export async function findResult(cache: CacheStore, key: Digest, run: BuildRun): Promise<CacheRecord | undefined> {
  const record = await findRecord(cache, key, run);
  return record?.isKeyOnly ? undefined : record;
}

/** The key of the inputs' identities; undefined when one is a context, of which only the files taken count. */
export function identityKey(
  operation: Computed["operation"],
  resultOf: ResultOf,
  clamp: number | undefined,
): Digest | undefined {
  let isKnown = true;
  const parts = keyParts(
    operation,
    (step, use) => {
      const { identity } = resultOf(step);
      if (identity === undefined) isKnown = false;
      // Which files are taken is part of the key, since what they contain is not.
      const taken = use !== "root" && "sources" in use ? JSON.stringify([use.sources, use.exclude]) : "";
      return `${identity} ${taken}`;
    },
    clamp,
  );
  return isKnown ? keyOf(parts) : undefined;
}

export class CacheLookup {
  constructor(
    private readonly context: SolverContext,
    private readonly cache: CacheStore,
    private readonly misses: MissHistory,
    /** For contexts, images and other sources. */
    private readonly solve: (step: Step, run: BuildRun) => Promise<StepResult>,
  ) {}

  /** Undefined when it is not known, or cannot be without computing an input. */
  find(step: Computed, run: BuildRun): Promise<CacheRecord | undefined> {
    const digest = stepDigest(step);
    const known = run.lookups.get(digest);
    if (known) return known;
    const work = this.findNow(step, run);
    work.catch(() => {});
    run.lookups.set(digest, work);
    return work;
  }

  /** What the step takes from its inputs, by content; looked at once in a build. */
  contentsOf(step: Computed, resultOf: ResultOf, run: BuildRun): Promise<ContentDigests> {
    const digest = stepDigest(step);
    const known = run.contents.get(digest);
    if (known) return known;
    const work = contentDigests(this.context, step.operation, { resultOf, signal: run.signal });
    work.catch(() => {});
    run.contents.set(digest, work);
    return work;
  }

  private async findNow(step: Computed, run: BuildRun): Promise<CacheRecord | undefined> {
    if (step.ignoresCache) return undefined;
    const inputs = stepInputs(step);
    const peeked = await Promise.all(inputs.map((input) => this.peek(input, run)));
    if (peeked.includes(undefined)) return undefined;
    const results = new Map(inputs.map((input, index) => [input, peeked[index]!]));
    const resultOf = (input: Step | undefined) => (input === undefined ? SCRATCH : results.get(input)!);
    const record = await this.findByKey(step, resultOf, run);
    if (!record) return undefined;
    if (record.isKeyOnly) return record;
    // Nobody may ever need more of it.
    const at = nowMs();
    run.show(step, { startedAt: at, completedAt: at, cached: true });
    return record;
  }

  private async findByKey(step: Computed, resultOf: ResultOf, run: BuildRun): Promise<CacheRecord | undefined> {
    const fastKey = identityKey(step.operation, resultOf, run.latestSeconds);
    if (fastKey) return await findRecord(this.cache, fastKey, run);
    // Files of contexts are at hand; of anything else they would have to be computed first.
    const others = stepInputs(step).filter((input) => input !== step.operation.root && !resultOf(input).context);
    if (others.length > 0) return undefined;
    const { inputKey, listings } = await this.contentsOf(step, resultOf, run);
    const parts = keyParts(step.operation, inputKey, run.latestSeconds);
    const record = await findRecord(this.cache, keyOf(parts), run);
    if (record) this.misses.note(step, parts, listings);
    return record;
  }

  /** A result as far as its identity goes; undefined when that is not known without computing it. */
  private async peek(step: Step, run: BuildRun): Promise<StepResult | undefined> {
    const { operation } = step;
    switch (operation.type) {
      case "exec":
      case "file": {
        const record = await this.find(step as Computed, run);
        return record && { identity: record.identity, layers: [] };
      }
      case "merge": {
        const roots = await Promise.all(operation.roots.map((root) => (root ? this.peek(root, run) : SCRATCH)));
        if (roots.includes(undefined)) return undefined;
        return { identity: digestOf("merge", ...roots.map((root) => root!.identity!)), layers: [] };
      }
      case "diff": {
        const [lower, upper] = await Promise.all(
          [operation.lower, operation.upper].map((side) => (side ? this.peek(side, run) : SCRATCH)),
        );
        return lower && upper && { identity: digestOf("diff", lower.identity!, upper.identity!), layers: [] };
      }
      default:
        return await this.solve(step, run);
    }
  }
}
