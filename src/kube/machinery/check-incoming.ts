/** The first look at an object that a client sent: is it of this kind, and does its schema know all of its fields? */

import type { KubeObject } from "../../model/kubernetes/object.ts";
import type { WriteOptions } from "../contract.ts";
import { StatusError } from "../status.ts";
import type { Core } from "./core.ts";
import { apiVersionOf } from "./definition.ts";
import type { ServedKind } from "./registry.ts";

/**
 * Removes unknown fields from `object` (in place) and tells of them as the client wished.
 * @throws StatusError BadRequest: another kind; a wrong type; unknown fields when validation is strict
 */
export function checkIncoming(core: Core, kind: ServedKind, object: KubeObject, options: WriteOptions): void {
  const apiVersion = apiVersionOf(kind.type);
  if (object === null || typeof object !== "object" || Array.isArray(object)) {
    throw new StatusError("BadRequest", `the body is not a ${kind.type.kind}: it must be an object`);
  }
  object.apiVersion ||= apiVersion;
  object.kind ||= kind.type.kind;
  object.metadata ??= {};
  if (object.kind !== kind.type.kind || object.apiVersion !== apiVersion) {
    const found = `${object.apiVersion}, Kind=${object.kind}`;
    const message = `the object provided is unrecognized (must be of type ${kind.type.kind}): ${found} does not match ${apiVersion}, Kind=${kind.type.kind}`;
    throw new StatusError("BadRequest", message);
  }
  const unknown = [
    ...(core.schemas.schemaOf(kind.type)?.prune(object) ?? []),
    ...(options.duplicateFields ?? []).map((path) => `duplicate field ${JSON.stringify(path)}`),
  ];
  if (unknown.length === 0 || options.fieldValidation === "Ignore") return;
  if (options.fieldValidation === "Warn") {
    for (const message of unknown) options.warn?.(message);
    return;
  }
  const where = `${kind.type.kind} in version ${JSON.stringify(kind.type.version)} cannot be handled as a ${kind.type.kind}`;
  throw new StatusError("BadRequest", `${where}: strict decoding error: ${unknown.join(", ")}`);
}
