/** What the client saves to a disk that becomes full: refused in words, and nothing that looks whole is left. */

import { afterAll, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { saveStream } from "../../src/cli/save-stream.ts";
import { SmallDisk } from "../support/small-disk.ts";

const disk = await SmallDisk.mount("1m");
afterAll(() => disk[Symbol.asyncDispose]());

test("a piece that only in part finds place fails the whole", async () => {
  const pieces = async function* () {
    yield new Uint8Array(600_000);
    yield new Uint8Array(600_000);
  };
  await expect(saveStream(pieces(), join(disk.path, "saved.tar"))).rejects.toHaveProperty("code", "ENOSPC");
  expect(await readdir(disk.path)).toEqual([]);
});
