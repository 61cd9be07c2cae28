/** The schema of a custom resource in the shape that merging, ownership of fields and OpenAPI work on. */

import type { JSONSchemaProps } from "../../../model/kubernetes/apiextensions.ts";
import { findType } from "../builtin-types.ts";
import { ANY, type FieldSchema, type ObjectSchema, type ScalarKind, type TypeSchema } from "../type-schema.ts";
import { additionalOf, itemsOf } from "./structural-schema.ts";

const META = "meta.v1.ObjectMeta";
const SCALARS: Readonly<Record<string, ScalarKind>> = {
  string: "string",
  integer: "int64",
  number: "number",
  boolean: "boolean",
};

/** The type of a whole object: with kind, apiVersion and metadata, whatever the schema says of those. */
export function customObjectType(schema: JSONSchemaProps): ObjectSchema {
  const type = typeOf(schema);
  const fields = new Map(type.kind === "object" ? type.fields : []);
  addIdentity(fields);
  const preserveUnknown = schema["x-kubernetes-preserve-unknown-fields"] === true;
  return { kind: "object", name: undefined, fields, atomic: false, preserveUnknown };
}

function addIdentity(fields: Map<string, FieldSchema>): void {
  const field = (type: TypeSchema): FieldSchema => ({ type, required: false, retainKeys: false });
  fields.set("apiVersion", field({ kind: "string" }));
  fields.set("kind", field({ kind: "string" }));
  fields.set("metadata", field(findType(META)!));
}

function typeOf(schema: JSONSchemaProps): TypeSchema {
  if (schema["x-kubernetes-int-or-string"]) return { kind: "intOrString" };
  if (schema.type === "array") return listType(schema);
  if (schema.type === "object") return memberType(schema);
  const scalar = SCALARS[schema.type ?? ""];
  return scalar === undefined ? ANY : { kind: scalar };
}

function listType(schema: JSONSchemaProps): TypeSchema {
  const merge = schema["x-kubernetes-list-type"];
  return {
    kind: "list",
    items: typeOf(itemsOf(schema) ?? {}),
    merge: merge === "set" || merge === "map" ? merge : "atomic",
    keys: schema["x-kubernetes-list-map-keys"] ?? [],
    patchKey: undefined,
  };
}

function memberType(schema: JSONSchemaProps): TypeSchema {
  const atomic = schema["x-kubernetes-map-type"] === "atomic";
  const additional = additionalOf(schema);
  if (additional !== undefined) return { kind: "map", values: additional === true ? ANY : typeOf(additional), atomic };
  const fields = new Map<string, FieldSchema>();
  const needed = new Set(schema.required);
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const fallback = member.default === undefined ? undefined : String(member.default);
    fields.set(name, { type: typeOf(member), required: needed.has(name), retainKeys: false, fallback });
  }
  if (schema["x-kubernetes-embedded-resource"]) addIdentity(fields);
  const preserveUnknown = schema["x-kubernetes-preserve-unknown-fields"] === true;
  return { kind: "object", name: undefined, fields, atomic, preserveUnknown };
}
