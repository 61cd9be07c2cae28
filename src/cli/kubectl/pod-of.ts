/** The pod that a command means: named itself, or one of a workload's or service's. */

import { parseDuration } from "../../lib/go-duration.ts";
import { CliError } from "../cli-error.ts";
import type { KubectlContext } from "./declaration.ts";
import { namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf } from "./resource-types.ts";
import { type PodTemplateHolder, selectorPairs, selectorText } from "./workload-kinds.ts";

export interface PodLike {
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    creationTimestamp?: string;
    annotations?: Record<string, string>;
  };
  spec: {
    nodeName?: string;
    containers: { name: string; ports?: { name?: string; containerPort: number }[] }[];
    initContainers?: { name: string }[];
    ephemeralContainers?: { name: string }[];
  };
  status?: {
    phase?: string;
    conditions?: { type: string; status: string; lastTransitionTime?: string }[];
    containerStatuses?: { name: string; ready: boolean; restartCount?: number }[];
  };
}
const DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";

/** Words such as "web", "pod/web", "deploy/web", "svc/web". A bare word is a pod. */
export async function podTarget(context: KubectlContext, word: string): Promise<ObjectTarget> {
  const { objects } = await namedObjects(context, word.includes("/") ? [word] : ["pods", word]);
  return objects[0]!;
}

const SELECTING = ["Deployment", "DaemonSet", "ReplicaSet", "StatefulSet", "Job", "ReplicationController", "Service"];

/** @throws CliError for kinds that select no pods */
export function checkSelects({ kind }: { kind: string }, { type }: ObjectTarget, what: string): void {
  if (SELECTING.includes(kind)) return;
  const go = `*${type.version}.${kind}`;
  throw new CliError(`error: cannot ${what} ${go}: selector for ${go} not implemented`);
}

/**
 * The running pod that serves best. Waits for one until the time is over.
 * @param isForLog of several that are alike the one that was restarted most often comes first, else last
 */
export async function podOf(
  context: KubectlContext,
  word: string,
  timeout = "20s",
  isForLog = false,
): Promise<PodLike> {
  const target = await podTarget(context, word);
  const api = await context.api();
  if (target.type.resource === "pods") return await api.get<PodLike>(objectPath(target));
  const pods = (await context.types()).ofKind("v1", "Pod");
  const owner = await api.get<PodTemplateHolder & { kind: string }>(objectPath(target));
  checkSelects(owner, target, "attach to");
  const labelSelector = selectorText(selectorPairs(owner));
  if (labelSelector === "")
    throw new CliError(`error: ${target.type.resource} ${target.name} has no pods that could be found by labels`);
  const deadline = Date.now() + parseDuration(timeout) / 1e6;
  for (;;) {
    const { items = [] } = await api.get<{ items?: PodLike[] }>(pathOf(pods, target.namespace), {
      query: { labelSelector },
    });
    const best = fittest(
      items.filter(({ metadata }) => !("deletionTimestamp" in metadata)),
      isForLog,
    );
    if (best !== undefined) return best;
    if (Date.now() > deadline)
      throw new CliError(`error: timed out waiting for a pod of ${target.type.resource} ${target.name}`);
    await Bun.sleep(200);
  }
}

/** By node, phase, readiness, since when ready, restarts and age, as kubectl chooses; the first of those that are alike. */
export function fittest(pods: readonly PodLike[], isForLog: boolean): PodLike | undefined {
  const restarts = ({ status }: PodLike) =>
    Math.max(0, ...(status?.containerStatuses ?? []).map(({ restartCount = 0 }) => restartCount));
  const rank = (pod: PodLike): number[] => {
    const ready = pod.status?.conditions?.find(({ type, status }) => type === "Ready" && status === "True");
    return [
      pod.spec.nodeName ? 0 : 1,
      ["Running", "Unknown", "Pending"].indexOf(pod.status?.phase ?? "") >>> 0,
      ready === undefined ? 1 : 0,
      ready === undefined ? 0 : timeOf(ready.lastTransitionTime),
      isForLog ? -restarts(pod) : restarts(pod),
      timeOf(pod.metadata.creationTimestamp),
    ];
  };
  const ranked = pods.map((pod) => ({ pod, rank: rank(pod) }));
  return ranked.sort((one, other) => difference(one.rank, other.rank))[0]?.pod;
}

/** Milliseconds since 1970; what has no time comes last. */
const timeOf = (text: string | undefined): number => (text === undefined ? Number.MAX_VALUE : Date.parse(text));

/** Of the first place at which two ranks differ. */
function difference(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at < 0 ? 0 : one[at]! - other[at]!;
}

/** The container that is meant when none is named; told on stderr where there are several. */
export function defaultContainer(context: KubectlContext, pod: PodLike, isQuiet = false): string {
  const containers = pod.spec.containers.map(({ name }) => name);
  const annotated = pod.metadata.annotations?.[DEFAULT_CONTAINER];
  if (annotated !== undefined && containers.includes(annotated)) return annotated;
  const [first = ""] = containers;
  const all = [
    ...containers,
    ...(pod.spec.initContainers ?? []).map(({ name }) => `${name} (init)`),
    ...(pod.spec.ephemeralContainers ?? []).map(({ name }) => `${name} (ephem)`),
  ];
  if (all.length > 1 && !isQuiet)
    context.printError(`Defaulted container ${JSON.stringify(first)} out of: ${all.join(", ")}\n`);
  return first;
}

/** @throws CliError `container x is not valid for pod y` */
export function checkContainer(pod: PodLike, name: string, attempt = ""): void {
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec;
  if ([...containers, ...initContainers, ...ephemeralContainers].some((one) => one.name === name)) return;
  throw new CliError(
    `error: ${attempt}container ${name} is not valid for pod ${pod.metadata.name} out of: ${containers.map((one) => one.name).join(", ")}`,
  );
}
