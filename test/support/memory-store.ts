/** A StateStore in memory only, for tests of what stands on it. */
import type { Collection, StateStore } from "../../src/store/contract.ts";

class MemoryCollection<T> implements Collection<T> {
  private readonly records = new Map<string, T>();

  get size(): number {
    return this.records.size;
  }
  get(key: string): T | undefined {
    return this.records.get(key);
  }
  has(key: string): boolean {
    return this.records.has(key);
  }
  values(): IterableIterator<T> {
    return this.records.values();
  }
  entries(): IterableIterator<[string, T]> {
    return this.records.entries();
  }
  async put(key: string, value: T): Promise<void> {
    // As the real one: what is kept is what JSON keeps.
    this.records.set(key, JSON.parse(JSON.stringify(value)) as T);
  }
  propose(key: string, value: T): Promise<void> {
    return this.put(key, value);
  }
  async delete(key: string): Promise<void> {
    this.records.delete(key);
  }
}

export class MemoryStore implements StateStore {
  private readonly collections = new Map<string, Collection<unknown>>();

  collection<T>(name: string): Collection<T> {
    const known = this.collections.get(name) ?? new MemoryCollection<T>();
    this.collections.set(name, known);
    return known as Collection<T>;
  }
  async flush(): Promise<void> {}
  async sync(): Promise<void> {}
  async close(): Promise<void> {}
}
