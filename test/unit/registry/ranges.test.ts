import { describe, expect, test } from "bun:test";
import { parseChunkRange, parseDownloadRange } from "../../../src/registry/http/byte-range.ts";

type Outcome = { start: number; end: number } | undefined | "416";
const outcome = <T>(work: () => T): T | "416" => {
  try {
    return work();
  } catch (error) {
    expect((error as { status: number }).status).toBe(416);
    return "416";
  }
};

describe("parseDownloadRange() of 1000 bytes", () => {
  const rows: [header: string | null, expected: Outcome][] = [
    [null, undefined],
    ["bytes=0-0", { start: 0, end: 1 }],
    ["bytes=0-999", { start: 0, end: 1000 }],
    ["bytes=0-99999999999999999999", { start: 0, end: 1000 }],
    ["bytes=999-", { start: 999, end: 1000 }],
    ["bytes=-1", { start: 999, end: 1000 }],
    ["bytes=-1000", { start: 0, end: 1000 }],
    ["bytes=-2000", { start: 0, end: 1000 }],
    [" bytes=5-6 ", { start: 5, end: 7 }],
    ["bytes=1000-", "416"],
    ["bytes=1000-1001", "416"],
    ["bytes=-0", "416"],
    ["bytes=6-5", undefined],
    ["bytes=-", undefined],
    ["bytes=", undefined],
    ["bytes=0-1,5-6", undefined],
    ["bytes=-5-6", undefined],
    ["items=0-1", undefined],
    ["bytes=0x1-2", undefined],
  ];
  for (const [header, expected] of rows) {
    test(String(header), () => expect(outcome(() => parseDownloadRange(header, 1000))).toEqual(expected));
  }
  test("of nothing there is no part", () => expect(outcome(() => parseDownloadRange("bytes=0-", 0))).toBe("416"));
});

describe("parseChunkRange()", () => {
  const rows: [header: string | null, expected: { start: number; length: number } | undefined | "416"][] = [
    [null, undefined],
    ["0-0", { start: 0, length: 1 }],
    ["10-19", { start: 10, length: 10 }],
    ["bytes 10-19", { start: 10, length: 10 }],
    ["bytes=10-19", { start: 10, length: 10 }],
    ["bytes 10-19/*", { start: 10, length: 10 }],
    ["bytes 10-19/100", { start: 10, length: 10 }],
    ["19-10", "416"],
    ["-5", "416"],
    ["5-", "416"],
    ["", "416"],
    ["-1--5", "416"],
    ["1e3-2e3", "416"],
    [`0-${"9".repeat(20)}`, "416"],
  ];
  for (const [header, expected] of rows) {
    test(String(header).slice(0, 30), () => expect(outcome(() => parseChunkRange(header))).toEqual(expected));
  }
});
