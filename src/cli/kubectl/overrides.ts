/** --overrides of `run` and `expose`: JSON that is laid over the object that the flags made. */

import { CliError } from "../cli-error.ts";
import { string } from "../flag-types.ts";

type Members = Record<string, unknown>;

export const OVERRIDE_FLAGS = {
  "override-type": string("How --overrides is laid over: json (RFC 6902), merge (RFC 7386) or strategic", {
    initial: "merge",
  }),
  overrides: string("JSON that is laid over the object before it is sent"),
};

/** Lists whose elements are merged by a key with `strategic`, as the API declares them for pods and services. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: "name",
  initContainers: "name",
  ephemeralContainers: "name",
  volumes: "name",
  env: "name",
  imagePullSecrets: "name",
  volumeMounts: "mountPath",
  volumeDevices: "devicePath",
  hostAliases: "ip",
  topologySpreadConstraints: "topologyKey",
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
  if (type === "json") return patched(object, parsed) as T;
  if (!isMembers(parsed)) throw new CliError("error: --overrides must be a JSON object");
  return merged(object, parsed, type === "strategic") as T;
}

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function merged(target: unknown, patch: unknown, strategic: boolean): unknown {
  if (!isMembers(patch)) return patch;
  const result: Members = isMembers(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    const mergeKey = strategic && Array.isArray(value) ? keyOf(key, value) : undefined;
    if (value === null) delete result[key];
    else if (mergeKey !== undefined) result[key] = mergedList(result[key], value as Members[], mergeKey);
    else if (strategic && key.startsWith("$")) throw new CliError(`error: ${key} is not supported in --overrides`);
    else result[key] = merged(result[key], value, strategic);
  }
  return result;
}

function keyOf(list: string, elements: readonly unknown[]): string | undefined {
  const key = list === "ports" ? ["containerPort", "port"].find((one) => has(elements, one)) : MERGE_KEYS[list];
  return key !== undefined && has(elements, key) ? key : undefined;
}
const has = (elements: readonly unknown[], key: string) =>
  elements.every((one) => isMembers(one) && one[key] !== undefined);

/** As the API merges: what is known keeps its place, what is new stands after it. */
function mergedList(target: unknown, patch: readonly Members[], key: string): unknown[] {
  const result = Array.isArray(target) ? [...(target as Members[])] : [];
  for (const element of patch) {
    const at = result.findIndex((one) => one[key] === element[key]);
    if (at < 0) result.push(element);
    else result[at] = merged(result[at], element, true) as Members;
  }
  return result;
}

/** JSON patch (RFC 6902): add, remove, replace, test, copy, move. */
function patched(object: object, operations: unknown): unknown {
  if (!Array.isArray(operations)) throw new CliError("error: Invalid JSON Patch");
  const root = { value: structuredClone(object) as unknown };
  for (const { op, path, from, value } of operations as {
    op?: string;
    path?: string;
    from?: string;
    value?: unknown;
  }[]) {
    if (op === "add") change(root, path, "add", value);
    else if (op === "remove") change(root, path, "remove");
    else if (op === "replace") change(root, path, "replace", value);
    else if (op === "copy") change(root, path, "add", structuredClone(find(root, from)));
    else if (op === "move") {
      const moved = find(root, from);
      change(root, from, "remove");
      change(root, path, "add", moved);
    } else if (op === "test") {
      if (!Bun.deepEquals(find(root, path), value))
        throw new CliError(`error: testing path ${path} failed: test failed`);
    } else throw new CliError(`error: unexpected kind of operation in --overrides: ${op}`);
  }
  return root.value;
}

function wordsOf(path: string | undefined): string[] {
  if (path === undefined || (path !== "" && !path.startsWith("/"))) throw new CliError("error: Invalid JSON Patch");
  const words = path.split("/").slice(1);
  return ["value", ...words.map((word) => word.replaceAll("~1", "/").replaceAll("~0", "~"))];
}

function find(root: object, path: string | undefined): unknown {
  let current: unknown = root;
  for (const word of wordsOf(path)) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, word)) throw missing(path);
    current = (current as Members)[word];
  }
  return current;
}

function change(root: object, path: string | undefined, how: "add" | "remove" | "replace", value?: unknown): void {
  const words = wordsOf(path);
  const last = words.pop()!;
  let parent: unknown = root;
  for (const word of words) parent = (parent as Members | undefined)?.[word];
  if (typeof parent !== "object" || parent === null) throw missing(path);
  if (how !== "add" && !Object.hasOwn(parent, last)) throw missing(path);
  if (!Array.isArray(parent)) {
    if (how === "remove") delete (parent as Members)[last];
    else (parent as Members)[last] = value;
    return;
  }
  const at = last === "-" && how === "add" ? parent.length : Number(last);
  if (!(at >= 0 && at <= parent.length)) throw missing(path);
  parent.splice(at, how === "add" ? 0 : 1, ...(how === "remove" ? [] : [value]));
}

const missing = (path: string | undefined) => new CliError(`error: --overrides: there is nothing at ${path}`);
