/** A KeyValueStore in memory: for unit tests of what stands on stores; it passes the stores' contract suite too. */

import {
  type Commit,
  CompactedError,
  type KeyValueStore,
  type Mutation,
  type Range,
  type RangeOptions,
  type StoredEntry,
  type StoreEvent,
  type WatchBatch,
} from "../../src/kube/store/contract.ts";

interface Watcher {
  prefix: string;
  batches: WatchBatch[];
  wake(): void;
}

export class MemoryKubeStore implements KeyValueStore {
  readonly tellsBeforeCommitting = true;
  private readonly entries = new Map<string, StoredEntry>();
  private readonly history: StoreEvent[] = [];
  private readonly watchers = new Set<Watcher>();
  private current = 1;
  private compacted = 0;
  /** Set to make every commit fail, as a full disk does. */
  failure: Error | undefined;

  async range(prefix: string, options: RangeOptions = {}): Promise<Range> {
    const { limit, after, revision } = options;
    const state = revision === undefined ? this.entries : this.stateAt(revision);
    const keys = [...state.keys()]
      .filter((key) => key.startsWith(prefix) && (after === undefined || key > after))
      .sort();
    const taken = limit === undefined ? keys : keys.slice(0, limit);
    const entries = taken.map((key) => state.get(key)!);
    return { entries, revision: revision ?? this.current, more: taken.length < keys.length };
  }

  async get(key: string): Promise<StoredEntry | undefined> {
    return this.entries.get(key);
  }

  async commit(mutations: readonly Mutation[]): Promise<Commit> {
    if (this.failure) throw this.failure;
    for (const { key, expected } of mutations) {
      const found = this.entries.get(key);
      if (expected === undefined || expected === (found?.modRevision ?? 0)) continue;
      return { committed: false, key, conflict: found, revision: this.current };
    }
    const revision = this.current + 1;
    const events = mutations.flatMap((mutation) => this.write(mutation, revision));
    if (events.length === 0) return { committed: true, revision: this.current };
    this.current = revision;
    this.history.push(...events);
    for (const watcher of this.watchers) {
      const seen = events.filter((event) => event.entry.key.startsWith(watcher.prefix));
      if (seen.length === 0) continue;
      watcher.batches.push({ events: seen, revision });
      watcher.wake();
    }
    return { committed: true, revision };
  }

  async *watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<WatchBatch> {
    if (after < this.compacted) throw new CompactedError(this.compacted);
    const past = this.history.filter((event) => event.entry.modRevision > after && event.entry.key.startsWith(prefix));
    let wake = () => {};
    const watcher: Watcher = { prefix, batches: [], wake: () => wake() };
    if (past.length > 0) watcher.batches.push({ events: past, revision: this.current });
    const onAbort = () => wake();
    signal.addEventListener("abort", onAbort);
    this.watchers.add(watcher);
    try {
      while (!signal.aborted) {
        const batch = watcher.batches.shift();
        if (batch) yield batch;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.watchers.delete(watcher);
      signal.removeEventListener("abort", onAbort);
    }
  }

  async revision(): Promise<number> {
    return this.current;
  }

  async compact(revision: number): Promise<void> {
    this.compacted = Math.max(this.compacted, revision);
  }

  async size(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {}

  private write({ key, value }: Mutation, revision: number): StoreEvent[] {
    const previous = this.entries.get(key);
    if (value === undefined) {
      if (previous === undefined) return [];
      this.entries.delete(key);
      return [{ type: "delete", entry: { ...previous, modRevision: revision }, previous }];
    }
    const entry = { key, value, createRevision: previous?.createRevision ?? revision, modRevision: revision };
    this.entries.set(key, entry);
    return [{ type: "put", entry, previous }];
  }

  private stateAt(revision: number): Map<string, StoredEntry> {
    if (revision < this.compacted) throw new CompactedError(this.compacted);
    const state = new Map<string, StoredEntry>();
    for (const { type, entry } of this.history) {
      if (entry.modRevision > revision) break;
      if (type === "put") state.set(entry.key, entry);
      else state.delete(entry.key);
    }
    return state;
  }
}
