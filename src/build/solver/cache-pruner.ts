/** Removes what a prune or a limit takes from the build cache. */

import { readdir, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { errorText } from "../../lib/errors.ts";
import { OneAtATime } from "../../lib/one-at-a-time.ts";
import type { BuildCacheRecord } from "../contract.ts";
import type { SolverContext } from "./builder-parts.ts";
import type { CacheStore } from "./cache-store.ts";
import { type CacheUsage, cacheUsage } from "./cache-usage.ts";
import { type GcSettings, gcPolicies } from "./gc-policy.ts";
import { type PruneWish, planPrune } from "./prune-plan.ts";

/** Files with digests of contexts: one for each directory and what is copied of it. */
const MAX_STAT_CACHES = 200;

/** After a build, so that several that end together are looked at once. */
const SETTLE_MS = 1000;

export class CachePruner {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly works = new OneAtATime();

  constructor(
    private readonly context: SolverContext,
    private readonly cache: CacheStore,
    /** Looked at again every time, so that a changed configuration applies. */
    private readonly settings: () => GcSettings,
  ) {}

  /** @throws {NaruError} invalid for a bad filter */
  async prune(wish: PruneWish): Promise<{ deleted: BuildCacheRecord[]; spaceReclaimed: number }> {
    return await this.works.run(() => this.pruneNow(wish));
  }

  /** Applies the limits a moment later. */
  applyLimitsSoon(): void {
    if (this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.works
        .run(() => this.applyLimits())
        .catch((error) =>
          this.context.log.warn(`the build cache was not brought below its limits: ${errorText(error)}`),
        );
    }, SETTLE_MS);
    this.timer.unref();
  }

  async close(): Promise<void> {
    clearTimeout(this.timer);
    await this.works.settle();
  }

  async listLimits(): Promise<PruneWish[]> {
    const { diskBytes } = await this.disk();
    return gcPolicies(this.settings(), diskBytes);
  }

  private async applyLimits(): Promise<void> {
    for (const record of this.cache.listUnreachable()) await this.removeResult(record.id);
    for (const wish of await this.listLimits()) await this.pruneNow(wish);
    await trimStatCache(join(this.context.directory, "stat-cache"));
  }

  private async pruneNow(wish: PruneWish): Promise<{ deleted: BuildCacheRecord[]; spaceReclaimed: number }> {
    const usage = await cacheUsage(this.context, this.cache);
    const { freeBytes } = await this.disk();
    const deleted: BuildCacheRecord[] = [];
    let spaceReclaimed = 0;
    for (const entry of planPrune(usage, wish, freeBytes, Date.now())) {
      if (!(await this.remove(entry))) continue;
      deleted.push(entry.row);
      spaceReclaimed += entry.freedBytes;
    }
    return { deleted, spaceReclaimed };
  }

  /** False when a build has begun to use it meanwhile. */
  private async remove({ row, cacheMount, keptContext }: CacheUsage): Promise<boolean> {
    const { cacheMounts, keptContexts } = this.context;
    if (keptContext !== undefined) return await keptContexts.remove(keptContext);
    if (cacheMount !== undefined) {
      if (cacheMounts.isInUse(cacheMount)) return false;
      await cacheMounts.remove(cacheMount);
      return true;
    }
    return await this.removeResult(row.ID);
  }

  private async removeResult(id: string): Promise<boolean> {
    const record = this.cache.get(id);
    if (!record || this.cache.isInUse(id)) return false;
    // The record first: nobody finds it any more when its files go.
    await this.cache.remove(record);
    if (record.layer !== undefined) await this.context.workshop.removeLayer(record.layer);
    return true;
  }

  private async disk(): Promise<{ diskBytes: number; freeBytes: number }> {
    const { bsize, blocks, bavail } = await statfs(this.context.directory);
    return { diskBytes: bsize * blocks, freeBytes: bsize * bavail };
  }
}

/** Keeps those that were written last. */
async function trimStatCache(directory: string): Promise<void> {
  const names = await readdir(directory);
  if (names.length <= MAX_STAT_CACHES) return;
  const aged = await Promise.all(
    names.map(async (name) => ({ name, writtenMs: (await stat(join(directory, name))).mtimeMs })),
  );
  aged.sort((a, b) => b.writtenMs - a.writtenMs);
  for (const { name } of aged.slice(MAX_STAT_CACHES / 2)) await rm(join(directory, name), { force: true });
}
