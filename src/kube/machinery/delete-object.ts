/** DELETE: the wish is written down; the object goes when its grace is over and its finalizers are gone. */

import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { DeleteOptions } from "../contract.ts";
import { conflict, notFound } from "../status.ts";
import { runAdmit, runChecks } from "./admission.ts";
import { commitObject, commitRemoval } from "./commit-object.ts";
import { copyOf } from "./copy.ts";
import { type Caller, type Core, timestamp, writeContext } from "./core.ts";
import type { ResourceDefinition } from "./definition.ts";
import type { ServedKind } from "./registry.ts";
import { currentObject, servedObject } from "./versions.ts";

const FOREGROUND = "foregroundDeletion";
const ORPHAN = "orphan";

/**
 * Deletes one object. Answers it as it is now (waiting) or as it was last (gone), in the stored version.
 * @throws StatusError NotFound, Conflict (preconditions)
 */
export async function deleteObject(
  core: Core,
  kind: ServedKind,
  caller: Caller,
  namespace: string | undefined,
  name: string,
  options: DeleteOptions = {},
): Promise<{ object: Stored<KubeObject>; gone: boolean }> {
  const { definition } = kind;
  const cache = core.state.kind(definition.type);
  for (;;) {
    const before = cache.get(namespace, name);
    if (before === undefined) throw notFound(kind.type.group, kind.type.resource, name);
    checkPreconditions(kind, before, options);
    // What cannot be shown to the client afterwards is not deleted.
    if (kind.conversion?.convert !== undefined) await servedObject(kind, before);
    await admit(core, kind, caller, await currentObject(kind, before), options);
    const marked = markDeleted(core, caller, definition, before, options);
    const gone = isGone(definition, marked);
    if (options.dryRun) return { object: marked as Stored<KubeObject>, gone };
    if (gone) {
      if (await commitRemoval(core, definition.type, before)) return { object: before, gone };
      continue;
    }
    if (!markChanged(marked, before)) return { object: before, gone };
    const { stored } = await commitObject(core, definition.type, marked, Number(before.metadata.resourceVersion));
    if (stored !== undefined) return { object: stored, gone };
  }
}

function checkPreconditions(kind: ServedKind, before: Stored<KubeObject>, { preconditions }: DeleteOptions): void {
  const { uid, resourceVersion, name } = before.metadata;
  const { group, resource } = kind.type;
  if (preconditions?.uid !== undefined && preconditions.uid !== uid) {
    const why = `Precondition failed: UID in precondition: ${preconditions.uid}, UID in object meta: ${uid}`;
    throw conflict(group, resource, name, why);
  }
  const wanted = preconditions?.resourceVersion;
  if (wanted !== undefined && wanted !== resourceVersion) {
    const why = `Precondition failed: ResourceVersion in precondition: ${wanted}, ResourceVersion in object meta: ${resourceVersion}`;
    throw conflict(group, resource, name, why);
  }
}

async function admit(core: Core, kind: ServedKind, caller: Caller, before: Stored<KubeObject>, options: DeleteOptions) {
  if (core.admission.length === 0) return;
  const request = {
    operation: "DELETE",
    type: kind.definition.type,
    subresource: undefined,
    namespace: before.metadata.namespace,
    name: before.metadata.name,
    object: undefined,
    before,
    dryRun: options.dryRun === true,
    user: caller.user,
    warn: () => {},
  } as const;
  await runAdmit(core.admission, request);
  await runChecks(core.admission, request);
}

/** The object with the wish to delete it written into its metadata. */
function markDeleted(
  core: Core,
  caller: Caller,
  definition: ResourceDefinition,
  before: Stored<KubeObject>,
  options: DeleteOptions,
): KubeObject {
  const object = copyOf(before as KubeObject);
  const { metadata } = object;
  const grace = Math.max(0, definition.graceSeconds?.(before, options.gracePeriodSeconds) ?? 0);
  setPropagationFinalizers(object, options.propagationPolicy ?? definition.defaultPropagation);
  if (metadata.deletionTimestamp === undefined) {
    metadata.deletionTimestamp = timestamp(core.now() + grace * 1000);
    metadata.deletionGracePeriodSeconds = grace;
    if (metadata.generation !== undefined) metadata.generation++;
    definition.prepareDelete?.(object, writeContext(core, caller, undefined));
  } else if (grace < (metadata.deletionGracePeriodSeconds ?? 0)) {
    // A shorter grace counts from when the deletion was first wished for, and never ends before now.
    const began = Date.parse(metadata.deletionTimestamp) - (metadata.deletionGracePeriodSeconds ?? 0) * 1000;
    metadata.deletionTimestamp = timestamp(Math.max(core.now(), began + grace * 1000));
    metadata.deletionGracePeriodSeconds = grace;
  }
  return object;
}

function setPropagationFinalizers(object: KubeObject, policy: DeleteOptions["propagationPolicy"]): void {
  const { metadata } = object;
  const others = (metadata.finalizers ?? []).filter((finalizer) => finalizer !== FOREGROUND && finalizer !== ORPHAN);
  if (policy === undefined) return;
  if (policy === "Foreground") others.push(FOREGROUND);
  if (policy === "Orphan") others.push(ORPHAN);
  if (others.length > 0) metadata.finalizers = others;
  else delete metadata.finalizers;
}

function isGone(definition: ResourceDefinition, object: KubeObject): boolean {
  const { finalizers, deletionGracePeriodSeconds } = object.metadata;
  if ((finalizers ?? []).length > 0 || (deletionGracePeriodSeconds ?? 0) > 0) return false;
  return (definition.moreFinalizers?.(object) ?? []).length === 0;
}

function markChanged({ metadata: now }: KubeObject, { metadata: before }: Stored<KubeObject>): boolean {
  return (
    now.deletionTimestamp !== before.deletionTimestamp ||
    now.deletionGracePeriodSeconds !== before.deletionGracePeriodSeconds ||
    (now.finalizers ?? []).join() !== (before.finalizers ?? []).join()
  );
}
