/**
 * The main thread's side of the writer: collects the changes of a tick into one transaction, and keeps what could not be
 * written (a full disk) until it can, so that the file always moves towards what memory says.
 */
import { NaruError } from "../lib/errors.ts";
import { workerEntry } from "../lib/worker-entry.ts";
import { syncStateFile } from "./state-file.ts";
import type { RowChange, WriterAnswer, WriterRequest } from "./write-batch.ts";

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5000;

interface Batch {
  /** By collection and key: the last change of a tick wins. */
  changes: Map<string, RowChange>;
  done: Promise<void>;
  resolve: () => void;
  reject: (error: Error) => void;
}

export class StateWriter {
  #next: Batch | undefined;
  #lastId = 0;
  readonly #underway = new Map<number, Batch>();
  /** Changes that failed and that nothing newer has replaced. */
  readonly #owed = new Map<string, RowChange>();
  /** The newest change of each row that is not in the file yet. */
  readonly #newest = new Map<string, RowChange>();
  #retryMs = FIRST_RETRY_MS;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  readonly #closed = Promise.withResolvers<void>();

  private constructor(
    readonly worker: Worker,
    private readonly path: string,
  ) {
    worker.onmessage = ({ data }: MessageEvent<WriterAnswer>) => this.#receive(data);
    worker.onerror = (event) => this.#failAll(`the thread that writes the state file ended: ${event.message}`);
  }

  /** @throws unavailable when the file cannot be opened for writing */
  static async start(path: string): Promise<StateWriter> {
    const worker = new Worker(workerEntry("src/store/writer-worker.ts", import.meta.url));
    const opened = Promise.withResolvers<void>();
    worker.onmessage = ({ data }: MessageEvent<WriterAnswer>) => {
      if (data.kind === "opened") opened.resolve();
      else
        opened.reject(
          new NaruError("unavailable", `the state file ${path} cannot be written: ${JSON.stringify(data)}`),
        );
    };
    worker.onerror = (event) =>
      opened.reject(new NaruError("internal", `the state writer did not start: ${event.message}`));
    worker.postMessage({ kind: "open", path } satisfies WriterRequest);
    await opened.promise;
    return new StateWriter(worker, path);
  }

  /** Resolves when the change is in the file; rejects when it could not be written now, and tries again by itself. */
  write(change: RowChange): Promise<void> {
    if (this.#isClosed) return Promise.reject(new NaruError("unavailable", "the daemon is shutting down"));
    const row = rowOf(change);
    this.#owed.delete(row);
    this.#newest.set(row, change);
    const batch = this.#openBatch();
    batch.changes.set(row, change);
    return batch.done;
  }

  /** True when nothing of this row is still to be written. */
  isWritten(collection: string, key: string): boolean {
    return !this.#newest.has(rowOf({ collection, key }));
  }

  /** Resolves when all that was accepted is in the file. @throws when some of it cannot be written */
  async flush(): Promise<void> {
    if (this.#owed.size > 0) this.#writeOwed();
    const waiting = [...this.#underway.values()].map(({ done }) => done);
    if (this.#next !== undefined) waiting.push(this.#next.done);
    await Promise.all(waiting);
  }

  /**
   * As flush(); what is in the file is on the disk then. Not the writer's work: nobody else waits for the disk.
   * @throws when some of it cannot be written
   */
  async sync(): Promise<void> {
    await this.flush();
    await syncStateFile(this.path);
  }

  /** @throws when some of it could not be written to the very end; the file is closed all the same */
  async close(): Promise<void> {
    if (this.#isClosed) return this.#closed.promise;
    const failure = await this.flush().catch((error: unknown) => error ?? new Error("unknown"));
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.worker.postMessage({ kind: "close" } satisfies WriterRequest);
    await this.#closed.promise;
    this.worker.terminate();
    if (failure !== undefined) throw failure;
  }

  #openBatch(): Batch {
    if (this.#next === undefined) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      // A caller that does not wait for durability must not bring the daemon down; others see the rejection.
      promise.catch(() => {});
      this.#next = { changes: new Map(), done: promise, resolve, reject };
      setImmediate(() => this.#send());
    }
    return this.#next;
  }

  #send(): void {
    const batch = this.#next;
    if (batch === undefined) return;
    this.#next = undefined;
    const id = ++this.#lastId;
    this.#underway.set(id, batch);
    this.worker.postMessage({ kind: "write", id, changes: [...batch.changes.values()] } satisfies WriterRequest);
  }

  #receive(answer: WriterAnswer): void {
    if (answer.kind === "closed") this.#closed.resolve();
    if (answer.kind === "closed" || answer.kind === "opened" || answer.id === undefined) return;
    const batch = this.#underway.get(answer.id);
    if (batch === undefined) return;
    this.#underway.delete(answer.id);
    if (answer.kind === "written") this.#settle(batch);
    else this.#owe(batch, answer.message);
  }

  #settle(batch: Batch): void {
    for (const [row, change] of batch.changes) if (this.#newest.get(row) === change) this.#newest.delete(row);
    batch.resolve();
    this.#retryMs = FIRST_RETRY_MS;
    if (this.#owed.size > 0) this.#writeOwed();
  }

  #owe(batch: Batch, message: string): void {
    for (const [row, change] of batch.changes) if (this.#newest.get(row) === change) this.#owed.set(row, change);
    batch.reject(new NaruError("internal", `the state could not be written: ${message}${adviceFor(message)}`));
    if (this.#isClosed || this.#retry !== undefined || this.#owed.size === 0) return;
    this.#retry = setTimeout(() => this.#writeOwed(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }

  /** Puts what is owed into the next transaction, below whatever is newer. */
  #writeOwed(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    const owed = [...this.#owed.values()];
    this.#owed.clear();
    for (const change of owed) this.write(change).catch(() => {});
  }

  #failAll(message: string): void {
    for (const batch of this.#underway.values()) batch.reject(new NaruError("internal", message));
    this.#underway.clear();
    this.#closed.resolve();
  }
}

/** SQLite's words of a full disk name no place. */
function adviceFor(message: string): string {
  return message.includes("disk is full") ? "; free some space under the data root (rm, prune) and try again" : "";
}

function rowOf({ collection, key }: Pick<RowChange, "collection" | "key">): string {
  return `${collection}\0${key}`;
}
