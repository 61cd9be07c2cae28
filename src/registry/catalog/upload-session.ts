/** What this process knows of an upload under way: the digest so far, and which request feeds it. */
import { createHash, type Hash } from "node:crypto";
import { RegistryError } from "../registry-error.ts";

export class UploadSession {
  readonly startedAt: number;
  lastActivityAt: number;
  private hash: Hash | undefined;
  private hashedBytes = 0;
  private feeding: { stop: AbortController; ended: Promise<void> } | undefined;

  constructor(now: number, isNew: boolean) {
    this.startedAt = now;
    this.lastActivityAt = now;
    if (isNew) this.hash = createHash("sha256");
  }

  /**
   * Becomes the one request that feeds the upload. An earlier one that still hangs on a dead connection is cut off: its
   * client has come back.
   */
  async takeOver(): Promise<{ signal: AbortSignal; done: () => void }> {
    while (this.feeding !== undefined) {
      this.feeding.stop.abort(
        new RegistryError("BLOB_UPLOAD_INVALID", "another request went on with this upload", { status: 409 }),
      );
      await this.feeding.ended;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = new AbortController();
    this.feeding = { stop, ended: promise };
    const done = () => {
      this.feeding = undefined;
      resolve();
    };
    return { signal: stop.signal, done };
  }

  /** The stream, hashed as it passes, when the bytes before `offset` were hashed here as well. */
  async *hashing(data: AsyncIterable<Uint8Array>, offset: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    if (this.hashedBytes !== offset) this.hash = undefined;
    for await (const piece of untilAborted(data, signal)) {
      this.lastActivityAt = Date.now();
      this.hash?.update(piece);
      this.hashedBytes += piece.length;
      yield piece;
    }
  }

  /** Hex digits of the sha256 of the first `size` bytes; undefined when they were not all hashed here. */
  sha256(size: number): string | undefined {
    if (this.hash === undefined || this.hashedBytes !== size) return undefined;
    const digest = this.hash.digest("hex");
    this.hash = undefined;
    return digest;
  }
}

/**
 * Leaves a stream that may never yield again. Each piece has a promise of its own: Promise.race against one that lasts as
 * long as the stream would keep every piece in memory.
 */
async function* untilAborted(data: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const iterator = data[Symbol.asyncIterator]();
  let leave: (reason: unknown) => void = () => {};
  const abort = () => leave(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        leave = reject;
        iterator.next().then(resolve, reject);
      });
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", abort);
    // Not awaited: it ends only when the stream does.
    iterator.return?.()?.catch(() => {});
  }
}
