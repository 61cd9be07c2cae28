/** Types as OpenAPI tells them, in version 2 (definitions) and 3 (components). */

import { publicName } from "./builtin-types.ts";
import { descriptionOf } from "./field-descriptions.ts";
import type { FieldSchema, ObjectSchema, ScalarKind, TypeSchema } from "./type-schema.ts";

export type OpenApiVersion = 2 | 3;
export type JsonSchema = Record<string, unknown>;

const META = "io.k8s.apimachinery.pkg.apis.meta.v1";
/** Scalars that have a name of their own. */
const NAMED: Partial<Record<ScalarKind, string>> = {
  quantity: "io.k8s.apimachinery.pkg.api.resource.Quantity",
  intOrString: "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
  time: `${META}.Time`,
  microTime: `${META}.MicroTime`,
};
const PLAIN: Record<ScalarKind, JsonSchema> = {
  string: { type: "string" },
  int32: { type: "integer", format: "int32" },
  int64: { type: "integer", format: "int64" },
  number: { type: "number", format: "double" },
  boolean: { type: "boolean" },
  bytes: { type: "string", format: "byte" },
  time: { type: "string", format: "date-time" },
  microTime: { type: "string", format: "date-time" },
  quantity: { type: "string" },
  intOrString: { type: "string", format: "int-or-string" },
  any: { type: "object" },
};

/** Where types that are referred to are put, by their public names. */
export class TypeDocument {
  readonly schemas: Record<string, JsonSchema> = {};

  constructor(private readonly version: OpenApiVersion) {}

  /** A reference to a builtin type; puts the type and all that it needs into `schemas`. */
  reference(type: ObjectSchema, extra: JsonSchema = {}): JsonSchema {
    const name = publicName(type.name ?? "");
    if (this.schemas[name] === undefined) {
      const schema: JsonSchema = { type: "object" };
      this.schemas[name] = schema;
      Object.assign(schema, this.object(type), extra);
    }
    return this.pointer(name);
  }

  /** A reference to something that is put in under that name. */
  pointer(name: string): JsonSchema {
    return { $ref: this.version === 2 ? `#/definitions/${name}` : `#/components/schemas/${name}` };
  }

  private object(type: ObjectSchema): JsonSchema {
    const properties: Record<string, JsonSchema> = {};
    const required: string[] = [];
    const own = type.name ?? "";
    const described = (text: string | undefined) => (text === undefined ? {} : { description: text });
    for (const [name, field] of type.fields) {
      properties[name] = { ...described(descriptionOf(own, name)), ...this.field(field) };
      if (field.required) required.push(name);
    }
    return {
      ...described(descriptionOf(own)),
      properties,
      ...(required.length === 0 ? {} : { required }),
      ...(type.atomic ? { "x-kubernetes-map-type": "atomic" } : {}),
    };
  }

  private field({ type, retainKeys, fallback }: FieldSchema): JsonSchema {
    const schema = this.type(type);
    const strategies: string[] = [];
    if (type.kind === "list") {
      schema["x-kubernetes-list-type"] = type.merge;
      if (type.keys.length > 0) schema["x-kubernetes-list-map-keys"] = type.keys;
      if (type.patchKey !== undefined) strategies.push("merge");
      if (type.patchKey) schema["x-kubernetes-patch-merge-key"] = type.patchKey;
    }
    if (type.kind === "map" && type.atomic) schema["x-kubernetes-map-type"] = "atomic";
    if (retainKeys) strategies.push("retainKeys");
    if (strategies.length > 0) schema["x-kubernetes-patch-strategy"] = strategies.join(",");
    if (fallback !== undefined && this.version === 3) schema.default = fallback;
    // In version 3 nothing may stand beside a reference.
    if (this.version === 3 && typeof schema.$ref === "string") return { allOf: [{ $ref: schema.$ref }] };
    return schema;
  }

  private type(type: TypeSchema): JsonSchema {
    switch (type.kind) {
      case "object":
        return this.reference(type);
      case "list":
        return { type: "array", items: this.type(type.items) };
      case "map":
        return { type: "object", additionalProperties: this.type(type.values) };
      default:
        return this.scalar(type.kind);
    }
  }

  private scalar(kind: ScalarKind): JsonSchema {
    const name = NAMED[kind];
    if (name === undefined) return { ...PLAIN[kind] };
    this.schemas[name] ??=
      this.version === 3 && (kind === "quantity" || kind === "intOrString")
        ? {
            ...(kind === "intOrString" ? { format: "int-or-string" } : {}),
            oneOf: [{ type: kind === "quantity" ? "number" : "integer" }, { type: "string" }],
          }
        : { ...PLAIN[kind] };
    return this.pointer(name);
  }
}
