/**
 * The whole cluster's objects in memory, kept equal to the store by one watch over all of it. Every kind is at the same
 * revision, so a list's version is the state's.
 */

import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import { StatusError } from "../status.ts";
import { CompactedError, type KeyValueStore, type StoreEvent } from "../store/contract.ts";
import { KindCache } from "./kind-cache.ts";
import { atRevision, parseStored, storedObject } from "./stored-json.ts";

const ROOT = "/registry/";
/** How often what is old is taken out of the kinds' rings, at most. */
const TRIM_EVERY_MS = 60_000;
/** How long a read waits for a version that is said to exist. */
const WAIT_MS = 3_000;

/** An object on its way to the store: when its own event comes back, it need not be parsed again. */
interface Pending {
  readonly object: KubeObject;
  readonly text: string;
  applied?: Stored<KubeObject>;
}

/** "/registry/apps/deployments/default/web"; the core group is called "core". */
export function storeKey(type: ResourceType, namespace: string | undefined, name: string): string {
  return `${storePrefix(type)}${namespace === undefined || namespace === "" ? "" : `${namespace}/`}${name}`;
}

/** The beginning of the keys of a kind, or of a kind in a namespace. */
export function storePrefix(type: ResourceType, namespace?: string): string {
  const base = `${ROOT}${type.group === "" ? "core" : type.group}/${type.resource}/`;
  return namespace === undefined || namespace === "" ? base : `${base}${namespace}/`;
}

function prefixOfKey(key: string): string {
  return key.slice(0, key.indexOf("/", key.indexOf("/", ROOT.length) + 1) + 1);
}

/** Namespace ("" without one) and name. */
function namesOfKey(key: string): [string, string] {
  const rest = key.slice(prefixOfKey(key).length);
  const slash = rest.indexOf("/");
  return slash < 0 ? ["", rest] : [rest.slice(0, slash), rest.slice(slash + 1)];
}

export class ClusterState {
  private readonly kinds = new Map<string, KindCache>();
  private readonly pending = new Map<string, Pending>();
  private readonly waiting = new Set<{ revision: number; done(): void }>();
  private readonly stopped = new AbortController();
  private trimmedAt = 0;
  private following: Promise<void> = Promise.resolve();

  private constructor(
    readonly store: KeyValueStore,
    private current: number,
    private readonly onError: (error: unknown) => void,
  ) {}

  /**
   * Reads everything and begins to follow.
   * @param onError told of handlers that throw, and once when following ended by an error: the state is then of no more use
   */
  static async open(store: KeyValueStore, onError: (error: unknown) => void): Promise<ClusterState> {
    const { entries, revision } = await store.range(ROOT);
    const state = new ClusterState(store, revision, onError);
    for (const { key, value, modRevision } of entries) {
      state.kindAt(prefixOfKey(key)).load(parseStored(value, modRevision));
    }
    state.following = state.follow();
    return state;
  }

  /** Everything up to this revision is here. */
  get revision(): number {
    return this.current;
  }

  kind(type: ResourceType): KindCache {
    return this.kindAt(storePrefix(type));
  }

  /** Says that `object` is about to be written as `text`. Returns what became of it: ask after the commit, then end it. */
  announce(key: string, object: KubeObject, text: string): Pending {
    const pending: Pending = { object, text };
    this.pending.set(key, pending);
    return pending;
  }

  endAnnouncement(key: string, pending: Pending): void {
    if (this.pending.get(key) === pending) this.pending.delete(key);
  }

  /**
   * Resolves when everything up to `revision` is here.
   * @throws StatusError Timeout when that version does not come
   */
  async reach(revision: number): Promise<void> {
    if (revision <= this.current) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(waiter);
        const message = `Too large resource version: ${revision}, current: ${this.current}`;
        reject(new StatusError("Timeout", message, { retryAfterSeconds: 1 }));
      }, WAIT_MS);
      const waiter = {
        revision,
        done: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      this.waiting.add(waiter);
    });
  }

  /** Resolves when everything that any server wrote before this call is here. */
  async catchUp(): Promise<void> {
    if (!this.store.tellsBeforeCommitting) await this.reach(await this.store.revision());
  }

  /** Stops following; the store is the caller's to close. */
  async close(): Promise<void> {
    this.stopped.abort();
    await this.following;
  }

  private kindAt(prefix: string): KindCache {
    let kind = this.kinds.get(prefix);
    if (kind === undefined) {
      kind = new KindCache(this.current, this.onError);
      this.kinds.set(prefix, kind);
    }
    return kind;
  }

  private async follow(): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      try {
        for await (const { events, revision } of this.store.watch(ROOT, this.current, signal)) {
          this.take(events, revision);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof CompactedError)) return this.onError(error);
        await this.readAgain().catch(this.onError);
      }
    }
  }

  /** History has been compacted before it was told (etcd was away for long): the difference is told as changes. */
  private async readAgain(): Promise<void> {
    const { entries, revision } = await this.store.range(ROOT);
    const events: StoreEvent[] = [];
    const there = new Set<string>();
    for (const entry of entries) {
      there.add(entry.key);
      if (entry.modRevision > this.current) events.push({ type: "put", entry, previous: undefined });
    }
    events.sort((a, b) => a.entry.modRevision - b.entry.modRevision);
    for (const [prefix, kind] of this.kinds) {
      for (const { metadata } of kind.list()) {
        const key = `${prefix}${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
        const entry = { key, value: "", createRevision: 0, modRevision: revision };
        if (!there.has(key)) events.push({ type: "delete", entry, previous: undefined });
      }
    }
    this.take(events, revision);
  }

  private take(events: readonly StoreEvent[], revision: number): void {
    const now = Date.now();
    const touched = new Set<KindCache>();
    for (const event of events) {
      const kind = this.kindAt(prefixOfKey(event.entry.key));
      this.apply(kind, event, now);
      touched.add(kind);
    }
    this.current = revision;
    for (const kind of touched) kind.wake();
    for (const waiter of this.waiting) {
      if (waiter.revision > revision) continue;
      this.waiting.delete(waiter);
      waiter.done();
    }
    if (now - this.trimmedAt < TRIM_EVERY_MS) return;
    this.trimmedAt = now;
    for (const kind of this.kinds.values()) kind.ring.trim(now);
  }

  private apply(kind: KindCache, { type, entry, previous }: StoreEvent, now: number): void {
    const { key, value, modRevision } = entry;
    if (type === "delete") {
      const [namespace, name] = namesOfKey(key);
      const known = kind.get(namespace, name) ?? parseStored(previous?.value ?? value, modRevision);
      kind.apply(atRevision(known, modRevision), true, modRevision, now);
      return;
    }
    const pending = this.pending.get(key);
    const ours = pending !== undefined && pending.applied === undefined && pending.text === value;
    const object = ours ? storedObject(pending.object, value, modRevision) : parseStored(value, modRevision);
    if (ours) pending.applied = object;
    kind.apply(object, false, modRevision, now);
  }
}
