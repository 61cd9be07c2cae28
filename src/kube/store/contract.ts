/**
 * What the cluster keeps its objects in: keys with values, one revision for the whole store, transactions and watches. The
 * embedded SQLite and etcd v3 both keep this promise; test/support/kube-store-contract.ts is run over both.
 */

export interface StoredEntry {
  readonly key: string;
  readonly value: string;
  /** The revision of the write that made the key (again). */
  readonly createRevision: number;
  /** The revision of the last write of this key. */
  readonly modRevision: number;
}

export interface RangeOptions {
  /** At most so many entries; all when absent. */
  limit?: number;
  /** Only keys after this one. */
  after?: string;
  /** The state as it was then. @throws CompactedError when that revision is gone. */
  revision?: number;
}
export interface Range {
  /** In the order of their keys (bytes). */
  readonly entries: readonly StoredEntry[];
  /** The revision that this is the state of. */
  readonly revision: number;
  /** More keys follow (a limit was given). */
  readonly more: boolean;
}

/** One write: without a value the key is deleted. */
export interface Mutation {
  readonly key: string;
  readonly value?: string;
  /** The write is done only if the key's modRevision is this; 0: only if it does not exist; undefined: whatever is there. */
  readonly expected?: number;
}
export type Commit =
  | { readonly committed: true; readonly revision: number }
  /** `conflict` is the first key whose expectation was not met, with what is there. */
  | {
      readonly committed: false;
      readonly key: string;
      readonly conflict: StoredEntry | undefined;
      readonly revision: number;
    };

export interface StoreEvent {
  readonly type: "put" | "delete";
  /** For a delete: the entry as it was before, with the delete's revision as modRevision. */
  readonly entry: StoredEntry;
  /** What the key held before this event. */
  readonly previous: StoredEntry | undefined;
}
export interface WatchBatch {
  /** All events of one or more whole revisions, in order; empty for a progress notice. */
  readonly events: readonly StoreEvent[];
  /** Everything up to this revision has been told. */
  readonly revision: number;
}

export interface KeyValueStore {
  /** True: watchers are told of a commit before its promise resolves, so whoever watches everything is never behind. */
  readonly tellsBeforeCommitting: boolean;
  range(prefix: string, options?: RangeOptions): Promise<Range>;
  get(key: string): Promise<StoredEntry | undefined>;
  /** All mutations or none, durable when the promise resolves; one revision for all of them. Concurrent commits are grouped. */
  commit(mutations: readonly Mutation[]): Promise<Commit>;
  /**
   * Events of keys under `prefix` after revision `after`, in order, until the signal. A commit is told to watchers no later than its promise resolves
   * (embedded store), or as soon as the server tells it (etcd).
   * @throws CompactedError (from the iterator) when events after that revision are gone.
   */
  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<WatchBatch>;
  /** The newest revision. */
  revision(): Promise<number>;
  /** Forgets history up to and with this revision; current values stay. */
  compact(revision: number): Promise<void>;
  /** Bytes on disk, for metrics. */
  size(): Promise<number>;
  close(): Promise<void>;
}

/** History before `compacted` is gone: list again. */
export class CompactedError extends Error {
  constructor(readonly compacted: number) {
    super(`the requested revision has been compacted; the oldest is ${compacted + 1}`);
  }
}
