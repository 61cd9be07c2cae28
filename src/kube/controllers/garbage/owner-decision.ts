/** What the garbage collector does with an object that has owners, and with one that waits for its dependents. */

import type { OwnerReference } from "../../../model/kubernetes/meta.ts";
import type { KubeObject, Stored } from "../../../model/kubernetes/object.ts";

export const FOREGROUND = "foregroundDeletion";
export const ORPHAN = "orphan";

export type OwnerState =
  /** There, and staying. */
  | "solid"
  /** There, but waiting in foreground deletion for its dependents. */
  | "waiting"
  /** Gone. */
  | "absent"
  /** Cannot be said (its kind is not served just now). */
  | "unknown";

type DependentDecision =
  | { action: "keep" }
  /** References to owners that are gone are taken out; others keep the object. */
  | { action: "drop-references"; uids: string[] }
  /** `unblock`: the references no longer hold their owners back, or both would wait for each other for ever. */
  | { action: "delete"; propagation: "Orphan" | "Foreground" | "Background"; unblock: boolean };

export function hasFinalizer(object: KubeObject, name: string): boolean {
  return object.metadata.finalizers?.includes(name) === true;
}

/** In foreground deletion: it goes when its dependents are gone. */
export function isWaitingForDependents(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined && hasFinalizer(object, FOREGROUND);
}

/**
 * @param stateOf what has become of an owner
 * @param dependents of the object itself
 */
export function decideDependent(
  object: Stored<KubeObject>,
  stateOf: (reference: OwnerReference) => OwnerState,
  dependents: readonly Stored<KubeObject>[],
): DependentDecision {
  const references = object.metadata.ownerReferences ?? [];
  if (references.length === 0 || object.metadata.deletionTimestamp !== undefined) return { action: "keep" };
  const states = references.map((reference) => ({ uid: reference.uid, state: stateOf(reference) }));
  if (states.some(({ state }) => state === "unknown")) return { action: "keep" };
  const gone = states.filter(({ state }) => state !== "solid").map(({ uid }) => uid);
  if (gone.length < states.length) {
    return gone.length === 0 ? { action: "keep" } : { action: "drop-references", uids: gone };
  }
  const waiting = states.some(({ state }) => state === "waiting");
  if (waiting && dependents.length > 0) {
    return { action: "delete", propagation: "Foreground", unblock: dependents.some(isWaitingForDependents) };
  }
  return { action: "delete", propagation: ownPropagation(object), unblock: false };
}

/** How the object itself asked to be deleted, by a finalizer somebody put on it before. */
function ownPropagation(object: KubeObject): "Orphan" | "Foreground" | "Background" {
  if (hasFinalizer(object, ORPHAN)) return "Orphan";
  return hasFinalizer(object, FOREGROUND) ? "Foreground" : "Background";
}

/** Dependents that hold back the end of `owner` in foreground deletion. */
export function blockingDependents(owner: Stored<KubeObject>, dependents: readonly Stored<KubeObject>[]) {
  return dependents.filter((dependent) =>
    dependent.metadata.ownerReferences?.some(
      (reference) => reference.uid === owner.metadata.uid && reference.blockOwnerDeletion === true,
    ),
  );
}

/** Merge patch without the references to those owners. */
export function withoutOwners(object: Stored<KubeObject>, uids: readonly string[]): unknown {
  const left = (object.metadata.ownerReferences ?? []).filter((reference) => !uids.includes(reference.uid));
  return ownersPatch(object, left);
}

/** Merge patch after which no reference holds its owner back. */
export function unblocked(object: Stored<KubeObject>): unknown {
  const references = (object.metadata.ownerReferences ?? []).map((reference) => ({
    ...reference,
    blockOwnerDeletion: false,
  }));
  return ownersPatch(object, references);
}

function ownersPatch(object: Stored<KubeObject>, references: readonly OwnerReference[]): unknown {
  const { resourceVersion, uid } = object.metadata;
  return { metadata: { uid, resourceVersion, ownerReferences: references.length === 0 ? null : references } };
}

/** Merge patch without that finalizer. */
export function withoutFinalizer(object: Stored<KubeObject>, name: string): unknown {
  const left = (object.metadata.finalizers ?? []).filter((finalizer) => finalizer !== name);
  const { resourceVersion, uid } = object.metadata;
  return { metadata: { uid, resourceVersion, finalizers: left.length === 0 ? null : left } };
}
