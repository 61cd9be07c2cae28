/** The embedded C program on the disk. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureMonitorBinary } from "../../src/runtime/monitor-binary.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "naru-binary-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

test("it is put under a name that tells its contents, once", async () => {
  const first = await ensureMonitorBinary([join(directory, "bin")]);
  expect(first).toMatch(/\/bin\/naru-monitor-[0-9a-f]{16}$/);
  const { ino } = await stat(first);
  expect(await ensureMonitorBinary([join(directory, "bin")])).toBe(first);
  expect((await stat(first)).ino).toBe(ino);
  expect(await readdir(join(directory, "bin"))).toHaveLength(1);
});

test("a damaged file is replaced", async () => {
  const path = await ensureMonitorBinary([directory]);
  await chmod(path, 0o644);
  expect(await ensureMonitorBinary([directory])).toBe(path);
  expect((await stat(path)).mode & 0o777).toBe(0o755);
});

test("where nothing can be executed the next directory is taken; with none left it says why", async () => {
  await writeFile(join(directory, "a-file"), "");
  const unusable = join(directory, "a-file", "bin");
  expect(await ensureMonitorBinary([unusable, directory])).toStartWith(`${directory}/naru-monitor-`);
  await expect(ensureMonitorBinary([unusable])).rejects.toThrow("cannot execute the container monitor");
});
