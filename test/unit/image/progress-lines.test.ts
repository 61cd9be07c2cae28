import { expect, test } from "bun:test";
import { ProgressLines } from "../../../src/image/progress-lines.ts";

async function all(lines: ProgressLines): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const { progress: _, ...line } of lines.read()) found.push(line);
  return found;
}

test("progress that nobody has read yet is replaced by newer, and forgotten by the next step", async () => {
  const lines = new ProgressLines();
  lines.step("a", "Pulling fs layer");
  lines.progress("a", "Downloading", 1, 100);
  lines.progress("b", "Downloading", 5, 10);
  lines.progress("a", "Downloading", 50, 100);
  lines.progress("b", "Downloading", 10, 10);
  lines.step("a", "Download complete");
  lines.end();
  expect(await all(lines)).toEqual([
    { status: "Pulling fs layer", progressDetail: {}, id: "a" },
    { status: "Downloading", progressDetail: { current: 10, total: 10 }, id: "b" },
    { status: "Download complete", progressDetail: {}, id: "a" },
  ]);
});

test("what comes too fast is left out, the end of a step is not", async () => {
  const lines = new ProgressLines();
  const reading = all(lines);
  for (let current = 1; current <= 100; current++) {
    lines.progress("a", "Downloading", current, 100);
    await Promise.resolve();
  }
  lines.end();
  const found = (await reading) as { progressDetail: { current: number } }[];
  expect(found.length).toBeLessThan(5);
  expect(found[0]!.progressDetail.current).toBeLessThan(100);
  expect(found.at(-1)!.progressDetail.current).toBe(100);
});

test("bars are drawn for clients that draw none", async () => {
  const lines = new ProgressLines();
  lines.progress("a", "Pushing", 66_560, 6_291_456);
  lines.end();
  const first = await lines.read().next();
  expect(first.value?.progress).toBe(`[>${" ".repeat(50)}]  66.56kB/6.291MB`);
});

test("a failure comes after all that was said", async () => {
  const lines = new ProgressLines();
  lines.say({ status: "said" });
  lines.fail(new Error("broken"));
  const seen: unknown[] = [];
  const reading = (async () => {
    for await (const line of lines.read()) seen.push(line);
  })();
  await expect(reading).rejects.toThrow("broken");
  expect(seen).toEqual([{ status: "said" }]);
});
