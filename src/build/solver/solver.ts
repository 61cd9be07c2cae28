/**
 * Solves steps: each as soon as its inputs are ready, once in a build and once among all builds that want it at the same
 * time; from the cache when its key is known. Two keys are tried: one of the identities of the inputs, which needs no file to
 * be read, and one of the contents that the step takes from them.
 */
import type { LayerHandle } from "../../image/contract.ts";
import { errorText, NaruError } from "../../lib/errors.ts";
import type { Slots } from "../../lib/slots.ts";
import type { Digest } from "../../model/image.ts";
import { BuildFailure } from "../contract.ts";
import { type BuildRun, nowMs } from "./build-run.ts";
import type { SolverContext } from "./builder-parts.ts";
import { digestOf, type KeyParts, keyOf, keyParts } from "./cache-key.ts";
import { CacheLookup, findResult, identityKey } from "./cache-lookup.ts";
import { type CacheRecord, type CacheStore, newRecordId } from "./cache-store.ts";
import { type ExecRun, runExec } from "./exec-step.ts";
import { runFileOperation } from "./file-step.ts";
import { Flight, type FlightListener } from "./flight.ts";
import type { ExecOperation, FileOperation, Step } from "./graph.ts";
import type { MissHistory } from "./miss-history.ts";
import { differenceOf, mergedRoots } from "./root-layers.ts";
import { solveSource } from "./sources.ts";
import { stepDigest, stepInputs } from "./step-digest.ts";
import { SCRATCH, type StepResult } from "./step-result.ts";

export type Computed = Step<ExecOperation | FileOperation>;

interface Made {
  record: CacheRecord;
}

export class Solver {
  private readonly flights = new Map<Digest, Flight<Made>>();
  private readonly lookup: CacheLookup;

  constructor(
    private readonly context: SolverContext,
    private readonly cache: CacheStore,
    private readonly misses: MissHistory,
    /** Processes that may run at once. */
    private readonly processes: Slots,
  ) {
    this.lookup = new CacheLookup(context, cache, misses, (step, run) => this.solve(step, run));
  }

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
    const { operation } = step;
    switch (operation.type) {
      case "exec":
      case "file": {
        const record = await this.lookup.find(step as Computed, run).catch(async (error) => {
          // What failed may be an input's: then that one tells it, at its own place.
          await this.inputResults(step, run);
          throw this.tellFailure(step as Computed, run, nowMs(), error);
        });
        if (record && !record.isKeyOnly) return await this.taken(step as Computed, record, run);
        await this.inputResults(step, run);
        run.signal.throwIfAborted();
        return await this.told(step as Computed, run);
      }
      case "merge":
        return mergedRoots(await this.solveAll(operation.roots, run));
      case "diff":
        return differenceOf(await this.solveAll([operation.lower, operation.upper], run));
      default:
        return await solveSource(this.context, this.cache, step, run);
    }
  }

  private solveAll(steps: readonly (Step | undefined)[], run: BuildRun): Promise<StepResult[]> {
    return Promise.all(steps.map((step) => this.solve(step, run)));
  }

  /** A step whose result is known without those of its inputs: only what it stands on is needed. */
  private async taken(step: Computed, record: CacheRecord, run: BuildRun): Promise<StepResult> {
    const root = await this.solve(step.operation.root, run);
    const at = nowMs();
    run.show(step, { startedAt: at, completedAt: at, cached: true });
    return this.use(record, root);
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
      throw this.tellFailure(step, run, startedAt, error);
    }
  }

  /** Tells clients of a step's failure. @returns what to throw */
  private tellFailure(step: Computed, run: BuildRun, startedAt: number, error: unknown): unknown {
    const failure = run.signal.aborted ? error : failureOf(step, run, error);
    run.show(step, { startedAt, completedAt: nowMs(), error: errorText(failure) });
    return failure;
  }

  private async findOrMake(
    step: Computed,
    run: BuildRun,
    startedAt: number,
  ): Promise<{ result: StepResult; isCached: boolean; missReason?: string }> {
    const results = await this.inputResults(step, run);
    const resultOf = (input: Step | undefined) => (input === undefined ? SCRATCH : results.get(input)!);
    const root = resultOf(step.operation.root);
    const fastKey = identityKey(step.operation, resultOf, run.latestSeconds);
    const known = fastKey && !step.ignoresCache ? await findResult(this.cache, fastKey, run) : undefined;
    if (known) return { result: this.use(known, root), isCached: true };
    const contents = await this.lookup.contentsOf(step, resultOf, run);
    const parts = keyParts(step.operation, contents.inputKey, run.latestSeconds);
    const key = keyOf(parts);
    const same = step.ignoresCache ? undefined : await findResult(this.cache, key, run);
    if (same) {
      if (fastKey) this.cache.addKey(same, fastKey);
      this.misses.note(step, parts, contents.listings);
      return { result: this.use(same, root), isCached: true };
    }
    const missReason = step.ignoresCache
      ? "the cache was not asked for it"
      : this.misses.explain(step, parts, contents.listings);
    run.show(step, { startedAt, ...(missReason ? { missReason } : {}) });
    const keys = fastKey ? [key, fastKey] : [key];
    const { record } = await this.make(step, run, { key, keys, parts, resultOf });
    this.misses.note(step, parts, contents.listings);
    return { result: this.use(record, root), isCached: false, missReason };
  }

  private async inputResults(step: Step, run: BuildRun): Promise<Map<Step, StepResult>> {
    const inputs = stepInputs(step);
    const results = await Promise.all(inputs.map((input) => this.solve(input, run)));
    return new Map(inputs.map((input, index) => [input, results[index]!]));
  }

  /** The result on the root that this build has, which is equal to the one it was made on. */
  private use(record: CacheRecord, root: StepResult): StepResult {
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
      // Somebody may have finished it since it was looked for.
      const finished = flying || step.ignoresCache ? undefined : await findResult(this.cache, work.key, run);
      if (finished) return { record: finished };
      const flight = flying ?? this.begin(step, run, work);
      // Before it is made: from its first moment on nobody may prune it.
      run.undo.defer(this.cache.hold(flight.recordId));
      try {
        return await flight.join(listener, run.signal);
      } catch (error) {
        // The build that began it went away, and with it its context and its client: then it is this one's turn.
        if (flight === flying && flight.starter.aborted && !run.signal.aborted) continue;
        throw error;
      }
    }
  }

  private begin(step: Computed, run: BuildRun, work: Parameters<Solver["make"]>[2]): Flight<Made> {
    // The build that began may leave before the others, with another root than theirs that only looks the same.
    const used = stepInputs(step).flatMap((input) => work.resultOf(input).recordIds ?? []);
    const releases = used.map((id) => this.cache.hold(id));
    const flight = new Flight<Made>(newRecordId(), run.signal, (started) => this.compute(step, run, work, started));
    void flight.ended.then(() => {
      for (const release of releases) release();
    });
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
        ? await this.runProcess({
            operation,
            root: resultOf(operation.root),
            mountSources: operation.mounts.map((mount) =>
              "from" in mount && mount.from ? resultOf(mount.from) : undefined,
            ),
            session: run.request.session,
            onOutput: (chunk) => flight.onOutput(chunk, nowMs()),
            onRunning: (containerId) => flight.onRunning(containerId),
            signal,
          })
        : await runFileOperation(this.context, { operation, root: resultOf(operation.root), resultOf, signal });
    const layerId = layer?.kind === "built" ? layer.id : undefined;
    const id = flight.recordId;
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

  private async runProcess(run: ExecRun): Promise<LayerHandle | undefined> {
    const leave = await this.processes.take(run.signal);
    try {
      run.signal.throwIfAborted();
      return await runExec(this.context, run);
    } finally {
      leave();
    }
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
