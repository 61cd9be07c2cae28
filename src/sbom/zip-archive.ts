/**
 * Reads zip archives by their central directory (PKWARE's APPNOTE), from a file or from memory. Archives come from
 * strangers: sizes are checked before anything is inflated, and inflating stops at a limit whatever the archive says.
 */
import { inflateRawSync } from "node:zlib";

/** Bytes at any place; fewer only at the end. */
export interface ByteSource {
  readonly size: number;
  read(offset: number, length: number): Buffer;
}

export interface ZipEntry {
  name: string;
  method: number;
  compressedBytes: number;
  bytes: number;
  headerOffset: number;
}

const END_MAGIC = 0x06054b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const END64_LOCATOR_MAGIC = 0x07064b50;
const END64_LOCATOR_BYTES = 20;
const END64_MAGIC = 0x06064b50;
const END64_BYTES = 56;
const ENTRY_MAGIC = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;
const STORED = 0;
const DEFLATED = 8;

/** Undefined when it is no zip archive, or one whose directory makes no sense. */
export function readZipDirectory(source: ByteSource): ZipEntry[] | undefined {
  const end = findEnd(source);
  if (!end || end.bytes > MAX_DIRECTORY_BYTES) return undefined;
  const directory = source.read(end.offset, end.bytes);
  const entries: ZipEntry[] = [];
  let at = 0;
  while (at + ENTRY_BYTES <= directory.length && directory.readUInt32LE(at) === ENTRY_MAGIC) {
    const nameLength = directory.readUInt16LE(at + 28);
    const next = at + ENTRY_BYTES + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    entries.push({
      name: directory.toString("utf8", at + ENTRY_BYTES, at + ENTRY_BYTES + nameLength),
      method: directory.readUInt16LE(at + 10),
      compressedBytes: directory.readUInt32LE(at + 20),
      bytes: directory.readUInt32LE(at + 24),
      headerOffset: directory.readUInt32LE(at + 42) + end.shift,
    });
    at = next;
  }
  return entries;
}

/** Where the directory lies. `shift`: bytes before the archive, such as the script of a self-starting jar. */
function findEnd(source: ByteSource): { offset: number; bytes: number; shift: number } | undefined {
  const tailStart = Math.max(0, source.size - END_BYTES - MAX_COMMENT_BYTES);
  const tail = source.read(tailStart, source.size - tailStart);
  for (let at = tail.length - END_BYTES; at >= 0; at -= 1) {
    if (tail.readUInt32LE(at) !== END_MAGIC) continue;
    const endAt = tailStart + at;
    const large = findEnd64(source, endAt);
    const bytes = large?.bytes ?? tail.readUInt32LE(at + 12);
    const told = large?.offset ?? tail.readUInt32LE(at + 16);
    const actual = (large?.recordAt ?? endAt) - bytes;
    if (actual < 0 || told > actual) return undefined;
    return { offset: actual, bytes, shift: actual - told };
  }
  return undefined;
}

function findEnd64(source: ByteSource, endAt: number) {
  if (endAt < END64_LOCATOR_BYTES) return undefined;
  const locator = source.read(endAt - END64_LOCATOR_BYTES, END64_LOCATOR_BYTES);
  if (locator.readUInt32LE(0) !== END64_LOCATOR_MAGIC) return undefined;
  const recordAt = Number(locator.readBigUInt64LE(8));
  const record = recordAt < endAt ? source.read(recordAt, END64_BYTES) : Buffer.alloc(0);
  if (record.length < END64_BYTES || record.readUInt32LE(0) !== END64_MAGIC) return undefined;
  return { recordAt, bytes: Number(record.readBigUInt64LE(40)), offset: Number(record.readBigUInt64LE(48)) };
}

/** Content of an entry; undefined when it is damaged, of an unknown method, or larger than `maxBytes` in any respect. */
export function readZipEntry(source: ByteSource, entry: ZipEntry, maxBytes: number): Buffer | undefined {
  if (entry.bytes > maxBytes || entry.compressedBytes > maxBytes) return undefined;
  const local = source.read(entry.headerOffset, LOCAL_BYTES);
  if (local.length < LOCAL_BYTES) return undefined;
  const start = entry.headerOffset + LOCAL_BYTES + local.readUInt16LE(26) + local.readUInt16LE(28);
  const stored = source.read(start, entry.compressedBytes);
  if (stored.length < entry.compressedBytes) return undefined;
  if (entry.method === STORED) return stored;
  if (entry.method !== DEFLATED) return undefined;
  try {
    return inflateRawSync(stored, { maxOutputLength: Math.max(1, Math.min(maxBytes, entry.bytes)) });
  } catch {
    return undefined;
  }
}

/** An archive that lies in memory. */
export function bytesInMemory(bytes: Buffer): ByteSource {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}
