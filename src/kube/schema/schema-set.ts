/** All schemas that the cluster knows, behind the contract that the machinery works with. */

import type { KubeObject, ResourceType } from "../../model/kubernetes/object.ts";
import { copyOf } from "../machinery/copy.ts";
import { apiVersionOf } from "../machinery/definition.ts";
import { StatusError } from "../status.ts";
import { findKind } from "./builtin-types.ts";
import type { ObjectSchema as KindSchema, SchemaSet } from "./contract.ts";
import { DecodeError, decodeObject } from "./decode-object.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { applyMergePatch } from "./merge-patch.ts";
import { applyConfiguration } from "./server-side-apply.ts";
import { applyStrategicMergePatch } from "./strategic-merge-patch.ts";
import { trackChanges } from "./track-update.ts";
import type { ObjectSchema } from "./type-schema.ts";

/** A kind that a custom resource definition brought. */
export interface CustomSchema {
  /** For merging and ownership of fields. */
  readonly type: ObjectSchema;
  /** Its status is a subresource. */
  readonly hasStatus: boolean;
  readonly schema: KindSchema;
  /** Its schema as the definition gives it, for OpenAPI documents. */
  readonly document?: Record<string, unknown>;
}

export interface OpenSchemaSet extends SchemaSet {
  /** Adds (or replaces) the schema of one version of a custom kind. */
  register(type: ResourceType, schema: CustomSchema): void;
  unregister(type: ResourceType): void;
  /** The type of a kind for OpenAPI documents. */
  typeOf(type: ResourceType): ObjectSchema | undefined;
  /** The document of a custom kind; undefined for builtin ones. */
  documentOf(type: ResourceType): Record<string, unknown> | undefined;
}

const keyOf = (type: ResourceType) => `${type.group}/${type.version}/${type.kind}`;

/** Builtin kinds are there from the beginning. */
export function createSchemaSet(): OpenSchemaSet {
  const custom = new Map<string, CustomSchema>();
  const builtin = new Map<string, KindSchema | undefined>();
  const schemaOf = (type: ResourceType): KindSchema | undefined => {
    const key = keyOf(type);
    const own = custom.get(key);
    if (own !== undefined) return own.schema;
    if (!builtin.has(key)) builtin.set(key, builtinSchema(type));
    return builtin.get(key);
  };
  const typeOf = (type: ResourceType): ObjectSchema | undefined =>
    custom.get(keyOf(type))?.type ?? findKind(type.group, type.version, type.kind);
  const merging = (type: ResourceType): { type: ObjectSchema; hasStatus: boolean } => {
    const own = custom.get(keyOf(type));
    if (own !== undefined) return own;
    const known = findKind(type.group, type.version, type.kind);
    return known === undefined
      ? { type: UNKNOWN, hasStatus: true }
      : { type: known, hasStatus: known.fields.has("status") };
  };
  return {
    schemaOf,
    typeOf,
    documentOf: (type) => custom.get(keyOf(type))?.document,
    register: (type, schema) => void custom.set(keyOf(type), schema),
    unregister: (type) => void custom.delete(keyOf(type)),
    jsonPatch: (current, operations) => applyJsonPatch(current, operations) as KubeObject,
    mergePatch: (current, patch) => copyOf(applyMergePatch(current, patch)) as KubeObject,
    strategicMergePatch(type, current, patch) {
      const known = findKind(type.group, type.version, type.kind);
      if (known === undefined) throw noStrategicPatch();
      return copyOf(applyStrategicMergePatch(known, current, patch)) as KubeObject;
    },
    apply(type, live, applied, writer, force) {
      const known = merging(type);
      return copyOf(applyConfiguration(known.type, known.hasStatus, live, applied, writer, force));
    },
    trackUpdate(type, before, object, writer) {
      const known = merging(type);
      trackChanges(known.type, known.hasStatus, before, object, writer);
    },
  };
}

/** For kinds without a schema: merged as their values are. */
const UNKNOWN: ObjectSchema = {
  kind: "object",
  name: undefined,
  fields: new Map(),
  atomic: false,
  preserveUnknown: true,
};

function noStrategicPatch(): StatusError {
  const types = ["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"];
  return new StatusError(
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${types.join(", ")}`,
  );
}

function builtinSchema(type: ResourceType): KindSchema | undefined {
  const schema = findKind(type.group, type.version, type.kind);
  if (schema === undefined) return undefined;
  return {
    prune(object) {
      try {
        const decoded = decodeObject(schema, object);
        const target = object as unknown as Record<string, unknown>;
        for (const name of Object.keys(target)) if (!(name in decoded.object)) delete target[name];
        Object.assign(target, decoded.object);
        return decoded.unknown.map((path) => `unknown field "${path}"`);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        const version = JSON.stringify(apiVersionOf(type).split("/").at(-1));
        const where = `${type.kind} in version ${version} cannot be handled as a ${type.kind}`;
        throw new StatusError("BadRequest", `${where}: ${error.message}`);
      }
    },
  };
}
