/**
 * The store: every collection lies in memory; changes of one tick go to the writer thread as one transaction.
 * Files under the data root: `state.db` (with SQLite's -wal and -shm) and `state.lock`.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { NaruError } from "../lib/errors.ts";
import { type FileLock, tryLockFile } from "../linux/file-lock.ts";
import type { Collection, StateStore } from "./contract.ts";
import { loadStateFile } from "./state-file.ts";
import { StateWriter } from "./state-writer.ts";

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
    const records = loadStateFile(path).map((row) => ({ ...row, value: parseRecord(path, row) }));
    return new SqliteStateStore(records, await StateWriter.start(path), lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** To go on without the record would let the start sweep away what belongs to it. @throws unavailable for a damaged one */
function parseRecord(path: string, { collection, key, value }: { collection: string; key: string; value: string }) {
  try {
    const record: unknown = JSON.parse(value);
    if (record !== null) return record;
  } catch {
    // Told below.
  }
  throw new NaruError(
    "unavailable",
    `the state file ${path} is damaged: the record ${key} of ${collection} cannot be read; put a good copy of the file in ` +
      "its place, or delete that row of its table `record` (with sqlite3) to start without what it describes",
  );
}

class SqliteStateStore implements StateStore {
  readonly #collections = new Map<string, MemoryCollection<unknown>>();
  readonly #writer: StateWriter;
  readonly #lock: FileLock;

  constructor(
    records: readonly { collection: string; key: string; value: unknown }[],
    writer: StateWriter,
    lock: FileLock,
  ) {
    this.#writer = writer;
    this.#lock = lock;
    for (const { collection, key, value } of records) this.#open(collection).adopt(key, value);
  }

  collection<T>(name: string): Collection<T> {
    return this.#open(name) as unknown as Collection<T>;
  }

  flush(): Promise<void> {
    return this.#writer.flush();
  }

  sync(): Promise<void> {
    return this.#writer.sync();
  }

  async close(): Promise<void> {
    try {
      await this.#writer.close();
    } finally {
      await this.#lock.release();
    }
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
    readonly writer: StateWriter,
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
  async propose(key: string, value: T): Promise<void> {
    const before = this.#records.get(key);
    if (before !== undefined && this.#isInFile(key, before, value)) return;
    try {
      await this.put(key, value);
    } catch (error) {
      // Somebody may have said something newer meanwhile.
      if (this.#records.get(key) === value) {
        const undone = before === undefined ? this.delete(key) : this.put(key, before);
        undone.catch(() => {});
      }
      throw error;
    }
  }
  /** Nothing to write: so a daemon whose settings are the same starts on a full disk too, and can make room there. */
  #isInFile(key: string, before: T, value: T): boolean {
    return this.writer.isWritten(this.name, key) && JSON.stringify(before) === JSON.stringify(value);
  }
  delete(key: string): Promise<void> {
    if (!this.#records.delete(key)) return this.writer.flush();
    return this.writer.write({ collection: this.name, key, value: undefined });
  }
}
