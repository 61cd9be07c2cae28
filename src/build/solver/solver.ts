/**
 * Solves steps: each as soon as its inputs are ready, once in a build and once among all builds that want it at the same
 * time; from the cache when its key is known. Two keys are tried: one of the identities of the inputs, which needs no file to
 * be read, and one of the contents that the step takes from them.
 */
import type { LayerHandle } from "../../image/contract.ts";
import { errorText, NaruError } from "../../lib/errors.ts";
import type { Digest } from "../../model/image.ts";
import { BuildFailure } from "../contract.ts";
import { type BuildRun, nowMs } from "./build-run.ts";
import type { SolverContext } from "./builder-parts.ts";
import { digestOf, type KeyParts, keyOf, keyParts } from "./cache-key.ts";
import { type CacheRecord, type CacheStore, newRecordId } from "./cache-store.ts";
import { contentDigests } from "./content-digests.ts";
import { runExec } from "./exec-step.ts";
import { runFileOperation } from "./file-step.ts";
import { Flight, type FlightListener } from "./flight.ts";
import { type ExecOperation, type FileOperation, type Step, stepDigest, stepInputs } from "./graph.ts";
import type { MissHistory } from "./miss-history.ts";
import { solveSource } from "./sources.ts";
import { SCRATCH, type StepResult } from "./step-result.ts";
import type { Turns } from "./turns.ts";

type Computed = Step<ExecOperation | FileOperation>;

interface Made {
  record: CacheRecord;
}

export class Solver {
  private readonly flights = new Map<Digest, Flight<Made>>();

  constructor(
    private readonly context: SolverContext,
    private readonly cache: CacheStore,
    private readonly misses: MissHistory,
    /** Processes that may run at once. */
    private readonly turns: Turns,
  ) {}

  /** @throws {BuildFailure} of the first step that fails; the caller ends the others */
  solve(step: Step | undefined, run: BuildRun): Promise<StepResult> {
    if (step === undefined) return Promise.resolve(SCRATCH);
    const digest = stepDigest(step);
    const known = run.results.get(digest);
    if (known) return known;
    const work = this.solveNow(step, run);
    // Whoever awaits it sees the failure; a build that failed elsewhere awaits only its end.
    work.catch(() => {});
    run.results.set(digest, work);
    return work;
  }

  private async solveNow(step: Step, run: BuildRun): Promise<StepResult> {
    const inputs = stepInputs(step);
    await Promise.all(inputs.map((input) => this.solve(input, run)));
    run.signal.throwIfAborted();
    const { operation } = step;
    switch (operation.type) {
      case "exec":
      case "file":
        return await this.told(step as Computed, run);
      case "merge":
        return await this.merge(operation.roots, run);
      default:
        return await solveSource(this.context, this.cache, step, run);
    }
  }

  private async merge(roots: readonly (Step | undefined)[], run: BuildRun): Promise<StepResult> {
    const results = await Promise.all(roots.map((root) => this.solve(root, run)));
    const layers = results.flatMap((result) => result.layers);
    const identity = digestOf("merge", ...results.map((result) => result.identity!));
    const { createdAt } = results.at(-1) ?? SCRATCH;
    const ownLayers = layers.length - (results[0]?.layers.length ?? 0);
    const recordIds = results.flatMap((result) => result.recordIds ?? []);
    return { identity, layers, ownLayers, recordIds, ...(createdAt === undefined ? {} : { createdAt }) };
  }

  /** Computes or finds a step and tells clients how it went. */
  private async told(step: Computed, run: BuildRun): Promise<StepResult> {
    const startedAt = nowMs();
    run.show(step, { startedAt });
    try {
      const { result, isCached, missReason } = await this.findOrMake(step, run, startedAt);
      run.show(step, { startedAt, completedAt: nowMs(), cached: isCached, ...(missReason ? { missReason } : {}) });
      return result;
    } catch (error) {
      const failure = run.signal.aborted ? error : failureOf(step, run, error);
      run.show(step, { startedAt, completedAt: nowMs(), error: errorText(failure) });
      throw failure;
    }
  }

  private async findOrMake(
    step: Computed,
    run: BuildRun,
    startedAt: number,
  ): Promise<{ result: StepResult; isCached: boolean; missReason?: string }> {
    const results = await this.inputResults(step, run);
    const resultOf = (input: Step | undefined) => (input === undefined ? SCRATCH : results.get(input)!);
    const root = resultOf(step.operation.root);
    const fastKey = identityKey(step, resultOf, run.latestSeconds);
    const known = fastKey && !step.ignoresCache ? await this.find(fastKey, run) : undefined;
    if (known) return { result: this.use(known, root, run), isCached: true };
    const contents = await contentDigests(this.context, step.operation, { resultOf, signal: run.signal });
    const parts = keyParts(step.operation, contents.inputKey, run.latestSeconds);
    const key = keyOf(parts);
    const same = step.ignoresCache ? undefined : await this.find(key, run);
    if (same) {
      if (fastKey) this.cache.addKey(same, fastKey);
      this.misses.note(step, parts, contents.listings);
      return { result: this.use(same, root, run), isCached: true };
    }
    const missReason = step.ignoresCache
      ? "the cache was not asked for it"
      : this.misses.explain(step, parts, contents.listings);
    run.show(step, { startedAt, ...(missReason ? { missReason } : {}) });
    const keys = fastKey ? [key, fastKey] : [key];
    const { record } = await this.make(step, run, { key, keys, parts, resultOf });
    this.misses.note(step, parts, contents.listings);
    return { result: this.use(record, root, run), isCached: false, missReason };
  }

  private async find(key: Digest, run: BuildRun): Promise<CacheRecord | undefined> {
    return this.cache.find(key) ?? (await run.imported?.find(key));
  }

  private async inputResults(step: Step, run: BuildRun): Promise<Map<Step, StepResult>> {
    const inputs = stepInputs(step);
    const results = await Promise.all(inputs.map((input) => this.solve(input, run)));
    return new Map(inputs.map((input, index) => [input, results[index]!]));
  }

  /** The result on the root that this build has, which is equal to the one it was made on. */
  private use(record: CacheRecord, root: StepResult, run: BuildRun): StepResult {
    run.undo.defer(this.cache.hold(record.id));
    this.cache.touch(record.id);
    const own: LayerHandle[] = record.layer === undefined ? [] : [{ kind: "built", id: record.layer }];
    return {
      identity: record.identity,
      layers: [...root.layers, ...own],
      ownLayers: own.length,
      createdAt: record.createdAt,
      recordIds: [...(root.recordIds ?? []), record.id],
    };
  }

  /** Joins whoever computes the same step now, or begins. */
  private async make(
    step: Computed,
    run: BuildRun,
    work: { key: Digest; keys: Digest[]; parts: KeyParts; resultOf: (step: Step | undefined) => StepResult },
  ): Promise<Made> {
    const digest = stepDigest(step);
    const listener: FlightListener = {
      onOutput: ({ stream, data }, at) => run.emit({ type: "log", step: digest, stream, data, at }),
      onRunning: (containerId) => run.emit({ type: "running", step: digest, containerId }),
    };
    for (;;) {
      const flying = step.ignoresCache ? undefined : this.flights.get(work.key);
      if (flying?.signal.aborted) {
        await flying.ended;
        continue;
      }
      const flight = flying ?? this.begin(step, run, work);
      return await flight.join(listener, run.signal);
    }
  }

  private begin(step: Computed, run: BuildRun, work: Parameters<Solver["make"]>[2]): Flight<Made> {
    const flight = new Flight<Made>((started) => this.compute(step, run, work, started));
    if (!step.ignoresCache) {
      this.flights.set(work.key, flight);
      void flight.ended.then(() => {
        if (this.flights.get(work.key) === flight) this.flights.delete(work.key);
      });
    }
    return flight;
  }

  private async compute(
    step: Computed,
    run: BuildRun,
    { key, keys, resultOf }: Parameters<Solver["make"]>[2],
    flight: Flight<Made>,
  ): Promise<Made> {
    // Once, so that `flight` is complete when its output comes.
    await Promise.resolve();
    const { operation } = step;
    const { signal } = flight;
    const layer =
      operation.type === "exec"
        ? await this.turns.run(signal, () =>
            runExec(this.context, {
              operation,
              root: resultOf(operation.root),
              mountSources: operation.mounts.map((mount) =>
                "from" in mount && mount.from ? resultOf(mount.from) : undefined,
              ),
              session: run.request.session,
              onOutput: (chunk) => flight.onOutput(chunk, nowMs()),
              onRunning: (containerId) => flight.onRunning(containerId),
              signal,
            }),
          )
        : await runFileOperation(this.context, { operation, root: resultOf(operation.root), resultOf, signal });
    const layerId = layer?.kind === "built" ? layer.id : undefined;
    const id = newRecordId();
    const record = await this.remember({
      id,
      keys,
      // Files come out the same for the same key; of a process nobody knows.
      identity: operation.type === "file" ? key : digestOf(key, id),
      ...(layerId === undefined ? {} : { layer: layerId }),
      kind: "regular",
      description: describe(step),
      parents: stepInputs(step).flatMap((input) => resultOf(input).recordIds?.slice(-1) ?? []),
    });
    if (layerId !== undefined) this.packSoon(layerId, run);
    return { record };
  }

  /** Without its record a layer is of no use. */
  private async remember(record: Parameters<CacheStore["add"]>[0]): Promise<CacheRecord> {
    try {
      return await this.cache.add(record);
    } catch (error) {
      if (record.layer !== undefined) await this.context.workshop.removeLayer(record.layer);
      throw error;
    }
  }

  /** The blob is only needed for the manifest: it is packed while the next steps run. */
  private packSoon(layer: string, run: BuildRun): void {
    const compression = imageCompression(run);
    if (compression === undefined) return;
    const { latestSeconds } = run;
    this.context.workshop
      .packLayer(layer, { compression, ...(latestSeconds === undefined ? {} : { latestSeconds }) })
      .catch((error) => this.context.log.warn(`a layer was not packed ahead of time: ${errorText(error)}`));
  }
}

/** Undefined when no output needs blobs. */
function imageCompression({ request }: BuildRun): "gzip" | "zstd" | "uncompressed" | undefined {
  for (const output of request.outputs) {
    if (output.type === "image" || output.type === "oci" || output.type === "docker")
      return output.compression ?? "gzip";
  }
  return undefined;
}

/** The key of the inputs' identities; undefined when one is a context, of which only the files taken count. */
function identityKey(
  { operation }: Computed,
  resultOf: (step: Step | undefined) => StepResult,
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

function describe({ show, operation }: Computed): string {
  if (operation.type === "exec") return `mount / from exec ${operation.args.join(" ")}`;
  return show.name.replace(/^\[[^\]]*\] /, "");
}

function failureOf(step: Step, run: BuildRun, error: unknown): unknown {
  if (error instanceof BuildFailure) return error;
  const { dockerfile } = run.request;
  const ranges = step.show.range ? [step.show.range] : [];
  const place = ranges.length > 0 ? { file: dockerfile.name, text: dockerfile.text, ranges } : undefined;
  const kind = error instanceof NaruError ? error.kind : "internal";
  return new BuildFailure(errorText(error), place, { kind, cause: error, step: stepDigest(step) });
}
