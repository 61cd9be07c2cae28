/** POST: a new object. */

import { NAMESPACES } from "../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { WriteOptions } from "../contract.ts";
import { notFound, StatusError } from "../status.ts";
import { type AdmissionRequest, runAdmit, runChecks } from "./admission.ts";
import { checkIncoming } from "./check-incoming.ts";
import { commitObject } from "./commit-object.ts";
import { copyOf } from "./copy.ts";
import { type Caller, type Core, writeContext } from "./core.ts";
import { qualifiedResource } from "./definition.ts";
import { invalidObject, required } from "./field-error.ts";
import { trackWriter } from "./field-owner.ts";
import { fillNewMetadata, generatedName } from "./new-metadata.ts";
import { metadataFaults } from "./object-rules.ts";
import type { ServedKind } from "./registry.ts";
import { servedObject, storageObject, writtenSchema } from "./versions.ts";

/** How often another name is tried when a generated one is taken. */
const NAME_ATTEMPTS = 8;

export interface CreateOptions extends WriteOptions {
  /** True: the object has its managed fields already (apply). */
  readonly ownsFields?: boolean;
}

/**
 * Creates `object` (a copy is stored).
 * @throws StatusError AlreadyExists, Invalid, BadRequest, NotFound (the namespace), Forbidden (it is ending)
 */
export async function createObject<T extends KubeObject>(
  core: Core,
  kind: ServedKind,
  caller: Caller,
  namespace: string | undefined,
  object: T,
  options: CreateOptions = {},
): Promise<Stored<T>> {
  const candidate = copyOf(object as KubeObject);
  checkIncoming(core, kind, candidate, options);
  const place = placeOf(kind, namespace, candidate);
  if (candidate.metadata.resourceVersion) {
    throw new StatusError("BadRequest", "resourceVersion should not be set on objects to be created");
  }
  checkNamespace(core, kind, place, candidate.metadata.name ?? candidate.metadata.generateName ?? "");
  const storage = await storageObject(core, kind, candidate, undefined);
  const prepared = await prepare(core, kind, caller, place, storage, options);
  for (let attempt = 1; ; attempt++) {
    const stored = await tryCreate(core, kind, prepared, options.dryRun === true);
    if (stored !== undefined) return await servedObject<T>(kind, stored);
    const { name, generateName } = prepared.metadata;
    if (!generateName || object.metadata.name || attempt === NAME_ATTEMPTS) throw alreadyExists(kind, name!);
    prepared.metadata.name = generatedName(generateName);
  }
}

async function prepare(
  core: Core,
  kind: ServedKind,
  caller: Caller,
  namespace: string | undefined,
  object: KubeObject & { status?: unknown },
  options: CreateOptions,
): Promise<KubeObject> {
  const { definition } = kind;
  const { metadata } = object;
  if (!metadata.name && metadata.generateName) metadata.name = generatedName(metadata.generateName);
  if (!metadata.name) {
    throw invalidObject(definition.type, "", [required("metadata.name", "name or generateName is required")]);
  }
  fillNewMetadata(core, object, namespace, definition.generation === true);
  const context = writeContext(core, caller, options.warn);
  const schema = writtenSchema(core, kind);
  if (definition.partialUpdates?.status !== undefined && definition.isCreatedWithStatus !== true) delete object.status;
  definition.prepareCreate?.(object, context);
  schema?.defaults?.(object);
  definition.defaults?.(object);
  const request: AdmissionRequest = {
    operation: "CREATE",
    type: definition.type,
    subresource: undefined,
    namespace,
    name: metadata.name,
    object,
    before: undefined,
    dryRun: options.dryRun === true,
    user: caller.user,
    warn: context.warn,
  };
  if (core.admission.length > 0) {
    await runAdmit(core.admission, request);
    definition.defaults?.(object);
  }
  const faults = [
    ...metadataFaults(definition, object),
    ...(definition.validate?.(object) ?? []),
    ...(schema?.validate?.(object, undefined) ?? []),
  ];
  if (faults.length > 0) throw invalidObject(definition.type, metadata.name, faults);
  await runChecks(core.admission, request);
  if (!options.ownsFields) trackWriter(core, kind, caller, undefined, object, options);
  return object;
}

/** Undefined: the name is taken. */
async function tryCreate(
  core: Core,
  kind: ServedKind,
  object: KubeObject,
  dryRun: boolean,
): Promise<Stored<KubeObject> | undefined> {
  const { namespace, name } = object.metadata;
  if (core.state.kind(kind.definition.type).get(namespace, name!) !== undefined) return undefined;
  if (dryRun) return object as Stored<KubeObject>;
  const outcome = await commitObject(core, kind.definition.type, object, 0);
  return outcome.stored;
}

/** The namespace that the object goes to. */
function placeOf(kind: ServedKind, namespace: string | undefined, object: KubeObject): string | undefined {
  if (!kind.type.namespaced) return undefined;
  const own = object.metadata.namespace;
  const asked = namespace === "" ? undefined : namespace;
  if (own && asked !== undefined && own !== asked) {
    throw new StatusError(
      "BadRequest",
      "the namespace of the provided object does not match the namespace sent on the request",
    );
  }
  const place = asked ?? own;
  if (!place) throw new StatusError("BadRequest", "an empty namespace may not be set during creation");
  return place;
}

function checkNamespace(core: Core, kind: ServedKind, namespace: string | undefined, name: string): void {
  if (namespace === undefined) return;
  const found = core.state.kind(NAMESPACES).get(undefined, namespace);
  if (found === undefined) throw notFound("", "namespaces", namespace);
  if (found.metadata.deletionTimestamp === undefined) return;
  const resource = qualifiedResource(kind.type);
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  throw new StatusError("Forbidden", `${resource} ${JSON.stringify(name)} is forbidden: ${why}`, {
    name,
    group: kind.type.group,
    kind: kind.type.resource,
    causes: [
      {
        reason: "NamespaceTerminating",
        message: `namespace ${namespace} is being terminated`,
        field: "metadata.namespace",
      },
    ],
  });
}

function alreadyExists(kind: ServedKind, name: string): StatusError {
  return new StatusError("AlreadyExists", `${qualifiedResource(kind.type)} ${JSON.stringify(name)} already exists`, {
    name,
    group: kind.type.group,
    kind: kind.type.resource,
  });
}
