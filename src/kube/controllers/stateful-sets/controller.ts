/** Runs pods that have names, numbers and claims of their own. */

import { errorText } from "../../../lib/errors.ts";
import type { StatefulSet } from "../../../model/kubernetes/apps.ts";
import type { Pod } from "../../../model/kubernetes/core.ts";
import { PERSISTENT_VOLUME_CLAIMS, PODS, STATEFUL_SETS } from "../../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterPart, Informer } from "../../contract.ts";
import { sameJson } from "../../machinery/copy.ts";
import type { EventRecorder } from "../../machinery/event-recorder.ts";
import { labelSelectorMatcher } from "../../machinery/selectors.ts";
import { isStatus } from "../../status.ts";
import { claim } from "../claiming.ts";
import { type Controller, type ControllerTools, controlLoop, isNamespaceTerminating } from "../control-loop.ts";
import { FailureDelays } from "../failure-delays.ts";
import { isReady, readyRemainder } from "../pod-state.ts";
import { claimable, controlledBy, indexByController, ownersHandler } from "../relations.ts";
import { templateOf } from "../revision-history.ts";
import { type History, keepHistory, trimHistory } from "../revisions.ts";
import { untilSeen } from "../seen-writes.ts";
import { claimOwners } from "./claim-owners.ts";
import { claimName, claimsOf, newPod, ordinalOf, POD_INDEX, POD_NAME, podName } from "./identity.ts";
import { type PodAction, planPods, type Revisions, revisionOf } from "./plan.ts";
import { setStatus } from "./set-status.ts";

const NAME = "statefulset-controller";
type Tools = ControllerTools & { events: EventRecorder };

export function statefulSetController(tools: ControllerTools): ClusterPart {
  return controlLoop(NAME, tools, makeController);
}

function makeController(tools: Tools): Controller {
  const sets = tools.client.informer(STATEFUL_SETS);
  const pods = tools.client.informer(PODS);
  const claims = tools.client.informer(PERSISTENT_VOLUME_CLAIMS);
  indexByController(pods);
  const delays = new FailureDelays();
  const matching = (pod: Stored<Pod>) =>
    sets.list(pod.metadata.namespace).filter((set) => isMember(set, pod) && selects(set, pod));
  return {
    name: NAME,
    workers: 5,
    informers: [sets, pods, claims] as unknown as Informer<KubeObject>[],
    watch: (enqueue) => [
      sets.subscribe({ added: (o) => enqueue(o), updated: (_, o) => enqueue(o), deleted: (o) => enqueue(o) }),
      pods.subscribe(ownersHandler(STATEFUL_SETS, sets, matching, (set) => enqueue(set))),
    ],
    async sync({ namespace, name }) {
      const set = sets.get(namespace, name);
      return set === undefined ? undefined : syncOne(tools, set, pods, delays);
    },
  };
}

function selects(set: StatefulSet, pod: Pod): boolean {
  return labelSelectorMatcher(set.spec?.selector)(pod.metadata.labels);
}

function isMember(set: Stored<StatefulSet>, pod: Stored<Pod>): boolean {
  return ordinalOf(set, pod.metadata.name) !== undefined;
}

async function syncOne(
  tools: Tools,
  set: Stored<StatefulSet>,
  informer: Informer<Pod>,
  delays: FailureDelays,
): Promise<number | undefined> {
  const history = await keepHistory(tools.client, {
    type: STATEFUL_SETS,
    object: set,
    template: set.spec!.template,
    selector: set.spec!.selector,
    collisionCount: set.status?.collisionCount ?? 0,
    historyLimit: set.spec?.revisionHistoryLimit ?? 10,
  });
  const update = history.present.metadata.name;
  const isKnown = history.all.some((revision) => revision.metadata.name === set.status?.currentRevision);
  const revisions = { current: isKnown ? set.status!.currentRevision! : update, update };
  const candidates = claimable(informer, set).filter((pod) => isMember(set, pod));
  const matches = (pod: Stored<Pod>) => selects(set, pod) && isMember(set, pod);
  const pods = await claim(tools.client, STATEFUL_SETS, set, PODS, candidates, matches);
  await keepClaimOwners(tools, set, pods);
  let failure: unknown;
  const waits: number[] = [];
  try {
    for (const action of planPods(set, pods, revisions, tools.now())) {
      const left = action.action === "recreate" ? failureWait(tools, set, action.pod, delays) : 0;
      if (left > 0) waits.push(left);
      else await act(tools, set, action, history);
    }
  } catch (error) {
    failure = error;
  }
  const now = controlledBy(informer, set).filter(matches);
  await writeStatus(tools, set, now, revisions, history.collisionCount);
  if (failure !== undefined) throw failure;
  const used = new Set([revisions.current, revisions.update, ...now.map((pod) => revisionOf(pod) ?? "")]);
  await trimHistory(tools.client, history, used, set.spec?.revisionHistoryLimit ?? 10);
  const ready = now.filter(isReady).map((pod) => readyRemainder(pod, set.spec?.minReadySeconds ?? 0, tools.now()));
  waits.push(...ready.filter((wait) => wait > 0));
  return waits.length === 0 ? undefined : Math.min(...waits);
}

/** Milliseconds until a failed pod is replaced: at once the first time, later and later for one that a node takes never. */
function failureWait(
  tools: Tools,
  set: Stored<StatefulSet>,
  { metadata, status }: Stored<Pod>,
  delays: FailureDelays,
): number {
  if (status?.phase !== "Failed") return 0;
  const key = `${set.metadata.uid}/${metadata.name}`;
  const left = delays.remainder(key, tools.now());
  if (left === 0) delays.failed(key, tools.now());
  return left;
}

async function writeStatus(
  tools: Tools,
  set: Stored<StatefulSet>,
  pods: readonly Stored<Pod>[],
  revisions: Revisions,
  collisionCount: number,
): Promise<void> {
  const status = setStatus(set, pods, revisions, collisionCount, tools.now());
  if (sameJson(status, set.status)) return;
  await untilSeen(tools.client.informer(STATEFUL_SETS), [
    await tools.client.resource(STATEFUL_SETS).updateStatus({ ...set, status }),
  ]);
}

async function act(tools: Tools, set: Stored<StatefulSet>, action: PodAction, history: History): Promise<void> {
  switch (action.action) {
    case "create":
      return createMember(tools, set, action.ordinal, action.revision, history);
    case "delete":
      return deleteMember(tools, set, action.pod);
    case "recreate": {
      const text = `StatefulSet ${set.metadata.namespace}/${set.metadata.name} is recreating ${action.pod.status?.phase === "Failed" ? "failed" : "terminated"} Pod ${action.pod.metadata.name}`;
      const reason = action.pod.status?.phase === "Failed" ? "RecreatingFailedPod" : "RecreatingTerminatedPod";
      tools.events.record({ type: STATEFUL_SETS, object: set }, "Warning", reason, text);
      return deleteMember(tools, set, action.pod);
    }
    case "repair":
      return repair(tools, set, action.pod);
  }
}

async function createMember(
  tools: Tools,
  set: Stored<StatefulSet>,
  ordinal: number,
  revision: string,
  history: History,
): Promise<void> {
  const kept = history.all.find((each) => each.metadata.name === revision);
  const template = kept === undefined ? set.spec!.template : templateOf(kept);
  const pod = newPod({ ...set, spec: { ...set.spec!, template } }, ordinal, revision);
  const subject = { type: STATEFUL_SETS, object: set };
  const { name, namespace } = set.metadata;
  try {
    await ensureClaims(tools, set, ordinal);
    const created = await tools.client.resource(PODS).create(namespace, pod);
    await untilSeen(tools.client.informer(PODS), [created]);
    await keepClaimOwners(tools, set, [created]);
    const text = `create Pod ${pod.metadata.name} in StatefulSet ${name} successful`;
    tools.events.record(subject, "Normal", "SuccessfulCreate", text);
  } catch (error) {
    if (isNamespaceTerminating(error)) return;
    const text = `create Pod ${pod.metadata.name} in StatefulSet ${name} failed error: ${errorText(error)}`;
    if (!isStatus(error, "AlreadyExists")) tools.events.record(subject, "Warning", "FailedCreate", text);
    throw error;
  }
}

async function ensureClaims(tools: Tools, set: Stored<StatefulSet>, ordinal: number): Promise<void> {
  const resource = tools.client.resource(PERSISTENT_VOLUME_CLAIMS);
  const { name, namespace } = set.metadata;
  for (const wanted of claimsOf(set, ordinal)) {
    const present = tools.client.informer(PERSISTENT_VOLUME_CLAIMS).get(namespace, wanted.metadata.name!);
    if (present?.metadata.deletionTimestamp !== undefined) {
      throw new Error(`pvc ${wanted.metadata.name} is being deleted`);
    }
    if (present !== undefined) continue;
    const created = await resource.create(namespace, wanted);
    await untilSeen(tools.client.informer(PERSISTENT_VOLUME_CLAIMS), [created]);
    const text = `create Claim ${wanted.metadata.name} Pod ${podName(set, ordinal)} in StatefulSet ${name} success`;
    tools.events.record({ type: STATEFUL_SETS, object: set }, "Normal", "SuccessfulCreate", text);
  }
}

/** Before a pod goes because of a smaller size, its claims are tied to it if they are to go with it. */
async function keepClaimOwners(tools: Tools, set: Stored<StatefulSet>, pods: readonly Stored<Pod>[]): Promise<void> {
  const policy = set.spec?.persistentVolumeClaimRetentionPolicy;
  if (policy === undefined || set.metadata.deletionTimestamp !== undefined) return;
  const claims = tools.client.informer(PERSISTENT_VOLUME_CLAIMS);
  for (const pod of pods) {
    for (const template of set.spec?.volumeClaimTemplates ?? []) {
      const ordinal = ordinalOf(set, pod.metadata.name)!;
      const found = claims.get(set.metadata.namespace, claimName(set, template, ordinal));
      const owners = found === undefined ? undefined : claimOwners(set, pod, found);
      if (found === undefined || owners === undefined) continue;
      const metadata = { ...found.metadata, ownerReferences: owners };
      const written = await tools.client.resource(PERSISTENT_VOLUME_CLAIMS).update({ ...found, metadata });
      await untilSeen(claims, [written]);
    }
  }
}

async function deleteMember(tools: Tools, set: Stored<StatefulSet>, pod: Stored<Pod>): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  const subject = { type: STATEFUL_SETS, object: set };
  try {
    await tools.client.resource(PODS).delete(namespace, name, { preconditions: { uid } });
    await untilSeen(tools.client.informer(PODS), [], [pod]);
    const text = `delete Pod ${name} in StatefulSet ${set.metadata.name} successful`;
    tools.events.record(subject, "Normal", "SuccessfulDelete", text);
  } catch (error) {
    if (isStatus(error, "NotFound")) return;
    const text = `delete Pod ${name} in StatefulSet ${set.metadata.name} failed error: ${errorText(error)}`;
    tools.events.record(subject, "Warning", "FailedDelete", text);
    throw error;
  }
}

async function repair(tools: Tools, set: Stored<StatefulSet>, pod: Stored<Pod>): Promise<void> {
  const { namespace, name } = pod.metadata;
  const labels = { [POD_NAME]: name, [POD_INDEX]: String(ordinalOf(set, name)) };
  const written = await tools.client.resource(PODS).patch(namespace, name, "merge", { metadata: { labels } });
  await untilSeen(tools.client.informer(PODS), [written]);
}
