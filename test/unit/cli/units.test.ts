import { describe, expect, test } from "bun:test";
import { suggestion } from "../../../src/cli/suggest.ts";
import { binarySize, parseByteSize } from "../../../src/cli/units.ts";
import { editDistance } from "../../../src/lib/edit-distance.ts";
import { durationText, parseDuration } from "../../../src/lib/go-duration.ts";
import { humanDuration } from "../../../src/lib/human-duration.ts";
import { humanSize } from "../../../src/lib/human-size.ts";

describe("sizes", () => {
  const read: [string, number][] = [
    ["0", 0],
    ["64m", 67108864],
    ["1.5GiB", 1610612736],
    ["10 MB", 10485760],
    ["6b", 6],
    ["1e3", 1000],
    ["2T", 2199023255552],
  ];
  for (const [text, bytes] of read) test(text, () => expect(parseByteSize(text)).toBe(bytes));
  for (const bad of ["", "x", "-1", "5x", "5mbb", "5 5", "m"]) {
    test(`refuses ${JSON.stringify(bad)}`, () => expect(() => parseByteSize(bad)).toThrow());
  }
  const shown: [bytes: number, decimal: string, binary: string][] = [
    [0, "0B", "0B"],
    [999, "999B", "999B"],
    [1000, "1kB", "1000B"],
    [1088, "1.088kB", "1.062KiB"],
    [1234567, "1.235MB", "1.177MiB"],
    [1073741824, "1.074GB", "1GiB"],
  ];
  for (const [bytes, decimal, binary] of shown) {
    test(String(bytes), () => expect([humanSize(bytes), binarySize(bytes)]).toEqual([decimal, binary]));
  }
  test("three digits", () => expect(humanSize(1976543, 3)).toBe("1.98MB"));
});

describe("durations", () => {
  const second = 1000;
  const words: [milliseconds: number, words: string][] = [
    [999, "Less than a second"],
    [-second, "Less than a second"],
    [1.2 * second, "1 second"],
    [59 * second, "59 seconds"],
    [60 * second, "About a minute"],
    [119 * second, "About a minute"],
    [120 * second, "2 minutes"],
    [3599 * second, "59 minutes"],
    [3600 * second, "About an hour"],
    [1.5 * 3600 * second, "2 hours"],
    [47 * 3600 * second, "47 hours"],
    [48 * 3600 * second, "2 days"],
    [14 * 86400 * second, "2 weeks"],
    [60 * 86400 * second, "2 months"],
    // The hours are rounded up to two years, the years are cut.
    [(730 * 24 - 0.5) * 3600 * second, "1 years"],
    [730 * 86400 * second, "2 years"],
  ];
  for (const [milliseconds, expected] of words) {
    test(expected, () => expect(humanDuration(milliseconds)).toBe(expected));
  }
  const texts: [text: string, nanoseconds: number, shown: string][] = [
    ["0", 0, "0s"],
    ["1h3s", 3603e9, "1h0m3s"],
    ["1.5ms", 1.5e6, "1.5ms"],
    ["-90s", -90e9, "-1m30s"],
    ["250us", 250e3, "250µs"],
    ["7ns", 7, "7ns"],
  ];
  for (const [text, nanoseconds, shown] of texts) {
    test(text, () => expect([parseDuration(text), durationText(nanoseconds)]).toEqual([nanoseconds, shown]));
  }
  for (const [bad, message] of [
    ["", 'time: invalid duration ""'],
    ["5", 'time: missing unit in duration "5"'],
    ["5y", 'time: unknown unit "y" in duration "5y"'],
  ] as const) {
    test(`refuses ${JSON.stringify(bad)}`, () => expect(() => parseDuration(bad)).toThrow(message));
  }
});

describe("suggestions", () => {
  test("a swap of neighbours is one step", () => expect(editDistance("imagse", "images")).toBe(1));
  test("the closest come first", () =>
    expect(suggestion("imagse", ["image", "images", "info", "ps"])).toBe("Did you mean this?\n\timage\n\timages\n\n"));
  test("nothing close", () => expect(suggestion("zzzzzz", ["images", "ps"])).toBe(""));
});
