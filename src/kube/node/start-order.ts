/** Which containers of a pod are started now: ephemeral ones at once, init containers one after the other, then the rest. */

import type { PodSpec } from "../../model/kubernetes/core.ts";
import type { ContainerRun, Waiting } from "./container-run.ts";
import { type PodContainer, restartsAfter } from "./pod-containers.ts";

/** What the order needs of a container. */
export interface Startable {
  readonly container: PodContainer;
  readonly run: ContainerRun | undefined;
  readonly isRunning: boolean;
  readonly isBusy: boolean;
  readonly started: boolean;
  waiting: Waiting;
  /** @returns milliseconds to wait where it is not time yet */
  begin(now: number): number | undefined;
}

/** @returns milliseconds until something can be started that has to wait now */
export function startInOrder(slots: readonly Startable[], spec: PodSpec, now: number): number | undefined {
  const waits: (number | undefined)[] = [];
  const shallRestart = ({ run, container }: Startable) =>
    run?.phase === "ended" && (run.isReplaced || restartsAfter(spec, container.kind, run.exitCode));
  for (const slot of slots) {
    if (slot.container.kind === "ephemeral" && slot.run === undefined) waits.push(slot.begin(now));
  }
  const blocking = firstUndone(slots);
  for (const slot of slots) {
    if (slot === blocking) {
      const isUndone = slot.run === undefined || shallRestart(slot) || slot.run.fromEarlierSandbox;
      if (slot.container.kind === "sidecar" ? !slot.isRunning : isUndone) {
        waits.push(slot.begin(now));
      }
      markWaiting(slots);
      break;
    }
    const { kind } = slot.container;
    const isOurs = kind === "sidecar" || (kind === "app" && blocking === undefined);
    if (isOurs && (slot.run === undefined || shallRestart(slot))) waits.push(slot.begin(now));
  }
  return waits.reduce((least, one) => (one === undefined ? least : Math.min(one, least ?? one)), undefined);
}

/** The init container that the others wait for. Once past, they are not looked at again: they may be gone. */
function firstUndone(slots: readonly Startable[]): Startable | undefined {
  const hasRun = ({ container, run }: Startable) =>
    container.kind === "app" && run !== undefined && run.fromEarlierSandbox !== true;
  if (slots.some(hasRun)) return undefined;
  return slots.find(({ container: { kind }, run, started }) => {
    if (kind === "init") return run?.phase !== "ended" || run.exitCode !== 0 || run.fromEarlierSandbox === true;
    return kind === "sidecar" && !started;
  });
}

function markWaiting(slots: readonly Startable[]): void {
  for (const slot of slots) {
    const { kind } = slot.container;
    const isNew = slot.run === undefined && !slot.isBusy && slot.waiting.reason === "ContainerCreating";
    if (isNew && kind !== "ephemeral") slot.waiting = { reason: "PodInitializing" };
  }
}
