/** JSON merge patch, RFC 7386. */

import { StatusError } from "../status.ts";
import { isRecord } from "./type-schema.ts";

/**
 * `current` with the patch's values; null removes, lists are replaced. `current` stays as it is.
 * @throws StatusError BadRequest when the patch is no object.
 */
export function applyMergePatch(current: object, patch: unknown): object {
  if (!isRecord(patch)) throw new StatusError("BadRequest", "a merge patch is an object");
  return merge(current, patch) as object;
}

function merge(current: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return structuredClone(patch);
  // A copy of one level at a time: what the patch does not touch is shared with the frozen object.
  const result: Record<string, unknown> = isRecord(current) ? { ...current } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}
