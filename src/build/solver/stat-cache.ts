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
  /** What is to be written; undefined while the walk finds just what the file has, record after record. */
  private records: Buffer[] | undefined;
  private next = 0;
  private byInode: Map<number, number> | undefined;
  private readonly startedMs = Date.now();
  private readonly numbers: Float64Array;

  private constructor(private readonly old: Buffer) {
    this.numbers = new Float64Array(old.buffer, old.byteOffset, old.length / 8);
  }

  /** A file that is missing or damaged is an empty cache. `path` undefined: nothing is remembered. */
  static async load(path: string | undefined): Promise<StatCache> {
    const data = path === undefined ? undefined : await readFile(path).catch(() => undefined);
    // A buffer of its own: numbers are read in place, which wants them aligned.
    return new StatCache(
      data && data.length % RECORD_BYTES === 0 ? Buffer.from(new Uint8Array(data).buffer) : Buffer.alloc(0),
    );
  }

  /** The file's digest in hex, computed when it is not known. */
  digestOf(status: FileStatus, compute: () => string): string {
    if (this.matches(this.next, status)) {
      const index = this.next++;
      this.records?.push(this.recordAt(index));
      return this.digestAt(index);
    }
    // From here on the file is another one: it begins with what was the same.
    this.records ??= this.next === 0 ? [] : [Buffer.from(this.old.subarray(0, this.next * RECORD_BYTES))];
    const digest = this.find(status) ?? compute();
    const changedMs = status.changedAt.seconds * 1000 + status.changedAt.nanoseconds / 1e6;
    if (changedMs < this.startedMs - RACY_MS) this.records.push(newRecord(status, digest));
    return digest;
  }

  /** Writes what this walk saw, unless it is what was there. */
  async save(path: string): Promise<void> {
    const isShorter = this.next * RECORD_BYTES < this.old.length;
    if (this.records === undefined && !isShorter) return;
    const content = this.records ? Buffer.concat(this.records) : this.old.subarray(0, this.next * RECORD_BYTES);
    const temporary = `${path}.new`;
    await writeFile(temporary, content);
    await rename(temporary, path);
  }

  private find(status: FileStatus): string | undefined {
    this.byInode ??= this.indexInodes();
    const index = this.byInode.get(Number(status.inode));
    if (index === undefined || !this.matches(index, status)) return undefined;
    this.next = index + 1;
    return this.digestAt(index);
  }

  private indexInodes(): Map<number, number> {
    const map = new Map<number, number>();
    for (let at = 0; at < this.numbers.length; at += RECORD_BYTES / 8)
      map.set(this.numbers[at]!, (at * 8) / RECORD_BYTES);
    return map;
  }

  private matches(index: number, { inode, size, modifiedAt, changedAt }: FileStatus): boolean {
    const at = (index * RECORD_BYTES) / 8;
    const { numbers } = this;
    return (
      at < numbers.length &&
      numbers[at + 5] === changedAt.nanoseconds &&
      numbers[at + 4] === changedAt.seconds &&
      numbers[at] === Number(inode) &&
      numbers[at + 1] === size &&
      numbers[at + 2] === modifiedAt.seconds &&
      numbers[at + 3] === modifiedAt.nanoseconds
    );
  }

  private recordAt(index: number): Buffer {
    return this.old.subarray(index * RECORD_BYTES, (index + 1) * RECORD_BYTES);
  }

  private digestAt(index: number): string {
    const at = index * RECORD_BYTES + NUMBERS * 8;
    return this.old.toString("hex", at, at + DIGEST_BYTES);
  }
}

function newRecord({ inode, size, modifiedAt, changedAt }: FileStatus, digest: string): Buffer {
  const record = Buffer.alloc(RECORD_BYTES);
  const times = [modifiedAt.seconds, modifiedAt.nanoseconds, changedAt.seconds, changedAt.nanoseconds];
  for (const [index, value] of [Number(inode), size, ...times].entries()) record.writeDoubleLE(value, index * 8);
  record.write(digest, NUMBERS * 8, "hex");
  return record;
}
