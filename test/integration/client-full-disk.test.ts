/** What the client saves to a disk that becomes full: refused in words, and nothing that looks whole is left. */

import { afterAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { saveStream } from "../../src/cli/save-stream.ts";

const root = await mkdtemp(join(tmpdir(), "naru-client-full-"));
const disk = join(root, "disk");
await mkdir(disk);
await Bun.$`mount -t tmpfs -o size=1m tmpfs ${disk}`.quiet();
afterAll(async () => {
  await Bun.$`umount -l ${disk}`.quiet();
  await rm(root, { recursive: true, force: true });
});

test("a piece that only in part finds place fails the whole", async () => {
  const pieces = async function* () {
    yield new Uint8Array(600_000);
    yield new Uint8Array(600_000);
  };
  await expect(saveStream(pieces(), join(disk, "saved.tar"))).rejects.toHaveProperty("code", "ENOSPC");
  expect(await readdir(disk)).toEqual([]);
});
