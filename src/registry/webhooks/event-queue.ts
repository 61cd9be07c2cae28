/**
 * A queue in files: what was added survives a killed process until it was taken. A segment is a file of one event a line;
 * the oldest one is removed when all its events were delivered, and "taken" says how far the reader is in it.
 *
 *     <dir>/000000000001.jsonl, 000000000002.jsonl, …
 *     <dir>/taken                                       "1 17": 17 events of segment 1 were delivered
 */
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const SEGMENT_EVENTS = 1000;
const NAME_DIGITS = 12;

interface Segment {
  number: number;
  events: string[];
  /** The write after which it was read; Infinity when nothing could be written to it any more. */
  edition: number;
}

export class EventQueue {
  /** Oldest first; the last one is written to. Lines stay in memory only for the first segment and those being written. */
  readonly #segments: number[] = [];
  #first: Segment | undefined;
  #taken = 0;
  #lastCount = 0;
  #file: FileHandle | undefined;
  #pending: string[] = [];
  #writing: Promise<void> | undefined;
  #length = 0;
  /** Counts writes: a segment that was read before the last one may lack lines. */
  #edition = 0;
  #wake = Promise.withResolvers<void>();

  private constructor(private readonly dir: string) {}

  static async open(dir: string): Promise<EventQueue> {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const queue = new EventQueue(dir);
    await queue.#load();
    return queue;
  }

  /** Events that were not taken. */
  get length(): number {
    return this.#length;
  }

  /** Resolves when the event is on the disk. Events added at the same time share one write. */
  add(event: unknown): Promise<void> {
    this.#pending.push(JSON.stringify(event));
    this.#length += 1;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  /** Up to `limit` of the oldest events; waits for one. Undefined: `signal` fired first. */
  async next<T>(limit: number, signal: AbortSignal): Promise<T[] | undefined> {
    for (;;) {
      if (signal.aborted) return undefined;
      // Taken before looking: an event that comes meanwhile must not be slept over.
      const written = this.#wake.promise;
      const events = await this.#oldest(limit);
      if (events.length > 0) return events.map((line) => JSON.parse(line) as T);
      if (signal.aborted) return undefined;
      const aborted = Promise.withResolvers<void>();
      const wake = () => aborted.resolve();
      signal.addEventListener("abort", wake, { once: true });
      await Promise.race([written, aborted.promise]);
      signal.removeEventListener("abort", wake);
    }
  }

  /** The first `count` events are done with. */
  async taken(count: number): Promise<void> {
    const first = this.#segments[0]!;
    this.#taken += count;
    this.#length -= count;
    const isLast = this.#segments.length === 1;
    if (!isLast && this.#taken >= (this.#first?.events.length ?? 0)) {
      await rm(this.#path(first), { force: true });
      this.#segments.shift();
      this.#first = undefined;
      this.#taken = 0;
    }
    const text = `${this.#segments[0]} ${this.#taken}`;
    await writeFile(join(this.dir, "taken.new"), text);
    await rename(join(this.dir, "taken.new"), join(this.dir, "taken"));
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file?.close();
  }

  async #load(): Promise<void> {
    const names = (await readdir(this.dir)).filter((name) => /^\d+\.jsonl$/.test(name)).sort();
    this.#segments.push(...names.map((name) => Number.parseInt(name, 10)));
    const [segment, taken] = (await readFile(join(this.dir, "taken"), "utf8").catch(() => "")).split(" ").map(Number);
    if (segment !== undefined && segment === this.#segments[0]) this.#taken = taken ?? 0;
    for (const number of this.#segments) this.#length += (await this.#lines(number)).length;
    this.#length -= this.#taken;
    // Never appended to a segment of an earlier process: its last line may be cut.
    await this.#openSegment((this.#segments.at(-1) ?? 0) + 1);
    if (this.#segments.length > 1 && this.#length === 0) await this.#dropOld();
  }

  async #dropOld(): Promise<void> {
    for (const number of this.#segments.splice(0, this.#segments.length - 1))
      await rm(this.#path(number), { force: true });
    this.#taken = 0;
  }

  async #write(): Promise<void> {
    while (this.#pending.length > 0) {
      const lines = this.#pending.splice(0);
      if (this.#lastCount >= SEGMENT_EVENTS) await this.#openSegment(this.#segments.at(-1)! + 1);
      try {
        await this.#file!.appendFile(`${lines.join("\n")}\n`);
        await this.#file!.datasync();
      } catch (error) {
        this.#length -= lines.length;
        // Half a line may be there, which the next one must not continue.
        this.#lastCount = SEGMENT_EVENTS;
        throw error;
      }
      this.#lastCount += lines.length;
      this.#edition += 1;
      this.#wake.resolve();
      this.#wake = Promise.withResolvers<void>();
    }
  }

  async #openSegment(number: number): Promise<void> {
    await this.#file?.close();
    this.#file = await open(this.#path(number), "a", 0o600);
    this.#segments.push(number);
    this.#lastCount = 0;
  }

  async #oldest(limit: number): Promise<string[]> {
    for (;;) {
      const number = this.#segments[0]!;
      if (this.#first?.number !== number || this.#first.edition < this.#edition) {
        const edition = this.#segments.length > 1 ? Number.POSITIVE_INFINITY : this.#edition;
        this.#first = { number, events: await this.#lines(number), edition };
      }
      const rest = this.#first.events.slice(this.#taken, this.#taken + limit);
      if (rest.length > 0 || this.#segments.length === 1) return rest;
      // An older segment that was read to its end.
      await rm(this.#path(number), { force: true });
      this.#segments.shift();
      this.#taken = 0;
    }
  }

  /** A line that a kill cut in half was never answered for, and is left out. */
  async #lines(number: number): Promise<string[]> {
    const text = await readFile(this.#path(number), "utf8").catch(() => "");
    return text.split("\n").slice(0, -1).filter(isJson);
  }

  #path(number: number): string {
    return join(this.dir, `${String(number).padStart(NAME_DIGITS, "0")}.jsonl`);
  }
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
