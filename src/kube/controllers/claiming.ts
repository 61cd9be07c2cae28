/** Taking what matches and belongs to nobody, letting go what matches no more. */

import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import { isStatus } from "../status.ts";
import { adoptionPatch, claims, controllerReference, releasePatch } from "./ownership.ts";
import { untilSeen } from "./seen-writes.ts";

/**
 * The objects of `type` that `owner` controls after adoption and release.
 * @param candidates all that might be meant: those of the namespace
 * @param matches whether the owner's selector fits an object
 */
export async function claim<T extends KubeObject>(
  client: ClusterClient,
  ownerType: ResourceType,
  owner: Stored<KubeObject>,
  type: ResourceType<T>,
  candidates: readonly Stored<T>[],
  matches: (object: Stored<T>) => boolean,
): Promise<Stored<T>[]> {
  const found = claims(owner, candidates, matches);
  if (found.adopt.length === 0 && found.release.length === 0) return found.owned;
  await requireSame(client, ownerType, owner);
  const reference = controllerReference(ownerType, owner);
  const adopted = await Promise.all(
    found.adopt.map((object) => change(client, type, object, adoptionPatch(object, reference))),
  );
  await Promise.all(
    found.release.map((object) => change(client, type, object, releasePatch(object, owner.metadata.uid))),
  );
  const taken = adopted.filter((object) => object !== undefined);
  await untilSeen(client.informer(type), taken);
  return [...found.owned, ...taken];
}

/** The owner itself is asked for once more: one that was deleted (or made anew) since takes nothing. */
async function requireSame(client: ClusterClient, type: ResourceType, owner: Stored<KubeObject>): Promise<void> {
  const now = await client.resource(type).get(owner.metadata.namespace, owner.metadata.name);
  if (now.metadata.uid !== owner.metadata.uid || now.metadata.deletionTimestamp !== undefined) {
    throw new Error(`${type.kind} ${owner.metadata.name} has been deleted or made anew`);
  }
}

async function change<T extends KubeObject>(
  client: ClusterClient,
  type: ResourceType<T>,
  object: Stored<T>,
  patch: unknown,
): Promise<Stored<T> | undefined> {
  try {
    return await client.resource(type).patch(object.metadata.namespace, object.metadata.name, "merge", patch);
  } catch (error) {
    if (isStatus(error, "NotFound")) return undefined;
    throw error;
  }
}
