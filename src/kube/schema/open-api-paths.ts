/** Paths of a kind as OpenAPI tells them: what may be asked, with which parameters, and what kind is meant. */

import type { ResourceType } from "../../model/kubernetes/object.ts";
import type { ServedKind } from "../machinery/registry.ts";
import type { JsonSchema, OpenApiVersion } from "./open-api-types.ts";

const ALL_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const PATCH_TYPES = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
];
const TEXT = ["dryRun", "fieldManager", "fieldValidation"];
const LIST = ["continue", "fieldSelector", "labelSelector", "resourceVersion", "resourceVersionMatch"];
const LIST_FLAGS = ["allowWatchBookmarks", "sendInitialEvents", "watch"];

/** What paths say of the objects that go over them. */
interface PathObjects {
  readonly object: JsonSchema;
  readonly list: JsonSchema;
  readonly scale?: JsonSchema;
  /** Custom resources have no strategic merge patch: clients look here which patch to send. */
  readonly isCustom: boolean;
}

/** All paths of a kind, as members of a document's `paths`. */
export function pathsOf(kind: ServedKind, version: OpenApiVersion, objects: PathObjects): Record<string, unknown> {
  const { type, definition } = kind;
  const verbs = new Set(definition.verbs ?? ALL_VERBS);
  const root = type.group === "" ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const place = type.namespaced ? `${root}/namespaces/{namespace}/${type.resource}` : `${root}/${type.resource}`;
  const operation = new OperationMaker(type, version, objects.isCustom);
  const collection: Record<string, unknown> = { parameters: operation.pathParameters(false) };
  if (verbs.has("list")) collection.get = operation.make("list", objects.list);
  if (verbs.has("create")) collection.post = operation.make("post", objects.object);
  if (verbs.has("deletecollection")) collection.delete = operation.make("deletecollection", objects.list);
  const item: Record<string, unknown> = { parameters: operation.pathParameters(true) };
  if (verbs.has("get")) item.get = operation.make("get", objects.object);
  if (verbs.has("update")) item.put = operation.make("put", objects.object);
  if (verbs.has("patch")) item.patch = operation.make("patch", objects.object);
  if (verbs.has("delete")) item.delete = operation.make("delete", objects.object);
  const paths: Record<string, unknown> = { [place]: collection, [`${place}/{name}`]: item };
  if (type.namespaced && verbs.has("list")) {
    paths[`${root}/${type.resource}`] = { get: operation.make("list", objects.list, "ForAllNamespaces") };
  }
  const parts = Object.keys(definition.partialUpdates ?? {}).map((name) => [name, objects.object] as const);
  if (definition.scale !== undefined && objects.scale !== undefined) parts.push(["scale", objects.scale]);
  for (const [name, object] of parts) {
    paths[`${place}/{name}/${name}`] = {
      parameters: operation.pathParameters(true),
      get: operation.make("get", object, name),
      put: operation.make("put", object, name),
      patch: operation.make("patch", object, name),
    };
  }
  return paths;
}

type Verb = "list" | "post" | "deletecollection" | "get" | "put" | "patch" | "delete";
const IDS: Record<Verb, string> = {
  list: "list",
  post: "create",
  deletecollection: "deleteCollection",
  get: "read",
  put: "replace",
  patch: "patch",
  delete: "delete",
};

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

class OperationMaker {
  constructor(
    private readonly type: ResourceType,
    private readonly version: OpenApiVersion,
    private readonly isCustom: boolean,
  ) {}

  make(verb: Verb, object: JsonSchema, part = ""): JsonSchema {
    const { group, version, kind } = this.type;
    const patches = PATCH_TYPES.filter((one) => !(this.isCustom && one.includes("strategic")));
    const media = verb === "patch" ? patches : ["application/json", "application/yaml"];
    const writes = verb === "post" || verb === "put" || verb === "patch";
    const parameters = this.queryParameters(verb);
    const answer = { description: "OK", ...this.content(object, ["application/json", "application/yaml"]) };
    const responses: Record<string, unknown> = { "200": answer, "401": { description: "Unauthorized" } };
    if (verb === "post") responses["201"] = { ...answer, description: "Created" };
    const v2 = this.version === 2;
    const bodySchema = verb === "patch" ? { type: "object" } : object;
    if (v2 && writes) parameters.push({ name: "body", in: "body", required: true, schema: bodySchema });
    return {
      operationId: this.id(verb, part),
      tags: [`${group === "" ? "core" : group.split(".")[0]}_${version}`],
      ...(v2 ? { consumes: writes ? media : ["*/*"], produces: ["application/json", "application/yaml"] } : {}),
      parameters,
      ...(!v2 && writes ? { requestBody: { required: true, ...this.content(bodySchema, media) } } : {}),
      responses,
      "x-kubernetes-action": verb,
      "x-kubernetes-group-version-kind": { group, version, kind },
    };
  }

  pathParameters(withName: boolean): JsonSchema[] {
    const names = [...(this.type.namespaced ? ["namespace"] : []), ...(withName ? ["name"] : [])];
    return names.map((name) => this.parameter(name, "path", "string"));
  }

  private id(verb: Verb, part: string): string {
    const { group, version, kind, namespaced } = this.type;
    const base = group === "" ? "Core" : (group.split(".")[0] ?? "");
    const all = part === "ForAllNamespaces";
    const scope = namespaced && !all ? "Namespaced" : "";
    return `${IDS[verb]}${capital(base)}${capital(version)}${scope}${kind}${capital(part)}`;
  }

  private queryParameters(verb: Verb): JsonSchema[] {
    const of = (names: readonly string[], type: string) => names.map((name) => this.parameter(name, "query", type));
    switch (verb) {
      case "list":
        return [...of(LIST, "string"), ...of(["limit", "timeoutSeconds"], "integer"), ...of(LIST_FLAGS, "boolean")];
      case "get":
        return [];
      case "patch":
        return [...of(TEXT, "string"), ...of(["force"], "boolean")];
      case "post":
      case "put":
        return of(TEXT, "string");
      default:
        return [...of(["dryRun", "propagationPolicy"], "string"), ...of(["gracePeriodSeconds"], "integer")];
    }
  }

  private parameter(name: string, place: "path" | "query", type: string): JsonSchema {
    const base = { name, in: place, ...(place === "path" ? { required: true } : {}) };
    return this.version === 2 ? { ...base, type, uniqueItems: true } : { ...base, schema: { type, uniqueItems: true } };
  }

  private content(schema: JsonSchema, media: readonly string[]): JsonSchema {
    if (this.version === 2) return { schema };
    return { content: Object.fromEntries(media.map((one) => [one, { schema }])) };
  }
}
