/** What steps stand on, and their digests, which name them within a graph and to clients. */
import type { Digest } from "../../model/image.ts";
import type { Operation, ResolvedImage, Step } from "./graph.ts";

/** Digest of a step with all it stands on. Equal steps made twice have the same. Long chains need no deep stack. */
export function stepDigest(step: Step): Digest {
  const waiting = [step];
  for (let top = waiting.at(-1); top; top = waiting.at(-1)) {
    const missing = digests.has(top) ? [] : stepInputs(top).filter((input) => !digests.has(input));
    waiting.push(...missing);
    if (missing.length > 0) continue;
    waiting.pop();
    if (!digests.has(top)) digests.set(top, operationDigest(top));
  }
  return digests.get(step)!;
}

function operationDigest({ operation }: Step): Digest {
  const hash = new Bun.CryptoHasher("sha256").update(JSON.stringify(operation, replaceInputs));
  return `sha256:${hash.digest("hex")}`;
}
const digests = new WeakMap<Step, Digest>();

/** The steps whose results the step reads, in the order of its operation, each once. */
export function stepInputs({ operation }: Step): Step[] {
  const inputs = new Set(readSteps(operation));
  inputs.delete(undefined);
  return [...inputs] as Step[];
}

/** The image at the bottom of a root; undefined for scratch. */
export function findBaseImage(root: Step | undefined): ResolvedImage | undefined {
  for (let step = root; step !== undefined; ) {
    const { operation } = step;
    if (operation.type === "image") return operation.image;
    if (operation.type === "merge") step = operation.roots[0];
    else step = "root" in operation ? operation.root : undefined;
  }
  return undefined;
}

function readSteps(operation: Operation): (Step | undefined)[] {
  switch (operation.type) {
    case "exec":
      return [operation.root, ...operation.mounts.map((mount) => ("from" in mount ? mount.from : undefined))];
    case "file":
      return [operation.root, ...operation.actions.map((action) => ("from" in action ? action.from : undefined))];
    case "merge":
      return [...operation.roots];
    case "diff":
      return [operation.lower, operation.upper];
    default:
      return [];
  }
}

/** Steps become their digests, contexts their names, bytes their hash: JSON.stringify's order of keys is the object's own. */
function replaceInputs(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  if (value instanceof Uint8Array) return new Bun.CryptoHasher("sha256").update(value).digest("hex");
  if ("operation" in value && "show" in value) return stepDigest(value as Step);
  if ("sync" in value && "name" in value) return value.name;
  // The order in which a caller wrote an object's keys must not matter.
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
