/** What a build has told, as the history keeps it. */
import { expect, test } from "bun:test";
import { BuildJob } from "../../../src/build/buildkit/build-job.ts";
import { BuildJobs } from "../../../src/build/buildkit/build-jobs.ts";
import { statusResponse } from "../../../src/build/buildkit/messages.ts";

test("kept statuses lie behind their lengths, and a step's output is clipped", () => {
  const job = new BuildJob("one");
  const step = { digest: `sha256:${"a".repeat(64)}` as const, name: "RUN x", inputs: [], cached: false, startedAt: 1 };
  job.take({ type: "step", step });
  for (let piece = 0; piece < 5; piece += 1) {
    job.take({ type: "log", step: step.digest, stream: "stdout", data: Buffer.alloc(1024 * 1024, "x"), at: 2 });
  }
  job.take({ type: "step", step: { ...step, completedAt: 3 } });
  const kept = Buffer.from(job.encodedStatuses());
  const length = kept.readUInt32LE(0);
  expect(kept.length).toBe(4 + length);
  const { vertexes, logs } = statusResponse.decode(kept.subarray(4));
  expect(vertexes.map(({ completed }) => completed?.nanos)).toEqual([undefined, 3_000_000]);
  expect(logs.map(({ msg }) => msg.length)).toEqual([1024 * 1024, 1024 * 1024, logs[2]!.msg.length]);
  expect(Buffer.from(logs[2]!.msg).toString()).toContain("the history keeps 2097152 bytes of a step's output");
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
