/** Who is written down as the owner of fields. */

import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { UpdateOptions } from "../contract.ts";
import type { FieldWriter } from "../schema/contract.ts";
import { type Caller, type Core, timestamp } from "./core.ts";
import type { ServedKind } from "./registry.ts";

export function fieldWriter(core: Core, caller: Caller, options: UpdateOptions): FieldWriter {
  const { fieldManager, subresource } = options;
  const manager = fieldManager === undefined || fieldManager === "" ? caller.manager : fieldManager;
  return { manager, time: timestamp(core.now()), ...(subresource === undefined ? {} : { subresource }) };
}

/** Writes down that the caller owns what it changed. Changes `object`, which is of the stored version. */
export function trackWriter(
  core: Core,
  kind: ServedKind,
  caller: Caller,
  before: Stored<KubeObject> | undefined,
  object: KubeObject,
  options: UpdateOptions,
): void {
  core.schemas.trackUpdate(kind.definition.type, before, object, fieldWriter(core, caller, options));
}
