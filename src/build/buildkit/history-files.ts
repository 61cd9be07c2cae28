/** What the history keeps of builds beside their records: logs, traces, attestations; files named by their digests. */
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isKind, NaruError } from "../../lib/errors.ts";
import type { Descriptor, Digest } from "../../model/image.ts";

const DIGEST = /^sha256:([0-9a-f]{64})$/;
const UNFINISHED = ".new";

export class HistoryFiles {
  private made: Promise<unknown> | undefined;

  constructor(private readonly directory: string) {}

  async add(mediaType: string, data: Uint8Array, annotations?: Record<string, string>): Promise<Descriptor> {
    this.made ??= mkdir(this.directory, { recursive: true, mode: 0o700 });
    await this.made;
    const digest: Digest = `sha256:${new Bun.CryptoHasher("sha256").update(data).digest("hex")}`;
    const path = this.path(digest);
    await writeFile(path + UNFINISHED, data, { mode: 0o600 });
    await rename(path + UNFINISHED, path);
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

  /** Removes what is none of these, which no build has any more. */
  async keepOnly(wanted: ReadonlySet<string>): Promise<void> {
    const names = await readdir(this.directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    for (const name of names) if (!wanted.has(`sha256:${name}`)) await rm(join(this.directory, name), { force: true });
  }

  private path(digest: string): string {
    const [, name] = DIGEST.exec(digest) ?? [];
    if (name === undefined) throw new NaruError("not-found", `content ${digest}: not found`);
    return join(this.directory, name);
  }
}
