/** What every KeyValueStore promises (src/kube/store/contract.ts): the same tests over each of them. */

import { describe, expect, test } from "bun:test";
import { CompactedError, type KeyValueStore, type StoreEvent, type WatchBatch } from "../../src/kube/store/contract.ts";

/** Opens an empty store; `again` opens the same one anew after close (undefined: it keeps nothing). */
export interface StoreUnderTest {
  open(): Promise<KeyValueStore>;
  again?(): Promise<KeyValueStore>;
}

const told = ({ type, entry, previous }: StoreEvent) =>
  `${type} ${entry.key}=${type === "put" ? entry.value : ""} was ${previous?.value ?? "-"}`;

async function collect(batches: AsyncIterable<WatchBatch>, count: number): Promise<StoreEvent[]> {
  const events: StoreEvent[] = [];
  for await (const batch of batches) {
    events.push(...batch.events);
    if (events.length >= count) break;
  }
  return events;
}

async function failure(act: Promise<unknown>): Promise<unknown> {
  return await act.then(
    () => expect.unreachable("it did not fail"),
    (error: unknown) => error,
  );
}

async function put(store: KeyValueStore, key: string, value: string, expected?: number): Promise<number> {
  const commit = await store.commit([{ key, value, ...(expected === undefined ? {} : { expected }) }]);
  expect(commit.committed).toBe(true);
  return commit.revision;
}

export function describeKubeStore(name: string, make: () => StoreUnderTest): void {
  describe(name, () => {
    async function opened(): Promise<KeyValueStore & AsyncDisposable> {
      const store = await make().open();
      return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
    }

    test("revisions grow with every write and are kept with keys", async () => {
      await using store = await opened();
      const start = await store.revision();
      const first = await put(store, "/r/a", "1");
      const second = await put(store, "/r/a", "2");
      expect([first > start, second > first]).toEqual([true, true]);
      expect(await store.get("/r/a")).toEqual({ key: "/r/a", value: "2", createRevision: first, modRevision: second });
      expect(await store.get("/r/b")).toBeUndefined();
      expect(await store.revision()).toBe(second);
    });

    test("a write whose expectation is not met changes nothing and tells what is there", async () => {
      await using store = await opened();
      const first = await put(store, "/r/a", "1", 0);
      const taken = await store.commit([{ key: "/r/a", value: "2", expected: 0 }]);
      expect(taken).toMatchObject({ committed: false, key: "/r/a", conflict: { value: "1", modRevision: first } });
      const missing = await store.commit([
        { key: "/r/a", value: "2", expected: first },
        { key: "/r/b", value: "2", expected: first },
      ]);
      expect(missing).toMatchObject({ committed: false, key: "/r/b", conflict: undefined });
      expect((await store.get("/r/a"))?.value).toBe("1");
      expect(await store.revision()).toBe(first);
    });

    test("all writes of a commit have one revision", async () => {
      await using store = await opened();
      await put(store, "/r/old", "x");
      const { revision } = await store.commit([
        { key: "/r/a", value: "1" },
        { key: "/r/b", value: "2", expected: 0 },
        { key: "/r/old" },
      ]);
      const { entries } = await store.range("/r/");
      expect(entries.map(({ key, modRevision }) => [key, modRevision])).toEqual([
        ["/r/a", revision],
        ["/r/b", revision],
      ]);
    });

    test("deleting what is not there is no write", async () => {
      await using store = await opened();
      const before = await store.revision();
      expect(await store.commit([{ key: "/r/none" }])).toEqual({ committed: true, revision: before });
    });

    test("of many who create the same key one succeeds", async () => {
      await using store = await opened();
      const commits = await Promise.all(
        Array.from({ length: 20 }, (_, index) => store.commit([{ key: "/r/a", value: String(index), expected: 0 }])),
      );
      expect(commits.filter((commit) => commit.committed).length).toBe(1);
    });

    test("ranges are in order, page by page, and end with their prefix", async () => {
      await using store = await opened();
      for (const key of ["/r/b", "/r/a/z", "/s/x", "/r/a", "/r0"]) await put(store, key, key);
      const first = await store.range("/r/", { limit: 2 });
      expect([first.entries.map((entry) => entry.key), first.more]).toEqual([["/r/a", "/r/a/z"], true]);
      const rest = await store.range("/r/", { limit: 2, after: "/r/a/z" });
      expect([rest.entries.map((entry) => entry.key), rest.more]).toEqual([["/r/b"], false]);
    });

    test("a range answers the state as it was, until that is compacted", async () => {
      await using store = await opened();
      await put(store, "/r/a", "1");
      await put(store, "/r/b", "1");
      const then = await put(store, "/r/c", "1");
      await put(store, "/r/a", "2");
      await store.commit([{ key: "/r/b" }]);
      await put(store, "/r/b", "again");
      const last = await put(store, "/r/d", "1");
      const past = await store.range("/r/", { revision: then });
      expect(past.entries.map(({ key, value }) => key + value)).toEqual(["/r/a1", "/r/b1", "/r/c1"]);
      expect(past.revision).toBe(then);
      const page = await store.range("/r/", { revision: then, after: "/r/a", limit: 1 });
      expect([page.entries.map((entry) => entry.key), page.more]).toEqual([["/r/b"], true]);
      await store.compact(last - 1);
      expect(await failure(store.range("/r/", { revision: then }))).toBeInstanceOf(CompactedError);
      const kept = await store.range("/r/", { revision: last - 1 });
      expect(kept.entries.map(({ key, value }) => key + value)).toEqual(["/r/a2", "/r/bagain", "/r/c1"]);
      expect((await store.range("/r/")).entries.length).toBe(4);
    });

    test("a watch tells history after a revision, then what happens, each with what was there before", async () => {
      await using store = await opened();
      const start = await put(store, "/r/a", "1");
      await put(store, "/s/other", "x");
      await put(store, "/r/a", "2");
      const stop = new AbortController();
      const watched = collect(store.watch("/r/", start, stop.signal), 4);
      await store.commit([{ key: "/r/b", value: "1" }]);
      await store.commit([{ key: "/r/a" }]);
      await put(store, "/r/a", "3");
      expect((await watched).map(told)).toEqual([
        "put /r/a=2 was 1",
        "put /r/b=1 was -",
        "delete /r/a= was 2",
        "put /r/a=3 was -",
      ]);
      stop.abort();
    });

    test("a watch misses nothing while writes go on", async () => {
      await using store = await opened();
      const stop = new AbortController();
      const start = await store.revision();
      const writes = Array.from({ length: 50 }, (_, index) => put(store, `/r/${index}`, "x"));
      const watched = collect(store.watch("/r/", start, stop.signal), 100);
      writes.push(...Array.from({ length: 50 }, (_, index) => put(store, `/r/${index + 50}`, "x")));
      await Promise.all(writes);
      const events = await watched;
      expect(new Set(events.map((event) => event.entry.key)).size).toBe(100);
      const revisions = events.map((event) => event.entry.modRevision);
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
      stop.abort();
    });

    test("a watch of what is compacted is refused; an ended one ends", async () => {
      await using store = await opened();
      const first = await put(store, "/r/a", "1");
      await put(store, "/r/a", "2");
      const last = await put(store, "/r/a", "3");
      await store.compact(last);
      const stop = new AbortController();
      expect(await failure(collect(store.watch("/r/", first, stop.signal), 1))).toBeInstanceOf(CompactedError);
      const ended = collect(store.watch("/r/", last, stop.signal), 1);
      stop.abort();
      expect(await ended).toEqual([]);
    });

    test("values of any text come back as they were", async () => {
      await using store = await opened();
      const value = `"{}\\ \u0000 나루 \u{1f6a2} ${"x".repeat(300_000)}`;
      await put(store, "/r/a", value);
      expect((await store.get("/r/a"))?.value === value).toBe(true);
      expect(await store.size()).toBeGreaterThanOrEqual(0);
    });

    test("everything is there again after the store was closed", async () => {
      const subject = make();
      const store = await subject.open();
      const revision = await put(store, "/r/a", "1");
      await put(store, "/r/a", "2");
      await store.close();
      if (subject.again === undefined) return;
      await using reopened = await subject
        .again()
        .then((again) => Object.assign(again, { [Symbol.asyncDispose]: () => again.close() }));
      expect((await reopened.get("/r/a"))?.value).toBe("2");
      const past = await reopened.range("/r/", { revision });
      expect(past.entries.map((entry) => entry.value)).toEqual(["1"]);
      expect(await put(reopened, "/r/b", "1")).toBeGreaterThan(revision + 1);
    });
  });
}
