/** The threads that do the heavy work of this folder, and the shapes of their jobs (archive-worker.ts). */
import { availableParallelism } from "node:os";
import { workerEntry } from "../lib/worker-entry.ts";
import { WorkerPool } from "../lib/worker-pool.ts";

/** Long enough for the next step of the same command, short enough that an idle daemon soon has none. */
const IDLE_MS = 3000;

export function createArchivePool(): WorkerPool {
  const entry = workerEntry("src/image/archive-worker.ts", import.meta.url);
  return new WorkerPool(() => new Worker(entry), { maxWorkers: Math.max(4, availableParallelism()), idleMs: IDLE_MS });
}
