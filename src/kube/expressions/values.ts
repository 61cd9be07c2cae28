/** Values of expressions: whole numbers are bigint, fractions number, maps Map; and what tells them apart, equal and in order. */

import { compareQuantities, type Quantity } from "../../model/kubernetes/quantity.ts";
import { ExpressionError } from "./tokens.ts";

export class Timestamp {
  constructor(readonly ms: number) {}
}
export class Duration {
  constructor(readonly ms: number) {}
}
export class Optional {
  /** undefined: there is none. */
  constructor(readonly value: Value | undefined) {}
}
export class QuantityValue {
  constructor(readonly quantity: Quantity) {}
}
export class TypeName {
  constructor(readonly name: string) {}
}

type ValueMap = ReadonlyMap<Value, Value>;
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | readonly Value[]
  | ValueMap
  | Timestamp
  | Duration
  | Optional
  | QuantityValue
  | TypeName;

/** As CEL calls the type of a value. */
export function typeName(value: Value): string {
  if (value === null) return "null_type";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "double";
  if (typeof value === "string") return "string";
  if (value instanceof Uint8Array) return "bytes";
  if (Array.isArray(value)) return "list";
  if (value instanceof Map) return "map";
  if (value instanceof Timestamp) return "google.protobuf.Timestamp";
  if (value instanceof Duration) return "google.protobuf.Duration";
  if (value instanceof Optional) return "optional_type";
  if (value instanceof QuantityValue) return "kubernetes.Quantity";
  return "type";
}

/** JSON as a value; whole numbers become bigint unless `isFraction` says that this place holds fractions. */
export function fromJson(json: unknown): Value {
  if (json === null || json === undefined) return null;
  if (typeof json === "number") return Number.isInteger(json) ? BigInt(json) : json;
  if (Array.isArray(json)) return json.map(fromJson);
  if (typeof json === "object") return new Map(Object.entries(json).map(([name, value]) => [name, fromJson(value)]));
  return json as string | boolean;
}

export function isNumber(value: Value): value is bigint | number {
  return typeof value === "bigint" || typeof value === "number";
}

export function valuesEqual(a: Value, b: Value): boolean {
  // biome-ignore lint/suspicious/noDoubleEquals: 1 and 1.0 are equal in CEL, as bigint and number are here
  if (isNumber(a) && isNumber(b)) return a == b;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((one, at) => valuesEqual(one, b[at]));
  if (a instanceof Map && b instanceof Map) {
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && valuesEqual(value, b.get(key) as Value));
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if ((a instanceof Timestamp && b instanceof Timestamp) || (a instanceof Duration && b instanceof Duration))
    return a.ms === b.ms;
  if (a instanceof QuantityValue && b instanceof QuantityValue) return compareQuantities(a.quantity, b.quantity) === 0;
  if (a instanceof TypeName && b instanceof TypeName) return a.name === b.name;
  if (a instanceof Optional && b instanceof Optional) {
    return a.value === undefined || b.value === undefined ? a.value === b.value : valuesEqual(a.value, b.value);
  }
  return a === b;
}

/** Below zero when a comes first. @throws ExpressionError for values that have no order */
export function compareValues(a: Value, b: Value): number {
  if (isNumber(a) && isNumber(b)) return a < b ? -1 : a > b ? 1 : 0;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (a instanceof Timestamp && b instanceof Timestamp) return a.ms - b.ms;
  if (a instanceof Duration && b instanceof Duration) return a.ms - b.ms;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  throw new ExpressionError("no such overload");
}
