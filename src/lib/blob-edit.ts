/**
 * A blob told as pieces of blobs that the other side has and bytes that it has not: what travels instead of the whole blob
 * (docs/chunked-transfer.md). Records follow each other; numbers are big-endian:
 *   "C", SHA-256 of a blob (32 bytes), offset in it (64 bits), length (64 bits)
 *   "D", length (64 bits), that many bytes
 */
import type { Digest } from "../model/image.ts";
import { NaruError } from "./errors.ts";

export const BLOB_EDIT_TYPE = "application/vnd.naru.blob-edit.v1";
const COPY = 0x43;
const DATA = 0x44;
const HASH_BYTES = 32;
const NUMBER_BYTES = 8;
/** Sums of two are still exact. */
const MAX_NUMBER = 1n << 52n;

export type BlobEditRecord =
  | { kind: "copy"; source: Digest; offset: number; length: number }
  | { kind: "data"; length: number; bytes: AsyncIterable<Uint8Array> };

/** Bytes that the records take when they travel. */
export function editSize(records: readonly BlobEditRecord[]): number {
  const sizes = records.map((record) =>
    record.kind === "copy" ? 1 + HASH_BYTES + 2 * NUMBER_BYTES : 1 + NUMBER_BYTES + record.length,
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

export async function* encodeEdit(records: Iterable<BlobEditRecord>): AsyncGenerator<Uint8Array> {
  for (const record of records) {
    if (record.kind === "copy") {
      const head = Buffer.alloc(1 + HASH_BYTES + 2 * NUMBER_BYTES);
      head[0] = COPY;
      head.write(record.source.slice("sha256:".length), 1, "hex");
      head.writeBigUInt64BE(BigInt(record.offset), 1 + HASH_BYTES);
      head.writeBigUInt64BE(BigInt(record.length), 1 + HASH_BYTES + NUMBER_BYTES);
      yield head;
    } else {
      const head = Buffer.alloc(1 + NUMBER_BYTES);
      head[0] = DATA;
      head.writeBigUInt64BE(BigInt(record.length), 1);
      yield head;
      yield* record.bytes;
    }
  }
}

/**
 * The blob that the edit stands for. `readPiece` brings bytes of a blob that is here.
 * @throws invalid when the edit is malformed or cut off; what `readPiece` throws
 */
export async function* applyEdit(
  edit: AsyncIterable<Uint8Array>,
  readPiece: (source: Digest, start: number, end: number) => Promise<AsyncIterable<Uint8Array>>,
): AsyncGenerator<Uint8Array> {
  const input = new ByteQueue(edit);
  for (let kind = await input.readOptional(); kind !== undefined; kind = await input.readOptional()) {
    if (kind === COPY) {
      const head = await input.readExactly(HASH_BYTES + 2 * NUMBER_BYTES);
      const source: Digest = `sha256:${head.toString("hex", 0, HASH_BYTES)}`;
      const start = readNumber(head, HASH_BYTES);
      const length = readNumber(head, HASH_BYTES + NUMBER_BYTES);
      if (length > 0) yield* await readPiece(source, start, start + length);
    } else if (kind === DATA) {
      yield* input.read(readNumber(await input.readExactly(NUMBER_BYTES), 0));
    } else throw malformed(`an unknown record (${kind})`);
  }
}

function readNumber(head: Buffer, at: number): number {
  const value = head.readBigUInt64BE(at);
  if (value > MAX_NUMBER) throw malformed("a number beyond all bounds");
  return Number(value);
}

function malformed(what: string): NaruError {
  return new NaruError("invalid", `the edited blob is malformed: ${what}`);
}

/** Pieces of any size, read by the byte. */
class ByteQueue {
  private readonly iterator: AsyncIterator<Uint8Array>;
  private piece: Uint8Array = new Uint8Array(0);

  constructor(input: AsyncIterable<Uint8Array>) {
    this.iterator = input[Symbol.asyncIterator]();
  }

  /** Undefined at the end. */
  async readOptional(): Promise<number | undefined> {
    if (!(await this.fill())) return undefined;
    const byte = this.piece[0];
    this.piece = this.piece.subarray(1);
    return byte;
  }

  async readExactly(count: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of this.read(count)) parts.push(part);
    return Buffer.concat(parts);
  }

  async *read(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0; ) {
      if (!(await this.fill())) throw malformed("it is cut off");
      const part = this.piece.subarray(0, left);
      this.piece = this.piece.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  private async fill(): Promise<boolean> {
    while (this.piece.length === 0) {
      const next = await this.iterator.next();
      if (next.done) return false;
      this.piece = next.value;
    }
    return true;
  }
}
