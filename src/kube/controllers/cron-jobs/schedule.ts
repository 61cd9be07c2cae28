/**
 * Cron schedules as Kubernetes reads them: five fields, names of months and days, steps, @daily and its kin, and @every; in a time
 * zone.
 */

import { errorText, NaruError } from "../../../lib/errors.ts";
import { parseDuration } from "../../../lib/go-duration.ts";

interface Field {
  name: string;
  low: number;
  high: number;
  names?: readonly string[];
}
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS: readonly Field[] = [
  { name: "minute", low: 0, high: 59 },
  { name: "hour", low: 0, high: 23 },
  { name: "day of month", low: 1, high: 31 },
  { name: "month", low: 1, high: 12, names: MONTHS },
  { name: "day of week", low: 0, high: 6, names: DAYS },
];
const SHORTHANDS: Record<string, string> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};
/** 29 February comes at most after eight years (1896 to 1904); a schedule with nothing before that never comes. */
const FARTHEST_DAYS = 9 * 366;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** No zone has set its clocks by more at once, but for days that were left out. */
const FARTHEST_SHIFT = 25 * HOUR;

export interface Schedule {
  /** The first time after `afterMs` (both Unix milliseconds); undefined when there is none, as on 30 February. */
  next(afterMs: number): number | undefined;
}

/**
 * @param zone an IANA name; UTC when absent
 * @throws {NaruError} invalid, in words that name the field
 */
export function parseSchedule(text: string, zone?: string): Schedule {
  const trimmed = text.trim();
  if (/^(TZ|CRON_TZ)=/.test(trimmed)) {
    throw new NaruError("invalid", "a time zone belongs into timeZone, not into the schedule");
  }
  if (trimmed.startsWith("@every ")) return everySchedule(trimmed.slice("@every ".length).trim());
  const clock = zoneClock(zone ?? "UTC");
  const spelled = trimmed.startsWith("@") ? SHORTHANDS[trimmed.toLowerCase()] : trimmed;
  if (spelled === undefined) throw new NaruError("invalid", `unrecognized descriptor: ${trimmed}`);
  const parts = spelled.split(/\s+/).filter((part) => part !== "");
  if (parts.length !== 5) {
    throw new NaruError("invalid", `expected exactly 5 fields, found ${parts.length}: ${JSON.stringify(parts)}`);
  }
  const [minutes, hours, days, months, weekdays] = parts.map((part, i) => parseField(part, FIELDS[i]!));
  return fieldSchedule(
    { minutes: minutes!, hours: hours!, days: days!, months: months!, weekdays: weekdays! },
    { anyDay: isStar(parts[2]!), anyWeekday: isStar(parts[4]!) },
    clock,
  );
}

function isStar(part: string): boolean {
  return part.split(",").some((item) => /^[*?](\/1)?$/.test(item));
}

function parseField(text: string, field: Field): Set<number> {
  const values = new Set<number>();
  for (const part of text.split(",")) {
    const match = /^([^/]+)(?:\/(\d+))?$/.exec(part);
    if (match === null) throw new NaruError("invalid", `${field.name}: cannot read "${part}"`);
    const step = match[2] === undefined ? 1 : Number(match[2]);
    if (step === 0) throw new NaruError("invalid", `step of range should be a positive number: ${part}`);
    const [low, high] = parseRange(match[1]!, field, match[2] !== undefined);
    for (let value = low; value <= high; value += step) values.add(value);
  }
  return values;
}

function parseRange(text: string, field: Field, hasStep: boolean): [number, number] {
  if (text === "*" || text === "?") return [field.low, field.high];
  const [from, to, ...rest] = text.split("-");
  if (rest.length > 0) throw new NaruError("invalid", `too many hyphens: ${text}`);
  const low = parseValue(from!, field);
  const high = to === undefined ? (hasStep ? field.high : low) : parseValue(to, field);
  if (low < field.low)
    throw new NaruError("invalid", `beginning of range (${low}) below minimum (${field.low}): ${text}`);
  if (high > field.high)
    throw new NaruError("invalid", `end of range (${high}) above maximum (${field.high}): ${text}`);
  if (low > high) {
    throw new NaruError("invalid", `beginning of range (${low}) beyond end of range (${high}): ${text}`);
  }
  return [low, high];
}

function parseValue(text: string, field: Field): number {
  const named = field.names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + field.low;
  if (!/^\d+$/.test(text)) throw new NaruError("invalid", `failed to parse int from ${text} in ${field.name}`);
  return Number(text);
}

/** Every so often, counted from the last time (whole seconds). */
function everySchedule(text: string): Schedule {
  const ms = Math.max(1000, Math.floor(everyMs(text) / 1000) * 1000);
  return { next: (afterMs) => Math.floor(afterMs / 1000) * 1000 + ms };
}

function everyMs(text: string): number {
  try {
    return parseDuration(text) / 1e6;
  } catch (error) {
    throw new NaruError("invalid", `failed to parse duration @every ${text}: ${errorText(error)}`);
  }
}

interface Fields {
  minutes: Set<number>;
  hours: Set<number>;
  days: Set<number>;
  months: Set<number>;
  weekdays: Set<number>;
}

function fieldSchedule(fields: Fields, stars: { anyDay: boolean; anyWeekday: boolean }, clock: ZoneClock): Schedule {
  const hours = [...fields.hours].sort((a, b) => a - b);
  const minutes = [...fields.minutes].sort((a, b) => a - b);
  const dayFits = (day: Date): boolean => {
    const date = fields.days.has(day.getUTCDate());
    const weekday = fields.weekdays.has(day.getUTCDay());
    if (!fields.months.has(day.getUTCMonth() + 1)) return false;
    // Both given: either will do, as in cron since ever.
    return stars.anyDay || stars.anyWeekday ? date && weekday : date || weekday;
  };
  return {
    next(afterMs) {
      const local = afterMs + clock.offset(afterMs);
      const day = new Date(local);
      day.setUTCHours(-24, 0, 0, 0); // The day before, too: clocks may be set back over midnight.
      for (let i = 0; i < FARTHEST_DAYS; i++, day.setUTCDate(day.getUTCDate() + 1)) {
        if (!dayFits(day)) continue;
        for (const hour of hours) {
          if (day.getTime() + (hour + 1) * HOUR < local - FARTHEST_SHIFT) continue;
          const times = minutes.flatMap((minute) => clock.instants(day.getTime() + (hour * 60 + minute) * MINUTE));
          const found = times.sort((a, b) => a - b).find((time) => time > afterMs);
          if (found !== undefined) return found;
        }
      }
      return undefined;
    },
  };
}

interface ZoneClock {
  /** What the wall clock is ahead of UTC at that moment, milliseconds. */
  offset(ms: number): number;
  /** The moments at which the wall clock shows that time: none when clocks are set forward over it, two when set back. */
  instants(wallMs: number): number[];
}

/** @throws {NaruError} invalid for a zone that is not known */
function zoneClock(zone: string): ZoneClock {
  if (zone === "UTC") return { offset: () => 0, instants: (wallMs) => [wallMs] };
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch {
    throw new NaruError("invalid", `unknown time zone ${zone}`);
  }
  const offset = (ms: number): number => {
    const parts = Object.fromEntries(format.formatToParts(ms).map((part) => [part.type, Number(part.value)]));
    const wall = Date.UTC(parts.year!, parts.month! - 1, parts.day!, parts.hour!, parts.minute!, parts.second!);
    return wall - Math.floor(ms / 1000) * 1000;
  };
  const instants = (wallMs: number): number[] => {
    const day = 86_400_000;
    const offsets = new Set([offset(wallMs - day), offset(wallMs + day)]);
    return [...offsets].map((each) => wallMs - each).filter((ms) => ms + offset(ms) === wallMs);
  };
  return { offset, instants };
}
