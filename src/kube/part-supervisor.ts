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

/** Resolves when the signal has come and every part has ended. */
export async function runParts(parts: readonly ClusterPart[], log: SupervisorLog, signal: AbortSignal): Promise<void> {
  await Promise.all(parts.map((part) => keepRunning(part, log, signal)));
}

async function keepRunning(part: ClusterPart, log: SupervisorLog, signal: AbortSignal): Promise<void> {
  let wait = FIRST_WAIT_MS;
  while (!signal.aborted) {
    const startedAt = performance.now();
    let reason = "it ended by itself";
    try {
      await part.run(signal);
    } catch (error) {
      reason = errorText(error);
    }
    if (signal.aborted) return;
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
