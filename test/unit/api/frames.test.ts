import { expect, test } from "bun:test";
import { lineFrames, wireChunks } from "../../../src/api/frames.ts";

const chunk = (text: string, stream: "stdout" | "stderr" = "stdout") => ({ stream, data: Buffer.from(text) });
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

test.each([
  ["a\nbc\n", "\x01\0\0\0\0\0\0\x02a\n\x01\0\0\0\0\0\0\x03bc\n"],
  ["a\nrest", "\x01\0\0\0\0\0\0\x02a\n\x01\0\0\0\0\0\0\x04rest"],
  ["\n", "\x01\0\0\0\0\0\0\x01\n"],
  ["", ""],
])("a frame per line of %j", (lines, wire) => {
  expect(text(lineFrames(chunk(lines)))).toBe(wire);
});

test("stderr, and chunks of an attached process as they come", () => {
  expect(text(lineFrames(chunk("e\n", "stderr")))).toBe("\x02\0\0\0\0\0\0\x02e\n");
  expect(wireChunks(chunk("a\nb", "stderr"), true).map(text).join("")).toBe("\x02\0\0\0\0\0\0\x03a\nb");
  expect(wireChunks(chunk("a\nb"), false).map(text).join("")).toBe("a\nb");
});
