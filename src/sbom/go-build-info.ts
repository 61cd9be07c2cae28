/**
 * Build information in Go programs (Go's debug/buildinfo): in the section ".go.buildinfo" a magic text, the size of a word,
 * flags, and, since Go 1.18, the version and the list of modules as texts behind it; before, pointers to them.
 */
import type { ElfFile } from "./elf-file.ts";
import type { OpenFile } from "./image-tree.ts";

const MAGIC = Buffer.from("\xff Go buildinf:", "latin1");
const SECTION = ".go.buildinfo";
const FLAG_BIG_ENDIAN = 1;
const FLAG_INLINE = 2;
const INLINE_START = 32;
const ALIGNMENT = 16;
const MAX_SEARCH_BYTES = 64 * 1024;
const MAX_TEXT_BYTES = 16 * 1024 * 1024;
/** Marks that surround the list of modules. */
const SENTINEL_BYTES = 16;

export function findGoBuildInfo(file: OpenFile, elf: ElfFile): { version: string; modules: string } | undefined {
  const section = elf.sections.find(({ name }) => name === SECTION);
  if (!section) return undefined;
  const head = file.read(section.offset, Math.min(section.size, MAX_SEARCH_BYTES));
  let start = head.indexOf(MAGIC);
  while (start >= 0 && start % ALIGNMENT !== 0) start = head.indexOf(MAGIC, start + 1);
  if (start < 0 || head.length < start + INLINE_START) return undefined;
  const flags = head[start + 15]!;
  const texts =
    flags & FLAG_INLINE
      ? inlineTexts(file, section.offset + start + INLINE_START)
      : pointedTexts(file, elf, head.subarray(start), (flags & FLAG_BIG_ENDIAN) === 0);
  if (!texts?.[0]?.length) return undefined;
  return { version: texts[0].toString(), modules: withoutSentinels(texts[1] ?? Buffer.alloc(0)) };
}

function inlineTexts(file: OpenFile, offset: number): Buffer[] | undefined {
  const texts: Buffer[] = [];
  let at = offset;
  for (let index = 0; index < 2; index += 1) {
    const length = readVarint(file.read(at, 10));
    if (!length || length.value > MAX_TEXT_BYTES) return undefined;
    texts.push(file.read(at + length.bytes, length.value));
    at += length.bytes + length.value;
  }
  return texts;
}

function readVarint(bytes: Buffer): { value: number; bytes: number } | undefined {
  let value = 0;
  for (let index = 0; index < Math.min(bytes.length, 5); index += 1) {
    value += (bytes[index]! & 0x7f) * 2 ** (7 * index);
    if (bytes[index]! < 0x80) return { value, bytes: index + 1 };
  }
  return undefined;
}

/** Two pointers to Go strings, each a pointer and a length. */
function pointedTexts(file: OpenFile, { segments }: ElfFile, head: Buffer, isLittleEndian: boolean) {
  const wordBytes = head[14];
  if (wordBytes !== 4 && wordBytes !== 8) return undefined;
  const word = (bytes: Buffer, at: number) => {
    if (bytes.length < at + wordBytes) return 0;
    if (wordBytes === 4) return isLittleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
    return Number(isLittleEndian ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  };
  const readMemory = (address: number, length: number) => {
    const segment = segments.find((one) => address >= one.address && address + length <= one.address + one.size);
    return segment ? file.read(segment.offset + address - segment.address, length) : Buffer.alloc(0);
  };
  return [ALIGNMENT, ALIGNMENT + wordBytes].map((at) => {
    const string = readMemory(word(head, at), 2 * wordBytes);
    const length = word(string, wordBytes);
    return length > MAX_TEXT_BYTES ? Buffer.alloc(0) : readMemory(word(string, 0), length);
  });
}

function withoutSentinels(modules: Buffer): string {
  if (modules.length <= 2 * SENTINEL_BYTES || modules.at(-SENTINEL_BYTES - 1) !== 0x0a) return "";
  return modules.toString("utf8", SENTINEL_BYTES, modules.length - SENTINEL_BYTES);
}

/** Lines of "mod" and "dep", tab, path, tab, version; "=>" replaces the one before. */
export function* parseGoModules(text: string): Generator<{ name: string; version: string }> {
  let pending: { name: string; version: string } | undefined;
  for (const line of text.split("\n")) {
    const [kind, name, version = ""] = line.split("\t");
    if (kind === "=>" && name && pending) pending = { name, version };
    if ((kind !== "mod" && kind !== "dep") || !name) continue;
    if (pending) yield pending;
    pending = { name, version };
  }
  if (pending) yield pending;
}
