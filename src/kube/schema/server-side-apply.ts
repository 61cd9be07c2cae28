/**
 * Server-side apply: the client says what it wants to be true of its own fields; the rest stays. Fields that others own and that it would
 * change are conflicts; fields that it no longer names, and that nobody else owns, go.
 */

import type { StatusCause } from "../../model/kubernetes/meta.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import { copyOf } from "../machinery/copy.ts";
import { StatusError } from "../status.ts";
import type { FieldWriter } from "./contract.ts";
import { FieldSet, pathText } from "./field-set.ts";
import { type ManagedEntry, ownable, parseEntries, writeEntries } from "./managed-entries.ts";
import {
  collectFields,
  compareObjects,
  isGranularList,
  isGranularObject,
  itemElement,
  itemsByElement,
  memberSchema,
} from "./object-fields.ts";
import { isRecord, type ObjectSchema, type TypeSchema } from "./type-schema.ts";

/** The merged object with its managedFields; see SchemaSet.apply. Neither input is changed. */
export function applyConfiguration(
  schema: ObjectSchema,
  hasStatus: boolean,
  live: Stored<KubeObject> | undefined,
  applied: KubeObject,
  writer: FieldWriter,
  force: boolean,
): KubeObject {
  if ((applied.metadata.managedFields ?? []).length > 0) {
    throw new StatusError("BadRequest", "metadata.managedFields must be nil");
  }
  const subresource = writer.subresource ?? "";
  const isOwn = (entry: ManagedEntry) =>
    entry.operation === "Apply" && entry.manager === writer.manager && entry.subresource === subresource;
  const entries = entriesOf(schema, hasStatus, live);
  const others = entries.filter((entry) => !isOwn(entry));
  const own = entries.find(isOwn);
  const fields = new FieldSet();
  collectFields(schema, applied, fields, false);
  ownable(fields, writer.subresource, hasStatus);

  const merged = mergeApplied(schema, live ?? {}, applied) as KubeObject;
  const { changed } = compareObjects(schema, live, merged);
  const kept = live === undefined ? others : settle(others, changed, force);
  removeAbandoned(schema, merged, own?.fields ?? new FieldSet(), fields, kept);
  const { removed } = compareObjects(schema, live, merged);
  const isSame = own?.fields.equals(fields) && ownable(changed, writer.subresource, hasStatus).isEmpty();
  writeEntries(merged, [
    ...kept.map((entry) => ({ ...entry, fields: entry.fields.without(removed) })),
    {
      manager: writer.manager,
      operation: "Apply",
      apiVersion: applied.apiVersion,
      subresource,
      time: isSame && removed.isEmpty() ? own?.time : writer.time,
      fields,
    },
  ]);
  return merged;
}

/** The owners of a live object; of one without any, everything belongs to who was there before. */
function entriesOf(schema: ObjectSchema, hasStatus: boolean, live: Stored<KubeObject> | undefined): ManagedEntry[] {
  const entries = parseEntries(live?.metadata.managedFields);
  if (live === undefined || entries.length > 0) return entries;
  const fields = new FieldSet();
  collectFields(schema, live, fields, true);
  ownable(fields, undefined, hasStatus);
  const manager = "before-first-apply";
  return [{ manager, operation: "Update", apiVersion: live.apiVersion, subresource: "", time: undefined, fields }];
}

/** The others without what is taken from them. @throws StatusError Conflict when something is and it is not forced */
function settle(others: readonly ManagedEntry[], changed: FieldSet, force: boolean): ManagedEntry[] {
  const conflicts = others.map((entry) => ({ entry, fields: entry.fields.intersect(changed) }));
  const real = conflicts.filter(({ fields }) => !fields.isEmpty());
  if (real.length > 0 && !force) throw conflictError(real);
  return conflicts.map(({ entry, fields }) => ({ ...entry, fields: entry.fields.without(fields) }));
}

function conflictError(conflicts: readonly { entry: ManagedEntry; fields: FieldSet }[]): StatusError {
  const causes: StatusCause[] = [];
  const groups: string[] = [];
  for (const { entry, fields } of conflicts) {
    const paths = fields.paths().map(pathText);
    for (const field of paths) {
      causes.push({ reason: "FieldManagerConflict", message: `conflict with ${ownerText(entry)}`, field });
    }
    groups.push([`conflicts with ${ownerText(entry)}:`, ...paths.map((path) => `- ${path}`)].join("\n"));
  }
  const only = causes[0];
  const message =
    causes.length === 1 && only !== undefined
      ? `Apply failed with 1 conflict: ${only.message}: ${only.field}`
      : `Apply failed with ${causes.length} conflicts: ${groups.join("\n")}`;
  return new StatusError("Conflict", message, { causes });
}

function ownerText(entry: ManagedEntry): string {
  const subresource = entry.subresource === "" ? "" : ` with subresource ${JSON.stringify(entry.subresource)}`;
  const version = entry.operation === "Update" ? ` using ${entry.apiVersion}` : "";
  return `${JSON.stringify(entry.manager)}${subresource}${version}`;
}

/** `live` with what is applied laid over it; a new value where something changes. */
function mergeApplied(schema: TypeSchema, live: unknown, applied: unknown): unknown {
  if (isGranularObject(schema, live) && isGranularObject(schema, applied)) {
    const result: Record<string, unknown> = { ...live };
    for (const [name, value] of Object.entries(applied)) {
      if (value === undefined) continue;
      result[name] = mergeApplied(memberSchema(schema, name, value), live[name], value);
    }
    return result;
  }
  if (schema.kind === "list" && isGranularList(schema, live) && isGranularList(schema, applied)) {
    const there = itemsByElement(schema, live);
    const wanted = itemsByElement(schema, applied);
    const mergeItem = (element: string) =>
      wanted.has(element)
        ? mergeApplied(schema.items, there.get(element), wanted.get(element))
        : copyOf(there.get(element));
    // The client's own order counts when it names every item; else new ones come last.
    const isComplete = [...there.keys()].every((element) => wanted.has(element));
    const order = isComplete ? wanted.keys() : new Set([...there.keys(), ...wanted.keys()]);
    return [...order].map(mergeItem);
  }
  return copyOf(applied);
}

/** Removes from `object` what its applier owned and no longer names, unless others own it. */
function removeAbandoned(
  schema: ObjectSchema,
  object: KubeObject,
  owned: FieldSet,
  named: FieldSet,
  others: readonly ManagedEntry[],
): void {
  const abandoned = owned.without(named);
  if (abandoned.isEmpty()) return;
  const kept = others.reduce((all, entry) => all.union(entry.fields), named);
  removeFields(schema, object as unknown as Record<string, unknown>, abandoned, kept);
}

/** True when the container is empty afterwards and was not before. */
function removeFields(
  schema: TypeSchema,
  container: Record<string, unknown> | unknown[],
  abandoned: FieldSet,
  kept: FieldSet,
): boolean {
  let removedSome = false;
  for (const [element, set] of abandoned.children) {
    const keep = kept.children.get(element);
    const place = placeOf(schema, container, element);
    if (place === undefined) continue;
    const { key, inner, value } = place;
    const isKept = keep !== undefined && !keep.isEmpty();
    if (set.member && !isKept) {
      remove(container, key);
      removedSome = true;
    } else if (set.children.size > 0 && (isRecord(value) || Array.isArray(value))) {
      const copy = Array.isArray(value) ? [...value] : { ...value };
      replace(container, key, copy);
      if (removeFields(inner, copy, set, keep ?? new FieldSet()) && !keep?.member) {
        remove(container, key);
        removedSome = true;
      }
    }
  }
  return removedSome && (Array.isArray(container) ? container.length : Object.keys(container).length) === 0;
}

function placeOf(
  schema: TypeSchema,
  container: Record<string, unknown> | unknown[],
  element: string,
): { key: string | number; inner: TypeSchema; value: unknown } | undefined {
  if (Array.isArray(container)) {
    if (schema.kind !== "list") return undefined;
    const key = container.findIndex((item) => itemElement(schema, item) === element);
    return key < 0 ? undefined : { key, inner: schema.items, value: container[key] };
  }
  const key = element.slice(2);
  const value = container[key];
  return value === undefined ? undefined : { key, inner: memberSchema(schema, key, value), value };
}

function remove(container: Record<string, unknown> | unknown[], key: string | number): void {
  if (Array.isArray(container)) container.splice(key as number, 1);
  else delete container[key];
}

function replace(container: Record<string, unknown> | unknown[], key: string | number, value: unknown): void {
  (container as Record<string | number, unknown>)[key] = value;
}
