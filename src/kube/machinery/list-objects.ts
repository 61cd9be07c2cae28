/** GET of collections: from memory when the state is young enough, page by page, or as it was at a past version. */

import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { ListOptions, ObjectList, Selection } from "../contract.ts";
import { StatusError } from "../status.ts";
import { CompactedError } from "../store/contract.ts";
import { storeKey, storePrefix } from "./cluster-state.ts";
import type { Core } from "./core.ts";
import type { ServedKind } from "./registry.ts";
import { parseFieldSelector, parseLabelSelector } from "./selectors.ts";
import { parseStored } from "./stored-json.ts";
import { servedObjects } from "./versions.ts";

type AnyStored = Stored<KubeObject>;

/** A selection, understood. */
export interface Selector {
  readonly namespace: string | undefined;
  /** The one name that is asked for, if it is one. */
  readonly name: string | undefined;
  /** True: takes every object of the namespace. */
  readonly all: boolean;
  /** Asked of the stored object. */
  matches(object: KubeObject): boolean;
  /** Asked of the served object too, where only a webhook knows that version's fields. */
  readonly matchesServed?: (object: KubeObject) => boolean;
}

/** @throws StatusError BadRequest when a selector cannot be understood. */
export function selectorOf(kind: ServedKind, selection: Selection): Selector {
  const { labelSelector = "", fieldSelector = "" } = selection;
  const namespace = selection.namespace === "" ? undefined : selection.namespace;
  const labels = parseLabelSelector(labelSelector);
  const { definition, conversion } = kind;
  const fields = parseFieldSelector(fieldSelector, conversion?.selectableFields ?? definition.selectableFields);
  const isOfServed = conversion?.convert !== undefined && fieldSelector.trim() !== "";
  return {
    namespace,
    name: fields.name,
    all: labelSelector.trim() === "" && fieldSelector.trim() === "",
    matches: (object) =>
      (namespace === undefined || object.metadata.namespace === namespace) &&
      labels(object.metadata.labels) &&
      (isOfServed || fields.matches(object)),
    ...(isOfServed ? { matchesServed: fields.matches } : {}),
  };
}

/** What a page's token says: go on after this key, in the state of that revision (0: in the newest one). */
interface Token {
  readonly v: 1;
  readonly at: number;
  readonly after: string;
}

function encodeToken(token: Token): string {
  return Buffer.from(JSON.stringify(token)).toString("base64url");
}

function decodeToken(text: string): Token {
  try {
    const token = JSON.parse(Buffer.from(text, "base64url").toString()) as Token;
    if (token.v === 1 && Number.isSafeInteger(token.at) && typeof token.after === "string") return token;
  } catch {
    // Not even JSON: it is none of ours, which is told below.
  }
  throw new StatusError("BadRequest", `continue key is not valid: ${JSON.stringify(text)}`);
}

/** A resourceVersion of a client as a number. @throws StatusError BadRequest */
export function revisionOf(resourceVersion: string): number {
  if (/^\d{1,15}$/.test(resourceVersion)) return Number(resourceVersion);
  throw new StatusError("BadRequest", `Invalid value: ${JSON.stringify(resourceVersion)}: invalid resource version`);
}

/**
 * @throws StatusError BadRequest (selector, token, version), Expired (that state is compacted), Timeout (a version of the future)
 */
export async function listObjects<T extends KubeObject>(
  core: Core,
  kind: ServedKind,
  options: ListOptions = {},
): Promise<ObjectList<T>> {
  const selector = selectorOf(kind, options);
  const token = options.continue ? decodeToken(options.continue) : undefined;
  const at = await stateFor(core, options, token);
  const page =
    at === undefined || core.state.kind(kind.definition.type).changedAt <= at
      ? pageOfMemory(core, kind, selector, options, token, at)
      : await pageOfHistory(core, kind, selector, options, token, at);
  if (kind.conversion === undefined) return page as unknown as ObjectList<T>;
  const served = await servedObjects<T>(kind, page.items);
  return { ...page, items: selector.matchesServed === undefined ? served : served.filter(selector.matchesServed) };
}

/** The revision that must be answered exactly; undefined: the newest state does. */
async function stateFor(core: Core, options: ListOptions, token: Token | undefined): Promise<number | undefined> {
  const { resourceVersion = "", resourceVersionMatch } = options;
  if (token !== undefined) {
    if (resourceVersion !== "" && resourceVersion !== "0") {
      throw new StatusError("BadRequest", "specifying resource version is not allowed when using continue");
    }
    return token.at === 0 ? undefined : token.at;
  }
  if (resourceVersion === "") {
    if (resourceVersionMatch !== undefined) {
      throw new StatusError("BadRequest", "resourceVersionMatch is forbidden unless resourceVersion is provided");
    }
    await core.state.catchUp();
    return undefined;
  }
  const revision = revisionOf(resourceVersion);
  if (resourceVersionMatch === "Exact" && revision === 0) {
    throw new StatusError("BadRequest", 'resourceVersionMatch "Exact" is forbidden for resourceVersion "0"');
  }
  await core.state.reach(revision);
  return resourceVersionMatch === "Exact" ? revision : undefined;
}

function pageOfMemory(
  core: Core,
  kind: ServedKind,
  selector: Selector,
  options: ListOptions,
  token: Token | undefined,
  at: number | undefined,
): ObjectList<KubeObject> {
  const revision = at ?? core.state.revision;
  const { type } = kind.definition;
  const objects = candidates(core, kind, selector);
  const keyOf = (object: AnyStored) => storeKey(type, object.metadata.namespace, object.metadata.name);
  const from = token === undefined ? 0 : firstAfter(objects, token.after, keyOf);
  const limit = options.limit ?? 0;
  if (limit <= 0 || objects.length - from <= limit) {
    const rest = from === 0 ? objects : objects.slice(from);
    return { items: selector.all ? rest : rest.filter(selector.matches), resourceVersion: String(revision) };
  }
  const items: AnyStored[] = [];
  let index = from;
  for (; index < objects.length && items.length < limit; index++) {
    if (selector.matches(objects[index]!)) items.push(objects[index]!);
  }
  const list = { items, resourceVersion: String(revision) };
  if (index === objects.length) return list;
  const next = encodeToken({ v: 1, at: revision, after: keyOf(objects[index - 1]!) });
  return { ...list, continue: next, ...(selector.all ? { remainingItemCount: objects.length - index } : {}) };
}

function candidates(core: Core, kind: ServedKind, { namespace, name }: Selector): readonly AnyStored[] {
  const cache = core.state.kind(kind.definition.type);
  if (name === undefined || (kind.type.namespaced && namespace === undefined)) return cache.list(namespace);
  const one = cache.get(namespace, name);
  return one === undefined ? [] : [one];
}

function firstAfter(objects: readonly AnyStored[], key: string, keyOf: (object: AnyStored) => string): number {
  let low = 0;
  let high = objects.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keyOf(objects[middle]!) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function pageOfHistory(
  core: Core,
  kind: ServedKind,
  selector: Selector,
  options: ListOptions,
  token: Token | undefined,
  at: number,
): Promise<ObjectList<KubeObject>> {
  const prefix = storePrefix(kind.definition.type, selector.namespace);
  const limit = options.limit !== undefined && options.limit > 0 ? options.limit : undefined;
  const items: AnyStored[] = [];
  let after = token?.after;
  for (;;) {
    const range = await rangeAt(core, prefix, after, at, limit);
    for (const [index, { key, value, modRevision }] of range.entries.entries()) {
      after = key;
      const object = parseStored(value, modRevision);
      if (!selector.matches(object)) continue;
      items.push(object);
      const more = range.more || index < range.entries.length - 1;
      if (items.length === limit && more) {
        return { items, resourceVersion: String(at), continue: encodeToken({ v: 1, at, after }) };
      }
    }
    if (!range.more) return { items, resourceVersion: String(at) };
  }
}

async function rangeAt(core: Core, prefix: string, after: string | undefined, revision: number, limit?: number) {
  try {
    return await core.state.store.range(prefix, { revision, after, limit });
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    throw expiredPage(after);
  }
}

/** A page whose state is gone: the client may go on in the newest state with the token in the answer. */
function expiredPage(after: string | undefined): StatusError {
  const advice =
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results.";
  const next = after === undefined ? undefined : encodeToken({ v: 1, at: 0, after });
  return new StatusError("Expired", advice, undefined, next === undefined ? undefined : { continue: next });
}
