/** The server's OpenAPI documents, of version 2 and 3, as one shape to walk through. */

import { CliError } from "../../cli-error.ts";
import type { KubeApi } from "../kube-api.ts";
import { groupVersion, type ServedType } from "../resource-types.ts";

export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly allOf?: readonly Schema[];
  readonly $ref?: string;
  readonly "x-kubernetes-group-version-kind"?: readonly { group: string; version: string; kind: string }[];
}

export interface SchemaDocument {
  readonly root: Schema;
  /** What a schema refers to, directly or through an allOf of one member: the schema and its full name. */
  refer(schema: Schema): { name: string; schema: Schema } | undefined;
}

/** Reads the document of version 3 that holds a type. @throws CliError in kubectl's words when it is not served */
export async function schemaOfVersion3(api: KubeApi, type: ServedType): Promise<SchemaDocument> {
  const key = type.group === "" ? `api/${type.version}` : `apis/${type.group}/${type.version}`;
  type Index = { paths?: Record<string, { serverRelativeURL: string }> };
  const { paths = {} } = await api.get<Index>("/openapi/v3");
  const found = paths[key];
  if (found === undefined)
    throw new CliError(`error: couldn't find resource for "${groupVersion(type)}, Resource=${type.resource}"`);
  type Document = { components?: { schemas?: Record<string, Schema> } };
  const { components } = await api.get<Document>(found.serverRelativeURL);
  return documentOf(components?.schemas ?? {}, type);
}

/** The same from the one document of version 2. */
export async function schemaOfVersion2(api: KubeApi, type: ServedType): Promise<SchemaDocument> {
  const { definitions = {} } = await api.get<{ definitions?: Record<string, Schema> }>("/openapi/v2");
  return documentOf(definitions, type);
}

function documentOf(schemas: Readonly<Record<string, Schema>>, type: ServedType): SchemaDocument {
  const isKind = (schema: Schema) =>
    schema["x-kubernetes-group-version-kind"]?.some(
      ({ group, version, kind }) => group === type.group && version === type.version && kind === type.kind,
    );
  const root = Object.values(schemas).find(isKind);
  if (root === undefined) {
    throw new CliError(`error: GVR (${groupVersion(type)}, Resource=${type.resource}) not found in OpenAPI schema`);
  }
  return {
    root,
    refer({ $ref, allOf }) {
      const path = $ref ?? (allOf?.length === 1 ? allOf[0]!.$ref : undefined);
      if (path === undefined) return undefined;
      const name = path.slice(path.lastIndexOf("/") + 1);
      const schema = schemas[name];
      return schema === undefined ? undefined : { name, schema };
    },
  };
}

/** The schema with what it refers to in its place. */
export function resolved(document: SchemaDocument, schema: Schema): Schema {
  return document.refer(schema)?.schema ?? schema;
}

/** What a list or a map holds; undefined for all else. */
export function elementOf({ items, additionalProperties }: Schema): Schema | undefined {
  if (items !== undefined) return items;
  return typeof additionalProperties === "object" ? additionalProperties : undefined;
}

/** The members of an object, or of the objects in its lists and maps. */
export function membersOf(document: SchemaDocument, schema: Schema): Schema {
  const own = resolved(document, schema);
  const element = own.properties === undefined ? elementOf(own) : undefined;
  return element === undefined ? own : membersOf(document, element);
}

/**
 * The field at the end of a path, and whether the object that holds it wants it.
 * @throws CliError `error: field "x" does not exist`, always of the path's last word
 */
export function fieldAt(document: SchemaDocument, path: readonly string[]): { schema: Schema; isRequired: boolean } {
  let schema = document.root;
  let isRequired = false;
  for (const name of path) {
    const { properties = {}, required = [] } = membersOf(document, schema);
    if (!Object.hasOwn(properties, name)) throw new CliError(`error: field "${path.at(-1)}" does not exist`);
    schema = properties[name]!;
    isRequired = required.includes(name);
  }
  return { schema, isRequired };
}
