/** Ownership of fields after a create or update that is no apply: who changes a field owns it, and nobody else does. */

import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { FieldWriter } from "./contract.ts";
import { FieldSet } from "./field-set.ts";
import { type ManagedEntry, ownable, parseEntries, writeEntries } from "./managed-entries.ts";
import { collectFields, compareObjects } from "./object-fields.ts";
import type { ObjectSchema } from "./type-schema.ts";

/** Writes metadata.managedFields of `object` (in place); see SchemaSet.trackUpdate. */
export function trackChanges(
  schema: ObjectSchema,
  hasStatus: boolean,
  before: Stored<KubeObject> | undefined,
  object: KubeObject,
  writer: FieldWriter,
): void {
  if (before === undefined) {
    trackCreation(schema, hasStatus, object, writer);
    return;
  }
  const { changed, removed } = compareObjects(schema, before, object);
  ownable(changed, writer.subresource, hasStatus);
  ownable(removed, writer.subresource, hasStatus);
  const sent = object.metadata.managedFields ?? [];
  // A list with one empty entry is the wish to forget all owners; an empty list comes from clients that know none.
  const isReset = sent.length === 1 && Object.keys(sent[0] ?? {}).length === 0;
  const known = isReset ? [] : sent.length > 0 ? sent : before.metadata.managedFields;
  if (isReset && changed.isEmpty()) {
    delete object.metadata.managedFields;
    return;
  }
  if (changed.isEmpty() && removed.isEmpty()) {
    if (known === undefined || known.length === 0) delete object.metadata.managedFields;
    else object.metadata.managedFields = [...known];
    return;
  }
  writeEntries(object, withChanges(parseEntries(known), object.apiVersion, writer, changed, removed));
}

/** All of a new object belongs to its writer. */
function trackCreation(schema: ObjectSchema, hasStatus: boolean, object: KubeObject, writer: FieldWriter): void {
  const fields = new FieldSet();
  collectFields(schema, object, fields, true);
  ownable(fields, writer.subresource, hasStatus);
  const { manager, subresource = "", time } = writer;
  writeEntries(object, [{ manager, operation: "Update", apiVersion: object.apiVersion, subresource, time, fields }]);
}

function withChanges(
  entries: readonly ManagedEntry[],
  apiVersion: string,
  writer: FieldWriter,
  changed: FieldSet,
  removed: FieldSet,
): ManagedEntry[] {
  const subresource = writer.subresource ?? "";
  const isOwn = (entry: ManagedEntry) =>
    entry.operation === "Update" &&
    entry.manager === writer.manager &&
    entry.subresource === subresource &&
    entry.apiVersion === apiVersion;
  const taken = changed.union(removed);
  const own = entries.find(isOwn);
  const fields = (own?.fields ?? new FieldSet()).without(removed).union(changed);
  const isSame = own?.fields.equals(fields) === true && changed.isEmpty();
  return [
    ...entries.filter((entry) => !isOwn(entry)).map((entry) => ({ ...entry, fields: entry.fields.without(taken) })),
    {
      manager: writer.manager,
      operation: "Update",
      apiVersion,
      subresource,
      time: isSame ? own?.time : writer.time,
      fields,
    },
  ];
}
