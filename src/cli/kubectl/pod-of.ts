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
    conditions?: { type: string; status: string }[];
    containerStatuses?: { name: string; ready: boolean }[];
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

/** The running pod that serves best: ready ones first, then the newest. Waits for one until the time is over. */
export async function podOf(context: KubectlContext, word: string, timeout = "20s"): Promise<PodLike> {
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
    const best = items.filter(({ metadata }) => !("deletionTimestamp" in metadata)).sort(byFitness)[0];
    if (best !== undefined) return best;
    if (Date.now() > deadline)
      throw new CliError(`error: timed out waiting for a pod of ${target.type.resource} ${target.name}`);
    await Bun.sleep(200);
  }
}

function byFitness(one: PodLike, other: PodLike): number {
  const rank = ({ status }: PodLike) => {
    const isReady =
      status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true;
    return (status?.phase === "Running" ? 2 : 0) + (isReady ? 1 : 0);
  };
  const newest = (other.metadata.creationTimestamp ?? "").localeCompare(one.metadata.creationTimestamp ?? "");
  return rank(other) - rank(one) || newest;
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
