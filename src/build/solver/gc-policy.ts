/**
 * Limits of the build cache that hold by themselves, named as in dockerd's daemon.json (`builder.gc`). Defaults depend on the
 * size of the disk, as Docker's do.
 */
import { NaruError } from "../../lib/errors.ts";
import { parseDuration } from "../../lib/go-duration.ts";
import type { PruneWish } from "./prune-plan.ts";

/** As in the configuration file. Sizes are numbers of bytes, "20GB" or "10%". */
export interface GcSettings {
  enabled?: boolean;
  defaultKeepStorage?: string;
  defaultReservedSpace?: string;
  defaultMaxUsedSpace?: string;
  defaultMinFreeSpace?: string;
  policy?: GcPolicySetting[];
}
export interface GcPolicySetting {
  all?: boolean;
  /** "unused-for=48h", "type=source.local", … */
  filter?: string[];
  keepStorage?: string | number;
  reservedSpace?: string | number;
  maxUsedSpace?: string | number;
  minFreeSpace?: string | number;
  keepDuration?: string;
}

/** As in dockerd, also "GB" is 2^30. */
const UNITS: Record<string, number> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
const MIN_RESERVED_BYTES = 2e9;
const TEMPORARY_BYTES = 512e6;
const TEMPORARY_HOURS = 48;
const UNUSED_DAYS = 60;
const HOUR_MS = 3_600_000;

/** Policies in the order in which they are applied; none when it is switched off. @throws {NaruError} invalid */
export function gcPolicies(settings: GcSettings, diskBytes: number): PruneWish[] {
  if (settings.enabled === false) return [];
  if (settings.policy?.length) return settings.policy.map((policy) => policyWish(policy, settings, diskBytes));
  const limits = defaultLimits(settings, diskBytes);
  const filters = new Map<string, string[]>();
  const temporary = ["source.local", "exec.cachemount", "source.git.checkout"].map((type) => ({
    all: false,
    filters: new Map([["type", [type]]]),
    keepDurationMs: TEMPORARY_HOURS * HOUR_MS,
    maxUsedBytes: TEMPORARY_BYTES,
  }));
  return [
    // What is brought or made again easily goes first.
    ...temporary,
    { all: false, filters, keepDurationMs: UNUSED_DAYS * 24 * HOUR_MS, ...limits },
    { all: false, filters, ...limits },
    { all: true, filters, ...limits },
  ];
}

type Limits = Pick<PruneWish, "keepBytes" | "maxUsedBytes" | "minFreeBytes">;

function defaultLimits(settings: GcSettings, diskBytes: number): Limits {
  const reserved = settings.defaultReservedSpace ?? settings.defaultKeepStorage;
  const isLimited = reserved !== undefined;
  return {
    keepBytes: isLimited ? parseSpace(reserved, diskBytes) : Math.max(MIN_RESERVED_BYTES, Math.floor(diskBytes * 0.1)),
    // Whoever said how much to keep, meant that no more is kept.
    maxUsedBytes: parseSpace(settings.defaultMaxUsedSpace ?? (isLimited ? reserved : "60%"), diskBytes),
    minFreeBytes: parseSpace(settings.defaultMinFreeSpace ?? (isLimited ? "0" : "20%"), diskBytes),
  };
}

function policyWish(policy: GcPolicySetting, settings: GcSettings, diskBytes: number): PruneWish {
  const filters = new Map<string, string[]>();
  for (const text of policy.filter ?? []) {
    const [, name, value] = /^([a-z-]+)\s*==?\s*(.*)$/.exec(text) ?? [];
    if (name === undefined)
      throw new NaruError("invalid", `builder.gc.policy: filter ${JSON.stringify(text)} is not like "unused-for=48h"`);
    filters.set(name, [value ?? ""]);
  }
  const space = (value: string | number | undefined) =>
    value === undefined ? 0 : parseSpace(String(value), diskBytes);
  const reserved = policy.reservedSpace ?? policy.keepStorage;
  const hasLimit = reserved !== undefined || policy.maxUsedSpace !== undefined || policy.minFreeSpace !== undefined;
  const limits = hasLimit
    ? { keepBytes: space(reserved), maxUsedBytes: space(policy.maxUsedSpace), minFreeBytes: space(policy.minFreeSpace) }
    : defaultLimits(settings, diskBytes);
  const keep = policy.keepDuration === undefined ? {} : { keepDurationMs: parseDuration(policy.keepDuration) / 1e6 };
  return { all: policy.all ?? false, filters, ...limits, ...keep };
}

/** @throws {NaruError} invalid */
export function parseSpace(text: string, diskBytes: number): number {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text.trim());
  if (percent) return Math.floor((diskBytes * Number(percent[1])) / 100);
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?$/i.exec(text.trim());
  if (!match) throw new NaruError("invalid", `invalid size: ${JSON.stringify(text)}: write bytes, "20GB" or "10%"`);
  return Math.floor(Number(match[1]) * UNITS[(match[2] ?? "").slice(0, 1).toLowerCase()]!);
}
