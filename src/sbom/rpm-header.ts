/**
 * Header of an RPM package as the database keeps it (rpm's "Header structure"): the counts of entries and bytes, entries
 * of tag, type, offset and count, then the data; all numbers big-endian.
 */

export interface RpmHeader {
  name: string;
  version: string;
  release: string;
  epoch?: number;
  arch?: string;
  license?: string;
  vendor?: string;
  url?: string;
  sourceRpm?: string;
  summary?: string;
}

const TAG = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  summary: 1004,
  vendor: 1011,
  license: 1014,
  url: 1020,
  arch: 1022,
  sourceRpm: 1044,
} as const;
const TYPE_INT32 = 4;
/** A string, an array of strings, a translated string: the first is taken. */
const TEXT_TYPES: readonly number[] = [6, 8, 9];
const PREAMBLE_BYTES = 8;
const ENTRY_BYTES = 16;
/** Rpm's own limits of a header. */
const MAX_ENTRIES = 0xffff;

/** Undefined when it is damaged or lacks a name. */
export function parseRpmHeader(blob: Uint8Array): RpmHeader | undefined {
  if (blob.length < PREAMBLE_BYTES) return undefined;
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  const count = bytes.readUInt32BE(0);
  const dataStart = PREAMBLE_BYTES + count * ENTRY_BYTES;
  const dataEnd = dataStart + bytes.readUInt32BE(4);
  if (count > MAX_ENTRIES || dataEnd > bytes.length) return undefined;
  const values = new Map<number, string | number>();
  for (let index = 0; index < count; index += 1) {
    const entry = PREAMBLE_BYTES + index * ENTRY_BYTES;
    const type = bytes.readUInt32BE(entry + 4);
    const at = dataStart + bytes.readUInt32BE(entry + 8);
    if (at >= dataEnd) continue;
    if (TEXT_TYPES.includes(type)) values.set(bytes.readUInt32BE(entry), readText(bytes, at, dataEnd));
    else if (type === TYPE_INT32 && at + 4 <= dataEnd) values.set(bytes.readUInt32BE(entry), bytes.readUInt32BE(at));
  }
  const text = (tag: number) => {
    const value = values.get(tag);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const name = text(TAG.name);
  if (name === undefined) return undefined;
  const epoch = values.get(TAG.epoch);
  return {
    name,
    version: text(TAG.version) ?? "",
    release: text(TAG.release) ?? "",
    epoch: typeof epoch === "number" ? epoch : undefined,
    arch: text(TAG.arch),
    license: text(TAG.license),
    vendor: text(TAG.vendor),
    url: text(TAG.url),
    sourceRpm: text(TAG.sourceRpm),
    summary: text(TAG.summary),
  };
}

function readText(bytes: Buffer, start: number, limit: number): string {
  const end = bytes.indexOf(0, start);
  return bytes.toString("utf8", start, end < 0 || end > limit ? limit : end);
}
