/** Pages of the program file that this process has touched (madvise(2), proc_pid_maps(5), elf(5)). */
import { dlopen } from "bun:ffi";
import { type FileHandle, open, readFile, readlink } from "node:fs/promises";

const { symbols: libc } = dlopen("libc.so.6", {
  madvise: { args: ["u64", "u64", "int"], returns: "int" },
});

const MADV_DONTNEED = 4;
const PAGE_BYTES = 4096;

/** A part of the program file in memory; addresses and offsets in bytes. */
interface Mapping {
  start: number;
  end: number;
  isCode: boolean;
  /** May be written now. What may not was perhaps written before, as the loader and the runtime's settings are. */
  isWritable: boolean;
  fileOffset: number;
}

/**
 * Lets go of the executable's pages that were only needed once, such as those of the start: code, constants, and the
 * embedded scripts, from which functions are read when they are first called. They stay in the page cache and are
 * mapped again when they are needed. Nothing can be lost: pages that this process has written are left alone.
 */
export async function releaseProgramPages(): Promise<void> {
  scripts ??= await embeddedScripts();
  const pagemap = await open("/proc/self/pagemap", "r");
  try {
    for (const mapping of await programMappings()) {
      const { start, end } = mapping.isWritable ? scriptPages(mapping, scripts) : mapping;
      if (start >= end) continue;
      if (mapping.isCode) release(start, end);
      else await releaseUnwritten(pagemap, start, end);
    }
  } finally {
    await pagemap.close();
  }
}

/** The running program's own file, also when another has taken its place (proc_pid_exe(5)). */
const PROGRAM = "/proc/self/exe";

async function programMappings(): Promise<Mapping[]> {
  const program = await readlink(PROGRAM);
  const mappings: Mapping[] = [];
  for (const line of (await readFile("/proc/self/maps", "utf8")).split("\n")) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) r([w-])([x-])p ([0-9a-f]+) \S+ [1-9]\d* +(\S.*)$/.exec(line);
    if (match === null || match[6] !== program) continue;
    const [start, end, fileOffset] = [match[1], match[2], match[5]].map((digits) => Number.parseInt(digits!, 16));
    const [isWritable, isCode] = [match[3] === "w", match[4] === "x"];
    mappings.push({ start: start!, end: end!, isCode, isWritable, fileOffset: fileOffset! });
  }
  return mappings;
}

/**
 * The whole pages of the scripts in this mapping. They lie in a segment that may be written, beside variables of the
 * runtime, but nothing ever writes to them. Without scripts the range is empty.
 */
function scriptPages({ start, end, fileOffset }: Mapping, section: Section): { start: number; end: number } {
  const first = start - fileOffset + section.offset;
  return {
    start: Math.max(start, Math.ceil(first / PAGE_BYTES) * PAGE_BYTES),
    end: Math.min(end, Math.floor((first + section.bytes) / PAGE_BYTES) * PAGE_BYTES),
  };
}

/**
 * A page that was written is the process' own and no longer the file's, which bit 61 of its entry tells
 * (Documentation/admin-guide/mm/pagemap.rst): it would be lost.
 */
async function releaseUnwritten(pagemap: FileHandle, start: number, end: number): Promise<void> {
  const bytes = await readAt(pagemap, (start / PAGE_BYTES) * 8, ((end - start) / PAGE_BYTES) * 8);
  const entries = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  let runStart = start;
  for (let page = 0; page * 2 < entries.length; page++) {
    const flags = entries[page * 2 + 1]!;
    const isOwn = (flags & PRESENT_OR_SWAPPED) !== 0 && (flags & FILE_PAGE) === 0;
    if (!isOwn) continue;
    const address = start + page * PAGE_BYTES;
    if (address > runStart) release(runStart, address);
    runStart = address + PAGE_BYTES;
  }
  if (end > runStart) release(runStart, end);
}

function release(start: number, end: number): void {
  libc.madvise(BigInt(start), BigInt(end - start), MADV_DONTNEED);
}

/** Bits 63, 62 and 61 of an entry, in its upper half: in memory or swapped out, and a page of a file. */
const PRESENT_OR_SWAPPED = 0xc0000000;
const FILE_PAGE = 0x20000000;

/** A section of the program file, in bytes. */
interface Section {
  offset: number;
  bytes: number;
}

/** Asked for once: the file of a running program cannot change. */
let scripts: Section | undefined;

/** Where `bun build --compile` puts the scripts; empty in a program that has none. */
async function embeddedScripts(): Promise<Section> {
  const file = await open(PROGRAM, "r");
  try {
    const header = await readAt(file, 0, 64);
    const [tableOffset, entryBytes] = [Number(header.readBigUInt64LE(0x28)), header.readUInt16LE(0x3a)];
    const [count, namesIndex] = [header.readUInt16LE(0x3c), header.readUInt16LE(0x3e)];
    const table = await readAt(file, tableOffset, entryBytes * count);
    const section = (index: number) => ({
      name: table.readUInt32LE(index * entryBytes),
      offset: Number(table.readBigUInt64LE(index * entryBytes + 0x18)),
      bytes: Number(table.readBigUInt64LE(index * entryBytes + 0x20)),
    });
    const names = section(namesIndex);
    const nameBytes = await readAt(file, names.offset, names.bytes);
    for (let index = 0; index < count; index++) {
      const { name, offset, bytes } = section(index);
      if (nameBytes.toString("latin1", name, nameBytes.indexOf(0, name)) === ".bun") return { offset, bytes };
    }
    return { offset: 0, bytes: 0 };
  } finally {
    await file.close();
  }
}

/** @throws Error where the file ends before */
async function readAt(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, position);
  if (bytesRead < bytes) throw new Error(`${bytes} bytes expected at ${position}, but ${bytesRead} are there`);
  return buffer;
}
