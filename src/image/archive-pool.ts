/** The threads that do the heavy work of this folder, and the shapes of their jobs (archive-worker.ts). */
import { availableParallelism } from "node:os";
import { workerEntry } from "../lib/worker-entry.ts";
import { WorkerPool } from "../lib/worker-pool.ts";

/** Long enough for the next step of the same command, short enough that an idle daemon soon has none. */
const IDLE_MS = 3000;

export function createArchivePool(): WorkerPool {
  return createPool(Math.max(4, availableParallelism()));
}

/**
 * For what waits for the network, so that a slow registry keeps nobody else's work from a thread. How many there are is
 * decided by the daemon's limit of concurrent downloads.
 */
export function createTransferPool(): WorkerPool {
  return createPool(Number.POSITIVE_INFINITY);
}

function createPool(maxWorkers: number): WorkerPool {
  const entry = workerEntry("src/image/archive-worker.ts", import.meta.url);
  return new WorkerPool(() => new Worker(entry), { maxWorkers, idleMs: IDLE_MS });
}
