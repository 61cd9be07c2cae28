/** Who owns an object, and which objects a controller takes as its own (adoption and release). */

import type { OwnerReference } from "../../model/kubernetes/meta.ts";
import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import { apiVersionOf } from "../machinery/definition.ts";

/** The owner that controls an object: one at most. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

export function isControlledBy(object: KubeObject, owner: Stored<KubeObject>): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}

/** The reference by which `owner` controls an object that it makes. */
export function controllerReference(type: ResourceType, owner: Stored<KubeObject>): OwnerReference {
  return {
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

export interface Claims<T extends KubeObject> {
  /** Already controlled by the owner and still matching. */
  owned: Stored<T>[];
  /** Matching and controlled by nobody: to be taken. */
  adopt: Stored<T>[];
  /** Controlled by the owner, but not matching any more: to be let go. */
  release: Stored<T>[];
}

/**
 * Sorts candidates by what `owner` has to do with them.
 * @param matches whether the owner's selector fits
 */
export function claims<T extends KubeObject>(
  owner: Stored<KubeObject>,
  candidates: readonly Stored<T>[],
  matches: (object: Stored<T>) => boolean,
): Claims<T> {
  const result: Claims<T> = { owned: [], adopt: [], release: [] };
  const leaving = owner.metadata.deletionTimestamp !== undefined;
  for (const object of candidates) {
    const controller = controllerOf(object);
    if (controller !== undefined) {
      if (controller.uid !== owner.metadata.uid) continue;
      if (matches(object)) result.owned.push(object);
      else if (!leaving) result.release.push(object);
    } else if (!leaving && object.metadata.deletionTimestamp === undefined && matches(object)) {
      result.adopt.push(object);
    }
  }
  return result;
}

/** Merge patch by which an owner takes an object (the uid keeps it from taking a namesake). */
export function adoptionPatch(object: Stored<KubeObject>, reference: OwnerReference): unknown {
  return {
    metadata: {
      uid: object.metadata.uid,
      resourceVersion: object.metadata.resourceVersion,
      ownerReferences: [...(object.metadata.ownerReferences ?? []), reference],
    },
  };
}

/** Merge patch by which an owner lets an object go. */
export function releasePatch(object: Stored<KubeObject>, ownerUid: string): unknown {
  const others = (object.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== ownerUid);
  return {
    metadata: {
      uid: object.metadata.uid,
      resourceVersion: object.metadata.resourceVersion,
      ownerReferences: others.length === 0 ? null : others,
    },
  };
}
