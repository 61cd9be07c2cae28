/** How many failures a ratio lets pass. */
import { expect, test } from "bun:test";
import { toleratedFailures } from "../../../src/compose/failure-ratio.ts";

test.each([
  [undefined, 10, 0],
  [0, 10, 0],
  [0.1, 10, 1],
  [0.29, 100, 29],
  [0.7, 10, 7],
  [0.34, 3, 1],
  [0.66, 3, 1],
  [1, 3, 3],
])("%p of %d: %d", (ratio, count, tolerated) => {
  expect(toleratedFailures(ratio, count)).toBe(tolerated);
});
