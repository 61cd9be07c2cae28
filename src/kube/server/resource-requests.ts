/** Requests for stored objects: each verb of the API, done by the machinery, answered in the form that the client wants. */
import type { DeleteOptions as DeleteBody } from "../../model/kubernetes/meta.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { WriteOptions } from "../contract.ts";
import type { Core } from "../machinery/core.ts";
import { qualifiedResource } from "../machinery/definition.ts";
import type { ServedKind } from "../machinery/registry.ts";
import { findDuplicateFields } from "../schema/duplicate-fields.ts";
import { StatusError } from "../status.ts";
import { sendList, sendObject } from "./answers.ts";
import type { ApiExchange } from "./api-exchange.ts";
import { jsonBody } from "./media-type.ts";
import type { RequestAttributes } from "./request-attributes.ts";
import { deleteOptions, listOptions, patchOptions, watchOptions, writeOptions } from "./request-options.ts";
import type { ResourceAccess } from "./resource-access.ts";
import { streamWatch } from "./watch-stream.ts";
import { yamlToJson } from "./yaml-body.ts";

export interface ResourceRequest {
  exchange: ApiExchange;
  attributes: RequestAttributes;
  kind: ServedKind;
  core: Core;
  /** The kind's objects, as the user who asks. */
  access: ResourceAccess;
}

/** Kinds of which a deletion answers the object, also when it is gone at once. */
const ANSWERED_WHEN_GONE = new Set([
  "pods",
  "services",
  "podtemplates",
  "serviceaccounts",
  "resourcequotas",
  "persistentvolumes",
  "persistentvolumeclaims",
  "storageclasses.storage.k8s.io",
  "volumeattachments.storage.k8s.io",
  "csidrivers.storage.k8s.io",
  "csinodes.storage.k8s.io",
]);

/** @throws StatusError as the API answers it */
export async function serveResource(request: ResourceRequest): Promise<void> {
  const { attributes } = request;
  switch (attributes.verb) {
    case "get":
      return await get(request);
    case "list":
      return await list(request);
    case "watch":
      return await streamWatch(request, watchOptions(request.exchange.query, attributes));
    case "create":
      return attributes.subresource === "" ? await create(request) : await act(request);
    case "update":
      return await update(request);
    case "patch":
      return await patch(request);
    case "delete":
      return await remove(request);
    case "deletecollection":
      return await removeAll(request);
    default:
      throw notAllowed();
  }
}

export function notAllowed(): StatusError {
  return new StatusError("MethodNotAllowed", "the server does not allow this method on the requested resource", {});
}

async function get(request: ResourceRequest): Promise<void> {
  const { attributes, access } = request;
  const { namespace, name, subresource } = attributes;
  const object =
    subresource === "" ? await access.get(namespace, name) : await access.getSubresource(namespace, name, subresource);
  await sendObject(request, 200, object);
}

async function list(request: ResourceRequest): Promise<void> {
  const { exchange, attributes, access } = request;
  await sendList(request, await access.list(listOptions(exchange.query, attributes)));
}

async function create(request: ResourceRequest): Promise<void> {
  const { attributes, access } = request;
  if (attributes.name !== "") throw notAllowed();
  const options = optionsOf(request, "CreateOptions");
  const object = await bodyObject(request, options);
  const made = await access.create(attributes.namespace || undefined, object, options);
  await sendObject(request, 201, made);
}

/** POST to a subresource: binding, eviction, token … */
async function act({ exchange, attributes, access }: ResourceRequest): Promise<void> {
  const { namespace, name, subresource } = attributes;
  const body = parsed(jsonBody(exchange.header("content-type"), await exchange.body()));
  const dryRun = exchange.query.getAll("dryRun").includes("All");
  const warn = (message: string) => exchange.warn(message);
  const answer = await access.postSubresource(namespace || undefined, name, subresource, body, { dryRun, warn });
  await exchange.send(201, "application/json", `${JSON.stringify(answer)}\n`);
}

async function update(request: ResourceRequest): Promise<void> {
  const { attributes, access, kind } = request;
  const { namespace, name, subresource } = attributes;
  if (name === "") throw notAllowed();
  const options = optionsOf(request, "UpdateOptions");
  const object = await bodyObject(request, options);
  object.metadata ??= {};
  checkNames(object, namespace, name);
  object.metadata.name = name;
  if (namespace !== "" && kind.type.namespaced) object.metadata.namespace = namespace;
  if (subresource !== "") {
    const changed = await access.updateSubresource(subresource, object, options);
    return await sendObject(request, 200, changed);
  }
  const { object: stored, created } = await access.put(object, options);
  await sendObject(request, created ? 201 : 200, stored);
}

async function patch(request: ResourceRequest): Promise<void> {
  const { exchange, attributes, access } = request;
  const { namespace, name, subresource } = attributes;
  if (name === "") throw notAllowed();
  const contentType = exchange.header("content-type");
  const write = optionsOf(request, "PatchOptions");
  const { type, options } = patchOptions(exchange.query, contentType, subresource, write);
  const text = (await exchange.body()).toString("utf8");
  const json = type === "apply" ? yamlToJson(text) : text;
  const body = parsed(json);
  if (type !== "json") options.duplicateFields = findDuplicateFields(json);
  const { object, created } = await access.patched(namespace || undefined, name, type, body, options);
  await sendObject(request, created ? 201 : 200, object);
}

async function remove(request: ResourceRequest): Promise<void> {
  const { exchange, attributes, access, kind } = request;
  const options = deleteOptions(exchange.query, await deleteBody(exchange));
  const { object, gone } = await access.remove(attributes.namespace || undefined, attributes.name, options);
  if (!gone || ANSWERED_WHEN_GONE.has(qualifiedResource(kind.type))) return await sendObject(request, 200, object);
  const { group, resource } = kind.type;
  await exchange.send(200, "application/json", `${JSON.stringify(goneStatus(object, group, resource))}\n`);
}

async function removeAll(request: ResourceRequest): Promise<void> {
  const { exchange, attributes, access } = request;
  const options = deleteOptions(exchange.query, await deleteBody(exchange));
  await sendList(request, await access.deleteCollection(listOptions(exchange.query, attributes), options));
}

function goneStatus(object: Stored<KubeObject>, group: string, resource: string): unknown {
  const { name, uid } = object.metadata;
  const details = { name, ...(group === "" ? {} : { group }), kind: resource, uid };
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details };
}

async function deleteBody(exchange: ApiExchange): Promise<Partial<DeleteBody>> {
  const body = await exchange.body();
  if (body.length === 0) return {};
  return (parsed(jsonBody(exchange.header("content-type"), body)) ?? {}) as Partial<DeleteBody>;
}

function optionsOf({ exchange }: ResourceRequest, kind: string) {
  return writeOptions(exchange.query, exchange.header("user-agent"), kind, (message) => exchange.warn(message));
}

/** The object that was sent; fields that it gives twice are noted in the options. */
async function bodyObject({ exchange }: ResourceRequest, options: WriteOptions): Promise<KubeObject> {
  const text = jsonBody(exchange.header("content-type"), await exchange.body());
  const object = parsed(text);
  options.duplicateFields = findDuplicateFields(text);
  return object as KubeObject;
}

/** @throws StatusError BadRequest */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StatusError(
      "BadRequest",
      `the object provided is unrecognized: couldn't read it as JSON: ${(error as Error).message}`,
    );
  }
}

function checkNames({ metadata }: KubeObject, namespace: string, name: string): void {
  if (metadata.name && metadata.name !== name) {
    throw new StatusError(
      "BadRequest",
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    );
  }
  if (namespace !== "" && metadata.namespace && metadata.namespace !== namespace) {
    throw new StatusError(
      "BadRequest",
      "the namespace of the provided object does not match the namespace sent on the request",
    );
  }
}
