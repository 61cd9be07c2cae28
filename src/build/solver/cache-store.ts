/** Results that are remembered: records by key, in the daemon's state; the layers lie in the image store. */
import { randomBytes } from "node:crypto";
import type { Digest } from "../../model/image.ts";
import type { Collection, StateStore } from "../../store/contract.ts";
import type { BuildCacheRecord } from "../contract.ts";

export interface CacheRecord {
  /** 25 letters and digits, as BuildKit's. */
  id: string;
  keys: Digest[];
  /** Of the result, for the keys of later steps. */
  identity: Digest;
  /** Built layer; absent when the step changed nothing. */
  layer?: string;
  /** From a cache elsewhere that has no layers for it: its identity is known, its result is not. Never kept here. */
  isKeyOnly?: true;
  kind: BuildCacheRecord["Type"];
  description: string;
  /** Records of the steps that this one stands on. */
  parents: string[];
  /** RFC 3339. */
  createdAt: string;
  lastUsedAt: string;
  usageCount: number;
  /** Of a source from the network: how to ask whether it changed. */
  validator?: { etag?: string; lastModified?: string; digest: Digest };
}

const ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

export class CacheStore {
  readonly records: Collection<CacheRecord>;
  private readonly byKey = new Map<Digest, string>();
  /** Users by record id: builds under way. */
  private readonly users = new Map<string, number>();

  constructor(store: StateStore) {
    this.records = store.collection("build-cache");
    for (const record of this.records.values()) this.index(record);
  }

  find(key: Digest): CacheRecord | undefined {
    const id = this.byKey.get(key);
    return id === undefined ? undefined : this.records.get(id);
  }

  get(id: string): CacheRecord | undefined {
    return this.records.get(id);
  }

  /** Resolves when the record survives `kill -9`; rejects without it. An older record with one of the keys loses it. */
  async add(
    record: Omit<CacheRecord, "id" | "createdAt" | "lastUsedAt" | "usageCount"> & { id?: string; createdAt?: string },
  ): Promise<CacheRecord> {
    const now = new Date().toISOString();
    const added: CacheRecord = {
      ...record,
      id: record.id ?? newRecordId(),
      createdAt: record.createdAt ?? now,
      lastUsedAt: now,
      usageCount: 1,
    };
    await this.records.propose(added.id, added);
    this.index(added);
    return added;
  }

  /** A second key for a record: the same content was found behind another definition. */
  addKey(record: CacheRecord, key: Digest): void {
    if (record.keys.includes(key)) return;
    const changed = { ...(this.records.get(record.id) ?? record), keys: [...record.keys, key] };
    this.byKey.set(key, record.id);
    this.records.put(record.id, changed).catch(() => {});
  }

  /** Notes a use. What is lost when the daemon dies now is of no importance. */
  touch(id: string): void {
    const record = this.records.get(id);
    if (!record) return;
    const changed = { ...record, lastUsedAt: new Date().toISOString(), usageCount: record.usageCount + 1 };
    this.records.put(id, changed).catch(() => {});
  }

  /** Keeps a record from being pruned; the answer lets go of it. */
  hold(id: string): () => void {
    this.users.set(id, (this.users.get(id) ?? 0) + 1);
    return () => {
      const left = (this.users.get(id) ?? 1) - 1;
      if (left > 0) this.users.set(id, left);
      else this.users.delete(id);
    };
  }

  /** Records that nobody can find any more: the same step was computed anew and took over their keys. */
  listUnreachable(): CacheRecord[] {
    return [...this.records.values()].filter(({ id, keys }) => keys.every((key) => this.byKey.get(key) !== id));
  }

  isInUse(id: string): boolean {
    return this.users.has(id);
  }

  async remove(record: CacheRecord): Promise<void> {
    for (const key of record.keys) if (this.byKey.get(key) === record.id) this.byKey.delete(key);
    await this.records.delete(record.id);
  }

  private index(record: CacheRecord): void {
    for (const key of record.keys) this.byKey.set(key, record.id);
  }
}

export function newRecordId(): string {
  return Array.from(randomBytes(25), (byte) => ID_LETTERS[byte % ID_LETTERS.length]).join("");
}
