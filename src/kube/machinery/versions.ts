/**
 * Objects in the version that a client asked for, and in the one that is stored. Where both are known here that is done at once
 * (core.ts); where a webhook has to be asked, by these functions.
 */

import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { ObjectSchema } from "../schema/contract.ts";
import { asServed, asStorage, type Core } from "./core.ts";
import { apiVersionOf } from "./definition.ts";
import { invalidObject } from "./field-error.ts";
import type { ServedKind } from "./registry.ts";

/** Stored objects in the served version. @throws StatusError InternalError when the webhook does not convert them */
export async function servedObjects<T extends KubeObject>(
  kind: ServedKind,
  objects: readonly Stored<KubeObject>[],
): Promise<readonly Stored<T>[]> {
  const convert = kind.conversion?.convert;
  if (convert === undefined) return objects.map((object) => asServed<T>(kind, object));
  return (await convert(objects, kind.type)) as readonly Stored<T>[];
}

/** One stored object in the served version. @throws as servedObjects */
export async function servedObject<T extends KubeObject>(
  kind: ServedKind,
  object: Stored<KubeObject>,
): Promise<Stored<T>> {
  if (kind.conversion?.convert === undefined) return asServed<T>(kind, object);
  return (await servedObjects<T>(kind, [object]))[0]!;
}

/** A stored object in the version that is stored now: it may have been written when that was another one. */
export async function currentObject(kind: ServedKind, object: Stored<KubeObject>): Promise<Stored<KubeObject>> {
  const { definition, conversion } = kind;
  if (conversion?.convert === undefined || object.apiVersion === apiVersionOf(definition.type)) return object;
  return (await conversion.convert([object], definition.type))[0] as Stored<KubeObject>;
}

/**
 * A request's object as it will be stored. Where a webhook converts it, the served version's own rules are asked before.
 * @param before the object as it is now, in the served version
 * @throws StatusError Invalid, or InternalError when the webhook does not convert it
 */
export async function storageObject(
  core: Core,
  kind: ServedKind,
  object: KubeObject,
  before: KubeObject | undefined,
): Promise<KubeObject> {
  const convert = kind.conversion?.convert;
  if (convert === undefined) return asStorage(kind, object);
  const schema = core.schemas.schemaOf(kind.type);
  schema?.defaults?.(object);
  const faults = schema?.validate?.(object, before) ?? [];
  if (faults.length > 0) throw invalidObject(kind.type, object.metadata.name ?? "", faults);
  return (await convert([object], kind.definition.type))[0]!;
}

/** The schema that rules of writes come from: that of the object that storageObject answers. */
export function writtenSchema(core: Core, kind: ServedKind): ObjectSchema | undefined {
  return core.schemas.schemaOf(kind.conversion?.convert === undefined ? kind.type : kind.definition.type);
}
