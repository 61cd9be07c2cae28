/** The repositories that exist, kept in memory: one process owns the storage. */
import type { RegistryStorage } from "../contract.ts";
import { KEYS, nameKey, unescapeRepository } from "../keys.ts";

export class RepositoryNames {
  private sorted: string[] | undefined;
  private readonly used = new Map<string, number>();
  private readonly removals = new Map<string, Promise<void>>();
  private readonly startedAt = Date.now();

  private constructor(
    private readonly storage: RegistryStorage,
    private readonly names: Set<string>,
  ) {}

  static async load(storage: RegistryStorage): Promise<RepositoryNames> {
    const names = new Set<string>();
    for await (const { key } of storage.list(KEYS.names)) names.add(unescapeRepository(key.slice(KEYS.names.length)));
    return new RepositoryNames(storage, names);
  }

  has(repository: string): boolean {
    return this.names.has(repository);
  }

  /** In the order of their bytes, after `after`. */
  list({ after = "", limit = Number.POSITIVE_INFINITY }: { after?: string; limit?: number } = {}): string[] {
    this.sorted ??= [...this.names].sort();
    const from = after === "" ? 0 : firstAfter(this.sorted, after);
    return this.sorted.slice(from, from + limit);
  }

  /** Called by every step of a push, after what it stored can be seen. */
  async ensure(repository: string): Promise<void> {
    this.used.set(repository, Date.now());
    // A marker that is being removed would take this one along.
    await this.removals.get(repository);
    if (this.names.has(repository)) return;
    await this.storage.write(nameKey(repository), new Uint8Array(0));
    this.names.add(repository);
    this.sorted = undefined;
  }

  /** When something was last pushed into it, as far as this process knows; milliseconds since 1970. */
  lastUse(repository: string): number {
    return this.used.get(repository) ?? this.startedAt;
  }

  /** Forgets an empty repository unless it was used at or after `cutoff`. @returns true when it is gone */
  async removeUnused(repository: string, cutoff: number): Promise<boolean> {
    if (this.lastUse(repository) >= cutoff) return false;
    await this.remove(repository);
    return true;
  }

  async remove(repository: string): Promise<void> {
    this.names.delete(repository);
    this.used.delete(repository);
    this.sorted = undefined;
    const removal = this.storage.remove(nameKey(repository));
    this.removals.set(
      repository,
      removal.catch(() => {}),
    );
    await removal.finally(() => this.removals.delete(repository));
  }
}

/** Position of the first name that sorts after `name`. */
function firstAfter(sorted: readonly string[], name: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= name) low = middle + 1;
    else high = middle;
  }
  return low;
}
