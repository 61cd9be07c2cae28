/** Brings a deployment's replica sets from one template to the next, a few pods at a time, and back. */

import type { Deployment, DeploymentStatus, ReplicaSet } from "../../../model/kubernetes/apps.ts";
import type { Pod } from "../../../model/kubernetes/core.ts";
import { DEPLOYMENTS, PODS, REPLICA_SETS } from "../../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterPart, Informer } from "../../contract.ts";
import { sameJson } from "../../machinery/copy.ts";
import { labelSelectorMatcher } from "../../machinery/selectors.ts";
import { isStatus } from "../../status.ts";
import { claim } from "../claiming.ts";
import { type Controller, type ControllerTools, controlLoop } from "../control-loop.ts";
import { controllerOf } from "../ownership.ts";
import { hasEnded } from "../pod-state.ts";
import { claimable, controlledBy, indexByController, ownersHandler } from "../relations.ts";
import { untilSeen } from "../seen-writes.ts";
import { withCondition } from "../status-conditions.ts";
import type { DeploymentTools } from "./deployment-tools.ts";
import { presentReplicaSet } from "./replica-set-making.ts";
import { byAge, desiredReplicasOf, sizeAnnotations, surplusHistory } from "./revisions.ts";
import {
  activeOrLatest,
  desiredOf,
  isRollingUpdate,
  isSaturated,
  proportionalSizes,
  type Resize,
  rolloutBounds,
  sizeOf,
  stepNewSet,
  stepOldSets,
} from "./rolling.ts";
import { countedStatus, deadlineRemainder, isComplete, pauseCondition, rolloutStatus } from "./rollout-status.ts";

const NAME = "deployment-controller";
const WORKERS = 5;

interface Round {
  tools: DeploymentTools;
  deployment: Stored<Deployment>;
  /** All replica sets of the deployment, as they were at the beginning. */
  sets: readonly Stored<ReplicaSet>[];
}

export function deploymentController(tools: ControllerTools): ClusterPart {
  return controlLoop(NAME, tools, makeController);
}

function makeController(tools: DeploymentTools): Controller {
  const deployments = tools.client.informer(DEPLOYMENTS);
  const sets = tools.client.informer(REPLICA_SETS);
  const pods = tools.client.informer(PODS);
  indexByController(sets);
  indexByController(pods);
  const matching = (set: Stored<ReplicaSet>) =>
    deployments.list(set.metadata.namespace).filter((deployment) => selects(deployment, set));
  return {
    name: NAME,
    workers: WORKERS,
    informers: [deployments, sets, pods] as unknown as Informer<KubeObject>[],
    watch: (enqueue) => [
      deployments.subscribe({ added: (o) => enqueue(o), updated: (_, o) => enqueue(o), deleted: (o) => enqueue(o) }),
      sets.subscribe(ownersHandler(DEPLOYMENTS, deployments, matching, (deployment) => enqueue(deployment))),
      pods.subscribe({
        // A deployment that recreates waits until the last old pod is gone or has ended.
        deleted: (pod) => tellRecreating(pod, sets, deployments, enqueue),
        updated: (_, pod) => {
          if (hasEnded(pod)) tellRecreating(pod, sets, deployments, enqueue);
        },
      }),
    ],
    async sync({ namespace, name }) {
      const deployment = deployments.get(namespace, name);
      return deployment === undefined ? undefined : syncOne(tools, deployment, sets, pods);
    },
  };
}

function selects(deployment: Deployment, set: ReplicaSet): boolean {
  return labelSelectorMatcher(deployment.spec?.selector)(set.metadata.labels);
}

function tellRecreating(
  pod: Stored<Pod>,
  sets: Informer<ReplicaSet>,
  deployments: Informer<Deployment>,
  enqueue: (deployment: Stored<Deployment>) => void,
): void {
  const set = sets.get(pod.metadata.namespace, controllerOf(pod)?.name ?? "");
  const name = set === undefined ? undefined : controllerOf(set)?.name;
  const deployment = name === undefined ? undefined : deployments.get(pod.metadata.namespace, name);
  if (deployment !== undefined && !isRollingUpdate(deployment)) enqueue(deployment);
}

async function syncOne(
  tools: DeploymentTools,
  found: Stored<Deployment>,
  informer: Informer<ReplicaSet>,
  pods: Informer<Pod>,
): Promise<number | undefined> {
  let deployment = found;
  const selector = deployment.spec?.selector;
  if (Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions ?? []).length === 0) {
    const text = "This deployment is selecting all pods. A non-empty selector is required.";
    tools.events.record({ type: DEPLOYMENTS, object: deployment }, "Warning", "SelectingAll", text);
    return undefined;
  }
  const candidates = claimable(informer, deployment);
  const sets = await claim(tools.client, DEPLOYMENTS, deployment, REPLICA_SETS, candidates, (set) =>
    selects(deployment, set),
  );
  if (deployment.metadata.deletionTimestamp !== undefined) {
    const { current } = await presentReplicaSet(tools, deployment, sets, false);
    await writeStatus(tools, deployment, countedStatus(deployment, sets, current, tools.now()));
    return undefined;
  }
  deployment = await tellPause(tools, deployment);
  const round = { tools, deployment, sets };
  if (deployment.spec?.paused === true || wasScaled(deployment, sets)) return scaleOnly(round);
  return isRollingUpdate(deployment) ? rollingUpdate(round) : recreate(round, pods);
}

async function tellPause(tools: DeploymentTools, deployment: Stored<Deployment>): Promise<Stored<Deployment>> {
  const condition = pauseCondition(deployment, tools.now());
  if (condition === undefined) return deployment;
  const conditions = withCondition(deployment.status?.conditions, condition);
  return writeStatus(tools, deployment, { ...deployment.status, conditions });
}

/** The size was changed since the sets were last scaled. */
function wasScaled(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.some((set) => {
    const told = desiredReplicasOf(set);
    return sizeOf(set) > 0 && told !== undefined && told !== desiredOf(deployment);
  });
}

/** A new size in the middle of a roll-out, or while it is paused: no new template now. */
async function scaleOnly({ tools, deployment: before, sets }: Round): Promise<number | undefined> {
  const { deployment, current } = await presentReplicaSet(tools, before, sets, false);
  const old = sets.filter((set) => set.metadata.uid !== current?.metadata.uid);
  const scaled = await apply(tools, deployment, newSizes(deployment, current, old));
  const now = withScaled(sets, current, scaled);
  const present = now.find((set) => set.metadata.uid === current?.metadata.uid);
  const status = countedStatus(deployment, now, present, tools.now());
  await writeStatus(tools, deployment, status);
  return deployment.spec?.paused === true ? undefined : deadlineRemainder(deployment, status, tools.now());
}

function newSizes(
  deployment: Stored<Deployment>,
  current: Stored<ReplicaSet> | undefined,
  old: readonly Stored<ReplicaSet>[],
): Resize[] {
  const only = activeOrLatest(current, old);
  if (only !== undefined)
    return sizeOf(only) === desiredOf(deployment) ? [] : [{ set: only, replicas: desiredOf(deployment) }];
  const active = old.filter((set) => sizeOf(set) > 0);
  if (isSaturated(deployment, current)) return active.map((set) => ({ set, replicas: 0 }));
  if (!isRollingUpdate(deployment)) return [];
  const all = current !== undefined && sizeOf(current) > 0 ? [...active, current] : active;
  return proportionalSizes(deployment, all);
}

async function rollingUpdate({ tools, deployment: before, sets }: Round): Promise<number | undefined> {
  const { deployment, current } = await presentReplicaSet(tools, before, sets, true);
  const old = sets.filter((set) => set.metadata.uid !== current?.metadata.uid);
  const all = current === undefined ? old : [...old, current];
  const up = current === undefined ? undefined : stepNewSet(deployment, all, current);
  if (up !== undefined) return finish({ tools, deployment, sets: all }, current, await apply(tools, deployment, [up]));
  const down = stepOldSets(deployment, old, current);
  return finish({ tools, deployment, sets: all }, current, await apply(tools, deployment, down));
}

async function recreate({ tools, deployment: before, sets }: Round, pods: Informer<Pod>): Promise<number | undefined> {
  const known = await presentReplicaSet(tools, before, sets, false);
  const old = sets.filter((set) => set.metadata.uid !== known.current?.metadata.uid);
  const down = old.filter((set) => sizeOf(set) > 0).map((set) => ({ set, replicas: 0 }));
  if (down.length > 0) {
    const scaled = await apply(tools, known.deployment, down);
    return finish({ tools, deployment: known.deployment, sets }, known.current, scaled);
  }
  if (old.some((set) => controlledBy(pods, set).some((pod) => !hasEnded(pod)))) {
    return finish({ tools, deployment: known.deployment, sets }, known.current, []);
  }
  const { deployment, current } = await presentReplicaSet(tools, known.deployment, sets, true);
  const all = current === undefined ? old : [...old, current];
  const up = current === undefined ? undefined : stepNewSet(deployment, all, current);
  return finish(
    { tools, deployment, sets: all },
    current,
    await apply(tools, deployment, up === undefined ? [] : [up]),
  );
}

/** Cleans up the history of a roll-out that is done, writes the status, says when the deadline comes. */
async function finish(
  { tools, deployment, sets }: Round,
  current: Stored<ReplicaSet> | undefined,
  scaled: readonly Stored<ReplicaSet>[],
): Promise<number | undefined> {
  const now = withScaled(sets, current, scaled);
  const present = now.find((set) => set.metadata.uid === current?.metadata.uid);
  const status = rolloutStatus(deployment, now, present, tools.now());
  if (isComplete(deployment, status) && scaled.length === 0) await cleanUp(tools, deployment, now, present);
  const written = await writeStatus(tools, deployment, status);
  const left = deadlineRemainder(written, status, tools.now());
  return left === undefined ? undefined : Math.max(left, 0) + 1000;
}

function withScaled(
  sets: readonly Stored<ReplicaSet>[],
  current: Stored<ReplicaSet> | undefined,
  scaled: readonly Stored<ReplicaSet>[],
): Stored<ReplicaSet>[] {
  const newest = new Map(
    [...sets, ...(current === undefined ? [] : [current]), ...scaled].map((set) => [set.metadata.uid, set]),
  );
  return [...newest.values()].sort(byAge);
}

async function cleanUp(
  tools: DeploymentTools,
  deployment: Stored<Deployment>,
  sets: readonly Stored<ReplicaSet>[],
  current: Stored<ReplicaSet> | undefined,
): Promise<void> {
  const old = sets.filter((set) => set.metadata.uid !== current?.metadata.uid);
  for (const set of surplusHistory(old, deployment.spec?.revisionHistoryLimit)) {
    const { namespace, name, uid } = set.metadata;
    try {
      await tools.client.resource(REPLICA_SETS).delete(namespace, name, { preconditions: { uid } });
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }
}

/** Gives the sets their sizes. Returns those that were written. */
async function apply(
  tools: DeploymentTools,
  deployment: Stored<Deployment>,
  resizes: readonly Resize[],
): Promise<Stored<ReplicaSet>[]> {
  const written: Stored<ReplicaSet>[] = [];
  for (const { set, replicas } of resizes) {
    const sizes = sizeAnnotations(desiredOf(deployment), rolloutBounds(deployment).surge);
    const annotations = { ...set.metadata.annotations, ...sizes };
    if (replicas === sizeOf(set) && sameJson(annotations, set.metadata.annotations)) continue;
    const next = { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec!, replicas } };
    written.push(await tools.client.resource(REPLICA_SETS).update(next));
    if (replicas === sizeOf(set)) continue;
    const way = replicas > sizeOf(set) ? "up" : "down";
    const text = `Scaled ${way} replica set ${set.metadata.name} from ${sizeOf(set)} to ${replicas}`;
    tools.events.record({ type: DEPLOYMENTS, object: deployment }, "Normal", "ScalingReplicaSet", text);
  }
  await untilSeen(tools.client.informer(REPLICA_SETS), written);
  return written;
}

async function writeStatus(
  tools: DeploymentTools,
  deployment: Stored<Deployment>,
  status: DeploymentStatus,
): Promise<Stored<Deployment>> {
  const trimmed = trim(status);
  if (sameJson(trimmed, deployment.status)) return deployment;
  const written = await tools.client.resource(DEPLOYMENTS).updateStatus({ ...deployment, status: trimmed });
  await untilSeen(tools.client.informer(DEPLOYMENTS), [written]);
  return written;
}

/** Counts of 0 are left out, as Kubernetes writes this status. */
function trim(status: DeploymentStatus): DeploymentStatus {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== 0 && value !== undefined));
}
