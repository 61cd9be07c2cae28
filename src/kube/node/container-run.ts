/** One run of a container of a pod, as its node knows it. */

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
