/** The schema of one version of a custom resource, ready for the machinery. */

import type { CustomResourceDefinition, JSONSchemaProps } from "../../../model/kubernetes/apiextensions.ts";
import type { KubeObject } from "../../../model/kubernetes/object.ts";
import type { FieldError } from "../../machinery/field-error.ts";
import type { CustomSchema } from "../schema-set.ts";
import { customObjectType } from "./custom-type.ts";
import { fillDefaults, pruneValue } from "./prune-custom.ts";
import { ruleFaults } from "./schema-rules.ts";
import { valueFaults } from "./validate-custom.ts";

/** What the schema says of kind, apiVersion and metadata does not count: those are the server's. */
const SERVERS_OWN = new Set(["apiVersion", "kind", "metadata"]);

export function compileCustomSchema(crd: CustomResourceDefinition, version: string): CustomSchema {
  const found = crd.spec.versions.find((one) => one.name === version);
  const schema = withoutIdentity(found?.schema?.openAPIV3Schema ?? { type: "object" });
  return {
    type: customObjectType(schema),
    hasStatus: found?.subresources?.status !== undefined,
    document: { ...(found?.schema?.openAPIV3Schema ?? { type: "object" }) },
    schema: {
      prune(object) {
        return pruneValue(schema, object, "", true).map((path) => `unknown field ${JSON.stringify(path)}`);
      },
      defaults: (object) => fillDefaults(schema, object),
      validate: (object, before) => faultsOf(schema, object, before),
    },
  };
}

function withoutIdentity(schema: JSONSchemaProps): JSONSchemaProps {
  const properties = Object.entries(schema.properties ?? {}).filter(([name]) => !SERVERS_OWN.has(name));
  const required = (schema.required ?? []).filter((name) => !SERVERS_OWN.has(name));
  return { ...schema, properties: Object.fromEntries(properties), required };
}

function faultsOf(schema: JSONSchemaProps, object: KubeObject, before: KubeObject | undefined): readonly FieldError[] {
  const { apiVersion: _a, kind: _k, metadata: _m, ...content } = object;
  const faults = valueFaults(schema, content, "");
  // Rules are asked only about objects of the right shape.
  return faults.length > 0 ? faults : ruleFaults(schema, ruled(object), before && ruled(before), "");
}

/** The object as rules see it: of its metadata only the name. */
function ruled(object: KubeObject): unknown {
  const { name, generateName } = object.metadata;
  const metadata = { ...(name === undefined ? {} : { name }), ...(generateName === undefined ? {} : { generateName }) };
  return { ...object, metadata };
}
