/** Steps that bring files in: images, contexts, URLs, git repositories. */
import { errorText, NaruError } from "../../lib/errors.ts";
import type { Digest } from "../../model/image.ts";
import { type BuildRun, nowMs } from "./build-run.ts";
import type { SolverContext } from "./builder-parts.ts";
import { digestOf } from "./cache-key.ts";
import type { CacheRecord, CacheStore } from "./cache-store.ts";
import { bringGitTree } from "./git-source.ts";
import type { ImageOperation, LocalOperation, Step } from "./graph.ts";
import { bringHttpFile } from "./http-source.ts";
import { stepDigest } from "./step-digest.ts";
import { SCRATCH, type StepResult } from "./step-result.ts";

/** Brings it and tells clients. @throws {NaruError} */
export async function solveSource(
  context: SolverContext,
  cache: CacheStore,
  step: Step,
  run: BuildRun,
): Promise<StepResult> {
  const startedAt = nowMs();
  run.show(step, { startedAt });
  try {
    const { result, isCached } = await bring(context, cache, step, run);
    run.show(step, { startedAt, completedAt: nowMs(), cached: isCached });
    return result;
  } catch (error) {
    run.show(step, { startedAt, completedAt: nowMs(), error: errorText(error) });
    throw error;
  }
}

async function bring(
  context: SolverContext,
  cache: CacheStore,
  step: Step,
  run: BuildRun,
): Promise<{ result: StepResult; isCached: boolean }> {
  const { operation } = step;
  const digest = stepDigest(step);
  switch (operation.type) {
    case "image":
      return { result: openImage(context, operation, run), isCached: true };
    case "local":
      return { result: await openContext(operation, digest, run), isCached: false };
    case "http": {
      const startedAt = nowMs();
      const onProgress = (current: number, total: number) =>
        run.emit({ type: "progress", step: digest, id: "downloading", name: "downloading", current, total, startedAt });
      const found = await bringHttpFile(context, cache, { operation, onProgress, signal: run.signal });
      return { result: useSource(cache, found.record, run), isCached: found.isCached };
    }
    case "git": {
      const onOutput = (text: string) =>
        run.emit({ type: "log", step: digest, stream: "stderr", data: Buffer.from(text), at: nowMs() });
      const found = await bringGitTree(context, cache, { operation, run, onOutput });
      return { result: useSource(cache, found.record, run), isCached: found.isCached };
    }
    default:
      throw new NaruError("internal", `a step of type ${operation.type} is no source`);
  }
}

/** One layer without anything below it. */
function useSource(cache: CacheStore, record: CacheRecord, run: BuildRun): StepResult {
  run.undo.defer(cache.hold(record.id));
  cache.touch(record.id);
  return {
    identity: record.identity,
    layers: [{ kind: "built", id: record.layer! }],
    ownLayers: 1,
    createdAt: record.createdAt,
    recordIds: [record.id],
    isSource: true,
  };
}

function openImage({ workshop }: SolverContext, { image }: ImageOperation, run: BuildRun): StepResult {
  run.undo.defer(workshop.pinImage(image.id));
  const layers = workshop.imageLayers(image.id, image.config);
  const top = layers.at(-1);
  if (!top) return { ...SCRATCH };
  return { identity: digestOf("image", top.kind === "image" ? top.chainId : top.id), layers };
}

async function openContext(operation: LocalOperation, step: Digest, run: BuildRun): Promise<StepResult> {
  const { context, include, exclude } = operation;
  const startedAt = nowMs();
  let bytes: number | undefined;
  const tell = (current: number, completedAt?: number) => {
    const times = { startedAt, ...(completedAt === undefined ? {} : { completedAt }) };
    run.emit({
      type: "progress",
      step,
      id: `transferring ${context.name}:`,
      name: "transferring",
      current,
      total: 0,
      ...times,
    });
  };
  const directory = await context.sync({
    ...(include ? { include } : {}),
    ...(exclude ? { exclude } : {}),
    onTransfer: (current) => {
      bytes = current;
      tell(current);
    },
    signal: run.signal,
  });
  if (bytes !== undefined) tell(bytes, nowMs());
  const { version, isTemporary = false } = context;
  return {
    identity: undefined,
    layers: [],
    context: { directory, exclude: exclude ?? [], isTemporary, ...(version === undefined ? {} : { version }) },
  };
}
