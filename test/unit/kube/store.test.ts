/** The embedded store, and the one in memory that other tests use, under the stores' contract. */

import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "../../../src/kube/store/sqlite-store.ts";
import { describeKubeStore } from "../../support/kube-store-contract.ts";
import { MemoryKubeStore } from "../../support/memory-kube-store.ts";

const root = await mkdtemp(join(tmpdir(), "naru-kube-store-"));
afterAll(() => rm(root, { recursive: true, force: true }));
let files = 0;

describeKubeStore("in memory", () => ({ open: async () => new MemoryKubeStore() }));
describeKubeStore("SQLite", () => {
  const path = join(root, `${files++}.db`);
  return { open: () => openSqliteStore(path), again: () => openSqliteStore(path) };
});

test("history longer than a page is told whole, and long ranges come whole", async () => {
  const store = await openSqliteStore(join(root, "long.db"));
  const start = await store.revision();
  const keys = Array.from({ length: 6500 }, (_, index) => `/r/${String(index).padStart(5, "0")}`);
  await Promise.all(keys.map((key) => store.commit([{ key, value: "x" }])));
  expect((await store.range("/r/")).entries.map((entry) => entry.key)).toEqual(keys);
  const seen: string[] = [];
  for await (const { events } of store.watch("/r/", start, new AbortController().signal)) {
    seen.push(...events.map((event) => event.entry.key));
    if (seen.length >= keys.length) break;
  }
  expect(seen).toEqual(keys);
  await store.close();
});

test("a damaged file is refused in words that say what to do", async () => {
  const path = join(root, "damaged.db");
  await writeFile(path, "this is no database, but it is long enough to look at ".repeat(100));
  const error = await openSqliteStore(path).catch((thrown: Error) => thrown);
  expect((error as Error).message).toContain("move it away");
});
