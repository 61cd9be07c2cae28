/** Finding by owner, and telling owners of what happened to their objects. */

import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import type { Informer, InformerHandler } from "../contract.ts";
import { controllerOf } from "./ownership.ts";

const BY_CONTROLLER = "controller-uid";
const ORPHANS = "orphans-of-namespace";

/** Indexes by which a controller's objects are found without looking at all of a namespace. Repeatable. */
export function indexByController<T extends KubeObject>(informer: Informer<T>): void {
  informer.addIndex(BY_CONTROLLER, (object) => uidsOf(controllerOf(object)?.uid));
  informer.addIndex(ORPHANS, (object) => (controllerOf(object) === undefined ? [object.metadata.namespace ?? ""] : []));
}

/** Objects that `owner` controls. */
export function controlledBy<T extends KubeObject>(
  informer: Informer<T>,
  owner: Stored<KubeObject>,
): readonly Stored<T>[] {
  return controlledByUid(informer, owner.metadata.uid);
}

/** Objects whose controller has that uid. */
export function controlledByUid<T extends KubeObject>(informer: Informer<T>, uid: string): readonly Stored<T>[] {
  return informer.byIndex(BY_CONTROLLER, uid);
}

/** Objects that `owner` controls or could take: those of its namespace that nobody controls. */
export function claimable<T extends KubeObject>(
  informer: Informer<T>,
  owner: Stored<KubeObject>,
): readonly Stored<T>[] {
  return [...controlledBy(informer, owner), ...informer.byIndex(ORPHANS, owner.metadata.namespace ?? "")];
}

/**
 * A handler that tells owners of a kind when an object of theirs changes, and those who might take one that is nobody's.
 * @param candidates owners whose selector fits an object
 * @param tell is handed the owner
 */
export function ownersHandler<O extends KubeObject, T extends KubeObject>(
  ownerType: ResourceType<O>,
  owners: Informer<O>,
  candidates: (object: Stored<T>) => readonly Stored<O>[],
  tell: (owner: Stored<O>, object: Stored<T>) => void,
): InformerHandler<T> {
  const ownerOf = (object: Stored<T>): Stored<O> | undefined => {
    const reference = controllerOf(object);
    if (reference === undefined || reference.kind !== ownerType.kind) return undefined;
    const owner = owners.get(object.metadata.namespace, reference.name);
    return owner?.metadata.uid === reference.uid ? owner : undefined;
  };
  const changed = (object: Stored<T>) => {
    const owner = ownerOf(object);
    if (owner !== undefined) tell(owner, object);
    else if (controllerOf(object) === undefined) for (const each of candidates(object)) tell(each, object);
  };
  return {
    added: changed,
    updated(before, after) {
      const old = ownerOf(before);
      if (old !== undefined && controllerOf(after)?.uid !== old.metadata.uid) tell(old, after);
      changed(after);
    },
    deleted: (object) => {
      const owner = ownerOf(object);
      if (owner !== undefined) tell(owner, object);
    },
  };
}

function uidsOf(uid: string | undefined): readonly string[] {
  return uid === undefined ? [] : [uid];
}
