import { humanDuration } from "../../lib/human-duration.ts";
import { humanSize } from "../../lib/human-size.ts";
import type { DiskUsage } from "../../model/system.ts";
import type { RowKind } from "../format.ts";
import { rowFields } from "./row-fields.ts";
import { ellipsis } from "./row-text.ts";

const HEADERS: Record<string, string> = {
  Type: "TYPE",
  TotalCount: "TOTAL",
  Active: "ACTIVE",
  Size: "SIZE",
  Reclaimable: "RECLAIMABLE",
};

interface UsageRow {
  Type: string;
  TotalCount: string;
  Active: string;
  Size: string;
  Reclaimable: string;
}

/** Kinds of objects and the space they take, as `system df` shows them. */
export const USAGE_KIND: RowKind<UsageRow> = {
  typeName: "*formatter.diskUsageImagesContext",
  fields: rowFields(HEADERS),
  table: "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
};

/** A build cache record of the disk usage report. */
export interface CacheRecord {
  ID: string;
  Type: string;
  InUse: boolean;
  Shared: boolean;
  Size: number;
  CreatedAt: string;
  LastUsedAt?: string | null;
  UsageCount: number;
  Description?: string;
}

/** The four rows of `system df`. */
export function usageRows(usage: DiskUsage): UsageRow[] {
  return [imagesRow(usage), containersRow(usage), volumesRow(usage), cacheRow(usage)];
}

function usageRow(
  type: string,
  total: number,
  active: number,
  bytes: number,
  free: number,
  withShare = true,
): UsageRow {
  const share = withShare && bytes > 0 ? ` (${Math.trunc((free * 100) / bytes)}%)` : "";
  return {
    Type: type,
    TotalCount: String(total),
    Active: String(active),
    Size: humanSize(bytes),
    Reclaimable: `${humanSize(free)}${share}`,
  };
}

function imagesRow({ Images, LayersSize }: DiskUsage): UsageRow {
  const images = Images ?? [];
  const used = images.filter(({ Containers }) => Containers > 0);
  const usedBytes = used
    .filter(({ Size, SharedSize }) => Size !== -1 && SharedSize !== -1)
    .reduce((sum, { Size, SharedSize }) => sum + Size - SharedSize, 0);
  return usageRow("Images", images.length, used.length, LayersSize, LayersSize - usedBytes);
}

function containersRow({ Containers }: DiskUsage): UsageRow {
  const containers = Containers ?? [];
  const isActive = (state: string) => ["running", "paused", "restarting"].includes(state);
  const bytes = containers.reduce((sum, { SizeRw = 0 }) => sum + SizeRw, 0);
  const active = containers.filter(({ State }) => isActive(State));
  const free = containers.filter(({ State }) => !isActive(State)).reduce((sum, { SizeRw = 0 }) => sum + SizeRw, 0);
  return usageRow("Containers", containers.length, active.length, bytes, free);
}

function volumesRow({ Volumes }: DiskUsage): UsageRow {
  const usages = (Volumes ?? []).map(({ UsageData }) => UsageData ?? { Size: -1, RefCount: 0 });
  const sizeOf = (list: typeof usages) => list.reduce((sum, { Size }) => sum + Math.max(Size, 0), 0);
  const active = usages.filter(({ RefCount }) => RefCount > 0);
  const free = sizeOf(usages.filter(({ RefCount }) => RefCount === 0));
  return usageRow("Local Volumes", usages.length, active.length, sizeOf(usages), free);
}

function cacheRow({ BuildCache }: DiskUsage): UsageRow {
  const records = (BuildCache ?? []) as CacheRecord[];
  const active = records.filter(({ InUse }) => InUse).length;
  const bytes = records.filter(({ Shared }) => !Shared).reduce((sum, { Size }) => sum + Size, 0);
  const free = records.filter(({ InUse, Shared }) => !InUse && !Shared).reduce((sum, { Size }) => sum + Size, 0);
  return usageRow("Build Cache", records.length, active, bytes, free, false);
}

const CACHE_HEADERS: Record<string, string> = {
  ID: "CACHE ID",
  Parent: "PARENT",
  CacheType: "CACHE TYPE",
  Size: "SIZE",
  CreatedSince: "CREATED",
  LastUsedSince: "LAST USED",
  UsageCount: "USAGE",
  Shared: "SHARED",
  InUse: "IN USE",
  Description: "DESCRIPTION",
};

/** Build cache records as `system df -v` shows them. */
export const CACHE_KIND: RowKind<ReturnType<typeof cacheRecordRow>> = {
  typeName: "*formatter.buildCacheContext",
  fields: rowFields(CACHE_HEADERS),
  table: [
    "{{.ID}}",
    "{{.CacheType}}",
    "{{.Size}}",
    "{{.CreatedSince}}",
    "{{.LastUsedSince}}",
    "{{.UsageCount}}",
    "{{.Shared}}",
  ].join("\t"),
};

/** A build cache record as templates see it. */
export function cacheRecordRow(record: CacheRecord, truncate: boolean, nowMs = Date.now()) {
  const since = (time: string | null | undefined) => (time ? `${humanDuration(nowMs - Date.parse(time))} ago` : "");
  const id = truncate ? record.ID.slice(0, 12) : record.ID;
  return {
    ID: record.InUse ? `${id}*` : id,
    Parent: "",
    CacheType: record.Type,
    Size: humanSize(record.Size, 3),
    CreatedSince: since(record.CreatedAt),
    LastUsedSince: since(record.LastUsedAt),
    UsageCount: String(record.UsageCount),
    Shared: String(record.Shared),
    InUse: String(record.InUse),
    Description: ellipsis(record.Description ?? "", 1000),
  };
}
