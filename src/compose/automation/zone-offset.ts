/** How far time zones are from UTC. */
import { NaruError } from "../../lib/errors.ts";

const HOUR_MS = 3_600_000;
const formats = new Map<string, Intl.DateTimeFormat>();
/** Clocks change at full hours of UTC: one answer holds for an hour. */
const known = new Map<string, number>();
const MOST_KNOWN = 10_000;

/** Milliseconds that the clocks of a zone are ahead of UTC at that time. @throws {NaruError} invalid for an unknown zone */
export function zoneOffsetMs(zone: string, ms: number): number {
  if (zone === "UTC") return 0;
  const hour = Math.floor(ms / HOUR_MS);
  const key = `${zone} ${hour}`;
  let offset = known.get(key);
  if (offset === undefined) {
    if (known.size >= MOST_KNOWN) known.clear();
    offset = readOffset(zone, hour * HOUR_MS);
    known.set(key, offset);
  }
  return offset;
}

/** @throws {NaruError} invalid */
export function checkZone(zone: string): void {
  formatOf(zone);
}

function readOffset(zone: string, ms: number): number {
  const part: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(ms)) part[type] = Number(value);
  return Date.UTC(part.year!, part.month! - 1, part.day!, part.hour! % 24, part.minute, part.second) - ms;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const present = formats.get(zone);
  if (present !== undefined) return present;
  try {
    const numeric = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" } as const;
    const format = new Intl.DateTimeFormat("en-US", {
      ...numeric,
      second: "numeric",
      hourCycle: "h23",
      timeZone: zone,
    });
    formats.set(zone, format);
    return format;
  } catch {
    throw new NaruError("invalid", `there is no time zone ${JSON.stringify(zone)}: use a name such as Europe/Berlin`);
  }
}
