/** Which fields an object has, and in which two objects differ, in the granularity of their schema. */

import { sameJson } from "../machinery/copy.ts";
import { FieldSet } from "./field-set.ts";
import { ANY, isRecord, type ListSchema, type TypeSchema } from "./type-schema.ts";

/** What is in a value that its schema says nothing about: objects are merged by member, lists have one owner. */
const DEDUCED: TypeSchema = { kind: "map", values: ANY, atomic: false };

/** The schema of one member of an object; a known atomic thing has none. */
export function memberSchema(schema: TypeSchema, name: string, value: unknown): TypeSchema {
  if (schema.kind === "map") return schema === DEDUCED && isRecord(value) ? DEDUCED : schema.values;
  const field = schema.kind === "object" ? schema.fields.get(name) : undefined;
  if (field !== undefined) return field.type;
  return isRecord(value) ? DEDUCED : ANY;
}

/** True when the value is merged member by member (object or map). */
export function isGranularObject(schema: TypeSchema, value: unknown): value is Record<string, unknown> {
  return isRecord(value) && (schema.kind === "object" || schema.kind === "map") && !schema.atomic;
}

export function isGranularList(schema: TypeSchema, value: unknown): value is unknown[] {
  return Array.isArray(value) && schema.kind === "list" && schema.merge !== "atomic";
}

/** The element that names an item of a keyed list or of a set. */
export function itemElement(schema: ListSchema, item: unknown): string {
  if (schema.merge === "set" || !isRecord(item)) return `v:${JSON.stringify(item)}`;
  const keys: Record<string, unknown> = {};
  const fields = schema.items.kind === "object" ? schema.items.fields : undefined;
  for (const name of [...schema.keys].sort()) {
    const value = item[name] ?? fields?.get(name)?.fallback;
    if (value !== undefined) keys[name] = value;
  }
  return `k:${JSON.stringify(keys)}`;
}

/** Items by their element; of items with the same key the first. */
export function itemsByElement(schema: ListSchema, list: readonly unknown[]): Map<string, unknown> {
  const items = new Map<string, unknown>();
  for (const item of list) {
    const element = itemElement(schema, item);
    if (!items.has(element)) items.set(element, item);
  }
  return items;
}

/**
 * Adds to `set` every field that `value` has. `parents`: maps and lists are members beside what is in them, as for fields that an
 * update brought; an apply owns only what it names.
 */
export function collectFields(schema: TypeSchema, value: unknown, set: FieldSet, parents: boolean): void {
  if (isGranularObject(schema, value)) {
    const names = Object.keys(value);
    if (names.length === 0 || (parents && schema.kind === "map")) set.member = true;
    for (const name of names) {
      const inner = value[name];
      if (inner !== undefined) collectFields(memberSchema(schema, name, inner), inner, set.child(`f:${name}`), parents);
    }
  } else if (isGranularList(schema, value) && schema.kind === "list") {
    if (value.length === 0 || parents) set.member = true;
    for (const [element, item] of itemsByElement(schema, value)) {
      const child = set.child(element);
      child.member = true;
      if (schema.merge === "map") collectFields(schema.items, item, child, parents);
    }
  } else set.member = true;
}

interface Difference {
  /** New or with another value. */
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

/** In which fields `after` differs from `before`; undefined stands for nothing at all. */
export function compareObjects(schema: TypeSchema, before: unknown, after: unknown): Difference {
  const changed = new FieldSet();
  const removed = new FieldSet();
  compare(schema, before, after, changed, removed);
  return { changed: changed.prune(), removed: removed.prune() };
}

function compare(schema: TypeSchema, before: unknown, after: unknown, changed: FieldSet, removed: FieldSet): void {
  if (before === after) return;
  if (before === undefined) {
    collectFields(schema, after, changed, true);
    return;
  }
  if (after === undefined) {
    collectFields(schema, before, removed, true);
    return;
  }
  if (isGranularObject(schema, before) && isGranularObject(schema, after)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const inner = memberSchema(schema, name, after[name] ?? before[name]);
      compare(inner, before[name], after[name], changed.child(`f:${name}`), removed.child(`f:${name}`));
    }
    return;
  }
  if (schema.kind === "list" && isGranularList(schema, before) && isGranularList(schema, after)) {
    const old = itemsByElement(schema, before);
    const now = itemsByElement(schema, after);
    for (const element of new Set([...old.keys(), ...now.keys()])) {
      const [there, here] = [old.has(element), now.has(element)];
      if (there && here) {
        compare(schema.items, old.get(element), now.get(element), changed.child(element), removed.child(element));
        continue;
      }
      const set = (here ? changed : removed).child(element);
      set.member = true;
      if (schema.merge === "map") collectFields(schema.items, (here ? now : old).get(element), set, true);
    }
    return;
  }
  if (!sameJson(before, after)) changed.member = true;
}
