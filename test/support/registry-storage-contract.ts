/** What every RegistryStorage promises; called by the test file of each implementation. */
import { expect, test } from "bun:test";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RegistryStorage } from "../../src/registry/contract.ts";

interface OpenedStorage {
  storage: RegistryStorage;
  /** A new object over what the first one stored, as after a restart. */
  reopen(): Promise<RegistryStorage>;
}

const text = (value: string) => new TextEncoder().encode(value);
async function* pieces(...values: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* values;
}
async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stream));
}
async function keys(storage: RegistryStorage, prefix: string, options?: { after?: string; limit?: number }) {
  return await Array.fromAsync(storage.list(prefix, options), ({ key }) => key);
}
/** Bytes without a pattern that a wrong offset could hide in. */
function noise(bytes: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  let state = seed;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state;
  }
  return new Uint8Array(words.buffer).subarray(0, bytes);
}

/** `open` makes an empty storage. */
export function registryStorageContract(name: string, open: () => Promise<OpenedStorage>): void {
  const check = (promise: string, work: (opened: OpenedStorage) => Promise<void>) =>
    test(`${name}: ${promise}`, async () => work(await open()), 60_000);

  check("write() replaces, stat() and readSmall() see it, remove() may be repeated", async ({ storage }) => {
    expect(await storage.stat("a/b@c/d")).toBeUndefined();
    expect(await storage.readSmall("a/b@c/d")).toBeUndefined();
    await storage.write("a/b@c/d", text("one"));
    await storage.write("a/b@c/d", text("second"));
    const found = await storage.stat("a/b@c/d");
    expect(found?.size).toBe(6);
    expect(Math.abs((found?.modifiedAt ?? 0) - Date.now())).toBeLessThan(10_000);
    expect(Buffer.from((await storage.readSmall("a/b@c/d"))!).toString()).toBe("second");
    await storage.remove("a/b@c/d");
    await storage.remove("a/b@c/d");
    expect(await storage.stat("a/b@c/d")).toBeUndefined();
  });

  check("a name that others begin with is no object itself", async ({ storage }) => {
    await storage.write("tags/v1.0", text("x"));
    expect(await storage.stat("tags")).toBeUndefined();
    expect(await storage.stat("tags/v1")).toBeUndefined();
  });

  check("empty objects exist", async ({ storage }) => {
    await storage.write("links/x", new Uint8Array(0), { durable: false });
    expect((await storage.stat("links/x"))?.size).toBe(0);
    expect((await storage.readSmall("links/x"))?.length).toBe(0);
    expect((await collect(storage.read("links/x"))).length).toBe(0);
  });

  check("read() gives ranges with an exclusive end, and not-found", async ({ storage }) => {
    const data = noise(3_000_000, 1);
    await storage.write("big", data);
    expect((await collect(storage.read("big"))).equals(data)).toBe(true);
    const part = await collect(storage.read("big", { start: 1_234_567, end: 2_345_678 }));
    expect(part.equals(data.subarray(1_234_567, 2_345_678))).toBe(true);
    expect((await collect(storage.read("big", { start: 2_999_999, end: 3_000_000 }))).length).toBe(1);
    await expect(collect(storage.read("none"))).rejects.toMatchObject({ kind: "not-found" });
  });

  check("a reader that leaves early is no failure", async ({ storage }) => {
    await storage.write("big", noise(5_000_000, 2));
    for await (const piece of storage.read("big")) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    expect((await storage.stat("big"))?.size).toBe(5_000_000);
  });

  check("list() sorts by the bytes of whole keys, with prefix, after and limit", async ({ storage }) => {
    const all = ["p/a", "p/a-b", "p/a-b/c", "p/a.b", "p/a/x", "p/a/y/z", "p/a0", "p/b", "q/a"].filter(
      // A directory has no file of its own name.
      (key) => key !== "p/a" && key !== "p/a-b",
    );
    for (const key of [...all].reverse()) await storage.write(key, text(key));
    const expected = all.filter((key) => key.startsWith("p/")).sort();
    expect(await keys(storage, "p/")).toEqual(expected);
    for (const after of [...expected, "p/a/", "p/a/zz", "p/0", "p/zzz"]) {
      expect(await keys(storage, "p/", { after })).toEqual(expected.filter((key) => key > after));
    }
    expect(await keys(storage, "p/", { after: expected[0], limit: 2 })).toEqual(expected.slice(1, 3));
    expect(await keys(storage, "p/a/")).toEqual(["p/a/x", "p/a/y/z"]);
    expect(await keys(storage, "p/a")).toEqual(expected.filter((key) => key.startsWith("p/a")));
    expect(await keys(storage, "none/")).toEqual([]);
    const [first] = await Array.fromAsync(storage.list("q/"));
    expect(first).toMatchObject({ key: "q/a", size: 3 });
  });

  check("list() goes through many pages", async ({ storage }) => {
    const all = Array.from({ length: 110 }, (_, i) => `many/${String(i).padStart(5, "0")}`);
    for (let i = 0; i < all.length; i += 10) {
      await Promise.all(all.slice(i, i + 10).map((key) => storage.write(key, text(""), { durable: false })));
    }
    expect(await keys(storage, "many/")).toEqual(all);
    expect(await keys(storage, "many/", { after: all[100] })).toEqual(all.slice(101));
    expect(await keys(storage, "many/", { after: all[10], limit: 90 })).toEqual(all.slice(11, 101));
  });

  check("an upload grows, is read back, and appears whole under its key", async ({ storage }) => {
    const data = noise(9_000_000, 3);
    expect(await storage.uploadSize("u1")).toBeUndefined();
    await storage.beginUpload("u1");
    expect(await storage.uploadSize("u1")).toBe(0);
    expect(await storage.appendUpload("u1", 0, pieces(data.subarray(0, 100), data.subarray(100, 1_000_000)))).toBe(
      1_000_000,
    );
    expect(await storage.stat("blobs/x")).toBeUndefined();
    expect(await storage.appendUpload("u1", 1_000_000, pieces(data.subarray(1_000_000)))).toBe(9_000_000);
    expect(await storage.uploadSize("u1")).toBe(9_000_000);
    expect((await collect(storage.readUpload("u1"))).equals(data)).toBe(true);
    await storage.finishUpload("u1", "blobs/x");
    expect((await collect(storage.read("blobs/x"))).equals(data)).toBe(true);
    expect(await storage.uploadSize("u1")).toBeUndefined();
    expect(await Array.fromAsync(storage.listUploads())).toEqual([]);
  });

  for (const [what, sizes] of [
    ["one large stream", [30_000_000]],
    ["small chunks", Array.from({ length: 12 }, (_, i) => 700_000 + i)],
    ["large and small chunks in turn", [9_000_000, 10, 6_000_000, 5_242_880, 3, 3, 12_000_000, 1]],
    ["nothing at all", []],
    ["a single small chunk", [5]],
  ] as [string, number[]][]) {
    check(`an upload of ${what} keeps every byte`, async ({ storage }) => {
      const total = sizes.reduce((sum, size) => sum + size, 0);
      const data = noise(total, 4);
      await storage.beginUpload("u2");
      let at = 0;
      for (const size of sizes) {
        at = await storage.appendUpload("u2", at, pieces(data.subarray(at, at + size)));
      }
      expect(at).toBe(total);
      await storage.finishUpload("u2", "blobs/y");
      expect((await storage.stat("blobs/y"))?.size).toBe(total);
      expect((await collect(storage.read("blobs/y"))).equals(data)).toBe(true);
    });
  }

  check("an append at the wrong place is refused and changes nothing", async ({ storage }) => {
    await storage.beginUpload("u3");
    await storage.appendUpload("u3", 0, pieces(text("hello")));
    await expect(storage.appendUpload("u3", 4, pieces(text("x")))).rejects.toMatchObject({ kind: "conflict" });
    await expect(storage.appendUpload("u3", 6, pieces(text("x")))).rejects.toMatchObject({ kind: "conflict" });
    await expect(storage.appendUpload("nobody", 0, pieces(text("x")))).rejects.toMatchObject({ kind: "not-found" });
    expect((await collect(storage.readUpload("u3"))).toString()).toBe("hello");
  });

  check("when the stream breaks, what arrived stays and the upload goes on", async ({ storage }) => {
    const data = noise(10_000_000, 5);
    await storage.beginUpload("u4");
    const broken = async function* () {
      yield data.subarray(0, 8_500_000);
      yield data.subarray(8_500_000, 9_000_000);
      throw new Error("the line is dead");
    };
    await expect(storage.appendUpload("u4", 0, broken())).rejects.toThrow("the line is dead");
    expect(await storage.uploadSize("u4")).toBe(9_000_000);
    expect(await storage.appendUpload("u4", 9_000_000, pieces(data.subarray(9_000_000)))).toBe(10_000_000);
    await storage.finishUpload("u4", "blobs/z");
    expect((await collect(storage.read("blobs/z"))).equals(data)).toBe(true);
  });

  check("uploads and objects outlive a restart", async ({ storage, reopen }) => {
    const data = noise(18_000_000, 6);
    await storage.write("kept", text("kept"));
    await storage.beginUpload("u5");
    await storage.appendUpload("u5", 0, pieces(data.subarray(0, 17_000_001)));
    const again = await reopen();
    expect(await again.uploadSize("u5")).toBe(17_000_001);
    expect(await Array.fromAsync(again.listUploads(), ({ id, size }) => ({ id, size }))).toEqual([
      { id: "u5", size: 17_000_001 },
    ]);
    await again.appendUpload("u5", 17_000_001, pieces(data.subarray(17_000_001)));
    expect((await collect(again.readUpload("u5"))).equals(data)).toBe(true);
    await again.finishUpload("u5", "blobs/w");
    expect((await collect(again.read("blobs/w"))).equals(data)).toBe(true);
    expect(Buffer.from((await again.readSmall("kept"))!).toString()).toBe("kept");
  });

  check("abandoned uploads leave nothing", async ({ storage }) => {
    await storage.beginUpload("u6");
    await storage.appendUpload("u6", 0, pieces(noise(9_000_000, 7)));
    await storage.abandonUpload("u6");
    await storage.abandonUpload("u6");
    expect(await storage.uploadSize("u6")).toBeUndefined();
    expect(await Array.fromAsync(storage.listUploads())).toEqual([]);
    expect(await keys(storage, "uploads/")).toEqual([]);
    await expect(storage.finishUpload("u6", "blobs/v")).rejects.toMatchObject({ kind: "not-found" });
  });

  check("adoptFile() takes a local file over", async ({ storage }) => {
    const directory = await mkdtemp(join(tmpdir(), "naru-adopt-"));
    try {
      const path = join(directory, "file");
      const data = noise(6_000_000, 8);
      await writeFile(path, data);
      await storage.adoptFile(path, "blobs/adopted");
      expect((await collect(storage.read("blobs/adopted"))).equals(data)).toBe(true);
      await expect(stat(path)).rejects.toThrow("ENOENT");
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  check("writers and removers of neighbours do not disturb each other", async ({ storage }) => {
    const rounds = Array.from({ length: 24 }, (_, i) => i);
    await Promise.all(
      rounds.map(async (i) => {
        await storage.write(`deep/er/${i % 3}/${i}`, text(String(i)), { durable: false });
        if (i % 2 === 0) await storage.remove(`deep/er/${i % 3}/${i}`);
      }),
    );
    const left = rounds.filter((i) => i % 2 === 1).map((i) => `deep/er/${i % 3}/${i}`);
    expect(await keys(storage, "deep/")).toEqual(left.sort());
  });
}
