/**
 * Tar archives as streams: POSIX ustar with pax headers for long names and large files (IEEE 1003.1, "pax"); GNU long
 * names are understood too.
 */
import { CliError } from "./cli-error.ts";

export type TarEntryType = "file" | "directory" | "symlink" | "hardlink" | "char" | "block" | "fifo";

export interface TarHeader {
  name: string;
  type: TarEntryType;
  /** Permission bits. */
  mode: number;
  /** Bytes of the body that follows. */
  size: number;
  linkName?: string;
  uid?: number;
  gid?: number;
  /** Modification time in seconds. */
  modifiedSeconds?: number;
  deviceMajor?: number;
  deviceMinor?: number;
}

const BLOCK = 512;
const TYPE_LETTERS: Record<TarEntryType, string> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};
const TYPE_OF: Record<string, TarEntryType | undefined> = Object.fromEntries(
  Object.entries(TYPE_LETTERS).map(([type, letter]) => [letter, type as TarEntryType]),
);
TYPE_OF["\0"] = "file";
TYPE_OF["7"] = "file";

/** The two empty blocks that end an archive. */
export const TAR_END = new Uint8Array(2 * BLOCK);

/** The zeros that fill the last block of a body. */
export function tarPadding(size: number): Uint8Array {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}

/** The header blocks of an entry. Directories get their closing slash. */
export function tarHeader(header: TarHeader): Uint8Array {
  const name = header.type === "directory" && !header.name.endsWith("/") ? `${header.name}/` : header.name;
  const records: Record<string, string> = {};
  if (Buffer.byteLength(name) > 100 || !isAscii(name)) records.path = name;
  if (Buffer.byteLength(header.linkName ?? "") > 100 || !isAscii(header.linkName ?? "")) {
    records.linkpath = header.linkName!;
  }
  if (header.size >= 8 ** 11) records.size = String(header.size);
  if ((header.uid ?? 0) >= 8 ** 7) records.uid = String(header.uid);
  if ((header.gid ?? 0) >= 8 ** 7) records.gid = String(header.gid);
  if (!Number.isInteger(header.modifiedSeconds ?? 0)) records.mtime = String(header.modifiedSeconds);
  const block = headerBlock({ ...header, name }, TYPE_LETTERS[header.type]);
  if (Object.keys(records).length === 0) return block;
  const body = Buffer.from(Object.entries(records).map(paxRecord).join(""));
  const pax = headerBlock({ name: "PaxHeaders/entry", type: "file", mode: 0o644, size: body.length }, "x");
  return new Uint8Array(Buffer.concat([pax, body, tarPadding(body.length), block]));
}

function isAscii(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text);
}

function paxRecord([key, value]: [string, string]): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function headerBlock(header: TarHeader, letter: string): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, width: number) => {
    const digits = Math.min(Math.max(Math.trunc(value), 0), 8 ** (width - 1) - 1).toString(8);
    block.write(digits.padStart(width - 1, "0"), at, "latin1");
  };
  block.write(header.name, 0, 100, "utf8");
  octal(header.mode & 0o7777, 100, 8);
  octal(header.uid ?? 0, 108, 8);
  octal(header.gid ?? 0, 116, 8);
  octal(header.size, 124, 12);
  octal(header.modifiedSeconds ?? 0, 136, 12);
  block.write(" ".repeat(8), 148, "latin1");
  block.write(letter, 156, "latin1");
  block.write(header.linkName ?? "", 157, 100, "utf8");
  block.write("ustar\x0000", 257, "latin1");
  octal(header.deviceMajor ?? 0, 329, 8);
  octal(header.deviceMinor ?? 0, 337, 8);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

export interface ArchiveEntry {
  header: TarHeader;
  /** The bytes of a file; what is not read is skipped. */
  body(): AsyncGenerator<Uint8Array>;
}

/**
 * The entries of an archive in order. What follows the archive's end is read too, for its writer must not wait for a reader who is
 * content; leaving early ends `chunks`. @throws CliError for bytes that are no archive
 */
export async function* archiveEntries(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ArchiveEntry> {
  const source = new ByteSource(chunks);
  try {
    yield* entriesOf(source);
    await source.skipRest();
  } finally {
    await source.leave();
  }
}

async function* entriesOf(source: ByteSource): AsyncGenerator<ArchiveEntry> {
  let extended: Record<string, string> = {};
  for (;;) {
    const block = await source.takeBlock();
    if (!block || block.every((byte) => byte === 0)) return;
    const { header, letter } = parseHeader(block);
    const padded = Math.ceil(header.size / BLOCK) * BLOCK;
    if ("xgLK".includes(letter)) {
      const text = Buffer.from(await source.takeAll(padded)).toString("utf8", 0, header.size);
      if (letter === "x") extended = { ...extended, ...parsePax(text) };
      else if (letter !== "g") extended[letter === "L" ? "path" : "linkpath"] = text.replace(/\0+$/, "");
      continue;
    }
    applyExtended(header, extended);
    extended = {};
    let left = Math.ceil(header.size / BLOCK) * BLOCK;
    let bodyLeft = header.size;
    const body = async function* (): AsyncGenerator<Uint8Array> {
      while (bodyLeft > 0) {
        const bytes = await source.takeSome(bodyLeft);
        bodyLeft -= bytes.length;
        left -= bytes.length;
        yield bytes;
      }
    };
    yield { header, body };
    while (left > 0) left -= (await source.takeSome(left)).length;
  }
}

function parseHeader(block: Uint8Array): { header: TarHeader; letter: string } {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.length);
  const text = (at: number, width: number) => bytes.toString("utf8", at, at + width).replace(/\0[\s\S]*$/, "");
  const number = (at: number, width: number) => parseNumber(bytes.subarray(at, at + width));
  const sum = bytes.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0);
  if (sum !== number(148, 8)) throw new CliError("archive/tar: invalid tar header");
  const prefix = text(257, 6).startsWith("ustar") && bytes[263] === 48 ? text(345, 155) : "";
  const name = prefix === "" ? text(0, 100) : `${prefix}/${text(0, 100)}`;
  const letter = String.fromCharCode(bytes[156]!);
  const type = TYPE_OF[letter] ?? "file";
  return {
    letter,
    header: {
      name,
      type: type === "file" && name.endsWith("/") ? "directory" : type,
      mode: number(100, 8),
      uid: number(108, 8),
      gid: number(116, 8),
      size: "0\x007xgLK".includes(letter) ? number(124, 12) : 0,
      modifiedSeconds: number(136, 12),
      linkName: text(157, 100),
      deviceMajor: number(329, 8),
      deviceMinor: number(337, 8),
    },
  };
}

/** An octal number, or a large one in base 256 as GNU tar writes it. */
function parseNumber(bytes: Buffer): number {
  if (bytes[0]! & 0x80) return bytes.subarray(1).reduce((total, byte) => total * 256 + byte, bytes[0]! & 0x7f);
  const digits = bytes
    .toString("latin1")
    .replace(/\0[\s\S]*$/, "")
    .trim();
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

function parsePax(text: string): Record<string, string> {
  const records: Record<string, string> = {};
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    const space = bytes.indexOf(32);
    const length = Number(bytes.toString("latin1", 0, Math.max(space, 0)));
    if (!(length > space + 1)) throw new CliError("archive/tar: invalid tar header");
    const [, key = "", value = ""] = /^([^=]*)=([\s\S]*)$/.exec(bytes.toString("utf8", space + 1, length - 1)) ?? [];
    records[key] = value;
    bytes = bytes.subarray(length);
  }
  return records;
}

function applyExtended(header: TarHeader, extended: Record<string, string>): void {
  if (extended.path !== undefined) header.name = extended.path;
  if (extended.linkpath !== undefined) header.linkName = extended.linkpath;
  if (extended.size !== undefined) header.size = Number(extended.size);
  if (extended.mtime !== undefined) header.modifiedSeconds = Number(extended.mtime);
  if (extended.uid !== undefined) header.uid = Number(extended.uid);
  if (extended.gid !== undefined) header.gid = Number(extended.gid);
}

/** Bytes of a stream, taken in the sizes that the reader wants. */
class ByteSource {
  private readonly iterator: AsyncIterator<Uint8Array>;
  private pending: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.iterator = chunks[Symbol.asyncIterator]();
  }

  /** One block; undefined at the end of the stream. */
  async takeBlock(): Promise<Uint8Array | undefined> {
    if (this.pending.length === 0 && !(await this.refill())) return undefined;
    return this.takeAll(BLOCK);
  }

  async takeAll(size: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let left = size; left > 0; left -= parts.at(-1)!.length) parts.push(await this.takeSome(left));
    return parts.length === 1 ? parts[0]! : new Uint8Array(Buffer.concat(parts));
  }

  /** At least one byte and at most `most`. */
  async takeSome(most: number): Promise<Uint8Array> {
    if (this.pending.length === 0 && !(await this.refill())) throw new CliError("unexpected EOF");
    const bytes = this.pending.subarray(0, most);
    this.pending = this.pending.subarray(bytes.length);
    return bytes;
  }

  async skipRest(): Promise<void> {
    while (await this.refill());
  }

  /** Nothing more is read: the stream's own end is told so. */
  async leave(): Promise<void> {
    await this.iterator.return?.();
  }

  private async refill(): Promise<boolean> {
    for (;;) {
      const { value, done } = await this.iterator.next();
      if (done) return false;
      if (value.length === 0) continue;
      this.pending = value;
      return true;
    }
  }
}
