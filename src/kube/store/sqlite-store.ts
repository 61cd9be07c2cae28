/**
 * The embedded store: one SQLite file, written by a thread of its own. Commits that arrive while one is under way become one
 * transaction; each is still decided by itself.
 */

import { NaruError } from "../../lib/errors.ts";
import { workerEntry } from "../../lib/worker-entry.ts";
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
} from "./contract.ts";
import type {
  CommitAnswer,
  FromStoreThread,
  HistoryAnswer,
  LoggedChange,
  RangeAnswer,
  StoreQuestion,
  Written,
} from "./sqlite-messages.ts";
import { WatchQueue } from "./watch-queue.ts";

/** Entries that travel between the threads in one message. */
const PAGE = 2000;

interface Asked {
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}
interface WaitingCommit {
  readonly mutations: readonly Mutation[];
  resolve(commit: Commit): void;
  reject(error: unknown): void;
}

/**
 * @param path the file; ":memory:" keeps nothing
 * @throws NaruError unavailable: damaged, or written by a newer naru
 */
export async function openSqliteStore(path: string): Promise<KeyValueStore> {
  const store = new SqliteStore();
  try {
    await store.open(path);
    return store;
  } catch (error) {
    store.terminate();
    throw error;
  }
}

class SqliteStore implements KeyValueStore {
  readonly tellsBeforeCommitting = true;
  private readonly worker = new Worker(workerEntry("src/kube/store/sqlite-store-worker.ts", import.meta.url));
  private readonly asked = new Map<number, Asked>();
  private readonly watchers = new Set<WatchQueue>();
  private nextId = 1;
  private waiting: WaitingCommit[] = [];
  private committing: Promise<void> | undefined;
  private closed = false;

  constructor() {
    this.worker.onmessage = ({ data }: MessageEvent<FromStoreThread>) => this.hear(data);
    this.worker.onerror = (event) =>
      this.failAll(new NaruError("unavailable", `the cluster's store ended: ${event.message}`));
  }

  async open(path: string): Promise<void> {
    await this.ask<number>({ kind: "open", path });
  }

  terminate(): void {
    this.worker.terminate();
  }

  async range(prefix: string, { limit, after, revision }: RangeOptions = {}): Promise<Range> {
    const wanted = limit ?? Number.POSITIVE_INFINITY;
    const entries: StoredEntry[] = [];
    let from = after;
    let at = revision;
    for (;;) {
      const size = Math.min(PAGE, wanted - entries.length);
      const page = await this.ask<RangeAnswer>({
        kind: "range",
        range: { prefix, after: from, limit: size, revision: at },
      });
      for (const entry of page.entries) entries.push(entry);
      // The first page says which state this is; the others are of the same.
      at = page.revision;
      if (!page.more || entries.length >= wanted) return { entries, revision: at, more: page.more };
      from = entries.at(-1)!.key;
    }
  }

  async get(key: string): Promise<StoredEntry | undefined> {
    return await this.ask<StoredEntry | undefined>({ kind: "get", key });
  }

  commit(mutations: readonly Mutation[]): Promise<Commit> {
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(new NaruError("unavailable", "the cluster's store is closed"));
      this.waiting.push({ mutations, resolve, reject });
      this.committing ??= this.commitWaiting();
    });
  }

  async *watch(prefix: string, after: number, signal: AbortSignal): AsyncGenerator<WatchBatch> {
    const queue = new WatchQueue(prefix, signal);
    this.watchers.add(queue);
    try {
      let told = after;
      for (let more = true; more && !signal.aborted; ) {
        const page = await this.ask<HistoryAnswer>({ kind: "history", prefix, after: told });
        if (page.changes.length > 0) yield { events: page.changes.map(eventOf), revision: page.revision };
        told = Math.max(told, page.revision);
        more = page.more;
      }
      yield* queue.read(told);
    } finally {
      this.watchers.delete(queue);
    }
  }

  async revision(): Promise<number> {
    return await this.ask<number>({ kind: "revision" });
  }

  async compact(revision: number): Promise<void> {
    await this.ask({ kind: "compact", revision });
  }

  async size(): Promise<number> {
    return await this.ask<number>({ kind: "size" });
  }

  /** Waits for what is under way; nothing can be asked afterwards. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.committing;
    await this.ask({ kind: "close" });
    this.worker.terminate();
    for (const watcher of this.watchers) watcher.fail(new NaruError("unavailable", "the cluster's store was closed"));
  }

  private async commitWaiting(): Promise<void> {
    // Whoever commits in this tick comes along.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      try {
        const answers = await this.ask<CommitAnswer[]>({ kind: "commit", batch: batch.map((one) => one.mutations) });
        this.tellWatchers(batch, answers);
        for (const [index, { resolve }] of batch.entries()) resolve(commitOf(answers[index]!));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.committing = undefined;
  }

  private tellWatchers(batch: readonly WaitingCommit[], answers: readonly CommitAnswer[]): void {
    const events: StoreEvent[] = [];
    let revision = 0;
    for (const [index, answer] of answers.entries()) {
      if (!("written" in answer)) continue;
      const { mutations } = batch[index]!;
      revision = answer.revision;
      for (const [place, written] of answer.written.entries()) {
        if (written !== undefined) events.push(writtenEvent(mutations[place]!, written, answer.revision));
      }
    }
    if (events.length === 0) return;
    for (const watcher of this.watchers) watcher.push(events, revision, false);
  }

  private ask<Answer>(question: StoreQuestion): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      const id = this.nextId++;
      this.asked.set(id, { resolve: resolve as (answer: unknown) => void, reject });
      this.worker.postMessage({ id, question });
    });
  }

  private hear(message: FromStoreThread): void {
    const asked = this.asked.get(message.id);
    this.asked.delete(message.id);
    if ("answer" in message) asked?.resolve(message.answer);
    else if (message.compacted !== undefined) asked?.reject(new CompactedError(message.compacted));
    else asked?.reject(new NaruError("unavailable", `the cluster's store: ${message.failure}`));
  }

  private failAll(error: NaruError): void {
    for (const { reject } of this.asked.values()) reject(error);
    this.asked.clear();
    for (const watcher of this.watchers) watcher.fail(error);
  }
}

function commitOf(answer: CommitAnswer): Commit {
  if ("written" in answer) return { committed: true, revision: answer.revision };
  return { committed: false, key: answer.key, conflict: answer.conflict, revision: answer.revision };
}

function writtenEvent({ key, value }: Mutation, { createRevision, previous }: Written, revision: number): StoreEvent {
  return eventOf({ key, value, revision, createRevision, previous });
}

function eventOf({ key, value, revision, createRevision, previous }: LoggedChange): StoreEvent {
  if (value === undefined) return { type: "delete", entry: { ...previous!, modRevision: revision }, previous };
  return { type: "put", entry: { key, value, createRevision, modRevision: revision }, previous };
}
