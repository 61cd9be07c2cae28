/** Keeping the controller revisions of a stateful set or daemon set in the store. */

import type { ControllerRevision } from "../../model/kubernetes/apps.ts";
import type { PodTemplateSpec } from "../../model/kubernetes/core.ts";
import type { LabelSelector } from "../../model/kubernetes/meta.ts";
import { CONTROLLER_REVISIONS } from "../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import { labelSelectorMatcher } from "../machinery/selectors.ts";
import { isStatus } from "../status.ts";
import { claim } from "./claiming.ts";
import { claimable, indexByController } from "./relations.ts";
import { byRevision, presentRevision, surplusRevisions } from "./revision-history.ts";
import { untilSeen } from "./seen-writes.ts";

interface RevisionOwner<T extends KubeObject> {
  type: ResourceType<T>;
  object: Stored<T>;
  template: PodTemplateSpec;
  selector: LabelSelector;
  collisionCount: number;
  historyLimit: number;
}

export interface History {
  present: Stored<ControllerRevision>;
  /** All, the present among them, oldest first. */
  all: Stored<ControllerRevision>[];
  collisionCount: number;
}

/** The revisions of an owner that it controls or can take, oldest first. */
async function revisionsOf<T extends KubeObject>(
  client: ClusterClient,
  owner: RevisionOwner<T>,
): Promise<Stored<ControllerRevision>[]> {
  const informer = client.informer(CONTROLLER_REVISIONS);
  indexByController(informer);
  const matches = labelSelectorMatcher(owner.selector);
  const candidates = claimable(informer, owner.object);
  const mine = await claim(client, owner.type, owner.object, CONTROLLER_REVISIONS, candidates, (revision) =>
    matches(revision.metadata.labels),
  );
  return mine.sort(byRevision);
}

/** The history with a revision of the present template, which is made or renumbered when it must be. */
export async function keepHistory<T extends KubeObject>(
  client: ClusterClient,
  owner: RevisionOwner<T>,
): Promise<History> {
  const all = await revisionsOf(client, owner);
  const labels = { ...owner.template.metadata?.labels };
  const step = presentRevision(owner.type, owner.object, owner.template, all, owner.collisionCount, labels);
  if (step.step === "use") return { present: step.revision, all, collisionCount: owner.collisionCount };
  const resource = client.resource(CONTROLLER_REVISIONS);
  if (step.step === "renumber") {
    const present = await resource.update({ ...step.revision, revision: step.number });
    await untilSeen(client.informer(CONTROLLER_REVISIONS), [present]);
    const others = all.filter((revision) => revision.metadata.uid !== present.metadata.uid);
    return { present, all: [...others, present], collisionCount: owner.collisionCount };
  }
  try {
    const present = await resource.create(owner.object.metadata.namespace, step.revision);
    await untilSeen(client.informer(CONTROLLER_REVISIONS), [present]);
    return { present, all: [...all, present], collisionCount: owner.collisionCount };
  } catch (error) {
    // The name is taken by another template: the next number gives another hash.
    if (!isStatus(error, "AlreadyExists")) throw error;
    return keepHistory(client, { ...owner, collisionCount: owner.collisionCount + 1 });
  }
}

/** @param used names (or hashes) of revisions that pods have */
export async function trimHistory(
  client: ClusterClient,
  history: History,
  used: ReadonlySet<string>,
  limit: number,
): Promise<void> {
  for (const revision of surplusRevisions(history.all, used, limit)) {
    const { namespace, name, uid } = revision.metadata;
    try {
      await client.resource(CONTROLLER_REVISIONS).delete(namespace, name, { preconditions: { uid } });
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }
}
