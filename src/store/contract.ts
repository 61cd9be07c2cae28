/**
 * The daemon's state: named collections of JSON records, kept in memory for reads and in one SQLite file (WAL) for
 * durability. Writes of one tick travel to the writer together and become durable in one transaction, so a record is
 * never half-written.
 */
export interface Collection<T> {
  /** The live record; treat it as immutable and put() a changed copy. */
  get(key: string): T | undefined;
  has(key: string): boolean;
  /** In order of insertion into this process' memory (after a restart: by key). */
  values(): IterableIterator<T>;
  entries(): IterableIterator<[string, T]>;
  readonly size: number;
  /**
   * Visible to get() at once; resolves when the record survives `kill -9` of the daemon. Rejects when the file cannot be
   * written now (a full disk): the change is a fact all the same, stays in memory, and is written as soon as that works.
   */
  put(key: string, value: T): Promise<void>;
  /** As put, for what somebody only wishes: a failed write takes it back, and the record is what it was before. */
  propose(key: string, value: T): Promise<void>;
  delete(key: string): Promise<void>;
}

export interface StateStore {
  /** The collection of that name; the same object every time. */
  collection<T>(name: string): Collection<T>;
  /** Resolves when every write accepted so far is durable. */
  flush(): Promise<void>;
  /** As flush(), and what was accepted survives a power cut too. */
  sync(): Promise<void>;
  close(): Promise<void>;
}
