/** What the build cache holds, as rows: results, sources, cache directories. */
import { measureTree } from "../../linux/trees.ts";
import type { KeptRow } from "../contexts/kept-contexts.ts";
import type { BuildCacheRecord } from "../contract.ts";
import type { SolverContext } from "./builder-parts.ts";
import type { CacheMountRecord } from "./cache-mounts.ts";
import type { CacheRecord, CacheStore } from "./cache-store.ts";

/** A row, and what removing it would free. */
export interface CacheUsage {
  row: BuildCacheRecord;
  /** 0 when images keep the files. */
  freedBytes: number;
  /** Number of a cache directory; absent for results. */
  cacheMount?: string;
  /** Name of a kept context; absent for others. */
  keptContext?: string;
}

const MEASURED_AT_ONCE = 2;

/** Sizes of what was never packed are measured, so this may take as long as `du`. */
export async function cacheUsage(context: SolverContext, cache: CacheStore): Promise<CacheUsage[]> {
  const usage: CacheUsage[] = [];
  const work: (() => Promise<void>)[] = [];
  for (const record of cache.records.values()) {
    work.push(async () => {
      const layer = record.layer === undefined ? NOTHING : await layerSize(context, record.layer);
      usage.push({ row: resultRow(record, layer, cache), freedBytes: layer.isShared ? 0 : layer.bytes });
    });
  }
  for (const mount of context.cacheMounts.records.values()) {
    work.push(async () => {
      const bytes = await measureTree(context.cacheMounts.path(mount.number)).catch(() => 0);
      const isInUse = context.cacheMounts.isInUse(mount.number);
      usage.push({ row: mountRow(mount, bytes, isInUse), freedBytes: bytes, cacheMount: mount.number });
    });
  }
  work.push(async () => {
    for (const kept of await context.keptContexts.list()) {
      usage.push({ row: contextRow(kept), freedBytes: kept.bytes, keptContext: kept.name });
    }
  });
  const queue = work.values();
  const drain = async () => {
    for (const measure of queue) await measure();
  };
  await Promise.all(Array.from({ length: MEASURED_AT_ONCE }, drain));
  return usage.sort((a, b) => (a.row.CreatedAt < b.row.CreatedAt ? -1 : 1));
}

interface LayerSize {
  bytes: number;
  isShared: boolean;
}
const NOTHING: LayerSize = { bytes: 0, isShared: false };

async function layerSize({ workshop }: SolverContext, id: string): Promise<LayerSize> {
  const { contentBytes, blobBytes, isShared } = workshop.layerUsage(id);
  const content = contentBytes ?? (await measureTree(workshop.directoryOf({ kind: "built", id })).catch(() => 0));
  return { bytes: content + blobBytes, isShared };
}

function resultRow(record: CacheRecord, layer: LayerSize, cache: CacheStore): BuildCacheRecord {
  return {
    ID: record.id,
    Parents: record.parents.length > 0 ? [...new Set(record.parents)] : null,
    Type: record.kind,
    Description: record.description,
    InUse: cache.isInUse(record.id),
    Shared: layer.isShared,
    Size: layer.bytes,
    CreatedAt: record.createdAt,
    LastUsedAt: record.lastUsedAt,
    UsageCount: record.usageCount,
  };
}

function contextRow({ name, bytes, isInUse, createdAt, usedAt, usageCount }: KeptRow): BuildCacheRecord {
  return {
    ID: `context${name.slice(0, 18)}`,
    Parents: null,
    Type: "source.local",
    Description: "local source of a client",
    InUse: isInUse,
    Shared: false,
    Size: bytes,
    CreatedAt: createdAt.toISOString(),
    LastUsedAt: usedAt.toISOString(),
    UsageCount: usageCount,
  };
}

function mountRow(mount: CacheMountRecord, bytes: number, isInUse: boolean): BuildCacheRecord {
  return {
    ID: `mount${mount.number.padStart(20, "0")}`,
    Parents: null,
    Type: "exec.cachemount",
    Description: `cached mount with id ${JSON.stringify(mount.id)}`,
    InUse: isInUse,
    Shared: false,
    Size: bytes,
    CreatedAt: mount.createdAt,
    LastUsedAt: mount.lastUsedAt,
    UsageCount: mount.usageCount,
  };
}
