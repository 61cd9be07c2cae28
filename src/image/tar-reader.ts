/** A tar archive, pushed in chunks of any size, as calls on a sink. */
import { NaruError } from "../lib/errors.ts";
import {
  applyPax,
  BLOCK_BYTES,
  decodeHeader,
  decodePax,
  isEndBlock,
  type RawHeader,
  type TarEntry,
} from "./tar-header.ts";
import {
  readGnuBlock,
  readGnuHeader,
  readPaxSparse,
  SparseContent,
  type SparseMap,
  SparseMapReader,
} from "./tar-sparse.ts";

/** Receives the entries. For each: begin, data while there is some, end. */
export interface TarSink {
  begin(entry: TarEntry): void;
  /** The bytes are valid only during the call. */
  data(chunk: Buffer, offset: number, length: number): void;
  /** So many zeros of a sparse file; without this method they come as data. */
  hole?(length: number): void;
  end(): void;
}

/** Longest extended header or long name, as in Go's reader; a hostile one must not fill the memory. */
const MAX_METADATA_BYTES = 1024 * 1024;

/** A sparse file on its way: its map may still be coming. */
interface SparseEntry {
  entry: TarEntry;
  /** Bytes of content that the archive stores. */
  storedBytes: number;
  map: SparseMap;
  /** Blocks with further parts follow the header. */
  hasMoreBlocks: boolean;
  /** Reads the map that stands before the content. */
  mapReader: SparseMapReader | undefined;
  content: SparseContent | undefined;
}

const ZEROS = Buffer.alloc(64 * 1024);

export class TarReader {
  /** Bytes of the current entry's content, or of metadata, that are still to come. */
  private needed = 0;
  private paddingLeft = 0;
  private partialHeader: Buffer = Buffer.alloc(0);
  private metadata: { header: RawHeader; parts: Buffer[] } | undefined;
  private longName: string | undefined;
  private longLink: string | undefined;
  private pax: Map<string, Buffer> | undefined;
  private inEntry = false;
  private sparse: SparseEntry | undefined;
  private ended = false;

  constructor(private readonly sink: TarSink) {}

  /** @throws invalid for what is not a tar archive, and whatever the sink throws */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.ended) {
      if (this.needed > 0) at += this.takeContent(chunk, at);
      else if (this.paddingLeft > 0) at += this.skipPadding(chunk.length - at);
      else at += this.takeHeader(chunk, at);
    }
  }

  /** @throws invalid when the archive ends inside an entry */
  finish(): void {
    const isInside = this.needed > 0 || this.partialHeader.length > 0 || this.sparse !== undefined;
    if (isInside || this.longName !== undefined || this.pax !== undefined) {
      throw new NaruError("invalid", "unexpected EOF: the archive is cut off");
    }
  }

  private takeContent(chunk: Buffer, at: number): number {
    const length = Math.min(this.needed, chunk.length - at);
    if (this.metadata) this.metadata.parts.push(Buffer.from(chunk.subarray(at, at + length)));
    else if (this.sparse) this.takeSparse(this.sparse, chunk, at, length);
    else this.sink.data(chunk, at, length);
    this.needed -= length;
    if (this.needed === 0) this.endContent();
    return length;
  }

  private skipPadding(available: number): number {
    const length = Math.min(this.paddingLeft, available);
    this.paddingLeft -= length;
    return length;
  }

  private takeHeader(chunk: Buffer, at: number): number {
    const missing = BLOCK_BYTES - this.partialHeader.length;
    const available = chunk.length - at;
    if (available < missing) {
      this.partialHeader = Buffer.concat([this.partialHeader, chunk.subarray(at)]);
      return available;
    }
    if (this.partialHeader.length === 0) this.header(chunk, at);
    else {
      const block = Buffer.concat([this.partialHeader, chunk.subarray(at, at + missing)]);
      this.partialHeader = Buffer.alloc(0);
      this.header(block, 0);
    }
    return missing;
  }

  private header(block: Buffer, at: number): void {
    if (this.sparse?.hasMoreBlocks) {
      this.sparse.hasMoreBlocks = readGnuBlock(block, at, this.sparse.map);
      if (!this.sparse.hasMoreBlocks) this.beginSparse(this.sparse);
      return;
    }
    if (block[at] === 0 && isEndBlock(block, at)) {
      this.ended = true;
      return;
    }
    const header = decodeHeader(block, at);
    if ("xgLK".includes(header.flag)) this.beginMetadata(header);
    else if (header.flag === "S") this.beginEntry(header, readGnuHeader(block, at));
    else this.beginEntry(header);
  }

  private beginMetadata(header: RawHeader): void {
    if (header.size > MAX_METADATA_BYTES) {
      throw new NaruError("invalid", `archive/tar: header field too long (${header.size} bytes)`);
    }
    this.metadata = { header, parts: [] };
    this.expect(header.size);
  }

  private beginEntry(header: RawHeader, gnu?: { map: SparseMap; hasMore: boolean }): void {
    if (this.longName !== undefined) header.path = this.longName;
    if (this.longLink !== undefined) header.linkPath = this.longLink;
    const entry = applyPax(header, this.pax);
    const pax = this.pax && readPaxSparse(this.pax);
    this.longName = undefined;
    this.longLink = undefined;
    this.pax = undefined;
    this.inEntry = true;
    if (gnu !== undefined || pax !== undefined) {
      const map = gnu?.map ?? { realSize: pax!.realSize, parts: [] };
      const mapReader = pax?.parts === "before the content" ? new SparseMapReader() : undefined;
      if (Array.isArray(pax?.parts)) map.parts = pax.parts;
      if (pax?.name !== undefined) entry.path = pax.name;
      const hasMoreBlocks = gnu?.hasMore ?? false;
      this.sparse = { entry, storedBytes: entry.size, map, hasMoreBlocks, mapReader, content: undefined };
      if (!hasMoreBlocks) this.beginSparse(this.sparse);
      return;
    }
    this.sink.begin(entry);
    this.expect(entry.size);
  }

  private beginSparse(sparse: SparseEntry): void {
    this.sink.begin({ ...sparse.entry, size: sparse.map.realSize });
    if (sparse.mapReader === undefined) sparse.content = new SparseContent(sparse.map, sparse.storedBytes);
    this.expect(sparse.storedBytes);
  }

  private takeSparse(sparse: SparseEntry, chunk: Buffer, at: number, length: number): void {
    let from = at;
    while (sparse.content === undefined && from < at + length) {
      const { taken, parts } = sparse.mapReader!.take(chunk, from, at + length - from);
      from += taken;
      sparse.storedBytes -= taken;
      if (parts === undefined) continue;
      sparse.map.parts = parts;
      sparse.content = new SparseContent(sparse.map, sparse.storedBytes);
    }
    sparse.content?.data(at + length - from, {
      hole: (bytes) => this.emitHole(bytes),
      data: (offset, bytes) => this.sink.data(chunk, from + offset, bytes),
    });
  }

  private emitHole(length: number): void {
    if (this.sink.hole !== undefined) {
      this.sink.hole(length);
      return;
    }
    for (let left = length; left > 0; left -= ZEROS.length) this.sink.data(ZEROS, 0, Math.min(left, ZEROS.length));
  }

  private expect(size: number): void {
    this.needed = size;
    this.paddingLeft = (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
    if (size === 0) this.endContent();
  }

  private endContent(): void {
    if (this.metadata) this.endMetadata(this.metadata);
    else if (this.inEntry) {
      this.inEntry = false;
      if (this.sparse) this.endSparse(this.sparse);
      this.sink.end();
    }
  }

  private endSparse({ content }: SparseEntry): void {
    this.sparse = undefined;
    if (content === undefined) throw new NaruError("invalid", "unexpected EOF: the map of a sparse file is cut off");
    if (content.holeAtEnd > 0) this.emitHole(content.holeAtEnd);
  }

  private endMetadata({ header, parts }: { header: RawHeader; parts: Buffer[] }): void {
    this.metadata = undefined;
    const body = Buffer.concat(parts);
    const name = () => body.toString("latin1", 0, body.indexOf(0) < 0 ? body.length : body.indexOf(0));
    if (header.flag === "L") this.longName = name();
    else if (header.flag === "K") this.longLink = name();
    else if (header.flag === "x") this.pax = decodePax(body);
    // Global records ("g") hold comments in practice, such as git's commit id.
  }
}
