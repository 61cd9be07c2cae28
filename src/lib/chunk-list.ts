/**
 * Which chunks a blob consists of, and where the same chunks lie in other blobs. The list travels between a naru client and
 * a naru registry (docs/chunked-transfer.md); its sizes and cuts are part of the format, so both ends find the same chunks.
 */
import { ChunkCutter, type ChunkSizes } from "./content-defined-chunks.ts";
import { NaruError } from "./errors.ts";

const CHUNK_SIZES: ChunkSizes = { minBytes: 8 * 1024, averageBytes: 32 * 1024, maxBytes: 128 * 1024 };
const MAGIC = 0x4e434c31; // "NCL1"
const HEAD_BYTES = 8;
const HASH_BYTES = 32;
const ENTRY_BYTES = 4 + HASH_BYTES;
/** Of a list: some 64 GiB of blob. */
export const MAX_CHUNK_LIST_BYTES = 64 * 1024 * 1024;
/** Header of every answer of a registry that knows chunks. */
export const CHUNKS_HEADER = "Naru-Chunks";
export const CHUNK_LIST_TYPE = "application/vnd.naru.chunk-list.v1";

/** In the blob's order. Encoded: "NCL1", count, then size (both 32 bits, big-endian) and SHA-256 of each. */
export class ChunkList {
  private constructor(private readonly encoded: Buffer) {}

  static of(entries: Uint8Array[]): ChunkList {
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32BE(MAGIC, 0);
    head.writeUInt32BE(entries.length, 4);
    return new ChunkList(Buffer.concat([head, ...entries]));
  }

  /** @throws invalid when it is no such list */
  static decode(bytes: Uint8Array): ChunkList {
    const encoded = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const isList = encoded.length >= HEAD_BYTES && encoded.readUInt32BE(0) === MAGIC;
    if (!isList || encoded.length !== HEAD_BYTES + encoded.readUInt32BE(4) * ENTRY_BYTES) {
      throw new NaruError("invalid", "the list of chunks is malformed");
    }
    const list = new ChunkList(encoded);
    for (let i = 0; i < list.count; i++) {
      const size = list.sizeOf(i);
      if (size === 0 || size > CHUNK_SIZES.maxBytes) throw new NaruError("invalid", `chunk ${i} has ${size} bytes`);
    }
    return list;
  }

  get count(): number {
    return (this.encoded.length - HEAD_BYTES) / ENTRY_BYTES;
  }

  /** Of the blob. */
  get totalBytes(): number {
    let total = 0;
    for (let i = 0; i < this.count; i++) total += this.sizeOf(i);
    return total;
  }

  encode(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.encoded);
  }

  sizeOf(index: number): number {
    return this.encoded.readUInt32BE(HEAD_BYTES + index * ENTRY_BYTES);
  }

  /** The hash as a key of maps. */
  keyOf(index: number): string {
    const start = HEAD_BYTES + index * ENTRY_BYTES + 4;
    return this.encoded.toString("latin1", start, start + HASH_BYTES);
  }
}

/** Makes the list of a blob that comes in pieces. */
export class ChunkLister {
  private readonly cutter = new ChunkCutter(CHUNK_SIZES);
  private readonly entries: Uint8Array[] = [];
  private hash = new Bun.CryptoHasher("sha256");
  private size = 0;

  push(data: Uint8Array): void {
    for (let start = 0; start < data.length; ) {
      const end = this.cutter.next(data, start);
      const part = data.subarray(start, end < 0 ? data.length : end);
      this.hash.update(part);
      this.size += part.length;
      start += part.length;
      if (end >= 0) this.endChunk();
    }
  }

  finish(): ChunkList {
    if (this.size > 0) this.endChunk();
    return ChunkList.of(this.entries);
  }

  private endChunk(): void {
    const entry = Buffer.alloc(ENTRY_BYTES);
    entry.writeUInt32BE(this.size, 0);
    entry.set(this.hash.digest(), 4);
    this.entries.push(entry);
    this.hash = new Bun.CryptoHasher("sha256");
    this.size = 0;
  }
}

/** A stretch of a blob: bytes from `offset` on, which also lie at `sourceOffset` in `source`, or nowhere known. */
export interface Stretch<Source> {
  offset: number;
  length: number;
  source?: Source;
  sourceOffset?: number;
}

/** Where known chunks lie. */
export class ChunkIndex<Source> {
  private readonly places = new Map<string, { source: Source; offset: number }>();

  add(source: Source, list: ChunkList): void {
    let offset = 0;
    for (let i = 0; i < list.count; i++) {
      const key = list.keyOf(i);
      if (!this.places.has(key)) this.places.set(key, { source, offset });
      offset += list.sizeOf(i);
    }
  }

  /** The blob as stretches that follow each other, as few and as long as they can be. */
  stretchesOf(list: ChunkList): Stretch<Source>[] {
    const stretches: Stretch<Source>[] = [];
    let offset = 0;
    for (let i = 0; i < list.count; i++) {
      const length = list.sizeOf(i);
      const place = this.places.get(list.keyOf(i));
      const last = stretches.at(-1);
      if (last && follows(last, place)) last.length += length;
      else if (place) stretches.push({ offset, length, source: place.source, sourceOffset: place.offset });
      else stretches.push({ offset, length });
      offset += length;
    }
    return stretches;
  }
}

function follows<Source>(last: Stretch<Source>, place: { source: Source; offset: number } | undefined): boolean {
  if (place === undefined) return last.source === undefined;
  return last.source === place.source && last.sourceOffset! + last.length === place.offset;
}
