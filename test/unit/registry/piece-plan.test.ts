import { describe, expect, test } from "bun:test";
import { type Part, type Piece, planParts, withoutGaps } from "../../../src/registry/storage/piece-plan.ts";

const MB = 1024 * 1024;

/** Pieces of these sizes, one behind the other. */
function pieces(...sizes: number[]): Piece[] {
  let offset = 0;
  return sizes.map((size) => {
    const piece = { offset, size };
    offset += size;
    return piece;
  });
}
/** "copy 8" or "join 1+2+3", in MiB. */
const text = (part: Part) =>
  "copy" in part ? `copy ${part.copy.size / MB}` : `join ${part.join.map(({ size }) => size / MB).join("+")}`;

describe("planParts()", () => {
  const rows: [sizes: number[], expected: string[]][] = [
    [[], []],
    [[0.5], ["copy 0.5"]],
    [[8], ["copy 8"]],
    [
      [8, 8, 2],
      ["copy 8", "copy 8", "copy 2"],
    ],
    [[1, 1, 1], ["join 1+1+1"]],
    [
      [1, 2, 3, 1],
      ["join 1+2+3", "copy 1"],
    ],
    // A small piece before a large one takes it along: no part but the last may be small.
    [
      [8, 1, 8, 8],
      ["copy 8", "join 1+8", "copy 8"],
    ],
    [
      [4, 4, 4, 4, 4],
      ["join 4+4", "join 4+4", "copy 4"],
    ],
    [
      [5, 5],
      ["copy 5", "copy 5"],
    ],
  ];
  for (const [sizes, expected] of rows) {
    test(sizes.join(" "), () => {
      const plan = planParts(pieces(...sizes.map((size) => size * MB)));
      expect(plan.map(text)).toEqual(expected);
      const total = (part: Part) => ("copy" in part ? [part.copy] : part.join).reduce((sum, { size }) => sum + size, 0);
      for (const part of plan.slice(0, -1)) expect(total(part)).toBeGreaterThanOrEqual(5 * MB);
    });
  }
});

test("withoutGaps() keeps what follows from the beginning, whatever the order", () => {
  const [a, b, c] = pieces(3, 4, 5) as [Piece, Piece, Piece];
  expect(withoutGaps([c, a, b])).toEqual([a, b, c]);
  expect(withoutGaps([a, c])).toEqual([a]);
  expect(withoutGaps([b, c])).toEqual([]);
});
