/** Output on its way to one reader: bounded, so that a slow reader slows the process instead of filling memory. */
import type { OutputChunk } from "../runtime/contract.ts";

const HIGH_WATER_BYTES = 1024 * 1024;

export class ChunkQueue implements AsyncIterable<OutputChunk> {
  #chunks: OutputChunk[] = [];
  #bytes = 0;
  #isEnded = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriters: (() => void)[] = [];

  /** Pending while too much waits for the reader. Bytes are copied: the caller may reuse its buffer. */
  push(chunk: OutputChunk): void | Promise<void> {
    if (this.#isEnded || chunk.data.length === 0) return;
    this.#chunks.push({ stream: chunk.stream, data: chunk.data.slice() });
    this.#bytes += chunk.data.length;
    this.#wakeReader?.();
    if (this.#bytes > HIGH_WATER_BYTES) return new Promise((resolve) => this.#wakeWriters.push(resolve));
  }

  /** What is queued is still delivered. */
  end(): void {
    this.#isEnded = true;
    this.#wakeReader?.();
    this.#release();
  }

  /** Nothing more is delivered. */
  drop(): void {
    this.#chunks = [];
    this.#bytes = 0;
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OutputChunk> {
    while (true) {
      while (this.#chunks.length > 0) {
        const taken = this.#chunks;
        this.#chunks = [];
        this.#bytes = 0;
        this.#release();
        yield* taken;
      }
      if (this.#isEnded) return;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
      this.#wakeReader = undefined;
    }
  }

  #release(): void {
    const waiting = this.#wakeWriters;
    this.#wakeWriters = [];
    for (const wake of waiting) wake();
  }
}
