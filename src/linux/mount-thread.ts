/** Mounts whose kernel call may take long: of disks, and of servers, for whose answer it waits for minutes. */
import { workerEntry } from "../lib/worker-entry.ts";
import { WorkerPool } from "../lib/worker-pool.ts";
import type { MountSpec } from "./mount.ts";

// Without a limit: a server that does not answer keeps nobody else's mount waiting.
const pool = new WorkerPool(() => new Worker(workerEntry("src/linux/mount-worker.ts", import.meta.url)), {
  maxWorkers: Number.POSITIVE_INFINITY,
  idleMs: 1000,
});

/** mount(2), off the calling thread. @throws {NaruError} internal, with SysError's words */
export async function mountInThread(spec: MountSpec): Promise<void> {
  await pool.run<void>("mount", spec);
}
