/** What a build has told, as the history keeps it. */
import { expect, test } from "bun:test";
import { BuildJob } from "../../../src/build/buildkit/build-job.ts";
import { BuildJobs } from "../../../src/build/buildkit/build-jobs.ts";
import { type StatusResponse, statusResponse } from "../../../src/build/buildkit/messages.ts";

test("kept statuses lie behind their lengths, and a step's output is clipped", () => {
  const job = new BuildJob("one");
  const step = { digest: `sha256:${"a".repeat(64)}` as const, name: "RUN x", inputs: [], cached: false, startedAt: 1 };
  job.take({ type: "step", step });
  for (let piece = 0; piece < 5; piece += 1) {
    job.take({ type: "log", step: step.digest, stream: "stdout", data: Buffer.alloc(1024 * 1024, "x"), at: 2 });
  }
  job.take({ type: "step", step: { ...step, completedAt: 3 } });
  const kept = Buffer.from(job.encodedStatuses());
  const statuses: StatusResponse[] = [];
  for (let at = 0; at < kept.length; ) {
    const end = at + 4 + kept.readUInt32LE(at);
    statuses.push(statusResponse.decode(kept.subarray(at + 4, end)));
    at = end;
  }
  const vertexes = statuses.flatMap((status) => status.vertexes);
  const logs = statuses.flatMap((status) => status.logs);
  expect(vertexes.map(({ completed }) => completed?.nanos)).toEqual([undefined, 3_000_000]);
  expect(logs.map(({ msg }) => msg.length)).toEqual([1024 * 1024, 1024 * 1024, logs[2]!.msg.length]);
  expect(Buffer.from(logs[2]!.msg).toString()).toContain("the history keeps 2097152 bytes of a step's output");
});

test("what is told at once fits into messages, and of endless output the beginning is told", async () => {
  const job = new BuildJob("one");
  const piece = Buffer.alloc(512 * 1024, "x");
  for (let count = 0; count < 80; count += 1) {
    job.take({ type: "log", step: `sha256:${"a".repeat(64)}`, stream: "stdout", data: piece, at: 2 });
  }
  job.end();
  let told = 0;
  let last = "";
  for await (const status of job.status(new AbortController().signal)) {
    expect(statusResponse.encode(status).length).toBeLessThan(2 * 1024 * 1024);
    for (const { msg } of status.logs) {
      told += msg.length;
      last = Buffer.from(msg).toString();
    }
  }
  expect(told - last.length).toBe(16 * 1024 * 1024);
  expect(last).toBe("\n[the builder shows 16777216 bytes of a step's output]\n");
});

test("a build that is over waits for those who still hear of it, unless its own client has left", async () => {
  const job = new BuildJob("one");
  job.take({ type: "log", step: `sha256:${"a".repeat(64)}`, stream: "stdout", data: Buffer.from("x"), at: 2 });
  const client = new AbortController();
  const slow = job.status(client.signal);
  await slow.next();
  job.end();
  let isHeard = false;
  const heard = job.heard(new AbortController().signal).then(() => {
    isHeard = true;
  });
  const own = new AbortController();
  const left = job.heard(own.signal);
  own.abort();
  await left;
  expect(isHeard).toBe(false);
  expect((await slow.next()).done).toBe(true);
  await heard;
  // Nobody listens any more.
  await job.heard(new AbortController().signal);
});

test("of a transfer who comes late hears where it stands, once", async () => {
  const job = new BuildJob("one");
  const step = `sha256:${"a".repeat(64)}` as const;
  for (let current = 0; current < 3; current += 1) {
    job.take({ type: "progress", step, id: "layer", name: "layer", current, total: 2, startedAt: 1 });
    job.take({ type: "progress", step, id: "other", name: "other", current: 10 + current, total: 20, startedAt: 1 });
  }
  job.end();
  const heard: number[] = [];
  for await (const { statuses } of job.status(new AbortController().signal)) {
    heard.push(...statuses.map(({ current }) => current));
  }
  expect(heard).toEqual([2, 12]);
});

test("who asks before the build begins gets it when it does; who leaves meanwhile takes nobody along", async () => {
  const jobs = new BuildJobs();
  const leaving = new AbortController();
  const [left, stays] = [jobs.find("one", leaving.signal), jobs.find("one", new AbortController().signal)];
  leaving.abort(new Error("left"));
  await expect(left).rejects.toThrow("left");
  await expect(jobs.find("one", leaving.signal)).rejects.toThrow("left");
  const job = jobs.begin("one");
  expect(await stays).toBe(job);
});
