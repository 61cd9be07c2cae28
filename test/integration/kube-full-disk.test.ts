/** The embedded store on a disk that becomes full: refused writes change nothing, and deleting makes room again. */

import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { openSqliteStore } from "../../src/kube/store/sqlite-store.ts";
import { SmallDisk } from "../support/small-disk.ts";

const disk = await SmallDisk.mount("8m");
afterAll(() => disk[Symbol.asyncDispose]());

test("a full disk refuses writes in words, keeps what is there, and takes deletions", async () => {
  const path = join(disk.path, "objects.db");
  const store = await openSqliteStore(path);
  const value = "x".repeat(50_000);
  let written = 0;
  let refusal: unknown;
  for (; refusal === undefined && written < 1000; written++) {
    await store.commit([{ key: `/r/${written}`, value, expected: 0 }]).catch((error: unknown) => {
      refusal = error;
    });
  }
  expect((refusal as Error).message).toContain("full");
  const kept = await store.range("/r/");
  expect(kept.entries.length).toBe(written - 1);
  expect(await store.revision()).toBe(kept.revision);
  const half = kept.entries.slice(0, kept.entries.length / 2);
  for (const { key } of half) expect((await store.commit([{ key }])).committed).toBe(true);
  await store.compact(await store.revision());
  expect((await store.commit([{ key: "/r/new", value }])).committed).toBe(true);
  await store.close();
  const again = await openSqliteStore(path);
  expect((await again.range("/r/")).entries.length).toBe(kept.entries.length - half.length + 1);
  await again.close();
});
