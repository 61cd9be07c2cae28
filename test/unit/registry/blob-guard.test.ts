import { expect, test } from "bun:test";
import type { Digest } from "../../../src/model/image.ts";
import { BlobGuard } from "../../../src/registry/catalog/blob-guard.ts";

const BLOB = `sha256:${"a".repeat(64)}` as Digest;

/** A guard whose clock is set by hand. */
function guardAt(start: number) {
  const clock = { now: start };
  return { guard: new BlobGuard(() => clock.now), clock };
}

test("what was seen at or after the cutoff stays, older goes", async () => {
  const { guard, clock } = guardAt(1000);
  clock.now = 5000;
  await guard.touch(BLOB);
  expect(await guard.removeUnused(BLOB, 5000, async () => {})).toBe(false);
  expect(await guard.removeUnused(BLOB, 5001, async () => {})).toBe(true);
});

test("before this process began a client may have seen anything", async () => {
  const { guard } = guardAt(1000);
  expect(await guard.removeUnused(BLOB, 1000, async () => {})).toBe(false);
  expect(await guard.removeUnused(BLOB, 1001, async () => {})).toBe(true);
});

test("what is held stays, by however many, and counts as seen when the last lets go", async () => {
  const { guard, clock } = guardAt(0);
  const [first, second] = [await guard.hold([BLOB, BLOB]), await guard.hold([BLOB])];
  clock.now = 10;
  first[Symbol.dispose]();
  expect(await guard.removeUnused(BLOB, 1_000_000, async () => {})).toBe(false);
  clock.now = 20;
  second[Symbol.dispose]();
  expect(guard.lastUse(BLOB)).toBe(20);
  expect(await guard.removeUnused(BLOB, 21, async () => {})).toBe(true);
});

test("whoever wants a blob waits for the removal that has begun, and may then find it gone", async () => {
  const { guard } = guardAt(0);
  const { promise, resolve } = Promise.withResolvers<void>();
  const order: string[] = [];
  const removal = guard.removeUnused(BLOB, 1, () => promise).then(() => order.push("removed"));
  const touch = guard.touch(BLOB).then(() => order.push("touched"));
  const hold = guard.hold([BLOB]).then(() => order.push("held"));
  await Bun.sleep(1);
  expect(order).toEqual([]);
  resolve();
  await Promise.all([removal, touch, hold]);
  expect(order.sort()).toEqual(["held", "removed", "touched"]);
});

test("a second removal of the same blob comes after the first", async () => {
  const { guard } = guardAt(0);
  const { promise, resolve } = Promise.withResolvers<void>();
  const order: string[] = [];
  const first = guard.removeUnused(BLOB, 1, () => promise.then(() => void order.push("first")));
  const second = guard.removeUnused(BLOB, 1, async () => void order.push("second"));
  resolve();
  expect(await Promise.all([first, second])).toEqual([true, true]);
  expect(order).toEqual(["first", "second"]);
});

test("a removal that fails is told, and blocks nobody", async () => {
  const { guard } = guardAt(0);
  await expect(guard.removeUnused(BLOB, 1, async () => Promise.reject(new Error("disk")))).rejects.toThrow("disk");
  await guard.touch(BLOB);
});

test("a touch of what was not there is taken back, and no other sight with it", async () => {
  const { guard, clock } = guardAt(100);
  clock.now = 200;
  guard.retract(BLOB, await guard.touch(BLOB));
  expect(guard.lastUse(BLOB)).toBe(100);
  await guard.touch(BLOB);
  clock.now = 300;
  guard.retract(BLOB, await guard.touch(BLOB));
  expect(guard.lastUse(BLOB)).toBe(200);
  const early = await guard.touch(BLOB);
  (await guard.hold([BLOB]))[Symbol.dispose]();
  clock.now = 400;
  guard.retract(BLOB, early);
  expect(guard.lastUse(BLOB)).toBe(300);
});

test("forgetting what protects nothing any more changes no answer", async () => {
  const { guard, clock } = guardAt(100);
  clock.now = 200;
  await guard.touch(BLOB);
  guard.forgetBefore(150);
  expect(guard.lastUse(BLOB)).toBe(200);
  guard.forgetBefore(300);
  expect(guard.lastUse(BLOB)).toBeLessThan(300);
});
