/**
 * A blob on its way from the upstream: one download into a file, read by as many clients as want it while it grows, each at
 * its own speed. The download goes on when all of them leave, so that the next one finds it done.
 */
import { type FileHandle, open, rm } from "node:fs/promises";
import { errorText, NaruError } from "../../lib/errors.ts";
import type { Descriptor } from "../../model/image.ts";

const READ_BYTES = 256 * 1024;

/** The download failed for a reason of this machine's, not of the upstream's. */
export class CannotKeep extends NaruError {
  constructor(blob: Descriptor, cause: unknown) {
    super("unavailable", `the cache cannot keep ${blob.digest}: ${errorText(cause)}`, { cause });
  }
}

export class BlobFill {
  /** Bytes in the file. */
  #size = 0;
  #isVerified = false;
  #failure: unknown;
  #isOver = false;
  #wake = Promise.withResolvers<void>();
  #users = 0;
  readonly finished: Promise<void>;

  private constructor(
    readonly blob: Descriptor,
    private readonly path: string,
    private readonly file: FileHandle,
    source: AsyncIterable<Uint8Array>,
    store: (path: string) => Promise<void>,
  ) {
    this.finished = this.#fill(source, store);
    // Readers learn of a failure from the file; nobody else may be listening.
    this.finished.catch(() => {});
  }

  /** `store` takes the whole, verified file away. `source` must fail when the bytes are not those of the digest. */
  static async begin(
    blob: Descriptor,
    path: string,
    source: AsyncIterable<Uint8Array>,
    store: (path: string) => Promise<void>,
  ): Promise<BlobFill> {
    const file = await open(path, "wx+", 0o600).catch((error: unknown) => {
      throw new CannotKeep(blob, error);
    });
    return new BlobFill(blob, path, file, source, store);
  }

  /** Bytes from `start` to `end` as they come. The last piece is handed out only once the whole blob has been verified. */
  async *read(start: number, end: number): AsyncGenerator<Uint8Array> {
    this.#users += 1;
    try {
      for (let at = start; at < end; ) {
        const upTo = Math.min(end, this.#readable());
        if (at >= upTo) {
          if (this.#failure !== undefined && !this.#isVerified) throw this.#failure;
          await this.#wake.promise;
          continue;
        }
        const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, upTo - at));
        const { bytesRead } = await this.file.read(buffer, 0, buffer.length, at);
        if (bytesRead === 0) throw new Error(`the cache's file ${this.path} ends at ${at} bytes`);
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      this.#users -= 1;
      await this.#closeWhenUnused();
    }
  }

  /** Wrong bytes must never look like a whole download: of an unverified blob the last byte is held back. */
  #readable(): number {
    return this.#isVerified ? this.#size : Math.min(this.#size, this.blob.size - 1);
  }

  async #fill(source: AsyncIterable<Uint8Array>, store: (path: string) => Promise<void>): Promise<void> {
    try {
      for await (const chunk of source) {
        await this.#keep(() => writeAll(this.file, chunk, this.#size));
        this.#size += chunk.length;
        this.#tell();
      }
      if (this.#size !== this.blob.size) {
        throw new Error(`the upstream sent ${this.#size} bytes of ${this.blob.digest}, which has ${this.blob.size}`);
      }
      this.#isVerified = true;
      this.#tell();
      await this.#keep(async () => {
        await this.file.datasync();
        await store(this.path);
      });
    } catch (error) {
      this.#failure = error;
      await rm(this.path, { force: true });
      throw error;
    } finally {
      this.#isOver = true;
      this.#tell();
      await this.#closeWhenUnused();
    }
  }

  async #keep(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      throw new CannotKeep(this.blob, error);
    }
  }

  #tell(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  async #closeWhenUnused(): Promise<void> {
    if (this.#isOver && this.#users === 0) await this.file.close().catch(() => {});
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, written, chunk.length - written, position + written);
    written += bytesWritten;
  }
}
