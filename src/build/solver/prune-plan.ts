/** Which rows of the build cache a prune removes: filters, ages and limits, without doing anything. */
import { NaruError } from "../../lib/errors.ts";
import { parseDuration } from "../../lib/go-duration.ts";
import type { BuildCacheRecord, CacheLimit } from "../contract.ts";
import type { CacheUsage } from "./cache-usage.ts";

/** Filters are Docker's: until, unused-for, id, parent(s), type, description, inuse, shared, private. One value each. */
export type PruneWish = CacheLimit;

const FILTERS = new Set([
  "until",
  "unused-for",
  "id",
  "parent",
  "parents",
  "type",
  "description",
  "inuse",
  "shared",
  "private",
]);

/**
 * Oldest use first; what others stand on goes after them.
 * @param freeBytes on the file system of the data root
 * @throws {NaruError} invalid for a bad filter
 */
export function planPrune(
  usage: readonly CacheUsage[],
  wish: PruneWish,
  freeBytes: number,
  nowMs: number,
): CacheUsage[] {
  const fits = rowFilter(wish, nowMs);
  const total = usage.reduce((sum, { freedBytes }) => sum + freedBytes, 0);
  const allowed = allowedBytes(wish, total, freeBytes);
  const candidates = usage.filter(({ row }) => !row.InUse && fits(row));
  const left = new Map(usage.map((entry) => [entry.row.ID, entry]));
  const planned: CacheUsage[] = [];
  let remaining = total;
  for (const entry of inOrder(candidates, left)) {
    if (remaining <= allowed) break;
    planned.push(entry);
    remaining -= entry.freedBytes;
  }
  return planned;
}

/** Candidates that nobody stands on, the longest unused first, then those that are freed by it. */
function* inOrder(candidates: CacheUsage[], left: Map<string, CacheUsage>): Generator<CacheUsage, void> {
  const children = new Map<string, number>();
  for (const { row } of left.values())
    for (const parent of row.Parents ?? []) children.set(parent, (children.get(parent) ?? 0) + 1);
  const waiting = [...candidates].sort((a, b) => (lastUse(a.row) < lastUse(b.row) ? -1 : 1));
  for (;;) {
    const at = waiting.findIndex(({ row }) => (children.get(row.ID) ?? 0) === 0);
    if (at < 0) return;
    const [entry] = waiting.splice(at, 1);
    for (const parent of entry!.row.Parents ?? []) children.set(parent, (children.get(parent) ?? 1) - 1);
    yield entry!;
  }
}

function lastUse(row: BuildCacheRecord): string {
  return row.LastUsedAt ?? row.CreatedAt;
}

/** What may stay; -1: nothing. */
function allowedBytes(
  { keepBytes = 0, maxUsedBytes = 0, minFreeBytes = 0 }: PruneWish,
  total: number,
  freeBytes: number,
): number {
  if (keepBytes === 0 && maxUsedBytes === 0 && minFreeBytes === 0) return -1;
  let allowed = maxUsedBytes > 0 ? maxUsedBytes : minFreeBytes > 0 ? Number.POSITIVE_INFINITY : keepBytes;
  if (minFreeBytes > 0 && freeBytes < minFreeBytes) allowed = Math.min(allowed, total - (minFreeBytes - freeBytes));
  return Math.max(allowed, keepBytes);
}

type RowTest = (row: BuildCacheRecord) => boolean;

function rowFilter(wish: PruneWish, nowMs: number): RowTest {
  const tests: RowTest[] = [];
  if (!wish.all) tests.push((row) => row.Type !== "internal" && row.Type !== "frontend" && !row.Shared);
  if (wish.keepDurationMs !== undefined) tests.push(unusedBefore(nowMs - wish.keepDurationMs));
  for (const [name, values] of wish.filters) tests.push(filterTest(name, values, nowMs));
  return (row) => tests.every((test) => test(row));
}

function filterTest(name: string, values: readonly string[], nowMs: number): RowTest {
  if (!FILTERS.has(name)) throw new NaruError("invalid", `invalid filter '${name}'`);
  const [value] = values;
  if (value === undefined) return () => true;
  if (values.length > 1) throw new NaruError("invalid", `filters expect only one value: ${name} has ${values.length}`);
  switch (name) {
    case "until":
    case "unused-for":
      return unusedBefore(nowMs - ageMs(name, value));
    case "id":
      return ({ ID }) => ID.includes(value);
    case "parent":
    case "parents":
      return ({ Parents }) => Parents?.some((id) => id.startsWith(value)) ?? false;
    case "type":
      return ({ Type }) => Type === value;
    case "description":
      return ({ Description }) => Description === value;
    default:
      return flagTest(name, value);
  }
}

function flagTest(name: string, value: string): RowTest {
  if (!/^(|true|false|1|0)$/i.test(value))
    throw new NaruError("invalid", `invalid filter '${name}=${value}': true or false`);
  const wanted = !/^(false|0)$/i.test(value);
  if (name === "inuse") return ({ InUse }) => InUse === wanted;
  return ({ Shared }) => Shared === (name === "shared" ? wanted : !wanted);
}

function ageMs(name: string, value: string): number {
  try {
    return parseDuration(value) / 1e6;
  } catch (cause) {
    throw new NaruError(
      "invalid",
      `${JSON.stringify(name)} filter expects a duration (e.g., '24h'), not ${JSON.stringify(value)}`,
      { cause },
    );
  }
}

function unusedBefore(timeMs: number): RowTest {
  return (row) => Date.parse(lastUse(row)) <= timeMs;
}
