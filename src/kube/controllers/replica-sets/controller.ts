/** Keeps as many pods of a template as a replica set (or replication controller) says. */

import { errorText } from "../../../lib/errors.ts";
import type { Pod } from "../../../model/kubernetes/core.ts";
import { PODS } from "../../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterPart, Informer } from "../../contract.ts";
import { sameJson } from "../../machinery/copy.ts";
import type { EventRecorder } from "../../machinery/event-recorder.ts";
import { claim } from "../claiming.ts";
import { type Controller, type ControllerTools, controlLoop } from "../control-loop.ts";
import { controllerOf } from "../ownership.ts";
import { BURST, createPods, deletePods, podFromTemplate } from "../pod-making.ts";
import { isActive, isReady, readyRemainder } from "../pod-state.ts";
import { claimable, controlledBy, controlledByUid, indexByController, ownersHandler } from "../relations.ts";
import { untilSeen } from "../seen-writes.ts";
import { removalOrder } from "./removal-order.ts";
import type { ReplicaKind } from "./replica-kinds.ts";
import { replicaStatus, type ScaleFailure } from "./replica-status.ts";

const WORKERS = 5;
type Tools = ControllerTools & { events: EventRecorder };

export function replicaController<T extends KubeObject>(kind: ReplicaKind<T>, tools: ControllerTools): ClusterPart {
  return controlLoop(kind.controller, tools, (own) => makeController(kind, own));
}

function makeController<T extends KubeObject>(kind: ReplicaKind<T>, tools: Tools): Controller {
  const owners = tools.client.informer(kind.type);
  const pods = tools.client.informer(PODS);
  indexByController(owners);
  indexByController(pods);
  const matching = (pod: Stored<Pod>) =>
    owners.list(pod.metadata.namespace).filter((owner) => kind.view(owner).matches(pod.metadata.labels));
  return {
    name: kind.controller,
    workers: WORKERS,
    informers: [owners as unknown as Informer<KubeObject>, pods as unknown as Informer<KubeObject>],
    watch: (enqueue) => [
      owners.subscribe({ added: (o) => enqueue(o), updated: (_, o) => enqueue(o), deleted: (o) => enqueue(o) }),
      pods.subscribe(ownersHandler(kind.type, owners, matching, (owner) => enqueue(owner))),
    ],
    async sync({ namespace, name }) {
      const owner = owners.get(namespace, name);
      return owner === undefined ? undefined : syncOne(kind, tools, owner, owners, pods);
    },
  };
}

async function syncOne<T extends KubeObject>(
  kind: ReplicaKind<T>,
  tools: Tools,
  owner: Stored<T>,
  owners: Informer<T>,
  pods: Informer<Pod>,
): Promise<number | undefined> {
  const view = kind.view(owner);
  const candidates = claimable(pods, owner).filter((pod) => isActive(pod));
  const matches = (pod: Stored<Pod>) => view.matches(pod.metadata.labels);
  const claimed = await claim(tools.client, kind.type, owner, PODS, candidates, matches);
  let failure: { reason: ScaleFailure["reason"]; error: unknown } | undefined;
  if (owner.metadata.deletionTimestamp === undefined) failure = await scale(kind, tools, owner, claimed, owners, pods);
  const active = controlledBy(pods, owner).filter((pod) => isActive(pod) && matches(pod));
  const told = failure === undefined ? undefined : { reason: failure.reason, message: errorText(failure.error) };
  const status = replicaStatus(view, active, told, tools.now());
  if (!sameJson(status, view.status)) {
    await untilSeen(owners, [await tools.client.resource(kind.type).updateStatus(kind.withStatus(owner, status))]);
  }
  if (failure !== undefined) throw failure.error;
  return untilAvailable(active, view.minReadySeconds, tools.now());
}

/** Milliseconds until the next ready pod has been ready long enough. */
function untilAvailable(pods: readonly Pod[], minReadySeconds: number, now: number): number | undefined {
  const waits = pods
    .filter(isReady)
    .map((pod) => readyRemainder(pod, minReadySeconds, now))
    .filter((wait) => wait > 0);
  return waits.length === 0 ? undefined : Math.min(...waits);
}

async function scale<T extends KubeObject>(
  kind: ReplicaKind<T>,
  tools: Tools,
  owner: Stored<T>,
  claimed: readonly Stored<Pod>[],
  owners: Informer<T>,
  pods: Informer<Pod>,
): Promise<{ reason: ScaleFailure["reason"]; error: unknown } | undefined> {
  const view = kind.view(owner);
  const subject = { type: kind.type, object: owner };
  const missing = Math.min(BURST, view.replicas - claimed.length);
  if (missing > 0) {
    const made = Array.from({ length: missing }, () => podFromTemplate(subject, view.template));
    const { error } = await createPods(tools, subject, made);
    return error === undefined ? undefined : { reason: "FailedCreate", error };
  }
  const surplus = Math.min(BURST, claimed.length - view.replicas);
  if (surplus <= 0) return undefined;
  const ordered = removalOrder(claimed, relatedCounter(owner, owners, pods), tools.now());
  const { error } = await deletePods(tools, subject, ordered.slice(0, surplus));
  return error === undefined ? undefined : { reason: "FailedDelete", error };
}

/** Counts active pods of all replica sets of the same deployment on each node. */
function relatedCounter<T extends KubeObject>(
  owner: Stored<T>,
  owners: Informer<T>,
  pods: Informer<Pod>,
): (node: string) => number {
  const above = controllerOf(owner)?.uid;
  const related = above === undefined ? [owner] : controlledByUid(owners, above);
  const counts = new Map<string, number>();
  for (const set of related) {
    for (const pod of controlledBy(pods, set)) {
      const node = pod.spec?.nodeName ?? "";
      if (isActive(pod)) counts.set(node, (counts.get(node) ?? 0) + 1);
    }
  }
  return (node) => counts.get(node) ?? 0;
}
