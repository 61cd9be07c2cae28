import { NaruError } from "../lib/errors.ts";
import { isTree, type Tree } from "./document.ts";
import { encodeShape, type Format, plain, sortedMap } from "./encode.ts";
import { compareGoKeys } from "./go-key-order.ts";
import type { ShapeName } from "./shapes.ts";
import { type Printable, yamlText } from "./yaml-text.ts";

const SECTIONS: readonly (readonly [name: string, shape: ShapeName])[] = [
  ["services", "service"],
  ["networks", "network"],
  ["volumes", "volume"],
  ["secrets", "file"],
  ["configs", "file"],
  ["models", "model"],
];

/** The project as `config` prints it, with dollars doubled. Throws "invalid" for values that have no sense. */
export function renderProject(tree: Tree, format: Format): string {
  if (format === "json") refuseKeyPaths(tree);
  const out = new Map<string, Printable>([["name", String(tree.name)]]);
  for (const [section, shape] of SECTIONS) {
    const resources = tree[section];
    if (!isTree(resources) || (Object.keys(resources).length === 0 && section !== "services")) continue;
    // docker compose leaves models out of its JSON.
    if (section === "models" && format === "json") continue;
    out.set(
      section,
      sortedMap(resources, format, (item, key) =>
        encodeShape(isTree(item) ? item : {}, shape, `${section}.${key}`, format),
      ),
    );
  }
  for (const key of Object.keys(tree)
    .filter((name) => name.startsWith("x-"))
    .sort(compareGoKeys))
    out.set(key, plain(tree[key]!, format));
  const text = format === "yaml" ? yamlText(out) : escapedJson(jsonText(sortedByKey(out), ""));
  return text.replaceAll("$", "$$$$");
}

const sortedByKey = (map: Map<string, Printable>) => new Map([...map].sort(([a], [b]) => (a < b ? -1 : 1)));

/** docker compose has no JSON for these. */
function refuseKeyPaths(tree: Tree): void {
  for (const service of Object.values(isTree(tree.services) ? tree.services : {})) {
    const build = isTree(service) ? service.build : undefined;
    const keys = isTree(build) && isTree(build.ssh) ? Object.values(build.ssh) : [];
    if (keys.every((path) => path === null)) continue;
    throw new NaruError("invalid", "build.ssh with the path of a key cannot be written as JSON; use --format yaml");
  }
}

/** The merged files as `config --no-interpolate` prints them: every key in alphabetical order. */
export function renderModel(tree: Tree, format: Format): string {
  const out = plain(tree, format) as Map<string, Printable>;
  return format === "yaml" ? yamlText(out) : escapedJson(jsonText(withoutEmptyLists(out, []), ""));
}

/** Lists of a service that docker compose gives a form of their own, and so stay lists when they are empty. */
const KEPT_LISTS = new Set(
  "cap_add cap_drop configs devices dns dns_opt dns_search env_file expose links ports profiles secrets tmpfs volumes".split(
    " ",
  ),
);

/** In its JSON of a model an empty list is null, but for some. */
function withoutEmptyLists(value: Printable, path: readonly string[]): Printable {
  if (value instanceof Map)
    return new Map([...value].map(([key, item]) => [key, withoutEmptyLists(item, [...path, key])]));
  if (!Array.isArray(value)) return value;
  if (value.length > 0) return value.map((item) => withoutEmptyLists(item, [...path, "*"]));
  const [section, , ...rest] = path;
  const key = rest.join(".");
  return section === "services" && (KEPT_LISTS.has(key) || key === "build.tags") ? value : null;
}

/** JSON with an indent of 2, as Go writes it; without `indent` on one line. */
export function jsonText(value: Printable, indent: string | undefined): string {
  const isMap = value instanceof Map;
  if (!isMap && !Array.isArray(value))
    return JSON.stringify(value).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
  const inner = indent === undefined ? undefined : `${indent}  `;
  const separator = indent === undefined ? ":" : ": ";
  const items = isMap
    ? [...value].map(([key, item]) => `${JSON.stringify(key)}${separator}${jsonText(item, inner)}`)
    : value.map((item) => jsonText(item, inner));
  const [open, close] = isMap ? ["{", "}"] : ["[", "]"];
  if (items.length === 0) return open + close;
  return indent === undefined
    ? open + items.join(",") + close
    : `${open}\n${items.map((item) => inner + item).join(",\n")}\n${indent}${close}`;
}

/** Go's JSON escapes what a web page could misread. */
export function escapedJson(json: string): string {
  return json.replace(/[<>&]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`);
}
