/** The repositories that exist, kept in memory: one process owns the storage. */
import type { RegistryStorage } from "../contract.ts";
import { KEYS, nameKey, unescapeRepository } from "../keys.ts";

export class RepositoryNames {
  private sorted: string[] | undefined;

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

  async ensure(repository: string): Promise<void> {
    if (this.names.has(repository)) return;
    await this.storage.write(nameKey(repository), new Uint8Array(0));
    this.names.add(repository);
    this.sorted = undefined;
  }

  async remove(repository: string): Promise<void> {
    this.names.delete(repository);
    this.sorted = undefined;
    await this.storage.remove(nameKey(repository));
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
