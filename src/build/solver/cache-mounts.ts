/**
 * Directories of `RUN --mount=type=cache`: under `<data root>/builder/cache-mounts/<number>/`, found again by their id.
 * "shared" ones are used by several steps at once, "locked" ones by one after the other; of "private" ones a step gets a
 * free copy or a new one.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Collection, StateStore } from "../../store/contract.ts";
import type { ExecMount } from "./graph.ts";

export interface CacheMountRecord {
  /** Key of the record and name of the directory. */
  number: string;
  /** What the Dockerfile calls it, with what it was seeded from. */
  id: string;
  createdAt: string;
  lastUsedAt: string;
  usageCount: number;
}

export interface CacheMountRequest {
  mount: ExecMount & { type: "cache" };
  /** Names the tree that a new directory begins with; "" for none. */
  seedIdentity: string;
  /** Fills a new directory, which does not exist yet. */
  make(path: string): Promise<void>;
  signal: AbortSignal;
}

export class CacheMounts {
  readonly records: Collection<CacheMountRecord>;
  private readonly users = new Map<string, number>();
  private readonly waiters = new Map<string, (() => void)[]>();
  /** Directories that are being made, by number. */
  private readonly making = new Map<string, Promise<void>>();
  private lastNumber = 0;

  constructor(
    store: StateStore,
    private readonly directory: string,
  ) {
    this.records = store.collection("build-cache-mounts");
    for (const [key] of this.records.entries()) this.lastNumber = Math.max(this.lastNumber, Number.parseInt(key, 36));
  }

  path(number: string): string {
    return join(this.directory, "cache-mounts", number);
  }

  isInUse(number: string): boolean {
    return this.users.has(number);
  }

  /** @returns the directory's path; it is let go through `undo` */
  async open(request: CacheMountRequest, undo: AsyncDisposableStack): Promise<string> {
    const number = await this.take(request);
    undo.defer(() => this.release(number));
    await this.making.get(number);
    return this.path(number);
  }

  /** Removes a directory that nobody uses, with its record. */
  async remove(number: string): Promise<void> {
    if (this.isInUse(number)) return;
    await this.records.delete(number);
    await rm(this.path(number), { recursive: true, force: true });
  }

  private async take(request: CacheMountRequest): Promise<string> {
    const { mount, seedIdentity, signal } = request;
    const id = seedIdentity === "" ? mount.id : `${mount.id} of ${seedIdentity} ${mount.source}`;
    for (;;) {
      signal.throwIfAborted();
      const known = [...this.records.values()].filter((record) => record.id === id);
      const free = known.find(({ number }) => !this.isInUse(number));
      const chosen = mount.sharing === "shared" ? (known[0] ?? free) : free;
      if (chosen) {
        this.use(chosen.number);
        const lastUsedAt = new Date().toISOString();
        await this.records.put(chosen.number, { ...chosen, lastUsedAt, usageCount: chosen.usageCount + 1 });
        return chosen.number;
      }
      if (known.length === 0 || mount.sharing === "private") return this.create(id, request);
      await this.waitFor(known[0]!.number, signal);
    }
  }

  /** Known at once, so that a second step of the same moment shares it and does not make another. */
  private create(id: string, { make }: CacheMountRequest): string {
    this.lastNumber += 1;
    const number = this.lastNumber.toString(36);
    this.use(number);
    const now = new Date().toISOString();
    const written = this.records.put(number, { number, id, createdAt: now, lastUsedAt: now, usageCount: 1 });
    const work = (async () => {
      try {
        await rm(this.path(number), { recursive: true, force: true });
        await make(this.path(number));
        await written;
      } catch (error) {
        await this.records.delete(number);
        await rm(this.path(number), { recursive: true, force: true });
        throw error;
      } finally {
        this.making.delete(number);
      }
    })();
    this.making.set(number, work);
    work.catch(() => {});
    return number;
  }

  private use(number: string): void {
    this.users.set(number, (this.users.get(number) ?? 0) + 1);
  }

  private async release(number: string): Promise<void> {
    const left = (this.users.get(number) ?? 1) - 1;
    if (left > 0) this.users.set(number, left);
    else this.users.delete(number);
    for (const wake of this.waiters.get(number)?.splice(0) ?? []) wake();
  }

  private waitFor(number: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const list = this.waiters.get(number) ?? [];
      this.waiters.set(number, list);
      const abort = () => reject(signal.reason);
      list.push(() => {
        signal.removeEventListener("abort", abort);
        resolve();
      });
      signal.addEventListener("abort", abort, { once: true });
    });
  }
}
