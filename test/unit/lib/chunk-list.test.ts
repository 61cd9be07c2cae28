import { describe, expect, test } from "bun:test";
import { ChunkIndex, ChunkList, ChunkLister, type Stretch } from "../../../src/lib/chunk-list.ts";
import { NaruError } from "../../../src/lib/errors.ts";

function noise(count: number, seed: number): Buffer {
  const data = Buffer.alloc(count);
  let state = seed;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[i] = state >>> 24;
  }
  return data;
}

function listOf(data: Uint8Array, pieceBytes = 100_000): ChunkList {
  const lister = new ChunkLister();
  for (let i = 0; i < data.length; i += pieceBytes) lister.push(data.subarray(i, i + pieceBytes));
  return lister.finish();
}

function assemble(stretches: Stretch<Buffer>[], blob: Buffer): { whole: Buffer; freshBytes: number } {
  let freshBytes = 0;
  const parts = stretches.map(({ offset, length, source, sourceOffset }) => {
    if (source) return source.subarray(sourceOffset!, sourceOffset! + length);
    freshBytes += length;
    return blob.subarray(offset, offset + length);
  });
  return { whole: Buffer.concat(parts), freshBytes };
}

describe("chunk lists", () => {
  const old = noise(3_000_000, 1);

  test("a list survives its encoding and tells the blob's size", () => {
    const list = listOf(old);
    expect(list.totalBytes).toBe(old.length);
    const copy = ChunkList.decode(list.encode());
    expect(copy.count).toBe(list.count);
    expect([...Array(copy.count).keys()].map((i) => copy.keyOf(i))).toEqual(
      [...Array(list.count).keys()].map((i) => list.keyOf(i)),
    );
  });

  test("of an empty blob", () => {
    expect(listOf(Buffer.alloc(0)).count).toBe(0);
    expect(new ChunkIndex<Buffer>().stretchesOf(listOf(Buffer.alloc(0)))).toEqual([]);
  });

  test("a blob equal to a known one is one stretch", () => {
    const index = new ChunkIndex<Buffer>();
    index.add(old, listOf(old, 77));
    expect(index.stretchesOf(listOf(old))).toEqual([{ offset: 0, length: old.length, source: old, sourceOffset: 0 }]);
  });

  test.each([0, 1, 1_000_000, 2_999_999])("a change at byte %d costs some chunks", (at) => {
    const index = new ChunkIndex<Buffer>();
    index.add(old, listOf(old));
    const blob = Buffer.concat([old.subarray(0, at), noise(500, 9), old.subarray(at + 20)]);
    const { whole, freshBytes } = assemble(index.stretchesOf(listOf(blob)), blob);
    expect(whole.equals(blob)).toBe(true);
    expect(freshBytes).toBeGreaterThan(0);
    expect(freshBytes).toBeLessThan(400_000);
  });

  test.each([
    ["nothing", Buffer.alloc(0)],
    ["other bytes", Buffer.from("hello, I am no list")],
    ["a list that is cut off", Buffer.from(listOf(old).encode().subarray(0, -1))],
    ["a list with more than it says", Buffer.concat([listOf(old).encode(), Buffer.alloc(36)])],
    ["an empty chunk", Buffer.concat([Buffer.from("NCL1"), Buffer.from([0, 0, 0, 1]), Buffer.alloc(36)])],
    [
      "a chunk beyond the limit",
      Buffer.concat([Buffer.from("NCL1"), Buffer.from([0, 0, 0, 1]), Buffer.alloc(36, 255)]),
    ],
  ])("refuses %s", (_what, bytes) => {
    expect(() => ChunkList.decode(bytes)).toThrow(NaruError);
  });
});
