/** Sections and segments of ELF programs (elf(5)), as far as finding data in them needs. Everything is checked against the file. */
import type { OpenFile } from "./image-tree.ts";

interface ElfPart {
  /** Of a section; empty for a segment. */
  name: string;
  address: number;
  offset: number;
  size: number;
}

export interface ElfFile {
  sections: ElfPart[];
  /** What is loaded. */
  segments: ElfPart[];
  isLittleEndian: boolean;
  wordBytes: 4 | 8;
}

const MAGIC = Buffer.from("\x7fELF", "latin1");
const HEADER_BYTES = 64;
const SEGMENT_LOAD = 1;
const MAX_PARTS = 2000;
const MAX_NAMES_BYTES = 1024 * 1024;

/** Undefined when the file is no ELF program or its tables are not in it. */
export function readElf(file: OpenFile): ElfFile | undefined {
  const header = file.read(0, HEADER_BYTES);
  if (header.length < HEADER_BYTES || !header.subarray(0, 4).equals(MAGIC)) return undefined;
  const wordBytes = header[4] === 2 ? 8 : 4;
  const number = reader(header[5] === 1, wordBytes);
  const is64 = wordBytes === 8;
  const segments = table(file, {
    offset: number.word(header, is64 ? 32 : 28),
    entryBytes: number.short(header, is64 ? 54 : 42),
    count: number.short(header, is64 ? 56 : 44),
  });
  const sections = table(file, {
    offset: number.word(header, is64 ? 40 : 32),
    entryBytes: number.short(header, is64 ? 58 : 46),
    count: number.short(header, is64 ? 60 : 48),
  });
  const shape = is64
    ? { section: [16, 24, 32], segment: [16, 8, 32], leastSection: 40, leastSegment: 40 }
    : { section: [12, 16, 20], segment: [8, 4, 16], leastSection: 24, leastSegment: 20 };
  const names = sectionNames(file, sections[number.short(header, is64 ? 62 : 50)], shape, number);
  const part = (entry: Buffer, name: string, [address, offset, size]: number[]): ElfPart => ({
    name,
    address: number.word(entry, address!),
    offset: number.word(entry, offset!),
    size: number.word(entry, size!),
  });
  return {
    isLittleEndian: header[5] === 1,
    wordBytes,
    sections: sections
      .filter((entry) => entry.length >= shape.leastSection)
      .map((entry) => part(entry, textAt(names, number.int(entry, 0)), shape.section)),
    segments: segments
      .filter((entry) => entry.length >= shape.leastSegment && number.int(entry, 0) === SEGMENT_LOAD)
      .map((entry) => part(entry, "", shape.segment)),
  };
}

function reader(isLittleEndian: boolean, wordBytes: 4 | 8) {
  const int = (bytes: Buffer, at: number) => (isLittleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  return {
    int,
    short: (bytes: Buffer, at: number) => (isLittleEndian ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at)),
    word: (bytes: Buffer, at: number) => {
      if (wordBytes === 4) return int(bytes, at);
      return Number(isLittleEndian ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
    },
  };
}

function table(file: OpenFile, { offset, entryBytes, count }: { offset: number; entryBytes: number; count: number }) {
  if (offset === 0 || entryBytes === 0 || count > MAX_PARTS) return [];
  const bytes = file.read(offset, entryBytes * count);
  const entries: Buffer[] = [];
  for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) entries.push(bytes.subarray(at, at + entryBytes));
  return entries;
}

function sectionNames(
  file: OpenFile,
  entry: Buffer | undefined,
  shape: { section: number[]; leastSection: number },
  number: ReturnType<typeof reader>,
): Buffer {
  if (entry === undefined || entry.length < shape.leastSection) return Buffer.alloc(0);
  const size = number.word(entry, shape.section[2]!);
  return size > MAX_NAMES_BYTES ? Buffer.alloc(0) : file.read(number.word(entry, shape.section[1]!), size);
}

function textAt(bytes: Buffer, start: number): string {
  const end = bytes.indexOf(0, start);
  return start >= bytes.length ? "" : bytes.toString("latin1", start, end < 0 ? bytes.length : end);
}
