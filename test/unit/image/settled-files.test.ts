import { expect, test } from "bun:test";
import { DataLayout } from "../../../src/image/data-layout.ts";
import { ImageRecords } from "../../../src/image/image-records.ts";
import { SettledFiles } from "../../../src/image/settled-files.ts";
import type { Digest } from "../../../src/model/image.ts";
import { MemoryStore } from "../../support/memory-store.ts";

const NOW = "boot-now";
const digest = (name: string): Digest => `sha256:${name}`;

/** `sync` stands for the disk: what happens while it is waited for, and whether all could be written. */
function open(bootId: string, sync: () => Promise<boolean> = async () => true) {
  const records = new ImageRecords(new MemoryStore());
  const { promise: synced, resolve } = Promise.withResolvers<void>();
  const pool = {
    async run<Result>(): Promise<Result> {
      const isOnDisk = await sync();
      resolve();
      return isOnDisk as Result;
    },
  };
  return { records, synced, files: new SettledFiles({ layout: new DataLayout("/nowhere"), records, pool }, bootId, 0) };
}

async function snapshot(records: ImageRecords, name: string, mark: { unsettledIn?: string }, directory = name) {
  await records.snapshots.put(digest(name), { directory, diffId: digest("d"), sizeBytes: 1, ...mark });
}
const markOf = (records: ImageRecords, name: string) => records.snapshots.get(digest(name))?.unsettledIn;

test("a mark goes with the next sync, from snapshots and from layers of builds", async () => {
  const { records, files, synced } = open(NOW);
  await snapshot(records, "a", files.mark());
  await records.putBuiltLayer("b", { blobs: {}, ...files.mark() });
  expect([markOf(records, "a"), records.builtLayers.get("b")?.unsettledIn]).toEqual([NOW, NOW]);
  await synced;
  await files.close();
  expect([markOf(records, "a"), records.builtLayers.get("b")]).toEqual([undefined, { blobs: {} }]);
});

test("what is unpacked anew while the disk is waited for stays marked", async () => {
  const { records, files, synced } = open(NOW, async () => {
    await snapshot(records, "a", { unsettledIn: NOW }, "another");
    return true;
  });
  await snapshot(records, "a", files.mark());
  await synced;
  await files.close();
  expect(markOf(records, "a")).toBe(NOW);
});

test("a disk that could not take all leaves the marks", async () => {
  const { records, files, synced } = open(NOW, async () => false);
  await snapshot(records, "a", files.mark());
  await synced;
  await files.close();
  expect(markOf(records, "a")).toBe(NOW);
});

test("marks of this boot that an earlier daemon left are taken up; those of another boot are suspect", async () => {
  const { records, files, synced } = open(NOW);
  await snapshot(records, "mine", { unsettledIn: NOW });
  await snapshot(records, "torn", { unsettledIn: "boot-before" });
  files.resume();
  await synced;
  await files.close();
  expect([markOf(records, "mine"), markOf(records, "torn")]).toEqual([undefined, "boot-before"]);
  expect([...records.snapshots.values()].map((record) => files.isSuspect(record))).toEqual([false, true]);
});

test("where the kernel tells no boot, nothing is marked", () => {
  expect(open("").files.mark()).toEqual({});
});
