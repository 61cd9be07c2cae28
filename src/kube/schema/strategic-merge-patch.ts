/**
 * Strategic merge patch: a merge patch that knows lists whose items have a key, and directives ($patch, $retainKeys,
 * $setElementOrder/<list>, $deleteFromPrimitiveList/<list>) as Kubernetes' documentation of `kubectl patch` describes them.
 */

import { isDeepStrictEqual } from "node:util";
import { StatusError } from "../status.ts";
import { isRecord, type ListSchema, type ObjectSchema, type TypeSchema } from "./type-schema.ts";

const ORDER = "$setElementOrder/";
const REMOVAL = "$deleteFromPrimitiveList/";

type Fields = Record<string, unknown>;

/**
 * `current` with the patch merged in; `current` stays as it is, what the patch does not touch is shared with it.
 * @throws StatusError BadRequest for a patch that is no object, an unknown directive or an item without its merge key.
 */
export function applyStrategicMergePatch(schema: ObjectSchema, current: object, patch: unknown): object {
  if (!isRecord(patch)) throw new StatusError("BadRequest", "a strategic merge patch is an object");
  return mergeObject(schema, current as Fields, patch);
}

function fieldType(schema: TypeSchema | undefined, name: string): TypeSchema | undefined {
  if (schema?.kind === "object") return schema.fields.get(name)?.type;
  return schema?.kind === "map" ? schema.values : undefined;
}

function mergeObject(schema: TypeSchema | undefined, current: Fields, patch: Fields): Fields {
  const directive = patch.$patch;
  if (directive === "delete") return {};
  if (directive === "replace") return mergeObject(schema, {}, { ...patch, $patch: undefined });
  if (directive !== undefined && directive !== "merge") throw badPatch(`unknown $patch: ${JSON.stringify(directive)}`);
  const result = { ...current };
  retainKeys(result, patch.$retainKeys);
  for (const [name, value] of Object.entries(patch)) {
    if (name === "$patch" || name === "$retainKeys" || value === undefined) continue;
    if (name.startsWith(REMOVAL)) {
      removeFromList(result, name.slice(REMOVAL.length), value);
    } else if (name.startsWith(ORDER)) {
      const list = name.slice(ORDER.length);
      // Without changes to the list itself the order alone is set.
      if (!(list in patch) && Array.isArray(result[list])) {
        result[list] = mergeLists(fieldType(schema, list), result[list], [], value);
      }
    } else if (value === null) {
      delete result[name];
    } else {
      result[name] = mergeValue(fieldType(schema, name), result[name], value, patch[`${ORDER}${name}`]);
    }
  }
  return result;
}

function mergeValue(schema: TypeSchema | undefined, current: unknown, value: unknown, order: unknown): unknown {
  if (Array.isArray(value)) return mergeLists(schema, Array.isArray(current) ? current : [], value, order);
  if (isRecord(value)) return mergeObject(schema, isRecord(current) ? current : {}, value);
  return value;
}

function retainKeys(result: Fields, keys: unknown): void {
  if (keys === undefined) return;
  if (!Array.isArray(keys)) throw badPatch("$retainKeys is a list of names");
  for (const name of Object.keys(result)) if (!keys.includes(name)) delete result[name];
}

function removeFromList(result: Fields, name: string, values: unknown): void {
  if (!Array.isArray(values)) throw badPatch(`${REMOVAL}${name} is a list of values`);
  const list = result[name];
  if (Array.isArray(list)) result[name] = list.filter((item) => !values.includes(item));
}

function mergeLists(schema: TypeSchema | undefined, current: unknown[], patch: unknown[], order: unknown): unknown[] {
  const list = schema?.kind === "list" ? schema : undefined;
  if (list === undefined || list.patchKey === undefined) return replacement(schema, patch);
  if (order !== undefined && !Array.isArray(order)) throw badPatch(`${ORDER}… is a list`);
  if (list.patchKey === "") return ordered([...new Set([...current, ...patch])], current, order, (item) => item);
  const key = list.patchKey;
  const merged = mergeKeyed(list, key, current, patch);
  return ordered(merged, current, order, (item) => (isRecord(item) ? item[key] : item));
}

/** A whole new list; directives inside it have nothing to work on. */
function replacement(schema: TypeSchema | undefined, patch: readonly unknown[]): unknown[] {
  const items = schema?.kind === "list" ? schema.items : undefined;
  return patch
    .filter((item) => !(isRecord(item) && typeof item.$patch === "string" && Object.keys(item).length === 1))
    .map((item) => (isRecord(item) ? mergeObject(items, {}, item) : structuredClone(item)));
}

function mergeKeyed(list: ListSchema, key: string, current: unknown[], patch: unknown[]): unknown[] {
  const replaces = patch.some((item) => isRecord(item) && item.$patch === "replace");
  let result = replaces ? [] : [...current];
  for (const item of patch) {
    if (!isRecord(item)) throw badPatch(`items of this list are objects, not ${JSON.stringify(item)}`);
    if (item.$patch === "replace" && item[key] === undefined) continue;
    const value = item[key];
    if (value === undefined) throw badPatch(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    const matches = (one: unknown) => isRecord(one) && isDeepStrictEqual(one[key], value);
    if (item.$patch === "delete") {
      result = result.filter((one) => !matches(one));
      continue;
    }
    const at = result.findIndex(matches);
    const before = at < 0 ? {} : (result[at] as Fields);
    const merged = mergeObject(list.items, before, item.$patch === "replace" ? { ...item, $patch: undefined } : item);
    if (at < 0) result.push(merged);
    else result[at] = merged;
  }
  return result;
}

/**
 * Items that `order` names stand in its order; each of the others stays behind the item that it followed before.
 */
function ordered(
  items: unknown[],
  before: readonly unknown[],
  order: unknown[] | undefined,
  identity: (item: unknown) => unknown,
): unknown[] {
  if (order === undefined) return items;
  const places = new Map(order.map((item, index) => [identity(item), index]));
  const placeOf = (item: unknown) => places.get(identity(item));
  const result = items.filter((item) => placeOf(item) !== undefined);
  result.sort((a, b) => (placeOf(a) as number) - (placeOf(b) as number));
  const previous = before.map(identity);
  for (const item of items) {
    if (placeOf(item) !== undefined) continue;
    const at = previous.indexOf(identity(item));
    const follows =
      at > 0 ? result.findIndex((one) => identity(one) === previous[at - 1]) : at === 0 ? -1 : result.length - 1;
    result.splice(follows + 1, 0, item);
  }
  return result;
}

function badPatch(why: string): StatusError {
  return new StatusError("BadRequest", `invalid strategic merge patch: ${why}`);
}
