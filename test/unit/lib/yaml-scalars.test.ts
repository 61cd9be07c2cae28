import { expect, test } from "bun:test";
import { blockScalar, inDoubleQuotes } from "../../../src/lib/yaml-scalars.ts";

// As docker compose 2.40 and kubectl 1.36 print them.
test.each([
  ["p\u2028q\u0085r\u2029", "p\\Lq\\Nr\\P"],
  ["\u{1F600} x", "\\U0001F600 x"],
  ["l1\nl2\x07\x1b", "l1\\nl2\\a\\e"],
  ["\uFEFFz", "\\uFEFF\\x7A"],
  ["x\uFEFF y", "x\\uFEFF y"],
  ['é "q" \\', 'é \\"q\\" \\\\'],
])("%j between double quotes", (text, wanted) => {
  expect(inDoubleQuotes(text).join("")).toBe(wanted);
});

test.each([
  ["a\nb\n", "|\n  a\n  b"],
  ["a\nb", "|-\n  a\n  b"],
  [" lead\nx\n\n", "|2+\n   lead\n  x\n"],
])("%j as a block", (text, wanted) => {
  expect(blockScalar(text, 2)).toBe(wanted);
});
