import { expect, test } from "bun:test";
import { IdleMemory } from "../../../src/daemon/idle-memory.ts";
import { releaseProgramPages } from "../../../src/linux/program-pages.ts";
import { eventually } from "../../support/daemon.ts";

async function programBytes(): Promise<number> {
  const maps = await Bun.file("/proc/self/smaps").text();
  let counts = false;
  let bytes = 0;
  for (const line of maps.split("\n")) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) counts = line.includes(" r-xp ") && line.endsWith(process.execPath);
    else if (counts && line.startsWith("Rss:")) bytes += Number(line.split(/\s+/)[1]) * 1024;
  }
  return bytes;
}

test("code pages are let go and come back when they run", async () => {
  const before = await programBytes();
  await releaseProgramPages();
  expect(await programBytes()).toBeLessThan(before);
  expect(JSON.parse('{"still":"alive"}')).toEqual({ still: "alive" });
});

test("a quiet moment after requests is used once", async () => {
  const memory = new IdleMemory();
  const before = await programBytes();
  for (let i = 0; i < 5; i++) memory.touch();
  await eventually(async () => (await programBytes()) < before);
});
