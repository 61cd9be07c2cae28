/** What `kubectl get pods` shows. */
import type { ContainerStatus, Pod } from "../../../model/kubernetes/core.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { ageText } from "../../machinery/age.ts";
import type { TableColumn } from "../../machinery/definition.ts";
import { AGE, NAME, NONE, text, wide } from "./column.ts";

const UNREACHABLE = "NodeLost";

export const POD_COLUMNS: readonly TableColumn<Pod>[] = [
  NAME as TableColumn<Pod>,
  text("Ready", readyText),
  text("Status", statusText),
  text("Restarts", restartsText),
  AGE as TableColumn<Pod>,
  wide("IP", ({ status }) => status?.podIPs?.[0]?.ip ?? status?.podIP ?? NONE),
  wide("Node", ({ spec }) => spec?.nodeName ?? NONE),
  wide("Nominated Node", ({ status }) => status?.nominatedNodeName ?? NONE),
  wide("Readiness Gates", gatesText),
];

function isSidecar(pod: Stored<Pod>, name: string): boolean {
  return pod.spec?.initContainers?.some((one) => one.name === name && one.restartPolicy === "Always") ?? false;
}

function readyText(pod: Stored<Pod>): string {
  const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  const statuses = [
    ...(pod.status?.initContainerStatuses ?? []).filter(({ name }) => isSidecar(pod, name)),
    ...(pod.status?.containerStatuses ?? []),
  ];
  const ready = statuses.filter((status) => isUp(pod, status)).length;
  return `${ready}/${(pod.spec?.containers.length ?? 0) + sidecars.length}`;
}

function isUp(pod: Stored<Pod>, { name, ready, started, state }: ContainerStatus): boolean {
  if (isSidecar(pod, name)) return started === true && ready;
  return ready && state?.running !== undefined;
}

/** The phase, or the reason of what keeps the pod from it, in the words that people look for. */
export function statusText(pod: Stored<Pod>): string {
  const { status, metadata } = pod;
  const initial = initText(pod);
  const reason = initial ?? containerText(pod) ?? status?.reason ?? gatedText(pod) ?? status?.phase ?? "";
  if (metadata.deletionTimestamp === undefined) return reason;
  if (status?.reason === UNREACHABLE) return "Unknown";
  return status?.phase === "Succeeded" || status?.phase === "Failed" ? reason : "Terminating";
}

function gatedText({ status }: Stored<Pod>): string | undefined {
  const isGated = status?.conditions?.some(
    ({ type, reason }) => type === "PodScheduled" && reason === "SchedulingGated",
  );
  return isGated ? "SchedulingGated" : undefined;
}

/** Undefined: all init containers have done their work. */
function initText(pod: Stored<Pod>): string | undefined {
  const statuses = pod.status?.initContainerStatuses ?? [];
  for (const [index, { name, state, started }] of statuses.entries()) {
    const { terminated, waiting } = state ?? {};
    if (terminated?.exitCode === 0 || (isSidecar(pod, name) && started === true)) continue;
    if (terminated !== undefined) return `Init:${endText(terminated)}`;
    if (waiting?.reason && waiting.reason !== "PodInitializing") return `Init:${waiting.reason}`;
    return `Init:${index}/${pod.spec?.initContainers?.length ?? 0}`;
  }
  return undefined;
}

function endText({ reason, signal, exitCode }: { reason?: string; signal?: number; exitCode: number }): string {
  if (reason) return reason;
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

function containerText({ status }: Stored<Pod>): string | undefined {
  let hasRunning = false;
  let reason: string | undefined;
  for (const { state, ready } of [...(status?.containerStatuses ?? [])].reverse()) {
    if (state?.waiting?.reason) reason = state.waiting.reason;
    else if (state?.terminated !== undefined) reason = endText(state.terminated);
    else if (ready && state?.running !== undefined) hasRunning = true;
  }
  if (reason !== "Completed" || !hasRunning) return reason;
  const isReady = status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True");
  return isReady ? "Running" : "NotReady";
}

/** "3 (5m ago)" */
function restartsText(pod: Stored<Pod>, now: number): string {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const isInitial = initText(pod) !== undefined;
  const sidecars = initContainerStatuses.filter(({ name }) => isSidecar(pod, name));
  const counted = isInitial ? initContainerStatuses : [...sidecars, ...containerStatuses];
  const restarts = counted.reduce((sum, { restartCount }) => sum + restartCount, 0);
  const ends = counted.map(({ lastState }) => Date.parse(lastState?.terminated?.finishedAt ?? ""));
  const last = Math.max(...ends.filter((end) => !Number.isNaN(end)), 0);
  return restarts === 0 || last === 0
    ? String(restarts)
    : `${restarts} (${ageText(new Date(last).toISOString(), now)} ago)`;
}

function gatesText({ spec, status }: Stored<Pod>): string {
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return NONE;
  const met = gates.filter(({ conditionType }) =>
    status?.conditions?.some(({ type, status: value }) => type === conditionType && value === "True"),
  );
  return `${met.length}/${gates.length}`;
}
