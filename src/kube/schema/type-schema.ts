/** One shape for the types of builtin kinds and of custom resources, which checking, merging, patching and OpenAPI work on. */

export type ScalarKind =
  | "string"
  | "int32"
  | "int64"
  | "number"
  | "boolean"
  /** base64 in JSON */
  | "bytes"
  /** RFC 3339, seconds */
  | "time"
  /** RFC 3339, microseconds */
  | "microTime"
  /** "100m", also as a number */
  | "quantity"
  | "intOrString"
  /** Whatever JSON. */
  | "any";

export interface ScalarSchema {
  readonly kind: ScalarKind;
}
export interface ListSchema {
  readonly kind: "list";
  readonly items: TypeSchema;
  /** How server-side apply merges: atomic lists have one owner, sets are merged by value, maps by the values of `keys`. */
  readonly merge: "atomic" | "set" | "map";
  readonly keys: readonly string[];
  /** Strategic merge patch merges items by this key; "" merges scalars; undefined replaces the list. */
  readonly patchKey: string | undefined;
}
export interface MapSchema {
  readonly kind: "map";
  readonly values: TypeSchema;
  readonly atomic: boolean;
}
export interface ObjectSchema {
  readonly kind: "object";
  /** "core.v1.Pod"; undefined for objects inside a custom resource. */
  readonly name: string | undefined;
  /** Made at the first look: most types are never looked at. */
  readonly fields: ReadonlyMap<string, FieldSchema>;
  readonly atomic: boolean;
  /** Fields that are not known are kept (x-kubernetes-preserve-unknown-fields). */
  readonly preserveUnknown: boolean;
}
export type TypeSchema = ScalarSchema | ListSchema | MapSchema | ObjectSchema;

export interface FieldSchema {
  readonly type: TypeSchema;
  readonly required: boolean;
  /** Strategic merge patch: of a union, keys that the patch does not name go ($retainKeys). */
  readonly retainKeys: boolean;
  /** What the field is when it is absent, as far as keys of lists need it. */
  readonly fallback?: string | undefined;
}

export const ANY: ScalarSchema = { kind: "any" };

/** True for the three kinds that have something inside. */
export function isScalar(schema: TypeSchema): schema is ScalarSchema {
  return schema.kind !== "list" && schema.kind !== "map" && schema.kind !== "object";
}

/** A JSON object, not null and not an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
