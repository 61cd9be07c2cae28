/** Which schemas a custom resource definition may have: structural ones, whose every place has one type (API conventions of CRDs). */

import type { JSONSchemaProps } from "../../../model/kubernetes/apiextensions.ts";
import { regularExpression } from "../../expressions/regular-expression.ts";
import { type FieldError, forbidden, invalid, notSupported, required } from "../../machinery/field-error.ts";
import { isRecord } from "../type-schema.ts";
import { ruleDefinitionFaults } from "./schema-rules.ts";
import { valueFaults } from "./validate-custom.ts";

const TYPES = ["array", "boolean", "integer", "number", "object", "string"];
/** Words of JSON schema that structural schemas leave out. */
const LEFT_OUT = [
  "$ref",
  "$schema",
  "additionalItems",
  "definitions",
  "dependencies",
  "id",
  "patternProperties",
] as const;
/** What may not stand inside allOf, anyOf, oneOf and not: those only add rules to places that are declared outside. */
const NOT_NESTED = [
  "additionalProperties",
  "default",
  "nullable",
  "title",
  "description",
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-embedded-resource",
  "x-kubernetes-list-type",
] as const;

/** The schema of the items of a list; undefined for none, or for a list of schemas (which is refused). */
export function itemsOf({ items }: JSONSchemaProps): JSONSchemaProps | undefined {
  return isRecord(items) ? (items as JSONSchemaProps) : undefined;
}

/** The schema of members that are not named; true: anything, undefined: there are none. */
export function additionalOf({ additionalProperties }: JSONSchemaProps): JSONSchemaProps | true | undefined {
  if (additionalProperties === true) return true;
  return isRecord(additionalProperties) ? (additionalProperties as JSONSchemaProps) : undefined;
}

/** @param at the field of the schema in its definition: "spec.versions[0].schema.openAPIV3Schema" */
export function structuralFaults(schema: JSONSchemaProps, at: string): FieldError[] {
  const faults = placeFaults(schema, at);
  if (schema.type !== undefined && schema.type !== "object") {
    faults.push(invalid(`${at}.type`, schema.type, "must be object at the root"));
  }
  if (schema.nullable) faults.push(forbidden(`${at}.nullable`, "nullable cannot be true at the root"));
  return faults;
}

/** @param isFollowed whether rules about changes can find the old value of this place */
function placeFaults(schema: JSONSchemaProps, at: string, isFollowed = true): FieldError[] {
  const open = schema["x-kubernetes-int-or-string"] || schema["x-kubernetes-preserve-unknown-fields"];
  const faults: FieldError[] = [];
  if (!schema.type && !open) faults.push(required(`${at}.type`, "must not be empty for specified object fields"));
  else if (schema.type && !TYPES.includes(schema.type)) faults.push(notSupported(`${at}.type`, schema.type, TYPES));
  if (schema.type && schema["x-kubernetes-int-or-string"]) {
    faults.push(invalid(`${at}.type`, schema.type, "must be empty if x-kubernetes-int-or-string is true"));
  }
  if (schema["x-kubernetes-embedded-resource"] && schema.type !== "object") {
    faults.push(invalid(`${at}.type`, schema.type ?? "", "must be object if x-kubernetes-embedded-resource is true"));
  }
  faults.push(...leftOutFaults(schema, at), ...listFaults(schema, at, isFollowed), ...patternFaults(schema, at));
  faults.push(...ruleDefinitionFaults(schema, at, isFollowed));
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    faults.push(...placeFaults(member, `${at}.properties[${name}]`, isFollowed));
  }
  const additional = additionalOf(schema);
  if (additional !== undefined && Object.keys(schema.properties ?? {}).length > 0) {
    faults.push(forbidden(`${at}.additionalProperties`, "additionalProperties and properties are mutual exclusive"));
  }
  if (additional !== undefined && additional !== true) {
    faults.push(...placeFaults(additional, `${at}.additionalProperties`, isFollowed));
  }
  if (schema.default !== undefined) faults.push(...valueFaults(schema, schema.default, `${at}.default`));
  return [...faults, ...junctorFaults(schema, at)];
}

function leftOutFaults(schema: JSONSchemaProps, at: string): FieldError[] {
  const faults = LEFT_OUT.filter((word) => schema[word] !== undefined).map((word) =>
    forbidden(`${at}.${word}`, `${word} is not supported`),
  );
  if (schema.uniqueItems) {
    faults.push(
      forbidden(
        `${at}.uniqueItems`,
        "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
      ),
    );
  }
  return faults;
}

function listFaults(schema: JSONSchemaProps, at: string, isFollowed: boolean): FieldError[] {
  const faults: FieldError[] = [];
  const kind = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  if (schema.type === "array") {
    const items = itemsOf(schema);
    if (items === undefined) faults.push(required(`${at}.items`, "must be specified"));
    else faults.push(...placeFaults(items, `${at}.items`, isFollowed && kind === "map"));
  }
  if (kind === undefined) return faults;
  if (schema.type !== "array")
    faults.push(invalid(`${at}.type`, schema.type ?? "", "must be array if x-kubernetes-list-type is specified"));
  if (!["atomic", "map", "set"].includes(kind))
    faults.push(notSupported(`${at}.x-kubernetes-list-type`, kind, ["atomic", "map", "set"]));
  if (kind !== "map") return faults;
  if (keys.length === 0)
    faults.push(required(`${at}.x-kubernetes-list-map-keys`, "must not be empty if x-kubernetes-list-type is map"));
  for (const key of keys) {
    if (itemsOf(schema)?.properties?.[key] !== undefined) continue;
    faults.push(invalid(`${at}.x-kubernetes-list-map-keys`, key, "entries must all be names of item properties"));
  }
  return faults;
}

function patternFaults({ pattern }: JSONSchemaProps, at: string): FieldError[] {
  if (pattern === undefined) return [];
  try {
    regularExpression(pattern);
    return [];
  } catch {
    return [invalid(`${at}.pattern`, pattern, "must be a valid regular expression")];
  }
}

function junctorFaults(schema: JSONSchemaProps, at: string): FieldError[] {
  const inside: [JSONSchemaProps, string][] = (["allOf", "anyOf", "oneOf"] as const).flatMap((word) =>
    (schema[word] ?? []).map((one, index): [JSONSchemaProps, string] => [one, `${at}.${word}[${index}]`]),
  );
  if (schema.not !== undefined) inside.push([schema.not, `${at}.not`]);
  return inside.flatMap(([one, where]) => nestedFaults(one, where, schema["x-kubernetes-int-or-string"] === true));
}

/** @param typed "int or string" is told by two types inside an anyOf */
function nestedFaults(schema: JSONSchemaProps, at: string, typed: boolean): FieldError[] {
  const faults = NOT_NESTED.filter((word) => schema[word] !== undefined && schema[word] !== "").map((word) =>
    forbidden(`${at}.${word}`, "must be undefined to be structural"),
  );
  if (schema.type && !typed) faults.push(forbidden(`${at}.type`, "must be empty to be structural"));
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    faults.push(...nestedFaults(member, `${at}.properties[${name}]`, false));
  }
  const items = itemsOf(schema);
  if (items !== undefined) faults.push(...nestedFaults(items, `${at}.items`, false));
  return [...faults, ...patternFaults(schema, at), ...junctorFaults(schema, at)];
}
