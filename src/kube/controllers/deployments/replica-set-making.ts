/** The replica set of a deployment's present template: found and brought up to date, or made. */

import { errorText } from "../../../lib/errors.ts";
import type { Deployment, ReplicaSet } from "../../../model/kubernetes/apps.ts";
import { DEPLOYMENTS, REPLICA_SETS } from "../../../model/kubernetes/names.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { copyOf, sameJson } from "../../machinery/copy.ts";
import { isStatus } from "../../status.ts";
import { isNamespaceTerminating } from "../control-loop.ts";
import { controllerReference, isControlledBy } from "../ownership.ts";
import { untilSeen } from "../seen-writes.ts";
import { findCondition, withCondition } from "../status-conditions.ts";
import { contentHash } from "../template-hash.ts";
import type { DeploymentTools } from "./deployment-tools.ts";
import {
  highestRevision,
  newReplicaSet,
  newSetAnnotations,
  POD_TEMPLATE_HASH,
  REVISION,
  sizeAnnotations,
} from "./revisions.ts";
import { desiredOf, newSetSize, rolloutBounds } from "./rolling.ts";
import { deploymentCondition, hasDeadline } from "./rollout-status.ts";

export interface Found {
  /** As it is after what had to be written on it. */
  deployment: Stored<Deployment>;
  current: Stored<ReplicaSet> | undefined;
}

/**
 * @param sets all replica sets of the deployment
 * @param make whether to make one when there is none
 */
export async function presentReplicaSet(
  tools: DeploymentTools,
  deployment: Stored<Deployment>,
  sets: readonly Stored<ReplicaSet>[],
  make: boolean,
): Promise<Found> {
  const found = newReplicaSet(deployment, sets);
  const revision = highestRevision(sets.filter((set) => set !== found)) + 1n;
  if (found !== undefined) {
    const current = await refresh(tools, deployment, found, revision);
    const text = `Found new replica set "${current.metadata.name}"`;
    return { deployment: await noted(tools, deployment, current, "FoundNewReplicaSet", text), current };
  }
  if (!make) return { deployment, current: undefined };
  const current = await create(tools, deployment, sets, revision);
  if (current === undefined) return { deployment, current };
  const text = `Created new replica set "${current.metadata.name}"`;
  return { deployment: await noted(tools, deployment, current, "NewReplicaSetCreated", text), current };
}

/** Brings annotations and minReadySeconds of the set up to date. */
async function refresh(
  tools: DeploymentTools,
  deployment: Stored<Deployment>,
  set: Stored<ReplicaSet>,
  revision: bigint,
): Promise<Stored<ReplicaSet>> {
  const annotations = newSetAnnotations(deployment, set.metadata.annotations, revision);
  const minReadySeconds = deployment.spec?.minReadySeconds;
  const isSame =
    sameJson(annotations, set.metadata.annotations ?? {}) &&
    (set.spec?.minReadySeconds ?? 0) === (minReadySeconds ?? 0);
  if (isSame) return set;
  const next = { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec!, minReadySeconds } };
  const written = await tools.client.resource(REPLICA_SETS).update(next);
  await untilSeen(tools.client.informer(REPLICA_SETS), [written]);
  return written;
}

/** The deployment with the revision of its set and, for the first time, with what became of it as Progressing. */
async function noted(
  tools: DeploymentTools,
  deployment: Stored<Deployment>,
  set: Stored<ReplicaSet>,
  reason: string,
  message: string,
): Promise<Stored<Deployment>> {
  const deployments = tools.client.resource(DEPLOYMENTS);
  let next = deployment;
  const revision = set.metadata.annotations?.[REVISION];
  if (revision !== undefined && deployment.metadata.annotations?.[REVISION] !== revision) {
    const annotations = { ...deployment.metadata.annotations, [REVISION]: revision };
    next = await deployments.update({ ...next, metadata: { ...next.metadata, annotations } });
  }
  const isNew = reason === "NewReplicaSetCreated";
  const told = findCondition(next.status?.conditions, "Progressing") !== undefined;
  if (hasDeadline(next) && (isNew || !told)) {
    const condition = deploymentCondition("Progressing", "True", reason, message, tools.now());
    const conditions = withCondition(next.status?.conditions, condition);
    next = await deployments.updateStatus({ ...next, status: { ...next.status, conditions } });
  }
  if (next !== deployment) await untilSeen(tools.client.informer(DEPLOYMENTS), [next]);
  return next;
}

function newSet(
  deployment: Stored<Deployment>,
  sets: readonly Stored<ReplicaSet>[],
  revision: bigint,
): { set: ReplicaSet; replicas: number } {
  const template = copyOf(deployment.spec!.template);
  const hash = contentHash(deployment.spec!.template, deployment.status?.collisionCount);
  template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, [POD_TEMPLATE_HASH]: hash } };
  const selector = copyOf(deployment.spec!.selector);
  const replicas = newSetSize(deployment, sets, 0);
  const annotations = {
    ...newSetAnnotations(deployment, undefined, revision),
    ...sizeAnnotations(desiredOf(deployment), rolloutBounds(deployment).surge),
  };
  const set: ReplicaSet = {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace,
      labels: template.metadata.labels,
      annotations,
      ownerReferences: [controllerReference(DEPLOYMENTS, deployment)],
    },
    spec: {
      replicas,
      ...(deployment.spec?.minReadySeconds === undefined ? {} : { minReadySeconds: deployment.spec.minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [POD_TEMPLATE_HASH]: hash } },
      template,
    },
  };
  return { set, replicas };
}

async function create(
  tools: DeploymentTools,
  deployment: Stored<Deployment>,
  sets: readonly Stored<ReplicaSet>[],
  revision: bigint,
): Promise<Stored<ReplicaSet> | undefined> {
  const { set, replicas } = newSet(deployment, sets, revision);
  const subject = { type: DEPLOYMENTS, object: deployment };
  try {
    const created = await tools.client.resource(REPLICA_SETS).create(set.metadata.namespace, set);
    await untilSeen(tools.client.informer(REPLICA_SETS), [created]);
    if (replicas > 0) {
      const text = `Scaled up replica set ${created.metadata.name} from 0 to ${replicas}`;
      tools.events.record(subject, "Normal", "ScalingReplicaSet", text);
    }
    return created;
  } catch (error) {
    if (isStatus(error, "AlreadyExists")) return taken(tools, deployment, set, error);
    if (isNamespaceTerminating(error)) return undefined;
    const text = `Failed to create new replica set "${set.metadata.name}": ${errorText(error)}`;
    await tellFailure(tools, deployment, text);
    tools.events.record(subject, "Warning", "ReplicaSetCreateError", text);
    throw error;
  }
}

/** The name is taken: by our own set, not yet seen, or by one of another template; then the hash gets another number. */
async function taken(
  tools: DeploymentTools,
  deployment: Stored<Deployment>,
  set: ReplicaSet,
  error: unknown,
): Promise<Stored<ReplicaSet> | undefined> {
  const there = await tools.client.resource(REPLICA_SETS).get(set.metadata.namespace, set.metadata.name!);
  if (isControlledBy(there, deployment) && newReplicaSet(deployment, [there]) !== undefined) return there;
  const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
  await tools.client
    .resource(DEPLOYMENTS)
    .updateStatus({ ...deployment, status: { ...deployment.status, collisionCount } });
  throw error;
}

async function tellFailure(tools: DeploymentTools, deployment: Stored<Deployment>, text: string): Promise<void> {
  if (!hasDeadline(deployment)) return;
  const condition = deploymentCondition("Progressing", "False", "ReplicaSetCreateError", text, tools.now());
  const conditions = withCondition(deployment.status?.conditions, condition);
  await tools.client
    .resource(DEPLOYMENTS)
    .updateStatus({ ...deployment, status: { ...deployment.status, conditions } });
}
