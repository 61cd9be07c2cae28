/**
 * Types of JSON values as Go's decoder checks them. A request with a value of the wrong type is refused here in Docker's
 * words; keys are matched without regard to case, as Go matches them; null leaves a field unset; unknown keys are kept
 * out of the way.
 */
import { badRequest } from "./errors.ts";

export type Shape =
  | { kind: "string"; go: string }
  | { kind: "bool" }
  | { kind: "int"; go: string; unsigned: boolean }
  | { kind: "list"; of: Shape; go: string; length?: number }
  /** A string or a list of strings. */
  | { kind: "words" }
  | { kind: "map"; of: Shape; go: string }
  | { kind: "struct"; fields: Record<string, Shape>; go: string; root: string; byLowerCase: Map<string, string> }
  | { kind: "any" };

export const text: Shape = { kind: "string", go: "string" };
export const bool: Shape = { kind: "bool" };
export const words: Shape = { kind: "words" };
export const any: Shape = { kind: "any" };
/** A string type of Go's with a name of its own. */
export const namedText = (go: string): Shape => ({ kind: "string", go });
export const int = (go = "int64"): Shape => ({ kind: "int", go, unsigned: go.startsWith("uint") });
/** `pointers`: messages name the elements' type with Go's "*". */
export const list = (of: Shape, options: { length?: number; pointers?: boolean } = {}): Shape => ({
  kind: "list",
  of,
  go: `[${options.length ?? ""}]${options.pointers ? "*" : ""}${goName(of)}`,
  length: options.length,
});
/** `go`: the map type's own name, where it has one. */
export const map = (of: Shape, options: { go?: string; pointers?: boolean } = {}): Shape => ({
  kind: "map",
  of,
  go: options.go ?? `map[string]${options.pointers ? "*" : ""}${goName(of)}`,
});
/** `go` is the type's name in messages, e.g. "container.HostConfig"; `root` what paths to its fields begin with. */
export const struct = (
  go: string,
  fields: Record<string, Shape>,
  root = go.slice(go.lastIndexOf(".") + 1),
): Shape & { kind: "struct" } => ({
  kind: "struct",
  fields,
  go,
  root,
  byLowerCase: new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name])),
});

/** `value` with its keys spelled as in `shape`. @throws invalid when a value has another type. */
export function decodeShape(shape: Shape, value: unknown): unknown {
  const root = shape.kind === "struct" ? shape.root : "";
  return decode(shape, value, { root, path: "", inList: false });
}

interface Place {
  /** Name of the outermost Go type. */
  root: string;
  /** ".HostConfig.Memory"; "" at the top. */
  path: string;
  /** The value is an element of a list, not of a map or struct. */
  inList: boolean;
}

function decode(shape: Shape, value: unknown, place: Place): unknown {
  if (value === null || value === undefined) return null;
  switch (shape.kind) {
    case "any":
      return value;
    case "string":
      return typeof value === "string" ? value : refuse(value, shape.go, place);
    case "bool":
      return typeof value === "boolean" ? value : refuse(value, "bool", place);
    case "int":
      return decodeInt(shape, value, place);
    case "words":
      return decodeWords(value);
    case "list":
      if (!Array.isArray(value)) return refuse(value, shape.go, place);
      return value.map((item, index) => decode(shape.of, item, { ...within(place, String(index)), inList: true }));
    case "map": {
      if (!isObject(value)) return refuse(value, shape.go, place);
      const decoded: Record<string, unknown> = {};
      // Go writes its maps by key; kept in that order they come back so.
      for (const [key, item] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) {
        define(decoded, key, decode(shape.of, item, within(place, key.replace(/~/g, "~0").replace(/\//g, "~1"))));
      }
      return decoded;
    }
    case "struct":
      return decodeStruct(shape, value, place);
  }
}

function decodeStruct(shape: Shape & { kind: "struct" }, value: unknown, place: Place): Record<string, unknown> {
  if (!isObject(value)) return refuse(value, shape.go === "" ? "struct {}" : shape.go, place);
  const decoded: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const name = Object.hasOwn(shape.fields, key) ? key : shape.byLowerCase.get(key.toLowerCase());
    const field = name === undefined ? undefined : shape.fields[name];
    if (name === undefined || field === undefined) continue;
    decoded[name] = decode(field, item, { ...place, path: `${place.path}.${key}`, inList: false });
  }
  return decoded;
}

function decodeInt(shape: Shape & { kind: "int" }, value: unknown, place: Place): number {
  if (typeof value !== "number") return refuse(value, shape.go, place);
  const bits = Number(/\d+$/.exec(shape.go)?.[0] ?? 64);
  const [least, most] = shape.unsigned ? [0, 2 ** bits] : [-(2 ** (bits - 1)), 2 ** (bits - 1)];
  // A number holds 2^63 - 1 as 2^63.
  const fits = Number.isInteger(value) && value >= least && (value < most || (bits === 64 && value === most));
  return fits ? value : refuse(value, shape.go, place);
}

function decodeWords(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value;
  throw badRequest(`invalid JSON: json: cannot unmarshal ${jsonKind(value)} into Go value of type string`);
}

function within(place: Place, key: string): Place {
  return { ...place, path: `${place.path}.${key}`, inList: false };
}

function refuse(value: unknown, goType: string, place: Place): never {
  const target = place.inList
    ? `${place.root}${place.path}`
    : place.path === ""
      ? "Go value"
      : `Go struct field ${place.root}${place.path}`;
  const number = typeof value === "number" && /^(u?int\d*|time\.Duration)$/.test(goType) ? ` ${goNumber(value)}` : "";
  throw badRequest(`invalid JSON: json: cannot unmarshal ${jsonKind(value)}${number} into ${target} of type ${goType}`);
}

function goNumber(value: number): string {
  return String(value).replace("e+", "e");
}

function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : value === null ? "null" : typeof value;
}

function goName(shape: Shape): string {
  if (shape.kind === "bool") return "bool";
  if (shape.kind === "any") return "interface {}";
  if (shape.kind === "words") return "[]string";
  return shape.go === "" ? "struct {}" : shape.go;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** As an own property even when the key is "__proto__". */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
}
