/**
 * When cached tags were last compared with the upstream, and when cached manifests were last asked for. Kept in memory and in
 * one file, written some seconds after a change; what a kill takes away only costs a comparison.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Digest } from "../../model/image.ts";

const WRITE_AFTER_MS = 5000;

export class UseRecord {
  /** By "repository:tag". */
  readonly #comparedAt = new Map<string, number>();
  /** By "repository@digest". */
  readonly #usedAt = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(private readonly path: string) {}

  static async open(path: string): Promise<UseRecord> {
    const record = new UseRecord(path);
    const text = await readFile(path, "utf8").catch(() => "");
    try {
      const { compared = {}, used = {} } = JSON.parse(text || "{}");
      for (const [key, at] of Object.entries(compared)) record.#comparedAt.set(key, Number(at));
      for (const [key, at] of Object.entries(used)) record.#usedAt.set(key, Number(at));
    } catch {
      // Written anew; only times are lost.
    }
    return record;
  }

  comparedAt(repository: string, tag: string): number {
    return this.#comparedAt.get(`${repository}:${tag}`) ?? 0;
  }
  compared(repository: string, tag: string): void {
    this.#comparedAt.set(`${repository}:${tag}`, Date.now());
    this.#changed();
  }
  /** 0: not since this was recorded. */
  usedAt(repository: string, digest: Digest): number {
    return this.#usedAt.get(`${repository}@${digest}`) ?? 0;
  }
  used(repository: string, digest: Digest): void {
    this.#usedAt.set(`${repository}@${digest}`, Date.now());
    this.#changed();
  }
  forget(repository: string, reference: { tag?: string; digest?: Digest }): void {
    if (reference.tag !== undefined) this.#comparedAt.delete(`${repository}:${reference.tag}`);
    if (reference.digest !== undefined) this.#usedAt.delete(`${repository}@${reference.digest}`);
    this.#changed();
  }

  async close(): Promise<void> {
    if (this.#timer !== undefined) this.#write();
    await this.#writing;
  }

  #changed(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#write(), WRITE_AFTER_MS);
    this.#timer.unref();
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = JSON.stringify({
      compared: Object.fromEntries(this.#comparedAt),
      used: Object.fromEntries(this.#usedAt),
    });
    this.#writing = this.#writing.then(
      async () => {
        await mkdir(dirname(this.path), { recursive: true });
        await writeFile(`${this.path}.new`, text);
        await rename(`${this.path}.new`, this.path);
      },
      () => {},
    );
    // A full disk: the times stay in memory and are written with the next change.
    this.#writing.catch(() => {});
  }
}
