import { describe, expect, test } from "bun:test";
import { DetachFilter, parseDetachKeys } from "../../../src/cli/detach-keys.ts";
import { Demultiplexer } from "../../../src/cli/multiplexed.ts";
import { alignColumns } from "../../../src/cli/tabwriter.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function frame(stream: number, payload: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(payload), 4);
  return Buffer.concat([header, Buffer.from(payload)]);
}

describe("Demultiplexer", () => {
  const whole = Buffer.concat([
    frame(1, "a"),
    frame(1, "bc"),
    frame(2, "E"),
    frame(1, ""),
    frame(1, "d"),
    frame(3, "bad"),
  ]);

  test("frames of one stream come together", () => {
    const runs = new Demultiplexer().decode(Buffer.from(whole)).map(({ stream, bytes }) => [stream, text(bytes)]);
    expect(runs).toEqual([
      [1, "abc"],
      [2, "E"],
      [1, "d"],
      [3, "bad"],
    ]);
  });

  test("the text is the same however the bytes are cut", () => {
    for (let size = 1; size <= whole.length; size++) {
      const demultiplexer = new Demultiplexer();
      const outputs = new Map<number, string>();
      for (let at = 0; at < whole.length; at += size) {
        for (const { stream, bytes } of demultiplexer.decode(Buffer.from(whole.subarray(at, at + size)))) {
          outputs.set(stream, (outputs.get(stream) ?? "") + text(bytes));
        }
      }
      expect(Object.fromEntries(outputs)).toEqual({ 1: "abcd", 2: "E", 3: "bad" });
    }
  });

  test("an unknown stream is refused", () => {
    expect(() => new Demultiplexer().decode(frame(9, "x"))).toThrow("Unrecognized input header: 9");
  });
});

describe("detach keys", () => {
  const cases: [keys: string, typed: string[], sent: string, isDetached: boolean][] = [
    ["", ["ab"], "ab", false],
    ["", ["a\x10\x11b"], "a", true],
    ["", ["a\x10", "\x11"], "a", true],
    ["", ["\x10", "x"], "\x10x", false],
    ["", ["\x10\x10\x11"], "\x10", true],
    ["ctrl-a,d", ["\x01", "d"], "", true],
    ["ctrl-a,d", ["\x01x\x01", "d"], "\x01x", true],
    ["q", ["abq"], "ab", true],
  ];
  for (const [keys, typed, sent, isDetached] of cases) {
    test(`${keys || "default"}: ${JSON.stringify(typed)}`, () => {
      const filter = new DetachFilter(parseDetachKeys(keys));
      let out = "";
      let detached = false;
      for (const piece of typed) {
        const result = filter.feed(Buffer.from(piece));
        out += text(result.bytes);
        detached ||= result.isDetached;
      }
      expect([out, detached]).toEqual([sent, isDetached]);
    });
  }
  test("unknown keys are refused", () =>
    expect(() => parseDetachKeys("ctrl-p,foo")).toThrow("Unknown character: 'foo'"));
});

describe("alignColumns", () => {
  const cases: [text: string, aligned: string][] = [
    ["A\tB\nlonger name\tx\n", "A             B\nlonger name   x\n"],
    ["A\tB\n", "A         B\n"],
    ["\tB\nx\ty\n", "          B\nx         y\n"],
    ["one\n\nA\tB\n", "one\n\nA         B\n"],
    ["a\tb\tc\nplain\nlonger one\tb\tc\n", "a         b         c\nplain\nlonger one   b         c\n"],
    ["日本\tx\n", "日本      x\n"],
    ["한글 이름\tx\nplain\ty\n", "한글 이름   x\nplain       y\n"],
    ["e\u0301\tx\n", "e\u0301         x\n"],
    ["\x1b[1mb\tx\n", "\x1b[1mb      x\n"],
    ["😀\tx\nlonger than 😀\ty\n", "😀               x\nlonger than 😀   y\n"],
    ["long in the last line only\nA\tB\tC\n", "long in the last line only\nA         B         C\n"],
  ];
  for (const [plain, aligned] of cases) test(JSON.stringify(plain), () => expect(alignColumns(plain)).toBe(aligned));
});
