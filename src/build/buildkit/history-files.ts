/** What the history keeps of builds beside their records: logs, traces, attestations; files named by their digests. */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { digestOf, hexOf, isDigest } from "../../lib/digest.ts";
import { isKind, NaruError } from "../../lib/errors.ts";
import type { Descriptor } from "../../model/image.ts";

export class HistoryFiles {
  constructor(private readonly directory: string) {}

  async add(mediaType: string, data: Uint8Array, annotations?: Record<string, string>): Promise<Descriptor> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    const digest = digestOf(data);
    const path = this.path(digest);
    // The same may be added twice at once.
    const unfinished = `${path}.${randomBytes(4).toString("hex")}`;
    try {
      await writeFile(unfinished, data, { mode: 0o600 });
      await rename(unfinished, path);
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
    return { mediaType, digest, size: data.length, ...(annotations ? { annotations } : {}) };
  }

  /** @throws {NaruError} not-found */
  async size(digest: string): Promise<number> {
    try {
      return (await stat(this.path(digest))).size;
    } catch (cause) {
      if (isKind(cause, "not-found")) throw cause;
      if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
      throw new NaruError("not-found", `content ${digest}: not found`, { cause });
    }
  }

  /** `length` 0: to the end. @throws {NaruError} not-found */
  async *read(digest: string, offset = 0, length = 0): AsyncGenerator<Uint8Array, void> {
    const size = await this.size(digest);
    const end = length > 0 ? Math.min(size, offset + length) : size;
    if (offset < end) yield* Bun.file(this.path(digest)).slice(offset, end).stream() as AsyncIterable<Uint8Array>;
  }

  /** Removes what is none of these digests, also what is being added: not to be called meanwhile. */
  async keepOnly(wanted: ReadonlySet<string>): Promise<void> {
    const names = await readdir(this.directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    for (const name of names) if (!wanted.has(`sha256:${name}`)) await rm(join(this.directory, name), { force: true });
  }

  private path(digest: string): string {
    if (!isDigest(digest)) throw new NaruError("not-found", `content ${digest}: not found`);
    return join(this.directory, hexOf(digest));
  }
}
