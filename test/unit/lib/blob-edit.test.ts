import { describe, expect, test } from "bun:test";
import { applyEdit, type BlobEditRecord, editSize, encodeEdit } from "../../../src/lib/blob-edit.ts";
import type { Digest } from "../../../src/model/image.ts";

const KNOWN = Buffer.from("the bytes of a blob that both sides have");
const SOURCE = `sha256:${new Bun.CryptoHasher("sha256").update(KNOWN).digest("hex")}` as Digest;

async function* pieces(data: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < data.length; i += size) yield data.subarray(i, i + size);
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stream));
}

async function readPiece(source: Digest, start: number, end: number): Promise<AsyncIterable<Uint8Array>> {
  if (source !== SOURCE) throw new Error("not here");
  return pieces(KNOWN.subarray(start, end), 3);
}

function data(text: string): BlobEditRecord {
  return { kind: "data", length: Buffer.byteLength(text), bytes: pieces(Buffer.from(text), 2) };
}

const RECORDS: [string, () => BlobEditRecord[], string][] = [
  ["nothing", () => [], ""],
  ["only new bytes", () => [data("hello")], "hello"],
  ["only a copy", () => [{ kind: "copy", source: SOURCE, offset: 4, length: 5 }], "bytes"],
  [
    "a mixture",
    () => [data("My "), { kind: "copy", source: SOURCE, offset: 4, length: 5 }, data("!"), data("")],
    "My bytes!",
  ],
];

describe("edited blobs", () => {
  for (const [what, records, whole] of RECORDS) {
    test.each([1, 2, 7, 1000])(`${what}, in pieces of %d bytes`, async (size) => {
      const encoded = await collect(encodeEdit(records()));
      expect(encoded.length).toBe(editSize(records()));
      expect((await collect(applyEdit(pieces(encoded, size), readPiece))).toString()).toBe(whole);
    });
  }

  test("cut off anywhere but between records, it is refused", async () => {
    const [, records] = RECORDS[3]!;
    const encoded = await collect(encodeEdit(records()));
    const ends = new Set([0, 1 + 8 + 3, 1 + 8 + 3 + 49, encoded.length - 9, encoded.length]);
    for (let length = 0; length < encoded.length; length++) {
      const outcome = collect(applyEdit(pieces(encoded.subarray(0, length), 5), readPiece));
      if (ends.has(length)) await outcome;
      else await expect(outcome).rejects.toThrow("malformed");
    }
  });

  test.each([
    ["an unknown record", Buffer.from("X")],
    ["a length beyond all bounds", Buffer.concat([Buffer.from("D"), Buffer.alloc(8, 255)])],
  ])("refuses %s", async (_what, encoded) => {
    await expect(collect(applyEdit(pieces(encoded, 100), readPiece))).rejects.toThrow("malformed");
  });
});
