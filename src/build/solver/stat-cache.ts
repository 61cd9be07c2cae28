/**
 * Digests of files whose status did not change: inode, size, time of modification and of change. A file that was written
 * within the last moments is hashed again next time, since a later write could fall into the same tick of the clock.
 * Kept in a file, in the order in which a tree is walked; a second walk reads it front to back.
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import type { FileStatus } from "../../linux/file-calls.ts";

/** Inode, size, seconds and nanoseconds of both times as numbers of 8 bytes; then the digest. */
const NUMBERS = 6;
const DIGEST_BYTES = 32;
const RECORD_BYTES = NUMBERS * 8 + DIGEST_BYTES;
/** Longer than a tick of any file system's clock. */
const RACY_MS = 50;

export class StatCache {
  private readonly records: Buffer[] = [];
  private next = 0;
  private byInode: Map<number, number> | undefined;
  private hits = 0;
  private readonly startedMs = Date.now();

  private constructor(private readonly old: Buffer) {}

  /** A file that is missing or damaged is an empty cache. `path` undefined: nothing is remembered. */
  static async load(path: string | undefined): Promise<StatCache> {
    const data = path === undefined ? undefined : await readFile(path).catch(() => undefined);
    return new StatCache(data && data.length % RECORD_BYTES === 0 ? data : Buffer.alloc(0));
  }

  /** The file's digest in hex, computed when it is not known. */
  digestOf(status: FileStatus, compute: () => string): string {
    const numbers = numbersOf(status);
    const known = this.find(numbers);
    const digest = known ?? compute();
    if (known !== undefined) this.hits += 1;
    const changedMs = numbers[4]! * 1000 + numbers[5]! / 1e6;
    if (changedMs < this.startedMs - RACY_MS) this.remember(numbers, digest);
    return digest;
  }

  /** Writes what this walk saw, unless it is what was there. */
  async save(path: string): Promise<void> {
    if (this.hits === this.records.length && this.records.length * RECORD_BYTES === this.old.length) return;
    const temporary = `${path}.new`;
    await writeFile(temporary, Buffer.concat(this.records));
    await rename(temporary, path);
  }

  private remember(numbers: Float64Array, digest: string): void {
    const record = Buffer.allocUnsafe(RECORD_BYTES);
    record.set(new Uint8Array(numbers.buffer), 0);
    record.write(digest, NUMBERS * 8, "hex");
    this.records.push(record);
  }

  private find(numbers: Float64Array): string | undefined {
    if (this.matches(this.next, numbers)) return this.digestAt(this.next++);
    this.byInode ??= this.indexInodes();
    const index = this.byInode.get(numbers[0]!);
    if (index === undefined) return undefined;
    this.next = index + 1;
    return this.matches(index, numbers) ? this.digestAt(index) : undefined;
  }

  private indexInodes(): Map<number, number> {
    const map = new Map<number, number>();
    for (let at = 0; at < this.old.length; at += RECORD_BYTES) map.set(this.old.readDoubleLE(at), at / RECORD_BYTES);
    return map;
  }

  private matches(index: number, numbers: Float64Array): boolean {
    const at = index * RECORD_BYTES;
    if (at >= this.old.length) return false;
    for (let position = 0; position < NUMBERS; position += 1) {
      if (this.old.readDoubleLE(at + position * 8) !== numbers[position]) return false;
    }
    return true;
  }

  private digestAt(index: number): string {
    const at = index * RECORD_BYTES + NUMBERS * 8;
    return this.old.toString("hex", at, at + DIGEST_BYTES);
  }
}

function numbersOf({ inode, size, modifiedAt, changedAt }: FileStatus): Float64Array {
  return Float64Array.of(
    Number(inode),
    size,
    modifiedAt.seconds,
    modifiedAt.nanoseconds,
    changedAt.seconds,
    changedAt.nanoseconds,
  );
}
