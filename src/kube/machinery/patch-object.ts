/** PATCH: JSON patch, merge patch, strategic merge patch and server-side apply, of objects and their subresources. */

import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { PatchOptions, PatchType } from "../contract.ts";
import { notFound, StatusError } from "../status.ts";
import { checkIncoming } from "./check-incoming.ts";
import { copyOf } from "./copy.ts";
import type { Caller, Core } from "./core.ts";
import { createObject } from "./create-object.ts";
import { apiVersionOf } from "./definition.ts";
import { fieldWriter } from "./field-owner.ts";
import type { ServedKind } from "./registry.ts";
import { changeScale } from "./scale.ts";
import { changeObject } from "./update-object.ts";

export interface Patch {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly type: PatchType;
  readonly body: unknown;
  readonly options: PatchOptions;
}

/** @throws StatusError NotFound, Conflict, Invalid, BadRequest, UnsupportedMediaType */
export async function patchObject(
  core: Core,
  kind: ServedKind,
  caller: Caller,
  patch: Patch,
): Promise<{ object: Stored<KubeObject>; created: boolean }> {
  const { namespace, name, options } = patch;
  const { subresource, ...rest } = options;
  if (options.force !== undefined && patch.type !== "apply") {
    throw new StatusError(
      "Invalid",
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    );
  }
  if (subresource === "scale") {
    const compute = (before: KubeObject) => patched(core, kind, patch, before) as never;
    return {
      object: await changeScale(core, kind, caller, { namespace, name, options: rest, compute }),
      created: false,
    };
  }
  if (patch.type === "apply") return await applyObject(core, kind, caller, patch);
  const object = await changeObject(core, kind, caller, {
    namespace,
    name,
    options,
    compute: (before) => {
      const result = patched(core, kind, patch, before);
      checkIncoming(core, kind, result, options);
      return result;
    },
  });
  return { object, created: false };
}

/** The object as the patch makes it; a copy that may be changed. */
function patched(core: Core, kind: ServedKind, { type, body }: Patch, before: KubeObject): KubeObject {
  switch (type) {
    case "json":
      return copyOf(core.schemas.jsonPatch(before, body));
    case "merge":
      return copyOf(core.schemas.mergePatch(before, body));
    case "strategic":
      return copyOf(core.schemas.strategicMergePatch(kind.type, before, body));
    case "apply":
      throw new StatusError(
        "UnsupportedMediaType",
        "server-side apply of the scale subresource is not supported: use a merge patch",
      );
  }
}

async function applyObject(core: Core, kind: ServedKind, caller: Caller, patch: Patch) {
  const { namespace, name, options } = patch;
  const applied = copyOf(patch.body) as KubeObject;
  checkApplied(kind, patch, applied);
  checkIncoming(core, kind, applied, options);
  const force = options.force === true;
  const writer = fieldWriter(core, caller, options);
  for (;;) {
    const exists = core.state.kind(kind.definition.type).get(namespace, name) !== undefined;
    if (!exists) {
      if (options.subresource !== undefined) throw notFound(kind.type.group, kind.type.resource, name);
      if (applied.metadata.uid) {
        throw new StatusError(
          "Conflict",
          `Precondition failed: UID in precondition: ${applied.metadata.uid}, UID in object meta: `,
        );
      }
      const fresh = core.schemas.apply(kind.type, undefined, applied, writer, force);
      try {
        const created = await createObject(core, kind, caller, namespace, fresh, { ...options, ownsFields: true });
        return { object: created, created: true };
      } catch (error) {
        if (error instanceof StatusError && error.reason === "AlreadyExists") continue;
        throw error;
      }
    }
    try {
      const object = await changeObject(core, kind, caller, {
        namespace,
        name,
        options,
        ownsFields: true,
        compute: (before) => copyOf(core.schemas.apply(kind.type, before, applied, writer, force)),
      });
      return { object, created: false };
    } catch (error) {
      if (options.subresource === undefined && error instanceof StatusError && error.reason === "NotFound") continue;
      throw error;
    }
  }
}

function checkApplied(kind: ServedKind, { name }: Patch, applied: KubeObject): void {
  if (typeof applied !== "object" || applied === null || Array.isArray(applied)) {
    throw new StatusError("BadRequest", "the body of an apply must be an object");
  }
  if (applied.apiVersion !== apiVersionOf(kind.type) || applied.kind !== kind.type.kind) {
    const message = `error decoding patch: the applied object is ${applied.apiVersion}, Kind=${applied.kind}; expected ${apiVersionOf(kind.type)}, Kind=${kind.type.kind}`;
    throw new StatusError("BadRequest", message);
  }
  applied.metadata ??= {};
  if (applied.metadata.name !== undefined && applied.metadata.name !== name) {
    const message = `name in the applied object (${applied.metadata.name}) does not match the name of the request (${name})`;
    throw new StatusError("BadRequest", message);
  }
  applied.metadata.name = name;
  if (applied.metadata.managedFields !== undefined) {
    throw new StatusError("BadRequest", "metadata.managedFields must be nil");
  }
}
