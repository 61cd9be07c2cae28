import { expect, test } from "bun:test";
import { OutputBacklog } from "../../../src/runtime/output-backlog.ts";

function drain(backlog: OutputBacklog): [string, string, number][] {
  const pieces: [string, string, number][] = [];
  for (let piece = backlog.take(); piece; piece = backlog.take()) {
    pieces.push([piece.stream, Buffer.from(piece.data).toString(), piece.frames]);
  }
  return pieces;
}

test("pieces of one stream come out together, streams in their order", () => {
  const backlog = new OutputBacklog();
  for (const [stream, text] of [
    ["stdout", "a"],
    ["stdout", "bc"],
    ["stderr", "!"],
    ["stdout", "d"],
  ] as const) {
    backlog.push({ stream, data: Buffer.from(text) });
  }
  expect(drain(backlog)).toEqual([
    ["stdout", "abc", 2],
    ["stderr", "!", 1],
    ["stdout", "d", 1],
  ]);
  expect(backlog.take()).toBeUndefined();
});

test("no piece grows over 64 KiB, and nothing is lost", () => {
  const backlog = new OutputBacklog();
  const text = Array.from({ length: 30_000 }, (_, index) => `${index},`);
  for (const word of text) backlog.push({ stream: "stdout", data: Buffer.from(word) });
  const pieces = drain(backlog);
  expect(pieces.map(([, piece]) => piece).join("")).toBe(text.join(""));
  expect(Math.max(...pieces.map(([, piece]) => piece.length))).toBeLessThanOrEqual(65536);
  expect(pieces.reduce((sum, [, , frames]) => sum + frames, 0)).toBe(30_000);
});

test("memory that was pushed is never written to", () => {
  const backlog = new OutputBacklog();
  const received = Buffer.from("abXY");
  backlog.push({ stream: "stdout", data: received.subarray(0, 2) });
  backlog.push({ stream: "stdout", data: Buffer.from("cd") });
  expect(drain(backlog)).toEqual([["stdout", "abcd", 2]]);
  expect(received.toString()).toBe("abXY");
});
