/**
 * Lines of a json-file log as output: `{"log":"…\n","stream":"stdout","time":"…Z"}`.
 * Works on blocks of complete lines; a million lines a second wants no object per line on the usual path.
 */
import type { OutputChunk } from "../runtime/contract.ts";
import { parseRfc3339 } from "./clock.ts";

export interface LineOptions {
  stdout: boolean;
  stderr: boolean;
  sinceNs?: bigint;
  untilNs?: bigint;
  timestamps: boolean;
  /** What stands before each line (`--details`); empty for nothing. */
  prefix: string;
}

const NEWLINE = 10;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LOG_START = '{"log":"'.length;
/** From the content's closing quote to the first byte of the time: `","stream":"stdout","time":"`. */
const MIDDLE = '","stream":"stdout","time":"'.length;
/** Where the o of stdout (or the e of stderr) stands in MIDDLE. */
const STREAM_LETTER = '","stream":"std'.length;
const TIME_LABEL = Buffer.from(',"time":"');
/** Digits that every printed timestamp has: 2026-01-02T03:04:05.000000000Z. */
const FULL_TIME_BYTES = 30;

interface Line {
  isError: boolean;
  timeStart: number;
  timeEnd: number;
}

export class LineFormatter {
  #out: Buffer = Buffer.alloc(0);
  #used = 0;
  #runStart = 0;
  #isErrorRun = false;
  #isFinished = false;
  readonly #prefix: Buffer;
  readonly #needsTime: boolean;

  constructor(readonly options: LineOptions) {
    this.#prefix = Buffer.from(options.prefix);
    this.#needsTime = options.sinceNs !== undefined || options.untilNs !== undefined;
  }

  /** A line past `untilNs` was seen: nothing more will come. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** The output of a block of complete lines; runs of one stream are one chunk. */
  format(block: Buffer): OutputChunk[] {
    const chunks: OutputChunk[] = [];
    this.#begin(block.length);
    let at = 0;
    while (at < block.length && !this.#isFinished) {
      let end = block.indexOf(NEWLINE, at);
      if (end < 0) end = block.length;
      if (end > at) this.#line(block, at, end, chunks);
      at = end + 1;
    }
    this.#closeRun(chunks);
    return chunks;
  }

  #begin(blockBytes: number): void {
    this.#out = Buffer.allocUnsafe(blockBytes + 4096);
    this.#used = 0;
    this.#runStart = 0;
  }

  #line(block: Buffer, start: number, end: number, chunks: OutputChunk[]): void {
    const timeEnd = end - 2;
    const timeStart = block.lastIndexOf(QUOTE, timeEnd - 1) + 1;
    const contentEnd = timeStart - MIDDLE;
    const letter = block[contentEnd + STREAM_LETTER];
    const isUsual =
      contentEnd >= start + LOG_START &&
      block[contentEnd] === QUOTE &&
      block[contentEnd + 2] === QUOTE &&
      block[contentEnd + 3] === 0x73 &&
      (letter === 0x6f || letter === 0x65);
    if (!isUsual) {
      this.#unusualLine(block, start, end, chunks);
      return;
    }
    const line: Line = { isError: letter === 0x65, timeStart, timeEnd };
    if (!this.#isWanted(block, line)) return;
    const contentStart = start + LOG_START;
    const backslash = block.indexOf(BACKSLASH, contentStart);
    if (backslash < 0 || backslash >= contentEnd) {
      this.#startLine(block, line, contentEnd - contentStart, chunks);
      this.#copy(block, contentStart, contentEnd);
    } else if (backslash === contentEnd - 2 && block[contentEnd - 1] === 0x6e) {
      this.#startLine(block, line, contentEnd - contentStart, chunks);
      this.#copy(block, contentStart, backslash);
      this.#out[this.#used++] = NEWLINE;
    } else {
      const text = Buffer.from(JSON.parse(block.toString("utf8", contentStart - 1, contentEnd + 1)) as string);
      this.#startLine(block, line, text.length, chunks);
      this.#copy(text, 0, text.length);
    }
  }

  /** Lines with attributes, of other writers, or torn by a crash. */
  #unusualLine(block: Buffer, start: number, end: number, chunks: OutputChunk[]): void {
    let parsed: { log?: unknown; stream?: unknown };
    try {
      parsed = JSON.parse(block.toString("utf8", start, end));
    } catch {
      return;
    }
    if (typeof parsed.log !== "string") return;
    const timeLabel = block.lastIndexOf(TIME_LABEL, end);
    const timeStart = timeLabel + TIME_LABEL.length;
    const timeEnd = timeLabel < start ? timeStart : block.indexOf(QUOTE, timeStart);
    const line: Line = { isError: parsed.stream === "stderr", timeStart, timeEnd };
    if (!this.#isWanted(block, line)) return;
    const text = Buffer.from(parsed.log);
    this.#startLine(block, line, text.length, chunks);
    this.#copy(text, 0, text.length);
  }

  #isWanted(block: Buffer, line: Line): boolean {
    if (!(line.isError ? this.options.stderr : this.options.stdout)) return false;
    if (!this.#needsTime) return true;
    const time = parseRfc3339(block.toString("latin1", line.timeStart, line.timeEnd)) ?? 0n;
    if (this.options.untilNs !== undefined && time > this.options.untilNs) {
      this.#isFinished = true;
      return false;
    }
    return this.options.sinceNs === undefined || time >= this.options.sinceNs;
  }

  #startLine(block: Buffer, line: Line, contentBytes: number, chunks: OutputChunk[]): void {
    if (line.isError !== this.#isErrorRun) {
      this.#closeRun(chunks);
      this.#isErrorRun = line.isError;
    }
    const needed = contentBytes + this.#prefix.length + FULL_TIME_BYTES + 2;
    if (this.#used + needed > this.#out.length) {
      this.#closeRun(chunks);
      this.#begin(Math.max(needed, 128 * 1024));
    }
    if (this.options.timestamps) this.#copyTime(block, line);
    if (this.#prefix.length > 0) this.#copy(this.#prefix, 0, this.#prefix.length);
  }

  /** Go cuts zeros at a fraction's end; `--timestamps` shows all nine digits. */
  #copyTime(block: Buffer, { timeStart, timeEnd }: Line): void {
    const from = this.#used;
    this.#copy(block, timeStart, timeEnd - 1);
    if (this.#used === from + 19) this.#out[this.#used++] = 0x2e;
    while (this.#used < from + FULL_TIME_BYTES - 1) this.#out[this.#used++] = 0x30;
    this.#out[this.#used++] = 0x5a;
    this.#out[this.#used++] = 0x20;
  }

  #copy(source: Buffer, start: number, end: number): void {
    source.copy(this.#out, this.#used, start, end);
    this.#used += end - start;
  }

  #closeRun(chunks: OutputChunk[]): void {
    if (this.#used > this.#runStart) {
      const data = this.#out.subarray(this.#runStart, this.#used);
      chunks.push({ stream: this.#isErrorRun ? "stderr" : "stdout", data });
    }
    this.#runStart = this.#used;
  }
}
