/** --overrides of `run` and `expose`: JSON that is laid over the object that the flags made. */

import { CliError } from "../cli-error.ts";
import { string } from "../flag-types.ts";
import { applyJsonPatch, type PatchOperation } from "./json-patch.ts";
import { strategicMerge } from "./strategic-merge.ts";

type Members = Record<string, unknown>;

export const OVERRIDE_FLAGS = {
  "override-type": string("How --overrides is laid over: json (RFC 6902), merge (RFC 7386) or strategic", {
    initial: "merge",
  }),
  overrides: string("JSON that is laid over the object before it is sent"),
};

/** @throws CliError in kubectl's words */
export function withOverrides<T extends object>(
  object: T,
  flags: { readonly overrides: string; readonly "override-type": string },
): T {
  if (flags.overrides === "") return object;
  const type = flags["override-type"];
  if (!["json", "merge", "strategic"].includes(type)) throw new CliError(`error: invalid override type: ${type}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(flags.overrides);
  } catch {
    throw new CliError("error: Invalid JSON Patch");
  }
  if (type === "json") return patched(object, parsed);
  if (!isMembers(parsed)) throw new CliError("error: --overrides must be a JSON object");
  if (type === "merge") return merged(object, parsed) as T;
  const laidOver = strategicMerge(object as Members, parsed, { byKeys: true, order: "interleaved" });
  if (laidOver === undefined) throw new CliError("error: the patch deletes the object: use 'delete' for that");
  return laidOver as T;
}

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** RFC 7386: what is null goes, members are merged, all else takes the place of what is there. */
function merged(target: unknown, patch: unknown): unknown {
  if (!isMembers(patch)) return patch;
  const result: Members = isMembers(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

function patched<T extends object>(object: T, operations: unknown): T {
  const isOperation = (one: unknown) => isMembers(one) && typeof one.op === "string" && typeof one.path === "string";
  if (!Array.isArray(operations) || !operations.every(isOperation)) throw new CliError("error: Invalid JSON Patch");
  const changed = structuredClone(object);
  applyJsonPatch(changed, operations as PatchOperation[]);
  return changed;
}
