/** Roots made of other roots' layers, without a process or a file: one above the other, or what one adds to another. */
import type { LayerHandle } from "../../image/contract.ts";
import { NaruError } from "../../lib/errors.ts";
import { digestOf } from "./cache-key.ts";
import { SCRATCH, type StepResult } from "./step-result.ts";

export function mergedRoots(results: readonly StepResult[]): StepResult {
  const layers = results.flatMap((result) => result.layers);
  const identity = digestOf("merge", ...results.map((result) => result.identity!));
  const { createdAt } = results.at(-1) ?? SCRATCH;
  const ownLayers = layers.length - (results[0]?.layers.length ?? 0);
  const recordIds = results.flatMap((result) => result.recordIds ?? []);
  return { identity, layers, ownLayers, recordIds, ...(createdAt === undefined ? {} : { createdAt }) };
}

/** @throws {NaruError} not-implemented when `upper` does not stand on `lower` */
export function differenceOf([lower = SCRATCH, upper = SCRATCH]: readonly StepResult[]): StepResult {
  if (!lower.layers.every((layer, index) => isSameLayer(layer, upper.layers[index]))) {
    throw new NaruError(
      "not-implemented",
      "the difference of two results is not supported but where one stands on the other",
    );
  }
  const layers = upper.layers.slice(lower.layers.length);
  const identity = digestOf("diff", lower.identity!, upper.identity!);
  const { createdAt, recordIds = [] } = upper;
  return { identity, layers, ownLayers: layers.length, recordIds, ...(createdAt === undefined ? {} : { createdAt }) };
}

function isSameLayer(one: LayerHandle, other: LayerHandle | undefined): boolean {
  if (one.kind === "built") return other?.kind === "built" && one.id === other.id;
  return other?.kind === "image" && one.chainId === other.chainId;
}
