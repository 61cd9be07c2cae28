/** Work on whole directory trees, off the calling thread. */
import { workerEntry } from "../lib/worker-entry.ts";
import { WorkerPool } from "../lib/worker-pool.ts";

const pool = new WorkerPool(() => new Worker(workerEntry("src/linux/tree-worker.ts", import.meta.url)), {
  maxWorkers: 2,
  idleMs: 2000,
});

/** Bytes of file content below a directory; hard links count once. @throws internal when it cannot be read */
export async function measureTree(path: string): Promise<number> {
  return await pool.run<number>("measure", { path });
}
