/** A process under a monitor, as the engine handles it: several readers of its output, one end. */
import { errorText } from "../lib/errors.ts";
import type { ContainerProcess, ExitStatus, OutputChunk, Subscription } from "./contract.ts";
import type { MonitorConnection, MonitorListener, MonitorOutput } from "./monitor-connection.ts";
import type { ProcessExited } from "./monitor-protocol.ts";

interface OutputReader {
  onChunk: (chunk: OutputChunk) => void | Promise<void>;
  onEnd: () => void;
}

/** Hands each piece of output to all readers; waits for the slowest. */
export class OutputFanOut implements MonitorListener {
  readonly #readers = new Set<OutputReader>();
  #hasEnded = false;

  get readerCount(): number {
    return this.#readers.size;
  }

  add(reader: OutputReader): void {
    if (this.#hasEnded) queueMicrotask(() => reader.onEnd());
    else this.#readers.add(reader);
  }

  delete(reader: OutputReader): void {
    this.#readers.delete(reader);
  }

  onOutput(output: MonitorOutput): void | Promise<void> {
    const pending: Promise<void>[] = [];
    for (const reader of this.#readers) {
      const taken = this.#pass(reader, output);
      if (taken) pending.push(taken);
    }
    if (pending.length > 0) return Promise.all(pending).then(() => undefined);
  }

  onOutputEnd(): void {
    this.#hasEnded = true;
    for (const reader of this.#readers) reader.onEnd();
    this.#readers.clear();
  }

  /** A reader that fails gets no more; it must not take the others with it. */
  #pass(reader: OutputReader, output: MonitorOutput): Promise<void> | undefined {
    try {
      const taken = reader.onChunk(output);
      return taken?.catch(() => this.delete(reader));
    } catch {
      this.delete(reader);
    }
  }
}

/** Turns what the monitor told (undefined: it was lost) into the status to report. */
export type Conclude = (exited: ProcessExited | undefined) => Promise<ExitStatus>;

export class MonitoredProcess implements ContainerProcess {
  readonly exited: Promise<ExitStatus>;
  readonly #connection: MonitorConnection;
  readonly #output: OutputFanOut;
  #isSubscribed: boolean;

  constructor(
    readonly pid: number,
    connection: MonitorConnection,
    output: OutputFanOut,
    options: { isSubscribed: boolean; conclude: Conclude },
  ) {
    this.#connection = connection;
    this.#output = output;
    this.#isSubscribed = options.isSubscribed;
    this.exited = connection.exited.then(async (exited) => {
      try {
        return await options.conclude(exited);
      } catch (error) {
        console.error(`process ${pid}: its end could not be told in full: ${errorText(error)}`);
        return lostStatus();
      }
    });
  }

  subscribe(onChunk: OutputReader["onChunk"], onEnd: OutputReader["onEnd"]): Subscription {
    const reader = { onChunk, onEnd };
    this.#output.add(reader);
    this.#followReaders();
    return {
      cancel: () => {
        this.#output.delete(reader);
        this.#followReaders();
      },
    };
  }

  writeStdin(chunk: Uint8Array): Promise<void> {
    return this.#connection.writeStdin(chunk);
  }

  closeStdin(): void {
    this.#connection.closeStdin();
  }

  async resize(rows: number, columns: number): Promise<void> {
    this.#connection.resize(rows, columns);
  }

  async flushLog(): Promise<void> {
    await this.#connection.flushLog();
  }

  /** Output that nobody reads is not worth the way to the daemon. */
  #followReaders(): void {
    const isWanted = this.#output.readerCount > 0;
    if (isWanted === this.#isSubscribed) return;
    this.#isSubscribed = isWanted;
    if (isWanted) void this.#connection.subscribe();
    else this.#connection.unsubscribe();
  }
}

/** The status of a process whose monitor was killed: nobody knows better. */
export function lostStatus(): ExitStatus {
  return { exitCode: 137, finishedAt: new Date().toISOString(), oomKilled: false };
}
