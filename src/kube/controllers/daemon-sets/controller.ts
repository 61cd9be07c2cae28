/** Runs one pod of a template on every node that fits. */

import type { DaemonSet } from "../../../model/kubernetes/apps.ts";
import type { Node, Pod } from "../../../model/kubernetes/core.ts";
import { DAEMON_SETS, NODES, PODS } from "../../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterPart, Informer } from "../../contract.ts";
import { sameJson } from "../../machinery/copy.ts";
import type { EventRecorder } from "../../machinery/event-recorder.ts";
import { labelSelectorMatcher } from "../../machinery/selectors.ts";
import { claim } from "../claiming.ts";
import { type Controller, type ControllerTools, controlLoop } from "../control-loop.ts";
import { FailureDelays } from "../failure-delays.ts";
import { BURST, createPods, deletePods, podFromTemplate } from "../pod-making.ts";
import { isReady, readyRemainder } from "../pod-state.ts";
import { claimable, controlledBy, indexByController, ownersHandler } from "../relations.ts";
import { REVISION_HASH } from "../revision-history.ts";
import { keepHistory, trimHistory } from "../revisions.ts";
import { untilSeen } from "../seen-writes.ts";
import { templateForNode } from "./node-fit.ts";
import { type DaemonPlan, daemonStatus, planDaemons } from "./plan.ts";

const NAME = "daemonset-controller";
const REVISION_LABEL = "controller-revision-hash";
const GENERATION_LABEL = "pod-template-generation";
const GENERATION_ANNOTATION = "deprecated.daemonset.template.generation";
const HISTORY_LIMIT = 10;
type Tools = ControllerTools & { events: EventRecorder };

export function daemonSetController(tools: ControllerTools): ClusterPart {
  return controlLoop(NAME, tools, makeController);
}

function makeController(tools: Tools): Controller {
  const sets = tools.client.informer(DAEMON_SETS);
  const pods = tools.client.informer(PODS);
  const nodes = tools.client.informer(NODES);
  const delays = new FailureDelays();
  indexByController(pods);
  const matching = (pod: Stored<Pod>) => sets.list(pod.metadata.namespace).filter((set) => selects(set, pod));
  return {
    name: NAME,
    workers: 2,
    informers: [sets, pods, nodes] as unknown as Informer<KubeObject>[],
    watch: (enqueue) => [
      sets.subscribe({ added: (o) => enqueue(o), updated: (_, o) => enqueue(o), deleted: (o) => enqueue(o) }),
      pods.subscribe(ownersHandler(DAEMON_SETS, sets, matching, (set) => enqueue(set))),
      watchNodes(nodes, () => {
        for (const set of sets.list()) enqueue(set);
      }),
    ],
    async sync({ namespace, name }) {
      const set = sets.get(namespace, name);
      return set === undefined ? undefined : syncOne(tools, set, pods, nodes, delays);
    },
  };
}

function selects(set: DaemonSet, pod: Pod): boolean {
  return labelSelectorMatcher(set.spec?.selector)(pod.metadata.labels);
}

/** Heartbeats of nodes are no news; labels and taints are. */
function watchNodes(nodes: Informer<Node>, changed: () => void): () => void {
  return nodes.subscribe({
    added: changed,
    deleted: changed,
    updated: (before, after) => {
      const isSame =
        sameJson(before.metadata.labels, after.metadata.labels) && sameJson(before.spec?.taints, after.spec?.taints);
      if (!isSame) changed();
    },
  });
}

async function syncOne(
  tools: Tools,
  set: Stored<DaemonSet>,
  pods: Informer<Pod>,
  nodes: Informer<Node>,
  delays: FailureDelays,
): Promise<number | undefined> {
  const limit = set.spec?.revisionHistoryLimit ?? HISTORY_LIMIT;
  const { template, selector } = set.spec!;
  const owner = { type: DAEMON_SETS, object: set, template, selector, historyLimit: limit };
  const history = await keepHistory(tools.client, { ...owner, collisionCount: set.status?.collisionCount ?? 0 });
  const hash = history.present.metadata.labels?.[REVISION_HASH] ?? "";
  const claimed = await claim(tools.client, DAEMON_SETS, set, PODS, claimable(pods, set), (pod) => selects(set, pod));
  let failure: unknown;
  let again: number | undefined;
  if (set.metadata.deletionTimestamp === undefined) {
    const plan = planDaemons(set, nodes.list(), claimed, hash, tools.now());
    again = takeEnded(tools, set, plan, delays);
    failure = await carryOut(tools, set, plan, hash);
  }
  const now = controlledBy(pods, set).filter((pod) => selects(set, pod));
  const status = daemonStatus(set, nodes.list(), now, hash, tools.now(), history.collisionCount);
  if (!sameJson(status, set.status)) {
    await untilSeen(tools.client.informer(DAEMON_SETS), [
      await tools.client.resource(DAEMON_SETS).updateStatus({ ...set, status }),
    ]);
  }
  if (failure !== undefined) throw failure;
  const used = new Set([hash, ...now.map((pod) => pod.metadata.labels?.[REVISION_LABEL] ?? "")]);
  const usedNames = history.all.filter((revision) => used.has(revision.metadata.labels?.[REVISION_HASH] ?? ""));
  await trimHistory(tools.client, history, new Set(usedNames.map((revision) => revision.metadata.name)), limit);
  const waits = now
    .filter(isReady)
    .map((pod) => readyRemainder(pod, set.spec?.minReadySeconds ?? 0, tools.now()))
    .filter((wait) => wait > 0);
  if (again !== undefined) waits.push(again);
  return waits.length === 0 ? undefined : Math.min(...waits);
}

/** Moves ended pods to those that are removed, when their time has come. Returns when the next one's comes. */
function takeEnded(tools: Tools, set: Stored<DaemonSet>, plan: DaemonPlan, delays: FailureDelays): number | undefined {
  let again: number | undefined;
  for (const { pod, node, phase } of plan.ended) {
    const { namespace, name } = pod.metadata;
    const left = phase === "Failed" ? delays.remainder(`${set.metadata.uid}/${node}`, tools.now()) : 0;
    if (left > 0) {
      again = Math.min(again ?? left, left);
      continue;
    }
    const subject = { type: DAEMON_SETS, object: set };
    if (phase === "Failed") {
      delays.failed(`${set.metadata.uid}/${node}`, tools.now());
      const text = `Found failed daemon pod ${namespace}/${name} on node ${node}, will try to kill it`;
      tools.events.record(subject, "Warning", "FailedDaemonPod", text);
    } else {
      const text = `Found succeeded daemon pod ${namespace}/${name} on node ${node}, will try to delete it`;
      tools.events.record(subject, "Normal", "SucceededDaemonPod", text);
    }
    plan.remove.push(pod);
  }
  return again;
}

/** Returns the first failure. */
async function carryOut(tools: Tools, set: Stored<DaemonSet>, plan: DaemonPlan, hash: string): Promise<unknown> {
  const owner = { type: DAEMON_SETS, object: set };
  const generation = set.metadata.annotations?.[GENERATION_ANNOTATION];
  const labels = { [REVISION_LABEL]: hash, ...(generation === undefined ? {} : { [GENERATION_LABEL]: generation }) };
  const made = plan.create.slice(0, BURST).map((node) => {
    const pod = podFromTemplate(owner, templateForNode(set.spec!.template, node));
    pod.metadata.labels = { ...pod.metadata.labels, ...labels };
    return pod;
  });
  const removed = await deletePods(tools, owner, [...new Set(plan.remove)].slice(0, BURST));
  const created = await createPods(tools, owner, made);
  return created.error ?? removed.error;
}
