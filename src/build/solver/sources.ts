/** Steps that bring files in: images, contexts, URLs, git repositories. */
import { errorText, NaruError } from "../../lib/errors.ts";
import { type BuildRun, nowMs } from "./build-run.ts";
import type { SolverContext } from "./builder-parts.ts";
import { digestOf } from "./cache-key.ts";
import type { CacheStore } from "./cache-store.ts";
import type { ImageOperation, LocalOperation, Step } from "./graph.ts";
import { SCRATCH, type StepResult } from "./step-result.ts";

/** Brings it and tells clients. @throws {NaruError} */
export async function solveSource(
  context: SolverContext,
  _cache: CacheStore,
  step: Step,
  run: BuildRun,
): Promise<StepResult> {
  const startedAt = nowMs();
  run.show(step, { startedAt });
  try {
    const { result, isCached } = await bring(context, step, run);
    run.show(step, { startedAt, completedAt: nowMs(), cached: isCached });
    return result;
  } catch (error) {
    run.show(step, { startedAt, completedAt: nowMs(), error: errorText(error) });
    throw error;
  }
}

async function bring(
  context: SolverContext,
  { operation }: Step,
  run: BuildRun,
): Promise<{ result: StepResult; isCached: boolean }> {
  switch (operation.type) {
    case "image":
      return { result: openImage(context, operation, run), isCached: true };
    case "local":
      return { result: await openContext(operation, run), isCached: false };
    default:
      throw new NaruError("not-implemented", `sources of type ${operation.type} cannot be built from yet`);
  }
}

function openImage({ workshop }: SolverContext, { image }: ImageOperation, run: BuildRun): StepResult {
  run.undo.defer(workshop.pinImage(image.id));
  const layers = workshop.imageLayers(image.id, image.config);
  const top = layers.at(-1);
  if (!top) return { ...SCRATCH };
  return { identity: digestOf("image", top.kind === "image" ? top.chainId : top.id), layers };
}

async function openContext(operation: LocalOperation, run: BuildRun): Promise<StepResult> {
  const { context, include, exclude } = operation;
  const directory = await context.sync({
    ...(include ? { include } : {}),
    ...(exclude ? { exclude } : {}),
    signal: run.signal,
  });
  return {
    identity: undefined,
    layers: [],
    context: { directory, exclude: exclude ?? [], isTemporary: context.isTemporary ?? false },
  };
}
