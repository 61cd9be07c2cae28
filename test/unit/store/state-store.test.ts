import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
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
  await expect(createStateStore(root)).rejects.toThrow("another daemon uses the data root");
  await store.close();
  await (await createStateStore(root)).close();
});

test("a damaged file is told, not overwritten", async () => {
  await writeFile(
    join(root, "state.db"),
    "this is not a database at all, but long enough to be read as one ".repeat(20),
  );
  await expect(createStateStore(root)).rejects.toThrow(/the state file .* cannot be read/);
});

test.each(["{broken", "null", ""])("a damaged record is named, and the file stays as it is: %p", async (value) => {
  const store = await createStateStore(root);
  await store.collection("containers").put("web", { id: "web" });
  await store.close();
  {
    using file = new Database(join(root, "state.db"));
    file.run("UPDATE record SET value = ?", [value]);
  }
  await expect(createStateStore(root)).rejects.toThrow(/is damaged: the record web of containers cannot be read; put/);
  using file = new Database(join(root, "state.db"));
  expect(file.query("SELECT key, value FROM record").all()).toEqual([{ key: "web", value }]);
});

test("a file of an older layout is brought forward, one of a newer layout refused", async () => {
  const old = new Database(join(root, "state.db"), { create: true });
  old.run("PRAGMA user_version = 0");
  old.close();
  await (await createStateStore(root)).close();
  const newer = new Database(join(root, "state.db"));
  newer.run("PRAGMA user_version = 99");
  newer.close();
  await expect(createStateStore(root)).rejects.toThrow("has version 99");
});

describe("a file that cannot be written for a while", () => {
  /** As a full disk: every change of a row is refused while the table `full` has a row. */
  function makeRefusable(): { refuse(refused: boolean): void; rows(): unknown[]; [Symbol.dispose](): void } {
    const other = new Database(join(root, "state.db"));
    other.run("PRAGMA busy_timeout = 5000");
    other.run("CREATE TABLE full (x)");
    for (const change of ["INSERT", "DELETE"]) {
      other.run(`CREATE TRIGGER no_${change} BEFORE ${change} ON record WHEN (SELECT count(*) FROM full) > 0
        BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`);
    }
    return {
      refuse: (refused) => void other.run(refused ? "INSERT INTO full VALUES (1)" : "DELETE FROM full"),
      rows: () => other.query("SELECT key, value FROM record ORDER BY key").all(),
      [Symbol.dispose]: () => other.close(),
    };
  }
  const untilRows = async (rows: () => unknown[], wanted: unknown[]) => {
    for (const end = Date.now() + 5000; Date.now() < end && !Bun.deepEquals(rows(), wanted); ) await Bun.sleep(20);
    expect(rows()).toEqual(wanted);
  };

  test("what happened is told as unwritten, stays in memory, and is written by itself when there is room", async () => {
    const store = await createStateStore(root);
    const things = store.collection<number>("things");
    await Promise.all([things.put("changed", 1), things.put("gone", 1), things.put("again", 1)]);
    using disk = makeRefusable();
    disk.refuse(true);
    const answers = [things.put("changed", 2), things.delete("gone"), things.put("new", 1)];
    await Bun.sleep(0);
    answers.push(things.put("again", 2), things.put("again", 3));
    for (const answer of answers) {
      expect(String(await answer.catch((error) => error))).toContain("not be written: database or disk is full");
    }
    await Bun.sleep(150);
    expect([...things.entries()]).toEqual([
      ["changed", 2],
      ["again", 3],
      ["new", 1],
    ]);
    expect(disk.rows()).toHaveLength(3);
    disk.refuse(false);
    await untilRows(disk.rows, [
      { key: "again", value: "3" },
      { key: "changed", value: "2" },
      { key: "new", value: "1" },
    ]);
    await store.close();
  });

  test("the next write that works takes along what is owed, and flush() asks for it", async () => {
    const store = await createStateStore(root);
    const things = store.collection<number>("things");
    await things.put("a", 1);
    using disk = makeRefusable();
    disk.refuse(true);
    await things.put("a", 2).catch(() => {});
    expect(String(await store.flush().catch((error) => error))).toContain("full");
    await Bun.sleep(20);
    disk.refuse(false);
    await store.flush();
    expect(disk.rows()).toEqual([{ key: "a", value: "2" }]);
    await store.close();
  });

  test("a wish that cannot be written is taken back", async () => {
    const store = await createStateStore(root);
    const things = store.collection<number>("things");
    await things.put("known", 1);
    using disk = makeRefusable();
    disk.refuse(true);
    const refused = things.propose("known", 2);
    expect(things.get("known")).toBe(2);
    expect(String(await refused.catch((error) => error))).toContain("full");
    await things.propose("unknown", 1).catch(() => {});
    await Bun.sleep(20);
    expect([...things.entries()]).toEqual([["known", 1]]);
    disk.refuse(false);
    await store.flush();
    expect(disk.rows()).toEqual([{ key: "known", value: "1" }]);
    await store.close();
  });

  test("a wish for what is in the file already needs no room", async () => {
    const store = await createStateStore(root);
    const things = store.collection<object>("things");
    await things.put("known", { a: 1 });
    using disk = makeRefusable();
    disk.refuse(true);
    await things.propose("known", { a: 1 });
    // Not while what is in the file is something else than what memory says.
    const changed = things.put("known", { a: 2 });
    expect(String(await things.propose("known", { a: 2 }).catch((error) => error))).toContain("free some space");
    await changed.catch(() => {});
    disk.refuse(false);
    await store.close();
  });

  test("closing says what is still not written, and lets the data root go", async () => {
    const store = await createStateStore(root);
    const things = store.collection<number>("things");
    await things.put("a", 1);
    using disk = makeRefusable();
    disk.refuse(true);
    await things.put("a", 2).catch(() => {});
    expect(String(await store.close().catch((error) => error))).toContain("full");
    disk.refuse(false);
    await (await createStateStore(root)).close();
  });
});
