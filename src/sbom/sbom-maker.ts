/** Bills of materials, made in worker threads. */
import { workerEntry } from "../lib/worker-entry.ts";
import { WorkerPool } from "../lib/worker-pool.ts";
import type { SbomMaker } from "./contract.ts";

const MAX_WORKERS = 2;
const IDLE_MS = 2000;

export function createSbomMaker(): SbomMaker {
  const entry = workerEntry("src/sbom/sbom-worker.ts", import.meta.url);
  const pool = new WorkerPool(() => new Worker(entry), { maxWorkers: MAX_WORKERS, idleMs: IDLE_MS });
  return { make: (subject, format, { signal } = {}) => pool.run<string>("make", { subject, format }, { signal }) };
}
