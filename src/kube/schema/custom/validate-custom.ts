/** Values of custom resources against their schema, in the words of Kubernetes. */

import type { JSONSchemaProps } from "../../../model/kubernetes/apiextensions.ts";
import { regularExpression } from "../../expressions/regular-expression.ts";
import { sameJson } from "../../machinery/copy.ts";
import {
  duplicate,
  type FieldError,
  invalid,
  notSupported,
  required,
  tooMany,
  typeInvalid,
} from "../../machinery/field-error.ts";
import { isRecord } from "../type-schema.ts";
import { formatHolds } from "./formats.ts";

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

/**
 * @param at the field of the value: "spec.replicas"; "" for the whole object
 */
export function valueFaults(schema: JSONSchemaProps, value: unknown, at: string): FieldError[] {
  const found = typeOf(value);
  if (value === null && schema.nullable) return [];
  if (schema["x-kubernetes-int-or-string"]) {
    return found === "integer" || found === "string"
      ? ruleFaults(schema, value, at)
      : [wrongType("integer,string", found, at)];
  }
  const fits = !schema.type || schema.type === found || (schema.type === "number" && found === "integer");
  if (!fits) return [wrongType(schema.type!, found, at)];
  return ruleFaults(schema, value, at);
}

function wrongType(wanted: string, found: string, at: string): FieldError {
  return typeInvalid(at || "<nil>", found, `${at} in body must be of type ${wanted}: ${JSON.stringify(found)}`);
}

function ruleFaults(schema: JSONSchemaProps, value: unknown, at: string): FieldError[] {
  const faults: FieldError[] = [];
  const wrong = (why: string) => faults.push(invalid(at || "<nil>", value, `${at} in body ${why}`));
  if (schema.enum !== undefined && !schema.enum.some((one) => sameJson(one, value))) {
    faults.push(
      notSupported(
        at,
        value,
        schema.enum.map((one) => (typeof one === "string" ? one : JSON.stringify(one))),
      ),
    );
  }
  if (typeof value === "number") numberFaults(schema, value, wrong);
  else if (typeof value === "string") textFaults(schema, value, wrong);
  else if (Array.isArray(value)) faults.push(...listFaults(schema, value, at, wrong));
  else if (isRecord(value)) faults.push(...memberFaults(schema, value, at, wrong));
  faults.push(...junctorFaults(schema, value, at));
  return faults;
}

function numberFaults(schema: JSONSchemaProps, value: number, wrong: (why: string) => void): void {
  const { minimum, maximum, multipleOf } = schema;
  if (minimum !== undefined) {
    if (schema.exclusiveMinimum && value <= minimum) wrong(`should be greater than ${minimum}`);
    else if (value < minimum) wrong(`should be greater than or equal to ${minimum}`);
  }
  if (maximum !== undefined) {
    if (schema.exclusiveMaximum && value >= maximum) wrong(`should be less than ${maximum}`);
    else if (value > maximum) wrong(`should be less than or equal to ${maximum}`);
  }
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) wrong(`should be a multiple of ${multipleOf}`);
  if (schema.format === "int32" && (value > 2 ** 31 - 1 || value < -(2 ** 31)))
    wrong(`must be of type int32: ${JSON.stringify(String(value))}`);
}

function textFaults(schema: JSONSchemaProps, value: string, wrong: (why: string) => void): void {
  const { minLength, maxLength, pattern, format } = schema;
  const length = minLength === undefined && maxLength === undefined ? 0 : [...value].length;
  if (minLength !== undefined && length < minLength) wrong(`should be at least ${minLength} chars long`);
  if (maxLength !== undefined && length > maxLength) wrong(`should be at most ${maxLength} chars long`);
  if (pattern !== undefined && !regularExpression(pattern).test(value)) wrong(`should match '${pattern}'`);
  if (format !== undefined && !formatHolds(format, value)) wrong(`must be of type ${format}: ${JSON.stringify(value)}`);
}

function listFaults(
  schema: JSONSchemaProps,
  value: readonly unknown[],
  at: string,
  wrong: (why: string) => void,
): FieldError[] {
  const faults: FieldError[] = [];
  const { minItems, maxItems, items } = schema;
  if (minItems !== undefined && value.length < minItems) wrong(`should have at least ${minItems} items`);
  if (maxItems !== undefined && value.length > maxItems) faults.push(tooMany(at, value.length, maxItems));
  for (const [index, item] of value.entries()) {
    if (isRecord(items)) faults.push(...valueFaults(items as JSONSchemaProps, item, `${at}[${index}]`));
  }
  return [...faults, ...repeatedFaults(schema, value, at)];
}

/** Sets hold a value once, maps a key once. */
function repeatedFaults(schema: JSONSchemaProps, value: readonly unknown[], at: string): FieldError[] {
  const kind = schema["x-kubernetes-list-type"];
  if (kind !== "set" && kind !== "map") return [];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const seen = new Set<string>();
  const faults: FieldError[] = [];
  for (const [index, item] of value.entries()) {
    const key = kind === "set" || !isRecord(item) ? item : Object.fromEntries(keys.map((name) => [name, item[name]]));
    const text = JSON.stringify(key);
    if (seen.has(text)) faults.push(duplicate(`${at}[${index}]`, key));
    seen.add(text);
  }
  return faults;
}

function memberFaults(
  schema: JSONSchemaProps,
  value: Record<string, unknown>,
  at: string,
  wrong: (why: string) => void,
): FieldError[] {
  const faults: FieldError[] = [];
  const place = (name: string) => (at === "" ? name : `${at}.${name}`);
  const names = Object.keys(value);
  if (schema.minProperties !== undefined && names.length < schema.minProperties) {
    wrong(`should have at least ${schema.minProperties} properties`);
  }
  if (schema.maxProperties !== undefined && names.length > schema.maxProperties) {
    faults.push(tooMany(at, names.length, schema.maxProperties));
  }
  for (const name of schema.required ?? []) if (value[name] === undefined) faults.push(required(place(name)));
  for (const name of names) {
    const known = schema.properties?.[name];
    const other = schema.additionalProperties;
    if (known !== undefined) faults.push(...valueFaults(known, value[name], place(name)));
    else if (isRecord(other)) faults.push(...valueFaults(other as JSONSchemaProps, value[name], place(name)));
  }
  return faults;
}

function junctorFaults(schema: JSONSchemaProps, value: unknown, at: string): FieldError[] {
  const faults: FieldError[] = [];
  const { allOf, anyOf, oneOf, not } = schema;
  const holds = (one: JSONSchemaProps) => valueFaults(one, value, at).length === 0;
  const wrong = (why: string) => faults.push(invalid(at || "<nil>", "", `${JSON.stringify(at)} must ${why}`));
  for (const one of allOf ?? []) faults.push(...valueFaults(one, value, at));
  if (anyOf !== undefined && anyOf.length > 0 && !anyOf.some(holds)) wrong("validate at least one schema (anyOf)");
  if (oneOf !== undefined && oneOf.length > 0) {
    const count = oneOf.filter(holds).length;
    if (count === 0) wrong("validate one and only one schema (oneOf). Found none valid");
    else if (count > 1) wrong(`validate one and only one schema (oneOf). Found ${count} valid alternatives`);
  }
  if (not !== undefined && holds(not)) wrong("not validate the schema (not)");
  return faults;
}
