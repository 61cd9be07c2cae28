import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStateStore } from "../../../src/store/state-store.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "naru-store-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

test("records survive a restart, ordered by key", async () => {
  const store = await createStateStore(root);
  const things = store.collection<{ n: number }>("things");
  await Promise.all([things.put("b", { n: 2 }), things.put("a", { n: 1 }), things.put("c", { n: 3 })]);
  await things.delete("c");
  expect([...things.values()]).toEqual([{ n: 2 }, { n: 1 }]);
  await store.close();

  const again = await createStateStore(root);
  expect([...again.collection<{ n: number }>("things").entries()]).toEqual([
    ["a", { n: 1 }],
    ["b", { n: 2 }],
  ]);
  expect(again.collection("things").size).toBe(2);
  await again.close();
});

test("a resolved put is in the file although the store was never closed", async () => {
  const store = await createStateStore(root);
  await store.collection("things").put("k", { deep: ["x"] });
  const other = new Database(join(root, "state.db"), { readonly: true });
  expect(other.query("SELECT value FROM record").all()).toEqual([{ value: '{"deep":["x"]}' }]);
  other.close();
  await store.close();
});

test("writes of one tick share a transaction and the last one wins", async () => {
  const store = await createStateStore(root);
  const things = store.collection<number>("things");
  const first = things.put("k", 1);
  const second = things.put("k", 2);
  const third = things.delete("k");
  const fourth = things.put("k", 4);
  await Promise.all([first, second, third, fourth]);
  await store.close();
  const again = await createStateStore(root);
  expect(again.collection<number>("things").get("k")).toBe(4);
  await again.close();
});

test("a data root serves one daemon at a time", async () => {
  const store = await createStateStore(root);
  expect(createStateStore(root)).rejects.toThrow("another daemon uses the data root");
  await store.close();
  await (await createStateStore(root)).close();
});

test("a damaged file is told, not overwritten", async () => {
  await writeFile(
    join(root, "state.db"),
    "this is not a database at all, but long enough to be read as one ".repeat(20),
  );
  expect(createStateStore(root)).rejects.toThrow(/the state file .* cannot be read/);
});

test("a file of an older layout is brought forward, one of a newer layout refused", async () => {
  const old = new Database(join(root, "state.db"), { create: true });
  old.run("PRAGMA user_version = 0");
  old.close();
  await (await createStateStore(root)).close();
  const newer = new Database(join(root, "state.db"));
  newer.run("PRAGMA user_version = 99");
  newer.close();
  expect(createStateStore(root)).rejects.toThrow("has version 99");
});
