/** A pod's status, computed from its spec and from what its containers do. Pure. */

import type {
  ContainerState,
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
  ResourceRequirements,
} from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ContainerRun, Waiting } from "./container-run.ts";
import { type PodContainer, restartsAfter, specOf } from "./pod-containers.ts";
import { qosClass } from "./resource-settings.ts";

/** What is known of one container. */
export interface ContainerView {
  readonly container: PodContainer;
  readonly run: ContainerRun | undefined;
  readonly previous: ContainerRun | undefined;
  readonly waiting: Waiting;
  readonly started: boolean;
  readonly ready: boolean;
  /** What the kernel holds it to now. */
  readonly resources: ResourceRequirements | undefined;
}

export interface PodView {
  readonly pod: Stored<Pod>;
  readonly containers: readonly ContainerView[];
  readonly podIps: readonly string[];
  readonly hostIp: string;
  readonly hasSandbox: boolean;
  /** The pod has failed as a whole (deadline, eviction): whatever its containers did. */
  readonly failure: { reason: string; message: string } | undefined;
  /** Why changed resources could not be given to a running container. */
  readonly resizeError: string | undefined;
  /** All containers have ended and none will be started again, whatever the restart policy says. */
  readonly isFinal: boolean;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly now: number;
}

const text = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

export function podStatus(view: PodView): PodStatus {
  const { pod, containers, podIps, hostIp, failure, startedAt } = view;
  const phase = podPhase(view);
  const statuses = (kinds: readonly string[]) =>
    containers.filter(({ container }) => kinds.includes(container.kind)).map((one) => containerStatus(one, pod));
  const init = statuses(["init", "sidecar"]);
  const ephemeral = statuses(["ephemeral"]);
  return {
    ...keptFields(pod),
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase,
    conditions: podConditions(view, phase),
    ...(failure ?? {}),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    ...(podIps.length > 0 ? { podIP: podIps[0], podIPs: podIps.map((ip) => ({ ip })) } : {}),
    startTime: text(startedAt),
    ...(init.length > 0 ? { initContainerStatuses: init } : {}),
    containerStatuses: statuses(["app"]),
    ...(ephemeral.length > 0 ? { ephemeralContainerStatuses: ephemeral } : {}),
    qosClass: pod.status?.qosClass ?? qosClass(specOf(pod)),
  };
}

/** What others have written and the node leaves alone. */
function keptFields({ status }: Pod): Partial<PodStatus> {
  const { nominatedNodeName, resourceClaimStatuses, extendedResourceClaimStatus } = status ?? {};
  return Object.fromEntries(
    Object.entries({ nominatedNodeName, resourceClaimStatuses, extendedResourceClaimStatus }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

/** Pending, Running, Succeeded or Failed. */
export function podPhase(view: Pick<PodView, "pod" | "containers" | "failure" | "isFinal">): string {
  const { containers, failure, isFinal } = view;
  if (failure !== undefined) return "Failed";
  const apps = containers.filter(({ container }) => container.kind === "app");
  const outcome = podOutcome(view);
  // Sidecars have to end too before the pod's end is told.
  if (outcome !== undefined && (isFinal || !containers.some(isAlive))) return outcome;
  if (isFinal && !containers.some(isAlive)) return "Failed";
  if (!isInitialized(view)) return "Pending";
  const haveRun = apps.every(({ run }) => run !== undefined && (run.phase !== "starting" || run.attempt > 0));
  return haveRun ? "Running" : "Pending";
}

/** How the pod's own containers have ended, when none of them will be started again. */
export function podOutcome(view: Pick<PodView, "pod" | "containers" | "isFinal">): "Succeeded" | "Failed" | undefined {
  const { pod, containers, isFinal } = view;
  const isOver = ({ run, container }: ContainerView) =>
    run?.phase === "ended" &&
    (isFinal || !(run.isReplaced || restartsAfter(specOf(pod), container.kind, run.exitCode)));
  const hasFailed = (one: ContainerView) => isOver(one) && one.run?.exitCode !== 0;
  if (containers.some((one) => one.container.kind === "init" && hasFailed(one))) return "Failed";
  const apps = containers.filter(({ container }) => container.kind === "app");
  if (apps.length === 0 || !apps.every(isOver)) return undefined;
  return apps.some(hasFailed) ? "Failed" : "Succeeded";
}

function isAlive({ run }: ContainerView): boolean {
  return run !== undefined && run.phase !== "ended";
}

/** All init containers are done, and sidecars have started. */
export function isInitialized({ containers }: Pick<PodView, "containers">): boolean {
  return containers.every(({ container: { kind }, run, started }) => {
    if (kind === "init") return run?.phase === "ended" && run.exitCode === 0;
    return kind !== "sidecar" || started || run?.phase === "ended";
  });
}

/** The conditions that a node agent writes. */
export const OUR_CONDITIONS = [
  "PodResizeInProgress",
  "PodReadyToStartContainers",
  "Initialized",
  "Ready",
  "ContainersReady",
  "PodScheduled",
];

function podConditions(view: PodView, phase: string): PodCondition[] {
  const { pod, containers, hasSandbox, now } = view;
  const before = pod.status?.conditions ?? [];
  const generation = pod.metadata.generation;
  const make = (type: string, holds: boolean, why: { reason?: string; message?: string } = {}): PodCondition => {
    const status = holds ? "True" : "False";
    const old = before.find((one) => one.type === type);
    const lastTransitionTime = old?.status === status ? (old.lastTransitionTime ?? text(now)) : text(now);
    return {
      type,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      status,
      lastProbeTime: null as unknown as string,
      lastTransitionTime,
      ...(holds ? {} : why),
    };
  };
  const isOver = phase === "Succeeded" || phase === "Failed";
  const notReady = containers.filter(({ container, ready }) => isCounted(container) && !ready).map(nameOf);
  const notDone = containers.filter((one) => !isInitialized({ containers: [one] })).map(nameOf);
  const unready = isOver
    ? { reason: phase === "Succeeded" ? "PodCompleted" : "PodFailed" }
    : { reason: "ContainersNotReady", message: `containers with unready status: [${notReady.join(" ")}]` };
  const areReady = !isOver && notReady.length === 0 && isInitialized(view);
  const gates = (pod.spec?.readinessGates ?? []).filter(
    ({ conditionType }) => before.find(({ type }) => type === conditionType)?.status !== "True",
  );
  const gated = {
    reason: "ReadinessGatesNotReady",
    message: gates
      .map(
        ({ conditionType }) =>
          `corresponding condition of pod readiness gate "${conditionType}" does not exist or is not True`,
      )
      .join(", "),
  };
  const others = before.filter(({ type }) => !OUR_CONDITIONS.includes(type));
  return [
    make("PodReadyToStartContainers", hasSandbox),
    make("Initialized", phase === "Succeeded" || isInitialized(view), {
      reason: "ContainersNotInitialized",
      message: `containers with incomplete status: [${notDone.join(" ")}]`,
    }),
    make("Ready", areReady && gates.length === 0, areReady ? gated : unready),
    make("ContainersReady", areReady, unready),
    make("PodScheduled", true),
    ...(view.resizeError === undefined
      ? []
      : [{ ...make("PodResizeInProgress", true), reason: "Error", message: view.resizeError }]),
    ...others,
  ];
}

const nameOf = ({ container }: ContainerView): string => container.spec.name;

function isCounted({ kind }: PodContainer): boolean {
  return kind === "app" || kind === "sidecar";
}

function containerStatus(view: ContainerView, pod: Stored<Pod>): ContainerStatus {
  const { container, run, previous, ready, started, resources } = view;
  const { spec, kind } = container;
  const willRestart = run?.phase === "ended" && restartsAfter(specOf(pod), kind, run.exitCode);
  const isDone = run?.phase === "ended" && run.containerId !== "" && !(willRestart && view.waiting.reason !== "");
  const state = containerState(view, isDone);
  const last = state.terminated === undefined && run?.phase === "ended" ? run : previous;
  const shown = run ?? previous;
  return {
    name: spec.name,
    state,
    lastState: last?.phase === "ended" ? { terminated: terminated(last) } : {},
    ready: kind === "init" ? isDone && run.exitCode === 0 : ready,
    restartCount: run?.attempt ?? 0,
    image: spec.image ?? "",
    imageID: shown?.imageId ?? "",
    ...(shown?.containerId ? { containerID: `naru://${shown.containerId}` } : {}),
    started: kind === "init" ? run?.phase === "running" : started,
    ...(resources === undefined || Object.keys(resources).length === 0
      ? {}
      : { allocatedResources: resources.requests, resources }),
    ...volumeMounts(spec),
  };
}

function volumeMounts({ volumeMounts: mounts = [] }: PodContainer["spec"]): Pick<ContainerStatus, "volumeMounts"> {
  if (mounts.length === 0) return {};
  return {
    volumeMounts: mounts.map(({ name, mountPath, readOnly, recursiveReadOnly }) => ({
      name,
      mountPath,
      ...(readOnly ? { readOnly, recursiveReadOnly: recursiveReadOnly ?? "Disabled" } : {}),
    })),
  };
}

function containerState({ run, waiting }: ContainerView, isDone: boolean): ContainerState {
  if (isDone && run !== undefined) return { terminated: terminated(run) };
  if (run?.phase === "running") return { running: { startedAt: text(run.startedAt) } };
  return {
    waiting: {
      reason: waiting.reason || "ContainerCreating",
      ...(waiting.message ? { message: waiting.message } : {}),
    },
  };
}

function terminated(run: ContainerRun): ContainerState["terminated"] {
  return {
    exitCode: run.exitCode,
    reason: run.reason,
    ...(run.message === "" ? {} : { message: run.message }),
    startedAt: text(run.startedAt || run.finishedAt),
    finishedAt: text(run.finishedAt),
    ...(run.containerId === "" ? {} : { containerID: `naru://${run.containerId}` }),
  };
}
