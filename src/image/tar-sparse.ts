/**
 * Sparse files in tar archives: which parts of a file are stored. GNU tar writes them in four ways (GNU tar manual,
 * "Storing Sparse Files"): type "S" with the parts in the header and in blocks behind it, and pax records of the versions
 * 0.0, 0.1 (parts in the records) and 1.0 (parts as text before the content).
 */
import { NaruError } from "../lib/errors.ts";
import { BLOCK_BYTES, readNumber } from "./tar-header.ts";

/** A stored part of a file. */
interface SparsePart {
  offset: number;
  length: number;
}
export interface SparseMap {
  /** Bytes of the file with its holes. */
  realSize: number;
  parts: SparsePart[];
}

const GNU_HEADER_PARTS = { offset: 386, count: 4, more: 482, realSize: 483 };
const GNU_BLOCK_PARTS = { offset: 0, count: 21, more: 504 };
const PART_FIELD_BYTES = 12;
/** More parts than any writer makes of a file; a hostile archive must not fill the memory. */
const MOST_PARTS = 1_000_000;

function invalid(what: string): NaruError {
  return new NaruError("invalid", `archive/tar: invalid tar header: ${what}`);
}

/** The map in a header of type "S"; `hasMore`: a block with further parts follows. */
export function readGnuHeader(block: Buffer, at: number): { map: SparseMap; hasMore: boolean } {
  const parts = readParts(block, at + GNU_HEADER_PARTS.offset, GNU_HEADER_PARTS.count);
  const realSize = readNumber(block, at + GNU_HEADER_PARTS.realSize, PART_FIELD_BYTES);
  return { map: { realSize, parts }, hasMore: block[at + GNU_HEADER_PARTS.more] !== 0 };
}

/** Adds the parts of a block behind the header; answers whether one more follows. */
export function readGnuBlock(block: Buffer, at: number, map: SparseMap): boolean {
  map.parts.push(...readParts(block, at + GNU_BLOCK_PARTS.offset, GNU_BLOCK_PARTS.count));
  if (map.parts.length > MOST_PARTS) throw invalid("too many parts of a sparse file");
  return block[at + GNU_BLOCK_PARTS.more] !== 0;
}

function readParts(block: Buffer, at: number, count: number): SparsePart[] {
  const parts: SparsePart[] = [];
  for (let index = 0; index < count; index++) {
    const place = at + index * 2 * PART_FIELD_BYTES;
    if (block[place] === 0) break;
    parts.push({
      offset: readNumber(block, place, PART_FIELD_BYTES),
      length: readNumber(block, place + PART_FIELD_BYTES, PART_FIELD_BYTES),
    });
  }
  return parts;
}

/** What pax records say of a sparse file; undefined when they say nothing. */
export function readPaxSparse(
  pax: ReadonlyMap<string, Buffer>,
): { name: string | undefined; realSize: number; parts: SparsePart[] | "before the content" } | undefined {
  const text = (key: string) => pax.get(`GNU.sparse.${key}`)?.toString("latin1");
  const version = `${text("major") ?? "0"}.${text("minor") ?? "1"}`;
  const map = text("map");
  if (map === undefined && text("major") === undefined) return undefined;
  if (version !== "1.0" && map === undefined) throw invalid(`sparse files of version ${version}`);
  const realSize = wholeNumber(text("realsize") ?? text("size"));
  const name = text("name");
  if (version === "1.0") return { name, realSize, parts: "before the content" };
  const numbers = map === "" ? [] : map!.split(",").map(wholeNumber);
  return { name, realSize, parts: pairs(numbers) };
}

function pairs(numbers: readonly number[]): SparsePart[] {
  if (numbers.length % 2 !== 0 || numbers.length > 2 * MOST_PARTS) throw invalid("bad map of a sparse file");
  const parts: SparsePart[] = [];
  for (let at = 0; at < numbers.length; at += 2) parts.push({ offset: numbers[at]!, length: numbers[at + 1]! });
  return parts;
}

function wholeNumber(text: string | undefined): number {
  if (text === undefined || !/^\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw invalid("bad number of a sparse file");
  }
  return Number(text);
}

/** Reads the map of version 1.0 from the blocks before the content: a count and two numbers a part, a line each. */
export class SparseMapReader {
  #text = "";
  #blockBytes = 0;
  #lines = 0;

  /** Takes bytes and answers how many; `parts` is there when the map is whole, at the end of its last block. */
  take(chunk: Buffer, at: number, available: number): { taken: number; parts: SparsePart[] | undefined } {
    const taken = Math.min(available, BLOCK_BYTES - this.#blockBytes);
    const text = chunk.toString("latin1", at, at + taken);
    for (const character of text) if (character === "\n") this.#lines += 1;
    this.#text += text;
    this.#blockBytes = (this.#blockBytes + taken) % BLOCK_BYTES;
    return { taken, parts: this.#blockBytes === 0 ? this.#parts() : undefined };
  }

  #parts(): SparsePart[] | undefined {
    if (this.#lines === 0) throw invalid("bad map of a sparse file");
    const count = wholeNumber(this.#text.slice(0, this.#text.indexOf("\n")));
    if (count > MOST_PARTS) throw invalid("too many parts of a sparse file");
    if (this.#lines < 1 + 2 * count) return undefined;
    return pairs(
      this.#text
        .split("\n", 1 + 2 * count)
        .slice(1)
        .map(wholeNumber),
    );
  }
}

/** Spreads stored content over the file: calls for data and for holes, in the file's order. */
export class SparseContent {
  #position = 0;
  #index = 0;
  #inPart = 0;

  /** @throws invalid unless the parts lie in order inside the file and are `storedBytes` together */
  constructor(
    readonly map: SparseMap,
    storedBytes: number,
  ) {
    let end = 0;
    let sum = 0;
    for (const { offset, length } of map.parts) {
      if (offset < end || offset + length > map.realSize) throw invalid("bad map of a sparse file");
      end = offset + length;
      sum += length;
    }
    if (sum !== storedBytes) throw invalid("the map of a sparse file does not fit its content");
  }

  data(length: number, emit: { hole(length: number): void; data(from: number, length: number): void }): void {
    for (let from = 0; from < length; ) {
      const part = this.map.parts[this.#index]!;
      if (this.#inPart === part.length) {
        this.#index += 1;
        this.#inPart = 0;
        continue;
      }
      const hole = part.offset + this.#inPart - this.#position;
      if (hole > 0) emit.hole(hole);
      const taken = Math.min(part.length - this.#inPart, length - from);
      emit.data(from, taken);
      this.#inPart += taken;
      this.#position = part.offset + this.#inPart;
      from += taken;
    }
  }

  /** The hole at the end of the file. */
  get holeAtEnd(): number {
    return this.map.realSize - this.#position;
  }
}
