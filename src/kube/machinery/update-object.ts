/** PUT and PATCH: a stored object changes, as a whole or in the part that a subresource stands for. */

import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { UpdateOptions } from "../contract.ts";
import { conflict, notFound, StatusError } from "../status.ts";
import { type AdmissionRequest, runAdmit, runChecks } from "./admission.ts";
import { commitObject, commitRemoval } from "./commit-object.ts";
import { sameJson } from "./copy.ts";
import { type Caller, type Core, writeContext } from "./core.ts";
import { qualifiedResource } from "./definition.ts";
import { type FieldError, invalid, invalidObject } from "./field-error.ts";
import { trackWriter } from "./field-owner.ts";
import { contentChanged, keepSystemMetadata } from "./new-metadata.ts";
import { metadataFaults, metadataUpdateFaults } from "./object-rules.ts";
import type { ServedKind } from "./registry.ts";
import { currentObject, servedObject, storageObject, writtenSchema } from "./versions.ts";

/** How often a write that names no version is tried anew after somebody else wrote in between. */
const ATTEMPTS = 20;
const MODIFIED = "the object has been modified; please apply your changes to the latest version and try again";

export interface Change {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly options: UpdateOptions;
  /** The new object (which may be changed) from the present one, both in the served version. */
  compute(before: Stored<KubeObject>): KubeObject;
  /** True: compute has written managed fields itself (apply). */
  readonly ownsFields?: boolean;
}

/**
 * Changes one object. Without a resourceVersion in what `compute` answers, it is tried again when somebody else wrote in between.
 * @throws StatusError NotFound, Conflict, Invalid …
 */
export async function changeObject(
  core: Core,
  kind: ServedKind,
  caller: Caller,
  change: Change,
): Promise<Stored<KubeObject>> {
  const cache = core.state.kind(kind.definition.type);
  for (let attempt = 1; ; attempt++) {
    const found = cache.get(change.namespace, change.name);
    if (found === undefined) throw notFound(kind.type.group, kind.type.resource, change.name);
    const before = await currentObject(kind, found);
    const served = await servedObject<KubeObject>(kind, found);
    const computed = change.compute(served);
    const asked = computed.metadata.resourceVersion;
    checkIdentity(kind, computed, before);
    const storage = await storageObject(core, kind, computed, served);
    const stored = await write(core, kind, caller, change, before, storage);
    if (stored !== undefined) return await servedObject(kind, stored);
    // A patch computes from what is there, so its version is never the client's own; an update's is.
    const insisted = asked && asked !== served.metadata.resourceVersion;
    if (insisted || attempt === ATTEMPTS) throw modified(kind, change.name);
  }
}

function modified(kind: ServedKind, name: string): StatusError {
  return conflict(kind.type.group, kind.type.resource, name, MODIFIED);
}

function checkIdentity(kind: ServedKind, object: KubeObject, before: Stored<KubeObject>): void {
  const { name, uid, resourceVersion } = object.metadata;
  const { type, definition } = kind;
  if (uid && uid !== before.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${before.metadata.uid}`;
    throw conflict(type.group, type.resource, before.metadata.name, why);
  }
  if (resourceVersion && resourceVersion !== before.metadata.resourceVersion) throw modified(kind, name ?? "");
  if (!resourceVersion && definition.resourceVersionRequired) {
    const fault = invalid("metadata.resourceVersion", 0, "must be specified for an update");
    throw invalidObject(type, before.metadata.name, [fault]);
  }
}

/** Undefined: somebody else wrote in between. */
async function write(
  core: Core,
  kind: ServedKind,
  caller: Caller,
  change: Change,
  before: Stored<KubeObject>,
  object: KubeObject,
): Promise<Stored<KubeObject> | undefined> {
  const { type } = kind.definition;
  const { options } = change;
  await prepare(core, kind, caller, change, before, object);
  if (!change.ownsFields) trackWriter(core, kind, caller, before, object, options);
  object.metadata.resourceVersion = before.metadata.resourceVersion;
  if (isFinished(kind, object)) {
    if (options.dryRun) return object as Stored<KubeObject>;
    return (await commitRemoval(core, type, before)) ? (object as Stored<KubeObject>) : undefined;
  }
  if (sameJson(object, before)) return before;
  if (options.dryRun) return object as Stored<KubeObject>;
  return (await commitObject(core, type, object, Number(before.metadata.resourceVersion))).stored;
}

/** An object that was to be deleted goes with its last finalizer, when its grace is over. */
function isFinished(kind: ServedKind, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  if (deletionTimestamp === undefined || (deletionGracePeriodSeconds ?? 0) > 0) return false;
  if (finalizers !== undefined && finalizers.length > 0) return false;
  return (kind.definition.moreFinalizers?.(object) ?? []).length === 0;
}

async function prepare(
  core: Core,
  kind: ServedKind,
  caller: Caller,
  change: Change,
  before: Stored<KubeObject>,
  object: KubeObject & { status?: unknown },
): Promise<void> {
  const { definition } = kind;
  const { options } = change;
  const context = writeContext(core, caller, options.warn);
  const schema = writtenSchema(core, kind);
  keepSystemMetadata(object, before);
  const partial = partialUpdate(kind, options.subresource);
  if (partial === undefined) {
    if (definition.partialUpdates?.status !== undefined) takeStatus(object, before);
    definition.prepareUpdate?.(object, before, context);
  } else {
    partial.prepare(object, before, context);
  }
  schema?.defaults?.(object);
  definition.defaults?.(object);
  const request = admissionRequest(kind, caller, change, before, object, context.warn);
  if (core.admission.length > 0) {
    await runAdmit(core.admission, request);
    definition.defaults?.(object);
  }
  if (definition.generation && contentChanged(object, before, sameJson)) {
    object.metadata.generation = (before.metadata.generation ?? 0) + 1;
  }
  const faults: FieldError[] = [
    ...metadataFaults(definition, object),
    ...metadataUpdateFaults(object, before),
    ...(schema?.validate?.(object, before) ?? []),
  ];
  if (partial === undefined) {
    faults.push(...(definition.validate?.(object) ?? []), ...(definition.validateUpdate?.(object, before) ?? []));
  } else {
    faults.push(...(partial.validate?.(object, before) ?? []));
  }
  if (faults.length > 0) throw invalidObject(definition.type, before.metadata.name, faults);
  await runChecks(core.admission, request);
}

function partialUpdate(kind: ServedKind, subresource: string | undefined) {
  if (subresource === undefined) return undefined;
  const partial = kind.definition.partialUpdates?.[subresource];
  if (partial !== undefined) return partial;
  const message = `the server could not find the requested resource: ${qualifiedResource(kind.type)} has no subresource ${subresource}`;
  throw new StatusError("NotFound", message, { group: kind.type.group, kind: kind.type.resource });
}

function takeStatus(object: KubeObject & { status?: unknown }, before: KubeObject & { status?: unknown }): void {
  if (before.status === undefined) delete object.status;
  else object.status = before.status;
}

function admissionRequest(
  kind: ServedKind,
  caller: Caller,
  { options, namespace, name }: Change,
  before: Stored<KubeObject>,
  object: KubeObject,
  warn: (message: string) => void,
): AdmissionRequest {
  return {
    operation: "UPDATE",
    type: kind.definition.type,
    subresource: options.subresource,
    namespace,
    name,
    object,
    before,
    dryRun: options.dryRun === true,
    user: caller.user,
    warn,
  };
}
