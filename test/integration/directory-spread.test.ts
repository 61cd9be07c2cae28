import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spreadChildren } from "../../src/linux/directory-spread.ts";
import { run } from "../support/daemon.ts";

test("a directory is marked where its file system is ext4, and left alone elsewhere", async () => {
  const folder = await mkdtemp(join(tmpdir(), "naru-spread-"));
  try {
    spreadChildren(folder);
    spreadChildren(folder);
    const kind = (await run(["stat", "-f", "-c", "%T", folder])).stdout.trim();
    const flags = (await run(["lsattr", "-d", folder])).stdout.split(" ")[0]!;
    if (kind === "ext2/ext3") expect(flags).toContain("T");
    expect((await run(["touch", join(folder, "file")])).code).toBe(0);
    // Not every file system has such marks at all.
    spreadChildren("/proc/self/fd");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  expect(() => spreadChildren(join(folder, "gone"))).toThrow("open");
});
