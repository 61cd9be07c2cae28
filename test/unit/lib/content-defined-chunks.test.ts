import { describe, expect, test } from "bun:test";
import { ChunkCutter, type ChunkSizes } from "../../../src/lib/content-defined-chunks.ts";

const SIZES: ChunkSizes = { minBytes: 2048, averageBytes: 8192, maxBytes: 32768 };

/** The same "random" bytes every time. */
function bytes(count: number, seed: number): Uint8Array {
  const data = new Uint8Array(count);
  let state = seed;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[i] = state >>> 24;
  }
  return data;
}

function cutsOf(data: Uint8Array, pieceBytes = data.length): number[] {
  const cutter = new ChunkCutter(SIZES);
  const cuts: number[] = [];
  for (let start = 0; start < data.length; start += pieceBytes) {
    const piece = data.subarray(start, start + pieceBytes);
    for (let from = 0; from < piece.length; ) {
      const end = cutter.next(piece, from);
      if (end < 0) break;
      cuts.push(start + end);
      from = end;
    }
  }
  return cuts;
}

function chunksOf(data: Uint8Array): Set<string> {
  const found = new Set<string>();
  let from = 0;
  for (const end of [...cutsOf(data), data.length]) {
    found.add(Bun.hash(data.subarray(from, end)).toString(36));
    from = end;
  }
  return found;
}

describe("content-defined chunks", () => {
  const data = bytes(2_000_000, 7);

  test.each([1, 7, 31, 32, 33, 1000, 2048, 32768, 65536, 1_999_999])(
    "cuts do not depend on pieces of %d bytes",
    (size) => {
      expect(cutsOf(data, size)).toEqual(cutsOf(data));
    },
  );

  test("sizes stay within the bounds and near the average", () => {
    const cuts = cutsOf(data);
    const sizes = cuts.map((cut, index) => cut - (cuts[index - 1] ?? 0));
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(SIZES.minBytes);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(SIZES.maxBytes);
    const average = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    expect(average).toBeGreaterThan(SIZES.averageBytes / 2);
    expect(average).toBeLessThan(SIZES.averageBytes * 2);
  });

  test("bytes that never change are cut at the largest size", () => {
    expect(cutsOf(new Uint8Array(200_000)).slice(0, 3)).toEqual([32768, 65536, 98304]);
  });

  test.each([
    ["inserted", (at: number) => [data.subarray(0, at), bytes(100, 3), data.subarray(at)]],
    ["removed", (at: number) => [data.subarray(0, at), data.subarray(at + 100)]],
    ["changed", (at: number) => [data.subarray(0, at), bytes(100, 5), data.subarray(at + 100)]],
  ])("100 bytes %s in the middle make at most four new chunks", (_what, edit) => {
    const known = chunksOf(data);
    for (const at of [0, 1, 5000, 999_999, 1_500_000]) {
      const fresh = [...chunksOf(Buffer.concat(edit(at)))].filter((chunk) => !known.has(chunk));
      expect(fresh.length).toBeLessThanOrEqual(4);
    }
  });
});
