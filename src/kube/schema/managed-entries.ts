/** metadata.managedFields: who owns which fields, read and written. */

import type { ManagedFieldsEntry } from "../../model/kubernetes/meta.ts";
import type { KubeObject } from "../../model/kubernetes/object.ts";
import { FieldSet } from "./field-set.ts";

export interface ManagedEntry {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

export function parseEntries(entries: readonly ManagedFieldsEntry[] | undefined): ManagedEntry[] {
  return (entries ?? []).map((entry) => ({
    manager: entry.manager ?? "",
    operation: entry.operation === "Apply" ? "Apply" : "Update",
    apiVersion: entry.apiVersion ?? "",
    subresource: entry.subresource ?? "",
    time: entry.time,
    fields: FieldSet.parse(entry.fieldsV1),
  }));
}

/** Writes the entries that own something; metadata without owners has no managedFields. Changes `object`. */
export function writeEntries(object: KubeObject, entries: readonly ManagedEntry[]): void {
  const list = entries.filter((entry) => !entry.fields.isEmpty());
  if (list.length === 0) {
    delete object.metadata.managedFields;
    return;
  }
  const order = (entry: ManagedEntry) =>
    [entry.operation, entry.time ?? "", entry.manager, entry.apiVersion, entry.subresource].join("\0");
  list.sort((a, b) => (order(a) < order(b) ? -1 : 1));
  object.metadata.managedFields = list.map((entry) => ({
    manager: entry.manager,
    operation: entry.operation,
    apiVersion: entry.apiVersion,
    ...(entry.time === undefined ? {} : { time: entry.time }),
    fieldsType: "FieldsV1",
    fieldsV1: entry.fields.format(),
    ...(entry.subresource === "" ? {} : { subresource: entry.subresource }),
  }));
}

/** Metadata that the server itself writes, and what names the object: nobody owns it. */
const SERVERS_METADATA = [
  "name",
  "namespace",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "selfLink",
  "uid",
  "generation",
  "managedFields",
  "resourceVersion",
].map((name) => `f:${name}`);

/**
 * Removes what no writer owns, and what this way of writing cannot change: the status (for kinds with a status subresource) or, through
 * the status subresource, everything else. Changes and answers `set`.
 */
export function ownable(set: FieldSet, subresource: string | undefined, hasStatus: boolean): FieldSet {
  set.children.delete("f:apiVersion");
  set.children.delete("f:kind");
  set.member = false;
  const metadata = set.children.get("f:metadata");
  if (metadata !== undefined) {
    metadata.member = false;
    for (const name of SERVERS_METADATA) metadata.children.delete(name);
    if (metadata.isEmpty()) set.children.delete("f:metadata");
  }
  if (hasStatus && subresource === undefined) set.children.delete("f:status");
  if (subresource === "status") set.children.delete("f:spec");
  return set;
}
