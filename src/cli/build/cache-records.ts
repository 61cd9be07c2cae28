/** The builder's cache as the daemon lists it. */

import { humanDuration } from "../../lib/human-duration.ts";
import { humanSize } from "../../lib/human-size.ts";
import type { ApiClient } from "../client.ts";

export interface CacheRecord {
  ID: string;
  Parents: string[] | null;
  Type: string;
  Description: string;
  InUse: boolean;
  Shared: boolean;
  Size: number;
  CreatedAt: string;
  LastUsedAt: string | null;
  UsageCount: number;
}

/** Those that fit all filters (`id`, `type`, `inuse`, `shared`, `private`, `description`), the largest first. */
export async function listCache(client: ApiClient, filters: Record<string, string[]>): Promise<CacheRecord[]> {
  const usage = await client.get<{ BuildCache?: CacheRecord[] | null }>("/system/df", {
    query: { type: "build-cache" },
  });
  const fits = (record: CacheRecord) =>
    Object.entries(filters).every(([name, values]) => values.some((value) => fieldOf(record, name) === value));
  return (usage.BuildCache ?? []).filter(fits).sort((a, b) => b.Size - a.Size || (a.ID < b.ID ? -1 : 1));
}

function fieldOf(record: CacheRecord, name: string): string {
  switch (name) {
    case "id":
      return record.ID;
    case "type":
      return record.Type;
    case "description":
      return record.Description;
    case "inuse":
      return String(record.InUse);
    case "shared":
      return String(record.Shared);
    case "private":
      return String(!record.Shared);
    default:
      throw new Error(`invalid filter ${name}: there are id, type, description, inuse, shared and private`);
  }
}

export function lastUsedText({ LastUsedAt }: CacheRecord): string {
  return LastUsedAt ? `${humanDuration(Date.now() - Date.parse(LastUsedAt))} ago` : "";
}

/** Sizes together, as `buildx du` ends with them. */
export function cacheTotals(records: readonly CacheRecord[]): string {
  const sum = (list: readonly CacheRecord[]) => list.reduce((bytes, { Size }) => bytes + Size, 0);
  const size = (bytes: number) => humanSize(bytes, 4);
  const shared = sum(records.filter(({ Shared }) => Shared));
  const total = sum(records);
  const lines = [
    ...(shared > 0 ? [`Shared:\t\t${size(shared)}`, `Private:\t${size(total - shared)}`] : []),
    `Reclaimable:\t${size(sum(records.filter(({ InUse }) => !InUse)))}`,
    `Total:\t\t${size(total)}`,
  ];
  return `${lines.join("\n")}\n`;
}
