/** Custom resources on their way in: fields that the schema does not know go, defaults come. Both change the value in place. */

import type { JSONSchemaProps } from "../../../model/kubernetes/apiextensions.ts";
import { copyOf } from "../../machinery/copy.ts";
import { StatusError } from "../../status.ts";
import { findType } from "../builtin-types.ts";
import { DecodeError, decodeObject } from "../decode-object.ts";
import { isRecord } from "../type-schema.ts";
import { additionalOf, itemsOf } from "./structural-schema.ts";

/** Names of an object that is an API object by itself; its metadata has a schema of its own. */
const IDENTITY = new Set(["apiVersion", "kind", "metadata"]);

/** @param root the value is a whole object @returns the fields that were removed: "spec.foo" */
export function pruneValue(schema: JSONSchemaProps, value: unknown, at: string, root: boolean): string[] {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items === undefined) return [];
    return value.flatMap((item, index) => pruneValue(items, item, `${at}[${index}]`, false));
  }
  if (!isRecord(value)) return [];
  const keepsUnknown = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const isObject = root || schema["x-kubernetes-embedded-resource"] === true;
  const additional = additionalOf(schema);
  const removed: string[] = [];
  if (isObject && isRecord(value.metadata)) {
    removed.push(...pruneMetadata(value, at === "" ? "metadata" : `${at}.metadata`));
  }
  for (const name of Object.keys(value)) {
    if (isObject && IDENTITY.has(name)) continue;
    const place = at === "" ? name : `${at}.${name}`;
    const member = schema.properties?.[name] ?? (additional === true ? undefined : additional);
    if (member !== undefined) removed.push(...pruneValue(member, value[name], place, false));
    else if (additional !== true && !keepsUnknown) {
      delete value[name];
      removed.push(place);
    }
  }
  return removed;
}

/** A null where none is allowed counts as absent when there is a default. */
export function fillDefaults(schema: JSONSchemaProps, value: unknown): void {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items !== undefined) for (const item of value) fillDefaults(items, item);
    return;
  }
  if (!isRecord(value)) return;
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const missing = value[name] === undefined || (value[name] === null && !member.nullable);
    if (missing && member.default !== undefined) value[name] = copyOf(member.default);
    fillDefaults(member, value[name]);
  }
  const additional = additionalOf(schema);
  if (additional === undefined || additional === true) return;
  for (const name of Object.keys(value)) {
    if (schema.properties?.[name] === undefined) fillDefaults(additional, value[name]);
  }
}

/** @throws StatusError BadRequest when something in the metadata has a wrong type */
function pruneMetadata(object: Record<string, unknown>, at: string): string[] {
  try {
    const decoded = decodeObject(findType("meta.v1.ObjectMeta")!, object.metadata);
    object.metadata = decoded.object;
    return decoded.unknown.map((path) => `${at}.${path}`);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new StatusError("BadRequest", `${object.kind} cannot be handled: ${at}: ${error.message}`);
  }
}
