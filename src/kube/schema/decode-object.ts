/** Takes an object that came from outside apart by its schema: what is unknown is told and dropped, what has a wrong type is refused. */

import { canonicalQuantity, parseQuantity } from "../../model/kubernetes/quantity.ts";
import { isRecord, isScalar, type ObjectSchema, type ScalarKind, type TypeSchema } from "./type-schema.ts";

/** A value that its field cannot hold, in the words of Kubernetes' decoder. */
export class DecodeError extends Error {}

interface Place {
  /** The type that the field belongs to, as messages name it: "ContainerPort". */
  owner: string;
  /** Without indexes: "spec.containers.ports". */
  path: string;
}

/**
 * A copy of `value` that holds only what the schema knows, without nulls, with quantities in canonical form.
 * @throws DecodeError at the first value of a wrong type.
 */
export function decodeObject(
  schema: ObjectSchema,
  value: unknown,
): { object: Record<string, unknown>; unknown: string[] } {
  const unknown: string[] = [];
  const object = decodeStruct(schema, value, { owner: lastName(schema.name), path: "" }, "", unknown);
  return { object, unknown };
}

function lastName(name: string | undefined): string {
  return name === undefined ? "" : name.slice(name.lastIndexOf(".") + 1);
}

function decodeStruct(
  schema: ObjectSchema,
  value: unknown,
  place: Place,
  at: string,
  unknown: string[],
): Record<string, unknown> {
  if (!isRecord(value)) throw mismatch(value, schema, place);
  const result: Record<string, unknown> = {};
  const owner = lastName(schema.name);
  for (const [name, inner] of Object.entries(value)) {
    const field = schema.fields.get(name);
    const innerAt = at === "" ? name : `${at}.${name}`;
    if (field === undefined) {
      if (schema.preserveUnknown) result[name] = inner;
      else unknown.push(innerAt);
      continue;
    }
    if (inner === null || inner === undefined) continue;
    const path = place.path === "" ? name : `${place.path}.${name}`;
    result[name] = decodeValue(field.type, inner, { owner, path }, innerAt, unknown);
  }
  return result;
}

function decodeValue(schema: TypeSchema, value: unknown, place: Place, at: string, unknown: string[]): unknown {
  if (schema.kind === "object") return decodeStruct(schema, value, place, at, unknown);
  if (schema.kind === "list") {
    if (!Array.isArray(value)) throw mismatch(value, schema, place);
    return value.map((item, index) =>
      item === null || item === undefined
        ? emptyOf(schema.items)
        : decodeValue(schema.items, item, place, `${at}[${index}]`, unknown),
    );
  }
  if (schema.kind === "map") {
    if (!isRecord(value)) throw mismatch(value, schema, place);
    const result: Record<string, unknown> = {};
    for (const [key, inner] of Object.entries(value)) {
      result[key] =
        inner === null ? emptyOf(schema.values) : decodeValue(schema.values, inner, place, `${at}.${key}`, unknown);
    }
    return result;
  }
  return decodeScalar(schema.kind, value, place);
}

/** What null is in a list or map: the decoder makes the type's zero of it. */
function emptyOf(schema: TypeSchema): unknown {
  switch (schema.kind) {
    case "list":
      return [];
    case "map":
    case "object":
      return {};
    case "int32":
    case "int64":
    case "number":
      return 0;
    case "boolean":
      return false;
    case "quantity":
      return "0";
    case "any":
      return null;
    default:
      return "";
  }
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}([.,]\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
const QUANTITY_SHAPE = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

function decodeScalar(kind: ScalarKind, value: unknown, place: Place): unknown {
  switch (kind) {
    case "any":
      return value;
    case "string":
      if (typeof value === "string") return value;
      break;
    case "boolean":
      if (typeof value === "boolean") return value;
      break;
    case "number":
      if (typeof value === "number") return value;
      break;
    case "int32":
    case "int64":
      if (typeof value === "number" && inRange(value, kind)) return value;
      break;
    case "bytes":
      if (typeof value !== "string") break;
      checkBase64(value);
      return value;
    case "intOrString":
      if (typeof value === "string" || (typeof value === "number" && inRange(value, "int32"))) return value;
      break;
    case "quantity":
      if (typeof value !== "string" && typeof value !== "number") break;
      if (parseQuantity(value) === undefined) throw new DecodeError(QUANTITY_SHAPE);
      return canonicalQuantity(value);
    case "time":
    case "microTime":
      if (typeof value !== "string") break;
      return decodeTime(value, kind);
  }
  throw mismatch(value, { kind }, place);
}

function inRange(value: number, kind: "int32" | "int64"): boolean {
  if (!Number.isInteger(value)) return false;
  return kind === "int64" ? Math.abs(value) < 2 ** 63 : value >= -(2 ** 31) && value < 2 ** 31;
}

function checkBase64(value: string): void {
  const text = value.replace(/[\r\n]/g, "");
  const bad = /[^A-Za-z0-9+/=]/.exec(text);
  if (bad !== null) throw new DecodeError(`illegal base64 data at input byte ${bad.index}`);
  const body = text.replace(/={1,2}$/, "");
  if (text.length % 4 !== 0 || body.includes("=")) {
    const at = body.includes("=") ? body.indexOf("=") : Math.floor(text.length / 4) * 4;
    throw new DecodeError(`illegal base64 data at input byte ${at}`);
  }
}

function decodeTime(value: string, kind: "time" | "microTime"): string {
  const time = RFC3339.test(value) ? Date.parse(value.replace(",", ".")) : Number.NaN;
  if (Number.isNaN(time)) {
    const layout = kind === "time" ? "2006-01-02T15:04:05Z07:00" : "2006-01-02T15:04:05.000000Z07:00";
    throw new DecodeError(
      `parsing time ${JSON.stringify(value)} as "${layout}": cannot parse ${JSON.stringify(value)} as "2006"`,
    );
  }
  const whole = new Date(time).toISOString().slice(0, 19);
  if (kind === "time") return `${whole}Z`;
  const fraction = /[.,](\d+)/.exec(value)?.[1] ?? "";
  return `${whole}.${fraction.slice(0, 6).padEnd(6, "0")}Z`;
}

function mismatch(value: unknown, schema: TypeSchema, place: Place): DecodeError {
  const found = Array.isArray(value)
    ? "array"
    : value === null
      ? "null"
      : typeof value === "boolean"
        ? "bool"
        : typeof value === "number"
          ? schema.kind === "int32" || schema.kind === "int64" || schema.kind === "intOrString"
            ? `number ${value}`
            : "number"
          : typeof value;
  const into = place.path === "" ? "Go value" : `Go struct field ${place.owner}.${place.path}`;
  return new DecodeError(`json: cannot unmarshal ${found} into ${into} of type ${goName(schema)}`);
}

const GO_NAMES: Record<ScalarKind, string> = {
  string: "string",
  int32: "int32",
  int64: "int64",
  number: "float64",
  boolean: "bool",
  bytes: "[]uint8",
  time: "v1.Time",
  microTime: "v1.MicroTime",
  quantity: "resource.Quantity",
  intOrString: "intstr.IntOrString",
  any: "interface {}",
};

/** A type as Kubernetes' decoder names it in its messages. */
function goName(schema: TypeSchema): string {
  if (isScalar(schema)) return GO_NAMES[schema.kind];
  if (schema.kind === "list") return `[]${goName(schema.items)}`;
  if (schema.kind === "map") return `map[string]${goName(schema.values)}`;
  return schema.name?.split(".").slice(-2).join(".") ?? "map[string]interface {}";
}
