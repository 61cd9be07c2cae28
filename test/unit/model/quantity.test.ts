import { expect, test } from "bun:test";
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  dividedQuantity,
  formatQuantity,
  milliValue,
  parseQuantity,
  subtractQuantities,
  wholeValue,
} from "../../../src/model/kubernetes/quantity.ts";

test.each([
  ["1000m", "1"],
  ["1500m", "1500m"],
  ["0.5", "500m"],
  [".5", "500m"],
  ["1.", "1"],
  ["1024Ki", "1Mi"],
  ["1536Mi", "1536Mi"],
  ["1.5Gi", "1536Mi"],
  ["0.5Ki", "512"],
  ["1000Ki", "1000Ki"],
  ["128974848", "128974848"],
  ["129e6", "129e6"],
  ["12e3", "12e3"],
  ["123000", "123k"],
  ["1e3", "1e3"],
  ["0", "0"],
  ["0Mi", "0"],
  ["-250m", "-250m"],
  ["100n", "100n"],
  ["0.1n", "1n"],
  ["+1G", "1G"],
])("canonicalQuantity(%p) is %p", (text, canonical) => {
  expect(canonicalQuantity(text)).toBe(canonical);
});

test.each(["", "1x", "1 Mi", "Mi", "1.2.3", "1mi", "--1", "1e400", "0x10"])("%p is no quantity", (text) => {
  expect(parseQuantity(text)).toBeUndefined();
});

test("cpu counts in thousandths, memory in whole bytes, both rounded up", () => {
  expect([milliValue("250m"), milliValue("1"), milliValue("1.0001"), milliValue(2), milliValue(undefined)]).toEqual([
    250, 1000, 1001, 2000, 0,
  ]);
  expect([wholeValue("1Ki"), wholeValue("1.5"), wholeValue("100m"), wholeValue("64Mi")]).toEqual([
    1024,
    2,
    1,
    64 * 1024 ** 2,
  ]);
});

test("sums keep the form of the first", () => {
  const mebi = parseQuantity("64Mi")!;
  const more = parseQuantity("64Mi")!;
  expect(formatQuantity(addQuantities(mebi, more))).toBe("128Mi");
  expect(formatQuantity(subtractQuantities(mebi, more))).toBe("0");
  expect(formatQuantity(addQuantities(parseQuantity("0")!, mebi))).toBe("64Mi");
  expect(compareQuantities(mebi, parseQuantity("65M")!)).toBe(1);
  expect(compareQuantities(mebi, more)).toBe(0);
});

test.each([
  ["500m", undefined, "1"],
  ["500m", "0", "1"],
  ["500m", "1m", "500"],
  ["570m", "1m", "570"],
  ["2500001n", "1m", "3"],
  ["128Mi", "1", "134217728"],
  ["129Mi", "1Gi", "1"],
  ["1e3", "1", "1000"],
  ["none", "1", "0"],
  ["2", "nothing", "2"],
])("%p by %p is %p", (amount, divisor, whole) => {
  expect(dividedQuantity(amount, divisor)).toBe(whole);
});
