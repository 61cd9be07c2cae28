/** One run of a container of a pod, as its node knows it. */

import type { ContainerStatus } from "../../model/kubernetes/core.ts";

export interface ContainerRun {
  /** The engine's id; empty when the container could not be made. */
  containerId: string;
  /** How many runs there were before. */
  attempt: number;
  phase: "starting" | "running" | "ended";
  imageId: string;
  /** Unix milliseconds; 0: has not begun. */
  startedAt: number;
  /** Unix milliseconds; 0: has not ended. */
  finishedAt: number;
  exitCode: number;
  /** Why it ended: "Completed", "Error", "OOMKilled", "StartError" … */
  reason: string;
  /** What it left in its termination message. */
  message: string;
  /** Its pod's sandbox is gone since (a reboot): init containers have to run again before the next one. */
  fromEarlierSandbox?: true;
  /** Of what it was made from; absent: unknown. */
  hash?: string;
  /** Ended because the spec names another image: it is started again whatever the restart policy says. */
  isReplaced?: true;
}

/** What a container that does not run is waiting for. */
export interface Waiting {
  reason: string;
  message?: string;
}

export function newRun(attempt: number, imageId: string): ContainerRun {
  return {
    containerId: "",
    attempt,
    phase: "starting",
    imageId,
    startedAt: 0,
    finishedAt: 0,
    exitCode: 0,
    reason: "",
    message: "",
  };
}

/** The last run as the API knows it; undefined when there was none. */
export function lostRun({
  state,
  lastState,
  restartCount,
  imageID,
  containerID,
}: ContainerStatus): ContainerRun | undefined {
  const known = state?.terminated ?? lastState?.terminated;
  const run = newRun(restartCount, imageID);
  run.phase = "ended";
  run.containerId = containerID?.replace(/^naru:\/\//, "") ?? "";
  if (state?.running === undefined && known !== undefined) {
    const { exitCode, reason = "", message = "", startedAt = "", finishedAt = "" } = known;
    const times = { startedAt: Date.parse(startedAt) || 0, finishedAt: Date.parse(finishedAt) || 0 };
    return { ...run, exitCode, reason, message, ...times };
  }
  if (state?.running === undefined) return undefined;
  const message = "The container could not be located when the pod was looked for";
  const startedAt = Date.parse(state.running.startedAt ?? "") || 0;
  return { ...run, startedAt, finishedAt: Date.now(), exitCode: 137, reason: "ContainerStatusUnknown", message };
}
