/** Runs the parts of a cluster; one that fails is told in the log and started again, later each time. */
import { errorText } from "../lib/errors.ts";
import type { ClusterPart } from "./contract.ts";

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 30_000;
/** A part that ran so long begins with the first wait again. */
const STEADY_MS = 60_000;

interface SupervisorLog {
  error(message: string, fields?: Record<string, unknown>): void;
}

/** How the parts are that make up a component of the cluster. */
export class PartHealth {
  readonly #components = new Map<string, readonly ClusterPart[]>();
  readonly #faults = new Map<ClusterPart, string>();

  assign(component: string, parts: readonly ClusterPart[]): void {
    this.#components.set(component, parts);
  }

  /** What the first of its parts has failed with that waits to be started again; undefined when all of them run. */
  faultOf(component: string): string | undefined {
    const parts = this.#components.get(component);
    if (parts === undefined) return "not started yet";
    const ill = parts.find((part) => this.#faults.has(part));
    return ill && `${ill.name}: ${this.#faults.get(ill)}`;
  }

  /** @param fault undefined: the part runs */
  tell(part: ClusterPart, fault: string | undefined): void {
    if (fault === undefined) this.#faults.delete(part);
    else this.#faults.set(part, fault);
  }
}

/** Resolves when the signal has come and every part has ended. */
export async function runParts(
  parts: readonly ClusterPart[],
  log: SupervisorLog,
  signal: AbortSignal,
  health = new PartHealth(),
): Promise<void> {
  await Promise.all(parts.map((part) => keepRunning(part, log, signal, health)));
}

async function keepRunning(
  part: ClusterPart,
  log: SupervisorLog,
  signal: AbortSignal,
  health: PartHealth,
): Promise<void> {
  let wait = FIRST_WAIT_MS;
  while (!signal.aborted) {
    const startedAt = performance.now();
    health.tell(part, undefined);
    let reason = "it ended by itself";
    try {
      await part.run(signal);
    } catch (error) {
      reason = errorText(error);
    }
    if (signal.aborted) return;
    health.tell(part, reason);
    if (performance.now() - startedAt > STEADY_MS) wait = FIRST_WAIT_MS;
    log.error("a part of the cluster failed and is started again", { part: part.name, reason, inMs: wait });
    await pause(wait, signal);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
  });
}
