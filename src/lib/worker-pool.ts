/**
 * Jobs in worker threads, with streams in and out. A worker does one job at a time; idle ones end after a while, so an
 * idle daemon has none. Both directions have a window: a fast side waits for the slow one. The other half of the
 * protocol is worker-job.ts.
 */
import { NaruError } from "./errors.ts";
import type { FromWorker, ToWorker } from "./worker-job.ts";

/** Bytes that may be under way to a worker before the sender waits. More made nothing faster, only the process larger. */
const INPUT_WINDOW_BYTES = 512 * 1024;
/** Small chunks are gathered, since each message costs some 20 µs. */
const GATHER_BYTES = 128 * 1024;
/** How long a job may take to undo what it began after its signal fired; then its worker is ended. */
const ABORT_GRACE_MS = 10_000;

interface JobOptions {
  input?: AsyncIterable<Uint8Array>;
  /** Whoever makes the input has no more use for a chunk once it is taken: it need not be copied. */
  ownsInput?: boolean;
  signal?: AbortSignal;
}

/** A job under way. `output` must be read to its end (or left by `return`) when the job writes to it. */
interface RunningJob<Result> {
  result: Promise<Result>;
  output: AsyncIterableIterator<Uint8Array>;
}

export class WorkerPool {
  private readonly idle: { worker: Worker; timer: ReturnType<typeof setTimeout> }[] = [];
  private readonly waiting: ((worker: Worker) => void)[] = [];
  private count = 0;

  /** `createWorker` must name the worker's file literally, `new Worker(new URL("./x.ts", import.meta.url))`. */
  constructor(
    private readonly createWorker: () => Worker,
    private readonly options: { maxWorkers: number; idleMs: number },
  ) {}

  /** Runs the job and answers its result; for jobs that write nothing. */
  async run<Result>(kind: string, params: unknown, options: JobOptions = {}): Promise<Result> {
    return await this.start<Result>(kind, params, options).result;
  }

  start<Result>(kind: string, params: unknown, options: JobOptions = {}): RunningJob<Result> {
    const output = new OutputQueue();
    const result = this.drive<Result>(kind, params, options, output);
    // The reader of `output` sees the failure too; whoever does not look at `result` must not end the process.
    result.then(
      () => output.end(),
      (error) => output.fail(error),
    );
    return { result, output: output.read() };
  }

  private async drive<Result>(kind: string, params: unknown, options: JobOptions, output: OutputQueue) {
    const { signal } = options;
    signal?.throwIfAborted();
    const worker = await this.acquire(signal);
    const job = new DrivenJob<Result>(worker, output);
    let healthy = false;
    try {
      const result = await job.run(kind, params, options);
      healthy = true;
      return result;
    } catch (error) {
      healthy = job.answered;
      throw error;
    } finally {
      job.detach();
      this.release(worker, healthy);
    }
  }

  /** @throws the signal's reason, when that came first */
  private async acquire(signal: AbortSignal | undefined): Promise<Worker> {
    const free = this.idle.pop();
    if (free) {
      clearTimeout(free.timer);
      return free.worker;
    }
    if (this.count < this.options.maxWorkers) {
      this.count += 1;
      return this.createWorker();
    }
    const { promise, resolve, reject } = Promise.withResolvers<Worker>();
    this.waiting.push(resolve);
    const leave = () => {
      const index = this.waiting.indexOf(resolve);
      if (index < 0) return;
      this.waiting.splice(index, 1);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", leave, { once: true });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }

  private release(worker: Worker, healthy: boolean): void {
    const next = this.waiting.shift();
    if (!healthy) {
      worker.terminate();
      if (next) next(this.createWorker());
      else this.count -= 1;
      return;
    }
    if (next) {
      next(worker);
      return;
    }
    const timer = setTimeout(() => {
      const index = this.idle.findIndex((entry) => entry.worker === worker);
      this.idle.splice(index, 1);
      this.count -= 1;
      worker.terminate();
    }, this.options.idleMs);
    timer.unref();
    this.idle.push({ worker, timer });
  }
}

/** The pool's end of one job: sends the input, takes messages, keeps the windows. */
class DrivenJob<Result> {
  /** True when the worker said how the job ended, so that it can take another. */
  answered = false;
  private unacknowledged = 0;
  private wakeSender: (() => void) | undefined;
  private ended = false;

  constructor(
    private readonly worker: Worker,
    private readonly output: OutputQueue,
  ) {}

  run(kind: string, params: unknown, { input, ownsInput = false, signal }: JobOptions) {
    return new Promise<Result>((resolve, reject) => {
      let grace: ReturnType<typeof setTimeout> | undefined;
      const abort = () => {
        this.send({ type: "abort" });
        this.wakeSender?.();
        grace = setTimeout(() => finish(() => reject(signal?.reason)), ABORT_GRACE_MS);
      };
      const finish = (settle: () => void) => {
        if (this.ended) return;
        this.ended = true;
        clearTimeout(grace);
        signal?.removeEventListener("abort", abort);
        this.wakeSender?.();
        settle();
      };
      this.worker.onmessage = (event: MessageEvent<FromWorker>) => {
        const message = event.data;
        if (message.type === "taken") this.acknowledge(message.bytes);
        else if (message.type === "output") this.takeOutput(message.data);
        else {
          this.answered = true;
          if (message.type === "done") finish(() => resolve(message.result as Result));
          else if (signal?.aborted) finish(() => reject(signal.reason));
          else finish(() => reject(new NaruError(message.kind, message.message)));
        }
      };
      this.worker.onerror = (event: ErrorEvent) => {
        finish(() => reject(new NaruError("internal", `${kind}: the worker thread failed: ${event.message}`)));
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.send({ type: "start", kind, params });
      // It may have been aborted while it waited for its worker.
      if (signal?.aborted) abort();
      this.output.onLeave = () => this.send({ type: "abort" });
      if (input) {
        this.sendInput(input, ownsInput).catch((error) => {
          this.send({ type: "input-failed", message: error instanceof Error ? error.message : String(error) });
        });
      }
    });
  }

  detach(): void {
    this.worker.onmessage = null;
    this.worker.onerror = null;
  }

  private send(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    if (!this.ended) this.worker.postMessage(message, transfer);
  }

  private async sendInput(input: AsyncIterable<Uint8Array>, ownsInput: boolean): Promise<void> {
    let gathered: Uint8Array[] = [];
    let gatheredBytes = 0;
    const flush = async () => {
      if (gatheredBytes === 0) return;
      const isOwn = ownsInput && gathered.every(hasOwnBuffer);
      const pieces = isOwn ? gathered : [copied(gathered, gatheredBytes)];
      this.unacknowledged += gatheredBytes;
      gathered = [];
      gatheredBytes = 0;
      this.send(
        { type: "input", pieces },
        pieces.map(({ buffer }) => buffer as ArrayBuffer),
      );
      while (this.unacknowledged > INPUT_WINDOW_BYTES && !this.ended) {
        await new Promise<void>((resolve) => {
          this.wakeSender = resolve;
        });
      }
    };
    const iterator = input[Symbol.asyncIterator]();
    try {
      for (;;) {
        const coming = iterator.next();
        // A source that has nothing more at the moment may wait for what the worker says to what it has.
        if (gatheredBytes > 0 && !(await arrivesAtOnce(coming))) await flush();
        const { done, value } = await coming;
        if (done) break;
        if (this.ended) return;
        gathered.push(value);
        gatheredBytes += value.length;
        if (gatheredBytes >= GATHER_BYTES) await flush();
      }
    } finally {
      // Not awaited: a source that hangs would keep the job from its end.
      iterator.return?.()?.catch(() => {});
    }
    await flush();
    this.send({ type: "input-end" });
  }

  private acknowledge(bytes: number): void {
    this.unacknowledged -= bytes;
    this.wakeSender?.();
  }

  private takeOutput(data: Uint8Array): void {
    this.output.push(data, () => this.send({ type: "output-taken", bytes: data.length }));
  }
}

/** Whether a promise is settled by the next turn of the event loop. */
async function arrivesAtOnce(coming: Promise<unknown>): Promise<boolean> {
  const turn = new Promise<false>((resolve) => setImmediate(() => resolve(false)));
  const arrived = () => true;
  return await Promise.race([coming.then(arrived, arrived), turn]);
}

/** A copy of its own: chunks from sockets and files may share a larger buffer, which must not be handed over. */
function copied(chunks: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    data.set(chunk, at);
    at += chunk.length;
  }
  return data;
}

function hasOwnBuffer(chunk: Uint8Array): boolean {
  return chunk.buffer instanceof ArrayBuffer && chunk.length === chunk.buffer.byteLength;
}

/** What a job wrote and nobody has read yet. */
class OutputQueue {
  /** Called when the reader leaves before the end. */
  onLeave: () => void = () => {};
  private readonly chunks: { data: Uint8Array; taken: () => void }[] = [];
  private finished = false;
  private error: unknown;
  private wake: (() => void) | undefined;

  push(data: Uint8Array, taken: () => void): void {
    this.chunks.push({ data, taken });
    this.wake?.();
  }

  end(): void {
    this.finished = true;
    this.wake?.();
  }

  fail(error: unknown): void {
    this.error = error;
    this.end();
  }

  async *read(): AsyncGenerator<Uint8Array, undefined, undefined> {
    try {
      for (;;) {
        const next = this.chunks.shift();
        if (next) {
          next.taken();
          yield next.data;
        } else if (this.finished) {
          if (this.error !== undefined) throw this.error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
        }
      }
    } finally {
      if (!this.finished) this.onLeave();
    }
  }
}
