/**
 * Headers of tar archives: POSIX ustar and pax (IEEE 1003.1-2017, pax, "ustar Interchange Format"), GNU's long names
 * and base-256 numbers. Names are raw (one character per byte, see linux/file-calls.ts).
 */
import { NaruError } from "../lib/errors.ts";
import type { FileTime } from "../linux/file-calls.ts";

export const BLOCK_BYTES = 512;

export type TarEntryType = "file" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo";

export interface TarEntry {
  type: TarEntryType;
  path: string;
  /** Target of a symbolic link, or the path of the file that a hard link names again. */
  linkPath: string;
  /** Permissions and set-id bits. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of content that follow; 0 but for files. */
  size: number;
  modifiedAt: FileTime;
  /** Of devices. */
  major: number;
  minor: number;
  xattrs: Map<string, Uint8Array>;
}

const TYPE_FLAGS: Record<TarEntryType, string> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};
const TYPES_BY_FLAG = new Map(Object.entries(TYPE_FLAGS).map(([type, flag]) => [flag, type as TarEntryType]));
// Old archives have NUL for a file; "7" is a contiguous file, "S" a sparse one (tar-sparse.ts).
TYPES_BY_FLAG.set("\0", "file").set("7", "file").set("S", "file");

/** What a header block says by itself, before extended headers are applied. */
export interface RawHeader {
  /** The type flag: one character. */
  flag: string;
  path: string;
  linkPath: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  modifiedSeconds: number;
  major: number;
  minor: number;
}

function invalid(what: string): NaruError {
  return new NaruError("invalid", `archive/tar: invalid tar header: ${what}`);
}

/** Field bytes up to the first NUL. */
function text(block: Buffer, offset: number, length: number): string {
  let end = offset;
  while (end < offset + length && block[end] !== 0) end += 1;
  return block.toString("latin1", offset, end);
}

/** Octal digits, or GNU's base-256 when the first bit is set. @throws invalid */
export function readNumber(block: Buffer, offset: number, length: number): number {
  const first = block[offset]!;
  if (first & 0x80) return base256(block, offset, length);
  let value = 0;
  let seen = false;
  for (let at = offset; at < offset + length; at += 1) {
    const byte = block[at]!;
    if (byte >= 0x30 && byte <= 0x37) {
      value = value * 8 + byte - 0x30;
      seen = true;
    } else if (byte === 0 || byte === 0x20) {
      if (seen) break;
    } else throw invalid("a number has characters that are not octal digits");
  }
  return value;
}

function base256(block: Buffer, offset: number, length: number): number {
  const negative = block[offset] === 0xff;
  let value = negative ? -1n : BigInt(block[offset]! & 0x7f);
  for (let at = offset + 1; at < offset + length; at += 1) value = (value << 8n) | BigInt(block[at]!);
  const result = Number(value);
  if (!Number.isSafeInteger(result)) throw invalid("a number is out of range");
  return result;
}

function checksum(block: Buffer, offset: number): number {
  let sum = 8 * 0x20;
  for (let at = offset; at < offset + 148; at += 1) sum += block[at]!;
  for (let at = offset + 156; at < offset + BLOCK_BYTES; at += 1) sum += block[at]!;
  return sum;
}

/** True for a block of zeros, which ends an archive. */
export function isEndBlock(block: Buffer, offset: number): boolean {
  for (let at = offset; at < offset + BLOCK_BYTES; at += 1) if (block[at] !== 0) return false;
  return true;
}

/** @throws invalid when the block is no header */
export function decodeHeader(block: Buffer, offset: number): RawHeader {
  if (checksum(block, offset) !== readNumber(block, offset + 148, 8)) throw invalid("the checksum does not fit");
  // "ustar\0" is POSIX; GNU writes "ustar  " and uses the prefix field for other things.
  const isPosix = block.toString("latin1", offset + 257, offset + 263) === "ustar\0";
  const prefix = isPosix ? text(block, offset + 345, 155) : "";
  const name = text(block, offset, 100);
  const size = readNumber(block, offset + 124, 12);
  if (size < 0) throw invalid("negative size");
  return {
    flag: String.fromCharCode(block[offset + 156]!),
    path: prefix ? `${prefix}/${name}` : name,
    linkPath: text(block, offset + 157, 100),
    mode: readNumber(block, offset + 100, 8) & 0o7777,
    uid: readNumber(block, offset + 108, 8),
    gid: readNumber(block, offset + 116, 8),
    size,
    modifiedSeconds: readNumber(block, offset + 136, 12),
    major: readNumber(block, offset + 329, 8),
    minor: readNumber(block, offset + 337, 8),
  };
}

/** Records of a pax extended header: "LENGTH key=value\n". Values stay bytes. @throws invalid */
export function decodePax(body: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    const space = body.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(body.toString("latin1", at, space));
    const equals = body.indexOf(0x3d, space);
    const end = at + length;
    if (!Number.isInteger(length) || end > body.length || equals < 0 || equals >= end || body[end - 1] !== 0x0a) {
      throw invalid("bad extended header");
    }
    addRecord(records, body.toString("latin1", space + 1, equals), body.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** Version 0.0 of sparse files tells each part by two records of the same names: they become the map of version 0.1. */
function addRecord(records: Map<string, Buffer>, key: string, value: Buffer): void {
  if (key !== "GNU.sparse.offset" && key !== "GNU.sparse.numbytes") {
    records.set(key, value);
    return;
  }
  const map = records.get("GNU.sparse.map");
  records.set("GNU.sparse.map", map === undefined ? value : Buffer.concat([map, Buffer.from(","), value]));
}

const XATTR_PREFIX = "SCHILY.xattr.";

/** A header with its extended records applied, but for those of sparse files. @throws invalid */
export function applyPax(header: RawHeader, pax: Map<string, Buffer> | undefined): TarEntry {
  const path = pax?.get("path")?.toString("latin1") ?? header.path;
  const type = entryType(header.flag, path);
  const entry: TarEntry = {
    type,
    path,
    linkPath: header.linkPath,
    mode: header.mode,
    uid: header.uid,
    gid: header.gid,
    size: header.size,
    modifiedAt: { seconds: header.modifiedSeconds, nanoseconds: 0 },
    major: header.major,
    minor: header.minor,
    xattrs: NO_XATTRS,
  };
  if (pax) for (const [key, value] of pax) applyRecord(entry, key, value);
  // A size on anything but a file is of no meaning; some writers leave it there for hard links.
  if (type !== "file") entry.size = 0;
  return entry;
}

const NO_XATTRS: Map<string, Uint8Array> = new Map();

function entryType(flag: string, path: string): TarEntryType {
  const type = TYPES_BY_FLAG.get(flag);
  // POSIX: an unknown type is to be read as a file; V7 marks directories by a slash.
  if (type === undefined || type === "file") return path.endsWith("/") ? "directory" : "file";
  return type;
}

function applyRecord(entry: TarEntry, key: string, value: Buffer): void {
  const digits = () => {
    const parsed = Number(value.toString("latin1"));
    if (!Number.isSafeInteger(parsed) || parsed < 0) throw invalid(`bad ${key}`);
    return parsed;
  };
  if (key === "linkpath") entry.linkPath = value.toString("latin1");
  else if (key === "size") entry.size = digits();
  else if (key === "uid") entry.uid = digits();
  else if (key === "gid") entry.gid = digits();
  else if (key === "mtime") entry.modifiedAt = decodeTime(value.toString("latin1"));
  else if (key.startsWith(XATTR_PREFIX)) {
    if (entry.xattrs === NO_XATTRS) entry.xattrs = new Map();
    entry.xattrs.set(key.slice(XATTR_PREFIX.length), Buffer.from(value));
  }
}

/** Decimal seconds with a fraction of any length; kept apart from floating point, which loses nanoseconds. */
function decodeTime(value: string): FileTime {
  const match = /^(-?)(\d+)(?:\.(\d*))?$/.exec(value);
  if (!match) throw invalid("bad mtime");
  const [, sign, whole, fraction = ""] = match;
  const seconds = Number(whole);
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (sign === "") return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: 0 - seconds, nanoseconds }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

/** Header blocks of an entry: a pax header before it when ustar cannot say everything. */
export function encodeHeader(entry: TarEntry): Buffer {
  const records = paxRecords(entry);
  const header = encodeBlock(entry, entry.path, entry.size, TYPE_FLAGS[entry.type]);
  if (records.length === 0) return header;
  const body = Buffer.concat(records);
  const paxPath = `PaxHeaders.0/${entry.path.slice(entry.path.lastIndexOf("/", entry.path.length - 2) + 1)}`;
  const paxHeader = encodeBlock({ ...entry, mode: 0o644, linkPath: "" }, paxPath.slice(0, 100), body.length, "x");
  return Buffer.concat([paxHeader, body, padding(body.length), header]);
}

/** Zeros that fill the last block of `size` bytes. */
export function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES);
}

const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;

function paxRecords(entry: TarEntry): Buffer[] {
  const records: Buffer[] = [];
  const add = (key: string, value: Buffer) => records.push(paxRecord(key, value));
  const addText = (key: string, value: string) => add(key, Buffer.from(value, "latin1"));
  if (entry.path.length > 100 && splitPath(entry.path) === undefined) addText("path", entry.path);
  if (entry.linkPath.length > 100) addText("linkpath", entry.linkPath);
  if (entry.size > MAX_OCTAL_11) addText("size", String(entry.size));
  if (entry.uid > MAX_OCTAL_7) addText("uid", String(entry.uid));
  if (entry.gid > MAX_OCTAL_7) addText("gid", String(entry.gid));
  const { seconds, nanoseconds } = entry.modifiedAt;
  if (nanoseconds !== 0 || seconds < 0 || seconds > MAX_OCTAL_11) addText("mtime", encodeTime(entry.modifiedAt));
  for (const key of [...entry.xattrs.keys()].sort()) add(XATTR_PREFIX + key, Buffer.from(entry.xattrs.get(key)!));
  return records;
}

function encodeTime({ seconds, nanoseconds }: FileTime): string {
  if (nanoseconds === 0) return String(seconds);
  const negative = seconds < 0;
  const whole = negative ? -(seconds + 1) : seconds;
  const fraction = String(negative ? 1e9 - nanoseconds : nanoseconds)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${negative ? "-" : ""}${whole}.${fraction}`;
}

function paxRecord(key: string, value: Buffer): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  // The length counts its own digits.
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`, "latin1"), value, Buffer.from("\n")]);
}

function splitPath(path: string): [prefix: string, name: string] | undefined {
  if (path.length <= 100) return ["", path];
  const slash = path.indexOf("/", path.length - 101);
  return slash > 0 && slash <= 155 && slash < path.length - 1
    ? [path.slice(0, slash), path.slice(slash + 1)]
    : undefined;
}

function encodeBlock(entry: TarEntry, path: string, size: number, flag: string): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, offset: number, length: number) => {
    const max = 8 ** (length - 1) - 1;
    const clamped = value < 0 || value > max ? 0 : value;
    block.write(`${clamped.toString(8).padStart(length - 1, "0")}\0`, offset, "latin1");
  };
  const [prefix, name] = splitPath(path) ?? ["", path.slice(0, 100).replace(/\/+$/, "")];
  block.write(name, 0, 100, "latin1");
  octal(entry.mode, 100, 8);
  octal(entry.uid, 108, 8);
  octal(entry.gid, 116, 8);
  octal(size, 124, 12);
  octal(entry.modifiedAt.seconds, 136, 12);
  block.write(flag, 156, "latin1");
  block.write(entry.linkPath.slice(0, 100), 157, 100, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  octal(entry.major, 329, 8);
  octal(entry.minor, 337, 8);
  block.write(prefix, 345, 155, "latin1");
  block.write(`${checksum(block, 0).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}
