import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFile, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventQueue } from "../../../src/registry/webhooks/event-queue.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "naru-queue-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const never = new AbortController().signal;
const add = async (queue: EventQueue, from: number, to: number) => {
  await Promise.all(Array.from({ length: to - from }, (_, i) => queue.add(from + i)));
};

test("events come out in order, over many segments, and their files go", async () => {
  const queue = await EventQueue.open(dir);
  await add(queue, 0, 900);
  await add(queue, 900, 1100);
  await add(queue, 1100, 2500);
  const seen: number[] = [];
  while (seen.length < 2500) {
    const events = (await queue.next<number>(70, never))!;
    seen.push(...events);
    await queue.taken(events.length);
  }
  expect(seen).toEqual(Array.from({ length: 2500 }, (_, i) => i));
  expect(queue.length).toBe(0);
  expect((await readdir(dir)).filter((name) => name.endsWith(".jsonl"))).toHaveLength(1);
  await queue.close();
});

test("what was added outlives the process, what was taken does not come again, a half line is left out", async () => {
  const first = await EventQueue.open(dir);
  await add(first, 0, 5);
  expect(await first.next<number>(2, never)).toEqual([0, 1]);
  await first.taken(2);
  // The process is killed here, in the middle of a write.
  const file = (await readdir(dir)).find((name) => name.endsWith(".jsonl"))!;
  await appendFile(join(dir, file), "123");
  const second = await EventQueue.open(dir);
  expect(second.length).toBe(3);
  await add(second, 5, 7);
  const seen: number[] = [];
  while (seen.length < 5) {
    const events = (await second.next<number>(50, never))!;
    seen.push(...events);
    await second.taken(events.length);
  }
  expect(seen).toEqual([2, 3, 4, 5, 6]);
  await second.close();
  const third = await EventQueue.open(dir);
  expect(third.length).toBe(0);
  expect((await readdir(dir)).filter((name) => name.endsWith(".jsonl"))).toHaveLength(1);
  await third.close();
  await first.close();
});

test("next() waits for an event, and ends with its signal", async () => {
  const queue = await EventQueue.open(dir);
  const waiting = queue.next<number>(10, never);
  await queue.add(1);
  expect(await waiting).toEqual([1]);
  await queue.taken(1);
  const abortion = new AbortController();
  const ended = queue.next(10, abortion.signal);
  abortion.abort();
  expect(await ended).toBeUndefined();
  await queue.close();
});
