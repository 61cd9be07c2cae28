/** The worker's half of worker-pool.ts: a table of jobs, each with a stream in, a stream out and a signal. */
import { type ErrorKind, errorText, NaruError } from "./errors.ts";

/** Messages of the protocol; streams are windowed by the bytes acknowledged. */
export type ToWorker =
  | { type: "start"; kind: string; params: unknown }
  /** One chunk, in pieces whose memory is the worker's from here on. */
  | { type: "input"; pieces: Uint8Array[] }
  | { type: "input-end" }
  | { type: "input-failed"; message: string }
  | { type: "output-taken"; bytes: number }
  | { type: "abort" };
export type FromWorker =
  | { type: "taken"; bytes: number }
  | { type: "output"; data: Uint8Array }
  | { type: "done"; result: unknown }
  | { type: "failed"; kind: ErrorKind; message: string };

/** Bytes of output that may wait for their reader. */
const OUTPUT_WINDOW_BYTES = 4 * 1024 * 1024;

export interface JobContext {
  /** Ends with the sender's stream; throws when that one failed or the job was cancelled. */
  input: AsyncIterable<Uint8Array>;
  /** Hands the chunk over (its buffer is gone afterwards); resolves when there is room for more. */
  write(chunk: Uint8Array<ArrayBuffer>): Promise<void>;
  signal: AbortSignal;
}

type JobHandler = (params: never, context: JobContext) => Promise<unknown>;

/** The worker's side of its thread's port; the DOM's types are not loaded. */
interface WorkerScope {
  postMessage(message: FromWorker, transfer: ArrayBuffer[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
}

/** Serves jobs for ever; called once, at the top of a worker's file. */
export function serveJobs(handlers: Record<string, JobHandler>): void {
  let current: JobChannel | undefined;
  const scope = globalThis as unknown as WorkerScope;
  const post = (message: FromWorker, transfer: ArrayBuffer[] = []) => scope.postMessage(message, transfer);
  scope.onmessage = (event) => {
    const message = event.data;
    if (message.type !== "start") {
      current?.receive(message);
      return;
    }
    const channel = new JobChannel(post);
    current = channel;
    const handler = handlers[message.kind];
    const run = handler
      ? handler(message.params as never, channel)
      : Promise.reject(new NaruError("internal", `there is no job ${message.kind}`));
    run
      .then(
        (result) => post({ type: "done", result }),
        (error) =>
          post({
            type: "failed",
            kind: error instanceof NaruError ? error.kind : "internal",
            message: errorText(error),
          }),
      )
      .finally(() => {
        channel.close();
        current = undefined;
      });
  };
}

/** One chunk of several pieces; a copy unless there is only one. */
function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  return pieces.length === 1 && only ? only : Buffer.concat(pieces);
}

class JobChannel implements JobContext {
  private readonly abortion = new AbortController();
  readonly signal = this.abortion.signal;
  private readonly chunks: Uint8Array[] = [];
  private inputEnded = false;
  private inputError: string | undefined;
  private wakeReader: (() => void) | undefined;
  private wakeWriter: (() => void) | undefined;
  private unread = 0;

  constructor(private readonly post: (message: FromWorker, transfer?: ArrayBuffer[]) => void) {}

  readonly input: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => this.readInput() };

  receive(message: ToWorker): void {
    if (message.type === "input") this.chunks.push(joined(message.pieces));
    else if (message.type === "input-end") this.inputEnded = true;
    else if (message.type === "input-failed") this.inputError = message.message;
    else if (message.type === "output-taken") this.unread -= message.bytes;
    else if (message.type === "abort") this.abortion.abort(new NaruError("unavailable", "the operation was cancelled"));
    this.wakeReader?.();
    this.wakeWriter?.();
  }

  async write(chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    this.signal.throwIfAborted();
    this.unread += chunk.length;
    this.post({ type: "output", data: chunk }, [chunk.buffer]);
    while (this.unread > OUTPUT_WINDOW_BYTES) {
      this.signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.wakeWriter = resolve;
      });
    }
  }

  close(): void {
    this.abortion.abort();
  }

  private async *readInput(): AsyncGenerator<Uint8Array, undefined, undefined> {
    for (;;) {
      this.signal.throwIfAborted();
      const chunk = this.chunks.shift();
      if (chunk) {
        yield chunk;
        this.post({ type: "taken", bytes: chunk.length });
      } else if (this.inputError !== undefined) throw new NaruError("invalid", this.inputError);
      else if (this.inputEnded) return;
      else {
        await new Promise<void>((resolve) => {
          this.wakeReader = resolve;
        });
      }
    }
  }
}
