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

/** Receives the entries. For each: begin, data while there is some, end. */
export interface TarSink {
  begin(entry: TarEntry): void;
  /** The bytes are valid only during the call. */
  data(chunk: Buffer, offset: number, length: number): void;
  end(): void;
}

/** Longest extended header or long name, as in Go's reader; a hostile one must not fill the memory. */
const MAX_METADATA_BYTES = 1024 * 1024;

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
    if (this.needed > 0 || this.partialHeader.length > 0 || this.longName !== undefined || this.pax !== undefined) {
      throw new NaruError("invalid", "unexpected EOF: the archive is cut off");
    }
  }

  private takeContent(chunk: Buffer, at: number): number {
    const length = Math.min(this.needed, chunk.length - at);
    if (this.metadata) this.metadata.parts.push(Buffer.from(chunk.subarray(at, at + length)));
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
    if (block[at] === 0 && isEndBlock(block, at)) {
      this.ended = true;
      return;
    }
    const header = decodeHeader(block, at);
    if ("xgLK".includes(header.flag)) this.beginMetadata(header);
    else this.beginEntry(header);
  }

  private beginMetadata(header: RawHeader): void {
    if (header.size > MAX_METADATA_BYTES) {
      throw new NaruError("invalid", `archive/tar: header field too long (${header.size} bytes)`);
    }
    this.metadata = { header, parts: [] };
    this.expect(header.size);
  }

  private beginEntry(header: RawHeader): void {
    if (this.longName !== undefined) header.path = this.longName;
    if (this.longLink !== undefined) header.linkPath = this.longLink;
    const entry = applyPax(header, this.pax);
    this.longName = undefined;
    this.longLink = undefined;
    this.pax = undefined;
    this.inEntry = true;
    this.sink.begin(entry);
    this.expect(entry.size);
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
      this.sink.end();
    }
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
