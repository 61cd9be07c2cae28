/** Making pods from a template, and removing them: many at once, told as events of their owner. */

import { errorText } from "../../lib/errors.ts";
import type { Pod, PodTemplateSpec } from "../../model/kubernetes/core.ts";
import { PODS } from "../../model/kubernetes/names.ts";
import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import { copyOf } from "../machinery/copy.ts";
import type { EventRecorder } from "../machinery/event-recorder.ts";
import { isStatus } from "../status.ts";
import { isNamespaceTerminating } from "./control-loop.ts";
import { controllerReference } from "./ownership.ts";
import { untilSeen } from "./seen-writes.ts";

/** No more pods are made or removed in one look: the API has others to serve. */
export const BURST = 500;
/** More deletions than these at once only make the others wait. */
const DELETIONS_AT_ONCE = 16;

interface PodOwner {
  type: ResourceType;
  object: Stored<KubeObject>;
}
interface PodTools {
  client: ClusterClient;
  events: EventRecorder;
}
/** What came of it; `error` is the first failure. */
interface PodChanges {
  changed: Stored<Pod>[];
  error: unknown;
}

/** A pod as `owner` makes it: named after it with a random end. */
export function podFromTemplate(owner: PodOwner, template: PodTemplateSpec): Pod {
  const { labels, annotations, finalizers } = copyOf(template.metadata ?? {});
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: `${owner.object.metadata.name}-`,
      namespace: owner.object.metadata.namespace,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(owner.type, owner.object)],
    },
    spec: copyOf(template.spec!),
  };
}

/**
 * Makes the pods: one, then twice as many each time, so that a template which the API refuses costs one try. Ends at a failure.
 * Waits until the informer knows them.
 */
export async function createPods(tools: PodTools, owner: PodOwner, pods: readonly Pod[]): Promise<PodChanges> {
  const changed: Stored<Pod>[] = [];
  let error: unknown;
  for (let at = 0, batch = 1; at < pods.length && error === undefined; at += batch, batch *= 2) {
    const results = await Promise.allSettled(pods.slice(at, at + batch).map((pod) => createPod(tools, owner, pod)));
    for (const result of results) {
      if (result.status === "fulfilled") changed.push(result.value);
      else error ??= result.reason;
    }
  }
  await untilSeen(tools.client.informer(PODS), changed);
  return { changed, error: isNamespaceTerminating(error) ? undefined : error };
}

async function createPod(tools: PodTools, owner: PodOwner, pod: Pod): Promise<Stored<Pod>> {
  try {
    const created = await tools.client.resource(PODS).create(pod.metadata.namespace, pod);
    tools.events.record(owner, "Normal", "SuccessfulCreate", `Created pod: ${created.metadata.name}`);
    return created;
  } catch (error) {
    if (!isNamespaceTerminating(error)) {
      tools.events.record(owner, "Warning", "FailedCreate", `Error creating: ${errorText(error)}`);
    }
    throw error;
  }
}

/** Removes the pods; one that is gone already is no failure. Waits until the informer knows. */
export async function deletePods(tools: PodTools, owner: PodOwner, pods: readonly Stored<Pod>[]): Promise<PodChanges> {
  const changed: Stored<Pod>[] = [];
  let error: unknown;
  for (let at = 0; at < pods.length; at += DELETIONS_AT_ONCE) {
    const batch = pods.slice(at, at + DELETIONS_AT_ONCE);
    const results = await Promise.allSettled(batch.map((pod) => deletePod(tools, owner, pod)));
    for (const [i, result] of results.entries()) {
      if (result.status === "fulfilled") changed.push(batch[i]!);
      else error ??= result.reason;
    }
  }
  await untilSeen(tools.client.informer(PODS), [], changed);
  return { changed, error };
}

async function deletePod(tools: PodTools, owner: PodOwner, pod: Stored<Pod>): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  try {
    await tools.client.resource(PODS).delete(namespace, name, { preconditions: { uid } });
    tools.events.record(owner, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
  } catch (error) {
    if (isStatus(error, "NotFound")) return;
    tools.events.record(owner, "Warning", "FailedDelete", `Error deleting: ${errorText(error)}`);
    throw error;
  }
}
