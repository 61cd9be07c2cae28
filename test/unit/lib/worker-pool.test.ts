/** Jobs that are cancelled before or while they run, in workers that do what the test says. */
import { expect, test } from "bun:test";
import type { FromWorker, ToWorker } from "../../../src/lib/worker-job.ts";
import { WorkerPool } from "../../../src/lib/worker-pool.ts";

/** Notes what it is told; a job of the kind "hold" waits for `answer` or to be aborted, others are done at once. */
class PretendedWorker {
  readonly told: string[] = [];
  onmessage: ((event: { data: FromWorker }) => void) | null = null;
  onerror: ((event: { message: string }) => void) | null = null;
  isTerminated = false;

  postMessage(message: ToWorker): void {
    this.told.push(message.type === "start" ? `start ${message.kind}` : message.type);
    if (message.type === "start" && message.kind !== "hold") this.answer({ type: "done", result: message.kind });
    if (message.type === "abort") this.answer({ type: "failed", kind: "unavailable", message: "cancelled" });
  }
  answer(data: FromWorker): void {
    queueMicrotask(() => this.onmessage?.({ data }));
  }
  terminate(): void {
    this.isTerminated = true;
  }
}

function poolOfOne(): { pool: WorkerPool; worker: PretendedWorker } {
  const worker = new PretendedWorker();
  const pool = new WorkerPool(() => worker as unknown as Worker, { maxWorkers: 1, idleMs: 60_000 });
  return { pool, worker };
}

test("a job that is cancelled while it waits for a worker ends at once; the next one gets the worker", async () => {
  const { pool, worker } = poolOfOne();
  const running = pool.run("hold", {});
  const stop = new AbortController();
  const waiting = pool.run("second", {}, { signal: stop.signal });
  const next = pool.run("third", {});
  stop.abort(new Error("left"));
  await expect(waiting).rejects.toThrow("left");
  worker.answer({ type: "done", result: "first" });
  expect(await Promise.all([running, next])).toEqual(["first", "third"]);
  expect(worker.told).toEqual(["start hold", "start third"]);
});

test("a job that is cancelled when it has just got its worker is told so", async () => {
  const { pool, worker } = poolOfOne();
  const stop = new AbortController();
  const job = pool.run("hold", {}, { signal: stop.signal });
  stop.abort(new Error("left"));
  await expect(job).rejects.toThrow("left");
  expect(worker.told).toEqual(["start hold", "abort"]);
  expect(await pool.run("again", {})).toBe("again");
  expect(worker.isTerminated).toBe(false);
});

test("a job that is cancelled while it runs is told so", async () => {
  const { pool, worker } = poolOfOne();
  const stop = new AbortController();
  const job = pool.run("hold", {}, { signal: stop.signal });
  while (worker.told.length === 0) await Bun.sleep(0);
  stop.abort(new Error("left"));
  await expect(job).rejects.toThrow("left");
  expect(worker.told).toEqual(["start hold", "abort"]);
});
