/** Checks values against the definitions of the Engine API specification (Swagger 2), where that lies beside the project. */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

const PATH = resolve(import.meta.dir, "../../../shared/specs/docker-engine/v1.51.yaml");
export const hasSpecification = existsSync(PATH);

interface Schema {
  $ref?: string;
  type?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  allOf?: Schema[];
  enum?: unknown[];
  required?: string[];
  "x-nullable"?: boolean;
}
interface Specification {
  definitions: Record<string, Schema>;
  paths: Record<string, Record<string, { responses: Record<string, { schema?: Schema }> }>>;
}

let loaded: Specification | undefined;
function specification(): Specification {
  loaded ??= Bun.YAML.parse(readFileSync(PATH, "utf8")) as Specification;
  return loaded;
}

/** What a value has that the answer of that operation must not have; empty when all is well. */
export function responseFaults(method: string, path: string, status: number, value: unknown): string[] {
  const schema = specification().paths[path]?.[method.toLowerCase()]?.responses[String(status)]?.schema;
  if (schema === undefined) return [`${method} ${path} has no schema for ${status}`];
  return faults(schema, value, "$");
}

function faults(schema: Schema, value: unknown, at: string): string[] {
  if (schema.$ref !== undefined || schema.allOf !== undefined) return faults(flattened(schema), value, at);
  // Go prints null for every empty list and map, also where the specification does not say so.
  if (value === null)
    return schema.type === "object" || schema.type === "array" || schema["x-nullable"] ? [] : scalarNull(schema, at);
  const found: string[] = [];
  if (schema.enum !== undefined && !schema.enum.some((allowed) => Bun.deepEquals(allowed, value)))
    found.push(`${at}: ${JSON.stringify(value)} is not allowed`);
  switch (schema.type) {
    case "string":
      return typeof value === "string" ? found : [...found, `${at}: not a string`];
    case "integer":
      return Number.isInteger(value) ? found : [...found, `${at}: not an integer`];
    case "number":
      return typeof value === "number" ? found : [...found, `${at}: not a number`];
    case "boolean":
      return typeof value === "boolean" ? found : [...found, `${at}: not a boolean`];
    case "array":
      if (!Array.isArray(value)) return [...found, `${at}: not an array`];
      return [...found, ...value.flatMap((item, index) => faults(schema.items ?? {}, item, `${at}[${index}]`))];
    case "object":
      return [...found, ...objectFaults(schema, value, at)];
    default:
      return [...found, ...(schema.properties === undefined ? [] : objectFaults(schema, value, at))];
  }
}

/** A schema with its reference followed and its parts merged into one. */
function flattened(schema: Schema): Schema {
  const { $ref, allOf = [], ...own } = schema;
  const parts = $ref === undefined ? allOf : [specification().definitions[$ref.replace("#/definitions/", "")] ?? {}];
  if (parts.length === 0) return own;
  const merged: Schema = { ...own };
  for (const part of parts.map(flattened)) {
    merged.type ??= part.type;
    merged.enum ??= part.enum;
    merged.items ??= part.items;
    merged.additionalProperties ??= part.additionalProperties;
    merged["x-nullable"] ||= part["x-nullable"];
    merged.required = [...(merged.required ?? []), ...(part.required ?? [])];
    if (part.properties) merged.properties = { ...part.properties, ...merged.properties };
  }
  return merged;
}

function scalarNull(schema: Schema, at: string): string[] {
  return schema.type === undefined ? [] : [`${at}: null`];
}

function objectFaults(schema: Schema, value: unknown, at: string): string[] {
  if (typeof value !== "object" || Array.isArray(value)) return [`${at}: not an object`];
  const found: string[] = [];
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(value as object, name)) found.push(`${at}.${name}: missing`);
  }
  for (const [name, item] of Object.entries(value as Record<string, unknown>)) {
    const property = schema.properties?.[name];
    if (property !== undefined) found.push(...faults(property, item, `${at}.${name}`));
    else if (typeof schema.additionalProperties === "object") {
      found.push(...faults(schema.additionalProperties, item, `${at}.${name}`));
    } else if (schema.properties !== undefined && schema.additionalProperties === undefined) {
      found.push(`${at}.${name}: not in the specification`);
    }
  }
  return found;
}
