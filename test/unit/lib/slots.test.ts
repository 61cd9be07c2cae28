import { expect, test } from "bun:test";
import { Slots } from "../../../src/lib/slots.ts";

/** Takes a place and notes when it came to its turn. */
async function takeAs(slots: Slots, name: string, order: string[]): Promise<() => void> {
  const free = await slots.take();
  order.push(name);
  return free;
}

test("no more than the limit at once, first come first served", async () => {
  const slots = new Slots(() => 2);
  const order: string[] = [];
  const first = await slots.take();
  const second = await slots.take();
  expect(slots.isFull).toBe(true);
  const waiting = ["third", "fourth"].map((name) => takeAs(slots, name, order));
  await Bun.sleep(0);
  expect(order).toEqual([]);
  first();
  // Giving back twice gives back once.
  first();
  const third = await waiting[0]!;
  expect(order).toEqual(["third"]);
  second();
  third();
  (await waiting[1]!)();
  expect(slots.isFull).toBe(false);
});

test("a place that was given back goes to the one who waits, not to a newcomer", async () => {
  const slots = new Slots(() => 1);
  const first = await slots.take();
  const order: string[] = [];
  const second = takeAs(slots, "second", order);
  first();
  const third = takeAs(slots, "third", order);
  (await second)();
  (await third)();
  expect(order).toEqual(["second", "third"]);
});

test("whoever is cancelled leaves the queue", async () => {
  const slots = new Slots(() => 1);
  const first = await slots.take();
  const leaving = new AbortController();
  const second = slots.take(leaving.signal);
  const third = slots.take();
  leaving.abort(new Error("left"));
  await expect(second).rejects.toThrow("left");
  first();
  (await third)();
  await expect(slots.take(leaving.signal)).rejects.toThrow("left");
});

test("0 is no limit, and a new limit applies", async () => {
  let limit = 0;
  const slots = new Slots(() => limit);
  const held = await Promise.all(Array.from({ length: 10 }, () => slots.take()));
  expect(slots.isFull).toBe(false);
  limit = 10;
  expect(slots.isFull).toBe(true);
  for (const free of held) free();
});
