/** One client attached to a container or exec process. */
import type { ContainerProcess, OutputChunk } from "../runtime/contract.ts";
import { ChunkQueue } from "./chunk-queue.ts";
import type { AttachSession } from "./contract.ts";
import { DetachKeyScanner } from "./detach-keys.ts";
import type { OutputSink } from "./output-hub.ts";

export interface SessionOptions {
  tty: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Empty: no key sequence detaches. */
  detachKeys: Uint8Array;
  /** The process, once it runs. */
  process: () => Promise<ContainerProcess>;
  /** Half-close by the client: the process' stdin ends as well. */
  closesStdin: boolean;
  /** The detach keys were typed. */
  onDetach?: () => void;
}

export class Session implements AttachSession, OutputSink {
  readonly tty: boolean;
  readonly #queue = new ChunkQueue();
  readonly #scanner: DetachKeyScanner | undefined;
  #leave: (() => void) | undefined;
  #isClosed = false;
  /** Writes go one after the other, also those from before the start. */
  #writing: Promise<void> = Promise.resolve();

  constructor(readonly options: SessionOptions) {
    this.tty = options.tty;
    if (options.tty && options.detachKeys.length > 0) this.#scanner = new DetachKeyScanner(options.detachKeys);
  }

  /** Called with the function that takes the session off its output hub. */
  joined(leave: () => void): void {
    this.#leave = leave;
  }

  get output(): AsyncIterable<OutputChunk> {
    return this.#queue;
  }

  take(chunk: OutputChunk): void | Promise<void> {
    if (this.#isClosed) return;
    if (!(chunk.stream === "stdout" ? this.options.stdout : this.options.stderr)) return;
    return this.#queue.push(chunk);
  }

  end(): void {
    this.#queue.end();
    this.#finish();
  }

  write(chunk: Uint8Array): Promise<void> {
    if (!this.options.stdin || this.#isClosed) return Promise.resolve();
    const { passed, isDetached } = this.#scanner?.scan(chunk) ?? { passed: chunk, isDetached: false };
    if (passed.length > 0) {
      const bytes = passed.slice();
      // Input for a process that has ended, or never came, goes nowhere; the session tells its end.
      this.#writing = this.#writing.then(() => this.#send(bytes)).catch(() => {});
    }
    if (isDetached) {
      this.options.onDetach?.();
      this.close();
    }
    return this.#writing;
  }

  async #send(bytes: Uint8Array): Promise<void> {
    const process = await this.options.process();
    await process.writeStdin(bytes);
  }

  closeInput(): void {
    if (!this.options.stdin || this.#isClosed) return;
    if (this.options.closesStdin) {
      this.#writing = this.#writing
        .then(async () => {
          (await this.options.process()).closeStdin();
        })
        .catch(() => {}); // as above
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#queue.drop();
    this.#finish();
  }

  #finish(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#leave?.();
  }
}
