/**
 * The store: every collection lies in memory; changes of one tick go to the writer thread as one transaction.
 * Files under the data root: `state.db` (with SQLite's -wal and -shm) and `state.lock`.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { NaruError } from "../lib/errors.ts";
import { workerEntry } from "../lib/worker-entry.ts";
import { type FileLock, tryLockFile } from "../linux/file-lock.ts";
import type { Collection, StateStore } from "./contract.ts";
import { loadStateFile } from "./state-file.ts";
import type { RowChange, WriterAnswer, WriterRequest } from "./write-batch.ts";

/**
 * Locks the data root for this process, reads its state and starts the writer.
 * @throws {NaruError} conflict when another daemon uses the data root; unavailable when the state cannot be read.
 */
export async function createStateStore(dataRoot: string): Promise<StateStore> {
  await mkdir(dataRoot, { recursive: true, mode: 0o710 });
  const lock = await tryLockFile(join(dataRoot, "state.lock"));
  if (lock === undefined) {
    throw new NaruError(
      "conflict",
      `another daemon uses the data root ${dataRoot}: stop it, or start this one with another --data-root`,
    );
  }
  try {
    const path = join(dataRoot, "state.db");
    const rows = loadStateFile(path);
    return new SqliteStateStore(rows, await Writer.start(path), lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

class SqliteStateStore implements StateStore {
  readonly #collections = new Map<string, MemoryCollection<unknown>>();
  readonly #writer: Writer;
  readonly #lock: FileLock;

  constructor(rows: readonly { collection: string; key: string; value: string }[], writer: Writer, lock: FileLock) {
    this.#writer = writer;
    this.#lock = lock;
    for (const { collection, key, value } of rows) this.#open(collection).adopt(key, JSON.parse(value));
  }

  collection<T>(name: string): Collection<T> {
    return this.#open(name) as unknown as Collection<T>;
  }

  flush(): Promise<void> {
    return this.#writer.flush();
  }

  async close(): Promise<void> {
    await this.#writer.close();
    await this.#lock.release();
  }

  #open(name: string): MemoryCollection<unknown> {
    let found = this.#collections.get(name);
    if (found === undefined) {
      found = new MemoryCollection(name, this.#writer);
      this.#collections.set(name, found);
    }
    return found;
  }
}

class MemoryCollection<T> implements Collection<T> {
  readonly #records = new Map<string, T>();

  constructor(
    readonly name: string,
    readonly writer: Writer,
  ) {}

  /** A record that is already in the file. */
  adopt(key: string, value: T): void {
    this.#records.set(key, value);
  }
  get(key: string): T | undefined {
    return this.#records.get(key);
  }
  has(key: string): boolean {
    return this.#records.has(key);
  }
  values(): IterableIterator<T> {
    return this.#records.values();
  }
  entries(): IterableIterator<[string, T]> {
    return this.#records.entries();
  }
  get size(): number {
    return this.#records.size;
  }
  put(key: string, value: T): Promise<void> {
    this.#records.set(key, value);
    return this.writer.write({ collection: this.name, key, value: JSON.stringify(value) });
  }
  delete(key: string): Promise<void> {
    if (!this.#records.delete(key)) return this.writer.flush();
    return this.writer.write({ collection: this.name, key, value: undefined });
  }
}

interface Batch {
  /** By collection and key: the last change of a tick wins. */
  changes: Map<string, RowChange>;
  done: Promise<void>;
  resolve: () => void;
  reject: (error: Error) => void;
}

/** Collects the changes of a tick and hands them to the writer thread. */
class Writer {
  #next: Batch | undefined;
  #lastId = 0;
  readonly #underway = new Map<number, Batch>();
  #isClosed = false;
  readonly #closed = Promise.withResolvers<void>();

  private constructor(readonly worker: Worker) {
    worker.onmessage = ({ data }: MessageEvent<WriterAnswer>) => this.#receive(data);
    worker.onerror = (event) => this.#failAll(`the thread that writes the state file ended: ${event.message}`);
  }

  static async start(path: string): Promise<Writer> {
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
    return new Writer(worker);
  }

  /** Resolves when the change is in the file. */
  write(change: RowChange): Promise<void> {
    if (this.#isClosed) return Promise.reject(new NaruError("unavailable", "the daemon is shutting down"));
    const batch = this.#openBatch();
    batch.changes.set(`${change.collection}\0${change.key}`, change);
    return batch.done;
  }

  async flush(): Promise<void> {
    const waiting = [...this.#underway.values()].map(({ done }) => done);
    if (this.#next !== undefined) waiting.push(this.#next.done);
    await Promise.all(waiting);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return this.#closed.promise;
    await this.flush();
    this.#isClosed = true;
    this.worker.postMessage({ kind: "close" } satisfies WriterRequest);
    await this.#closed.promise;
    this.worker.terminate();
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
    this.#underway.delete(answer.id);
    if (answer.kind === "written") batch?.resolve();
    else batch?.reject(new NaruError("internal", `the state could not be written: ${answer.message}`));
  }

  #failAll(message: string): void {
    for (const batch of this.#underway.values()) batch.reject(new NaruError("internal", message));
    this.#underway.clear();
    this.#closed.resolve();
  }
}
