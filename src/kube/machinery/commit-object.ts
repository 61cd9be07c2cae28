/** One object on its way into the store. */

import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import { storeKey } from "./cluster-state.ts";
import type { Core } from "./core.ts";
import { storedObject, storedText } from "./stored-json.ts";

/** With `stored` undefined somebody else wrote in between; the state has caught up with that. */
interface CommitOutcome {
  readonly stored: Stored<KubeObject> | undefined;
}

/**
 * Writes `object`, when the stored one is of revision `expected` (0: when there is none). On success the object is frozen: it is
 * the stored one from then on.
 */
export async function commitObject(
  core: Core,
  type: ResourceType,
  object: KubeObject,
  expected: number,
): Promise<CommitOutcome> {
  const { state } = core;
  const key = storeKey(type, object.metadata.namespace, object.metadata.name!);
  const text = storedText(object);
  const pending = state.announce(key, object, text);
  try {
    const commit = await state.store.commit([{ key, value: text, expected }]);
    await state.reach(commit.revision);
    if (!commit.committed) return { stored: undefined };
    return { stored: pending.applied ?? storedObject(object, text, commit.revision) };
  } finally {
    state.endAnnouncement(key, pending);
  }
}

/** Removes the object when it is still of that revision; answers whether it was. */
export async function commitRemoval(core: Core, type: ResourceType, object: Stored<KubeObject>): Promise<boolean> {
  const { metadata } = object;
  const key = storeKey(type, metadata.namespace, metadata.name);
  const commit = await core.state.store.commit([{ key, expected: Number(metadata.resourceVersion) }]);
  await core.state.reach(commit.revision);
  return commit.committed;
}
