import { expect, test } from "bun:test";
import { OneAtATime } from "../../../src/lib/one-at-a-time.ts";

test("one after the other, also after a failure, and each is told its own end", async () => {
  const works = new OneAtATime();
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = works.run(async () => {
    await gate.promise;
    seen.push("first");
    throw new Error("first failed");
  });
  const second = works.run(async () => seen.push("second"));
  const settled = works.settle().then(() => seen.push("settled"));
  await Promise.resolve();
  expect(seen).toEqual([]);
  gate.resolve();
  await expect(first).rejects.toThrow("first failed");
  expect(await second).toBe(2);
  await settled;
  expect(seen).toEqual(["first", "second", "settled"]);
});
