/** The store of a cluster whose state is in etcd v3. */

import { NaruError } from "../../lib/errors.ts";
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
import {
  decode,
  EtcdApi,
  type EtcdHeader,
  type EtcdKeyValue,
  type EtcdWatchAnswer,
  encode,
  entryOf,
  rangeEnd,
} from "./etcd-api.ts";

/** Keys of one range call: below the size that one answer may have. */
const PAGE = 500;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 5_000;

interface RangeAnswer {
  readonly header: EtcdHeader;
  readonly kvs?: readonly EtcdKeyValue[];
  readonly more?: boolean;
}
interface TxnAnswer {
  readonly header: EtcdHeader;
  readonly succeeded?: boolean;
  readonly responses?: readonly { readonly response_range?: RangeAnswer }[];
}

/**
 * @param address "etcd://host:port", or several: "etcd://a:2379,b:2379"
 * @throws NaruError invalid (the address), unavailable (nobody answers)
 */
export async function openEtcdStore(address: string): Promise<KeyValueStore> {
  const list = /^etcd:\/\/([^/]+)\/?$/.exec(address)?.[1]?.split(",") ?? [];
  if (list.length === 0 || list.some((host) => !/^(\[[0-9a-f:]+\]|[^:\s[\]]+):\d+$/i.test(host))) {
    throw new NaruError("invalid", `${JSON.stringify(address)} is no store: write etcd://host:port[,host:port…]`);
  }
  const store = new EtcdStore(new EtcdApi(list.map((host) => `http://${host}`)));
  await store.revision();
  return store;
}

class EtcdStore implements KeyValueStore {
  readonly tellsBeforeCommitting = false;
  private readonly stopped = new AbortController();

  constructor(private readonly api: EtcdApi) {}

  async range(prefix: string, { limit, after, revision }: RangeOptions = {}): Promise<Range> {
    const wanted = limit ?? Number.POSITIVE_INFINITY;
    const entries: StoredEntry[] = [];
    let from = after;
    let at = revision;
    for (;;) {
      const answer = await this.rangeCall({
        key: encode(from === undefined ? prefix || "\0" : `${from}\0`),
        range_end: rangeEnd(prefix),
        limit: String(Math.min(PAGE, wanted - entries.length)),
        ...(at === undefined ? {} : { revision: String(at) }),
      });
      for (const kv of answer.kvs ?? []) entries.push(entryOf(kv));
      at ??= Number(answer.header.revision);
      const more = answer.more === true;
      if (!more || entries.length >= wanted) return { entries, revision: at, more };
      from = entries.at(-1)!.key;
    }
  }

  async get(key: string): Promise<StoredEntry | undefined> {
    const kv = (await this.rangeCall({ key: encode(key) })).kvs?.[0];
    return kv === undefined ? undefined : entryOf(kv);
  }

  async commit(mutations: readonly Mutation[]): Promise<Commit> {
    const guarded = mutations.filter((mutation) => mutation.expected !== undefined);
    const answer = await this.api.call<TxnAnswer>("/v3/kv/txn", {
      compare: guarded.map(({ key, expected }) => ({
        target: "MOD",
        key: encode(key),
        result: "EQUAL",
        mod_revision: String(expected),
      })),
      success: mutations.map(({ key, value }) =>
        value === undefined
          ? { request_delete_range: { key: encode(key) } }
          : { request_put: { key: encode(key), value: encode(value) } },
      ),
      failure: guarded.map(({ key }) => ({ request_range: { key: encode(key) } })),
    });
    const revision = Number(answer.header.revision);
    if (answer.succeeded) return { committed: true, revision };
    for (const [index, { key, expected }] of guarded.entries()) {
      const kv = answer.responses?.[index]?.response_range?.kvs?.[0];
      const found = kv === undefined ? undefined : entryOf(kv);
      if ((found?.modRevision ?? 0) !== expected) return { committed: false, key, conflict: found, revision };
    }
    throw new NaruError("unavailable", "etcd refused a transaction whose conditions are met");
  }

  /** Watches all keys, so that every revision of the store is told as progress; a lost connection is taken up again. */
  async *watch(prefix: string, after: number, signal: AbortSignal): AsyncGenerator<WatchBatch> {
    const stop = AbortSignal.any([signal, this.stopped.signal]);
    let told = after;
    let delay = FIRST_RETRY_MS;
    while (!stop.aborted) {
      const request = {
        key: encode("\0"),
        range_end: encode("\0"),
        start_revision: String(told + 1),
        prev_kv: true,
        progress_notify: true,
      };
      try {
        for await (const answer of this.api.watch(request, stop)) {
          const batch = batchOf(answer, prefix);
          if (batch === undefined || batch.revision <= told) continue;
          told = batch.revision;
          delay = FIRST_RETRY_MS;
          yield batch;
        }
      } catch (error) {
        if (error instanceof CompactedError) throw error;
      }
      if (stop.aborted) return;
      await pause(delay, stop);
      delay = Math.min(LAST_RETRY_MS, delay * 2);
    }
  }

  async revision(): Promise<number> {
    const answer = await this.rangeCall({ key: encode("\0"), keys_only: true });
    return Number(answer.header.revision);
  }

  async compact(revision: number): Promise<void> {
    try {
      await this.api.call("/v3/kv/compaction", { revision: String(revision) });
    } catch (error) {
      // Another server was quicker.
      if (!(error instanceof CompactedError)) throw error;
    }
  }

  async size(): Promise<number> {
    const { dbSize } = await this.api.call<{ dbSize?: string }>("/v3/maintenance/status", {});
    return Number(dbSize ?? 0);
  }

  async close(): Promise<void> {
    this.stopped.abort();
  }

  private async rangeCall(request: Readonly<Record<string, unknown>>): Promise<RangeAnswer> {
    try {
      return await this.api.call<RangeAnswer>("/v3/kv/range", request);
    } catch (error) {
      throw error instanceof CompactedError ? new CompactedError(Number(request.revision ?? 0)) : error;
    }
  }
}

/** Undefined: nothing to tell (the watch was created). @throws CompactedError; Error when etcd ended the watch */
function batchOf({ result, error }: EtcdWatchAnswer, prefix: string): WatchBatch | undefined {
  if (result === undefined) throw new Error(error?.message ?? "etcd ended the watch");
  if (result.compact_revision !== undefined) throw new CompactedError(Number(result.compact_revision) - 1);
  if (result.canceled) throw new Error(result.cancel_reason ?? "etcd ended the watch");
  const told = result.events ?? [];
  if (told.length === 0) return undefined;
  const events: StoreEvent[] = [];
  for (const { type, kv, prev_kv } of told) {
    if (!decode(kv.key).startsWith(prefix)) continue;
    const previous = prev_kv === undefined ? undefined : entryOf(prev_kv);
    if (type !== "DELETE") events.push({ type: "put", entry: entryOf(kv), previous });
    else
      events.push({
        type: "delete",
        entry: { ...(previous ?? entryOf(kv)), modRevision: Number(kv.mod_revision) },
        previous,
      });
  }
  // An answer's header may be ahead of its events; only these are known to be whole.
  return { events, revision: Number(told.at(-1)!.kv.mod_revision) };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
