import { editDistance } from "../lib/edit-distance.ts";
import { NaruError } from "../lib/errors.ts";
import { isTree, joinPath, type Positions, type Tree, type Value } from "./document.ts";
import { COMPOSE_FILE } from "./schema.ts";
import type { Rule } from "./schema-rule.ts";

const TYPE_WORDS: Record<string, string> = { object: "mapping" };

/**
 * Checks a file's tree against the specification. Throws "invalid" in docker compose's words, with line, column and the nearest key;
 * `positions` is only asked for them.
 */
export function validateSchema(tree: Tree, file: string, positions: () => Positions): void {
  const fail = (path: string, words: string, at = path): never => {
    const position = nearestPosition(positions(), at);
    const place = position ? ` (line ${position.line}, column ${position.column})` : "";
    throw new NaruError("invalid", `validating ${file}: ${path} ${words}${place}`);
  };
  check(tree, COMPOSE_FILE, "", fail);
}

type Fail = (path: string, words: string, at?: string) => never;

/** Where `path` stands, or what holds it. */
function nearestPosition(positions: Positions, path: string) {
  for (let at = path; at !== ""; at = at.includes(".") ? at.slice(0, at.lastIndexOf(".")) : "") {
    const found = positions.get(at);
    if (found) return found;
  }
  return positions.get("");
}

function check(value: Value, rule: Rule, path: string, fail: Fail): void {
  if (!rule.types.some((type) => isOfType(value, type))) {
    const words = rule.types.map((type) => TYPE_WORDS[type] ?? type);
    fail(path, `must be a ${words.length > 1 ? `${words.slice(0, -1).join(", ")} or ${words.at(-1)}` : words[0]}`);
  }
  if (typeof value === "string") {
    if (rule.oneOf && !rule.oneOf.includes(value))
      fail(
        path,
        `value must be ${rule.oneOf.length > 1 ? "one of " : ""}${rule.oneOf.map((word) => `'${word}'`).join(", ")}`,
      );
    if (rule.pattern && !rule.pattern.test(value))
      fail(path, `'${value}' does not match pattern '${rule.pattern.source}'`);
  }
  if (typeof value === "number") {
    if (rule.least !== undefined && value < rule.least) fail(path, `must be greater than or equal to ${rule.least}`);
    if (rule.most !== undefined && value > rule.most) fail(path, `must be less than or equal to ${rule.most}`);
  }
  if (Array.isArray(value) && rule.items)
    for (const [index, item] of value.entries()) check(item, rule.items, joinPath(path, index), fail);
  if (isTree(value)) checkMap(value, rule, path, fail);
}

function checkMap(tree: Tree, rule: Rule, path: string, fail: Fail): void {
  if (!rule.keys && !rule.anyKey) return;
  for (const key in tree) {
    const at = joinPath(path, key);
    const known = rule.keys && Object.hasOwn(rule.keys, key) ? rule.keys[key] : undefined;
    if (known) check(tree[key]!, known, at, fail);
    else if (rule.anyKey && (rule.keyPattern?.test(key) ?? true)) check(tree[key]!, rule.anyKey, at, fail);
    else if (!rule.isOpen && !(key.startsWith("x-") && !rule.noExtensions)) {
      fail(path, `additional properties '${key}' not allowed${nearestKey(key, rule)}`, at);
    }
  }
  const missing = rule.required?.find((key) => !Object.hasOwn(tree, key));
  if (missing !== undefined) fail(path, `missing property '${missing}'`);
}

function nearestKey(key: string, rule: Rule): string {
  const near = Object.keys(rule.keys ?? {})
    .map((name) => ({ name, distance: editDistance(key, name) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return near && near.distance <= Math.max(1, key.length / 3) ? `, did you mean '${near.name}'?` : "";
}

function isOfType(value: Value, type: string): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "object") return isTree(value);
  if (type === "integer") return typeof value === "number" && Number.isInteger(value);
  return typeof value === type;
}
