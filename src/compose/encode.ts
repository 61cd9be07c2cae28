import { NaruError } from "../lib/errors.ts";
import { durationText, parseDuration } from "../lib/go-duration.ts";
import { byteSize } from "./byte-size.ts";
import { isTree, joinPath, type Tree, type Value } from "./document.ts";
import { compareGoKeys } from "./go-key-order.ts";
import { fieldsOf, type ShapeName } from "./shapes.ts";
import { shellWords } from "./shell-words.ts";
import { listOf, mappingOf } from "./short-forms.ts";
import type { Printable } from "./yaml-text.ts";

/** What is written for: YAML orders maps' keys by go-yaml's rule, JSON by bytes, and JSON keeps a few keys more. */
export type Format = "yaml" | "json";
type Part = Printable | undefined;

/** One part of a project, its values in their types and its keys in docker compose's order. Throws "invalid" naming the path. */
export function encodeShape(tree: Tree, shape: ShapeName, path: string, format: Format): Map<string, Printable> {
  const out = new Map<string, Printable>();
  for (const { name, kind, keepsZero, keepsMissing } of fieldsOf(shape)) {
    const value = tree[name];
    const encoded =
      value === undefined || value === null ? undefined : encodeValue(value, kind, joinPath(path, name), format);
    const isCapital = format === "json" && (shape === "weight" || shape === "rate");
    const key = isCapital ? name[0]!.toUpperCase() + name.slice(1) : name;
    if (encoded === undefined) {
      if (keepsMissing && format === "json")
        out.set(key, kind === "shell" ? null : encodeShape({}, kind.slice(1) as ShapeName, path, format));
    } else if (keepsZero || !isZero(encoded, kind)) out.set(key, encoded);
    else if (keepsMissing && format === "json") out.set(key, encoded);
  }
  if (format === "yaml") {
    for (const key of Object.keys(tree)
      .filter((name) => name.startsWith("x-"))
      .sort(compareGoKeys))
      out.set(key, plain(tree[key]!, format));
  }
  return out;
}

/** Values without a shape (extensions, unresolved models): keys in order, nothing changed. */
export function plain(value: Value, format: Format): Printable {
  if (Array.isArray(value)) return value.map((item) => plain(item, format));
  return isTree(value) ? sortedMap(value, format, (item) => plain(item, format)) : value;
}

export function sortedMap(
  tree: Tree,
  format: Format,
  encode: (value: Value, key: string) => Part,
): Map<string, Printable> {
  const out = new Map<string, Printable>();
  const keys = Object.keys(tree);
  for (const key of format === "yaml" ? keys.sort(compareGoKeys) : keys.sort()) {
    const encoded = encode(tree[key]!, key);
    if (encoded !== undefined) out.set(key, encoded);
  }
  return out;
}

function isZero(value: Printable, kind: string): boolean {
  if (kind === "shell") return false;
  if (kind.startsWith("@") && kind !== "@resources" && kind !== "@placement" && kind !== "@ipam") return false;
  if (kind === "bytes" || kind === "dur") return value === "0" || value === "0s";
  if (value instanceof Map) return value.size === 0;
  return Array.isArray(value) ? value.length === 0 : value === "" || value === 0 || value === false;
}

function encodeValue(value: Value, kind: string, path: string, format: Format): Part {
  if (kind.startsWith("@"))
    return isTree(value) ? encodeShape(value, kind.slice(1) as ShapeName, path, format) : undefined;
  if (kind.startsWith("[")) {
    const shape = kind.slice(1, -1) as ShapeName;
    return listOf(value).map((item, index) => encodeShape(item as Tree, shape, joinPath(path, index), format));
  }
  if (kind.startsWith("{")) return encodeMap(value as Tree, kind.slice(1, -1) as ShapeName, path, format);
  const encoder = ENCODERS[kind];
  if (!encoder) throw new NaruError("internal", `no way to write values of kind ${kind}`);
  return encoder(value, path, format);
}

function encodeMap(tree: Tree, shape: ShapeName, path: string, format: Format): Printable {
  return sortedMap(tree, format, (item, key) => {
    const at = joinPath(path, key);
    if (isTree(item)) return encodeShape(item, shape, at, format);
    return shape === "ulimit" ? encodeValue(item, "int", at, format) : null;
  });
}

function castFailure(path: string, words: string): never {
  throw new NaruError("invalid", `error while interpolating ${path}: failed to cast to expected type: ${words}`);
}

function toNumber(value: Value, path: string, isWhole: boolean): number {
  if (typeof value === "number") return isWhole ? Math.trunc(value) : Math.fround(value);
  const text = String(value);
  const pattern = isWhole ? /^[-+]?\d+$/ : /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/;
  if (!pattern.test(text))
    castFailure(
      path,
      `strconv.${isWhole ? "ParseInt" : "ParseFloat"}: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  return Number(text);
}

function toBoolean(value: Value, path: string): boolean {
  if (typeof value === "boolean") return value;
  const text = String(value).toLowerCase();
  if (["true", "y", "yes", "on"].includes(text)) return true;
  if (["false", "n", "no", "off"].includes(text)) return false;
  return castFailure(path, `invalid boolean: ${value}`);
}

/** `services.a.mem_limit` as decoding errors name it: `services[a].mem_limit`. */
function decodingFailure(path: string, error: unknown): never {
  const [section, name, ...rest] = path.split(".");
  const place = `${section}[${name}]${rest.map((key) => (/^\d+$/.test(key) ? `[${key}]` : `.${key}`)).join("")}`;
  throw new NaruError(
    "invalid",
    `decoding failed due to the following error(s):\n\n'${place}' ${error instanceof Error ? error.message : error}`,
  );
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    return decodingFailure(path, error);
  }
}

/** A float32 in its shortest decimal form, as Go writes it. */
function shortFloat(value: number): number {
  for (let digits = 1; digits < 10; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}

const textMap = (value: Value, format: Format, ofNull: Part) =>
  sortedMap(mappingOf(value), format, (item) => (item === null ? ofNull : String(item)));

const ENCODERS: Readonly<Record<string, (value: Value, path: string, format: Format) => Part>> = {
  str: (value) => String(value),
  bool: (value, path) => toBoolean(value, path),
  int: (value, path) => toNumber(value, path, true),
  num: (value, path) => shortFloat(toNumber(value, path, false)),
  bytes: (value, path) =>
    String(typeof value === "number" ? Math.trunc(value) : attempt(path, () => byteSize(String(value)))),
  dur: (value, path) => attempt(path, () => durationText(parseDuration(String(value)))),
  mode: (value, path) => {
    const mode = typeof value === "number" ? value : Number.parseInt(String(value), 8);
    return Number.isNaN(mode)
      ? decodingFailure(path, `strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`)
      : `0${mode.toString(8)}`;
  },
  count: (value, path) => (value === "all" ? -1 : toNumber(value, path, true)),
  list: (value) => listOf(value).map(String),
  map: (value, _, format) => textMap(value, format, ""),
  labels: (value, _, format) => textMap(value, format, ""),
  env: (value, _, format) => textMap(value, format, null),
  shell: (value, path) => (Array.isArray(value) ? value.map(String) : attempt(path, () => shellWords(String(value)))),
  test: (value) => (Array.isArray(value) ? value.map(String) : ["CMD-SHELL", String(value)]),
  hosts: (value) => encodeHosts(value),
  ssh: (value) => {
    const keys = Object.entries(mappingOf(value)).sort(([a], [b]) => (a < b ? -1 : 1));
    return keys.map(([id, path]) => (path === null ? id : `${id}: ${path}`));
  },
  envFiles: (value, path, format) =>
    listOf(value).map((file, index) => {
      // In JSON (and so in hashes) a file that must be there is its path alone.
      if (format === "json" && isTree(file) && file.required !== false) return String(file.path);
      return encodeShape(file as Tree, "envFile", joinPath(path, index), format);
    }),
  multi: (value, _, format) => sortedMap(value as Tree, format, (item) => listOf(item).map(String)),
};

function encodeHosts(value: Value): Printable {
  const hosts = new Map<string, string[]>();
  const add = (host: string, address: string) =>
    hosts.set(host, [...(hosts.get(host) ?? []), address.replace(/^\[(.*)\]$/, "$1")]);
  if (isTree(value)) for (const host in value) for (const address of listOf(value[host])) add(host, String(address));
  else {
    for (const line of listOf(value)) {
      const match = /^([^=:]+)[=:](.*)$/.exec(String(line));
      if (!match)
        throw new NaruError("invalid", `bad host: extra_hosts wants host=address, not ${JSON.stringify(line)}`);
      add(match[1]!, match[2]!);
    }
  }
  return [...hosts.keys()].sort().flatMap((host) => hosts.get(host)!.map((address) => `${host}=${address}`));
}
