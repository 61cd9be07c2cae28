import { expect, test } from "bun:test";
import { encodePathStat } from "../../../src/api/archive.ts";
import { acceptKey, encodeWebSocketFrame, OPCODES, WebSocketFrameReader } from "../../../src/lib/websocket-frames.ts";

/** As a client sends it. */
function masked(opcode: number, payload: Buffer): Buffer {
  const plain = Buffer.from(encodeWebSocketFrame(opcode, payload));
  const header = plain.subarray(0, plain.length - payload.length);
  header[1]! |= 0x80;
  const mask = Buffer.from([1, 2, 3, 4]);
  return Buffer.concat([header, mask, payload.map((byte, index) => byte ^ mask[index & 3]!)]);
}

test("the accept key of RFC 6455, section 1.3", () => {
  expect(acceptKey("dGhlIHNhbXBsZSBub25jZQ==")).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});

test.each([0, 5, 125, 126, 65535, 65536])("frames of %d bytes, in pieces", (length) => {
  const payload = Buffer.alloc(length, "x");
  const wire = Buffer.concat([masked(OPCODES.binary, payload), masked(OPCODES.close, Buffer.alloc(2))]);
  const reader = new WebSocketFrameReader();
  const frames = [];
  const step = Math.max(1, Math.floor(wire.length / 7));
  for (let at = 0; at < wire.length; at += step) frames.push(...reader.push(wire.subarray(at, at + step)));
  expect(frames.map((frame) => [frame.opcode, frame.payload.length])).toEqual([
    [OPCODES.binary, length],
    [OPCODES.close, 2],
  ]);
  expect(Buffer.compare(frames[0]!.payload, payload)).toBe(0);
});

test("unmasked and oversized frames are refused", () => {
  expect(() => new WebSocketFrameReader().push(encodeWebSocketFrame(2, Buffer.from("x")))).toThrow("mask");
  const huge = Buffer.from([0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  expect(() => new WebSocketFrameReader().push(huge)).toThrow("too large");
});

test("the path stat header", () => {
  const stat = { name: "passwd", size: 30, mode: 420, mtime: "2026-11-21T08:09:08Z", linkTarget: "" };
  expect(encodePathStat(stat)).toBe(
    "eyJuYW1lIjoicGFzc3dkIiwic2l6ZSI6MzAsIm1vZGUiOjQyMCwibXRpbWUiOiIyMDI2LTExLTIxVDA4OjA5OjA4WiIsImxpbmtUYXJnZXQiOiIifQ==",
  );
});
