/** Who depends on whom, over all kinds. */

import type { KubeObject, ResourceType, Stored } from "../../../model/kubernetes/object.ts";

/** An object by where it is, and which one of that name. */
export interface Item {
  type: ResourceType;
  namespace: string | undefined;
  name: string;
  uid: string;
}

export function itemOf(type: ResourceType, { metadata }: Stored<KubeObject>): Item {
  return { type, namespace: metadata.namespace, name: metadata.name, uid: metadata.uid };
}

export class Dependents {
  /** By the owner's uid, then by the dependent's. */
  readonly #byOwner = new Map<string, Map<string, Item>>();

  of(ownerUid: string): Item[] {
    return [...(this.#byOwner.get(ownerUid)?.values() ?? [])];
  }

  add(type: ResourceType, object: Stored<KubeObject>): void {
    const references = object.metadata.ownerReferences;
    if (references === undefined || references.length === 0) return;
    const item = itemOf(type, object);
    for (const { uid } of references) {
      const items = this.#byOwner.get(uid) ?? new Map<string, Item>();
      this.#byOwner.set(uid, items.set(item.uid, item));
    }
  }

  remove(object: Stored<KubeObject>): void {
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      const items = this.#byOwner.get(uid);
      items?.delete(object.metadata.uid);
      if (items?.size === 0) this.#byOwner.delete(uid);
    }
  }
}
