/**
 * Times by cron's five fields (minute, hour, day of month, month, day of week), as crontab(5) of Vixie cron describes them, or
 * `@hourly`, `@daily`, …, or `@every 90s`.
 */
import { NaruError } from "../../lib/errors.ts";
import { parseDuration } from "../../lib/go-duration.ts";
import { zoneOffsetMs } from "./zone-offset.ts";

/** When something is due. */
export interface CronTimes {
  /** The first time after `afterMs`, both in milliseconds of Unix time; undefined when there is none within eight years. */
  next(afterMs: number): number | undefined;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Every date comes back within eight years: 29 February across a turn of a century. */
const HORIZON_MS = 8 * 366 * DAY_MS;
const SHORTEST_MS = 1000;

const MACROS: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS = [
  { name: "minute", first: 0, last: 59, names: [], from: 0 },
  { name: "hour", first: 0, last: 23, names: [], from: 0 },
  { name: "day of month", first: 1, last: 31, names: [], from: 0 },
  { name: "month", first: 1, last: 12, names: MONTHS, from: 1 },
  { name: "day of week", first: 0, last: 7, names: DAYS, from: 0 },
];

interface Fields {
  minutes: ReadonlySet<number>;
  hours: ReadonlySet<number>;
  days: ReadonlySet<number>;
  months: ReadonlySet<number>;
  weekdays: ReadonlySet<number>;
  /** The field began with `*`: the other day field decides alone. */
  isAnyDay: boolean;
  isAnyWeekday: boolean;
  /** Then each hour counts, also the one that comes twice when clocks go back. */
  isAnyHour: boolean;
}

/**
 * Reads a line of cron.
 * @param zone name of a time zone, `Europe/Berlin`
 * @throws {NaruError} invalid, saying which field is wrong
 */
export function parseCron(text: string, zone: string): CronTimes {
  const line = text.trim();
  const every = /^@every\s+(\S+)$/.exec(line);
  if (every) return everyInterval(line, every[1]!);
  const expanded = MACROS[line.toLowerCase()] ?? line;
  if (expanded.startsWith("@")) {
    const known = Object.keys(MACROS).join(", ");
    throw new NaruError("invalid", `${JSON.stringify(text)}: there are ${known} and @every with a duration`);
  }
  const words = expanded.split(/\s+/);
  if (words.length !== FIELDS.length) {
    const names = FIELDS.map(({ name }) => name).join(", ");
    throw new NaruError("invalid", `${JSON.stringify(text)} has ${words.length} fields, not 5 (${names})`);
  }
  const [minutes, hours, days, months, weekdays] = words.map((word, index) => parseField(word, index)) as [
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
  ];
  if (weekdays.has(7)) weekdays.add(0);
  const isStar = (index: number) => /^[*?]/.test(words[index]!);
  const stars = { isAnyHour: isStar(1), isAnyDay: isStar(2), isAnyWeekday: isStar(4) };
  const fields: Fields = { minutes, hours, days, months, weekdays, ...stars };
  return { next: (afterMs) => nextTime(fields, zone, afterMs) };
}

function everyInterval(line: string, duration: string): CronTimes {
  let stepMs: number;
  try {
    stepMs = parseDuration(duration) / 1e6;
  } catch (error) {
    throw new NaruError("invalid", `${JSON.stringify(line)}: ${(error as Error).message}`);
  }
  if (stepMs < SHORTEST_MS) throw new NaruError("invalid", `${JSON.stringify(line)}: the shortest interval is 1s`);
  // Counted from 1970, so that a restart changes nothing.
  return { next: (afterMs) => (Math.floor(afterMs / stepMs) + 1) * stepMs };
}

/** The numbers that a field stands for: `*`, `1,5`, `1-5`, `1-31/2`, `mon-fri`. */
function parseField(word: string, index: number): Set<number> {
  const { name, first, last } = FIELDS[index]!;
  const wrong = (why: string) => new NaruError("invalid", `${JSON.stringify(word)} is no ${name}: ${why}`);
  const numbers = new Set<number>();
  for (const part of word.split(",")) {
    const match = /^([*?]|[a-z\d]+)(?:-([a-z\d]+))?(?:\/(\d+))?$/i.exec(part);
    if (!match) throw wrong(`use numbers from ${first} to ${last}, ranges, lists and steps`);
    const [, from = "", to, stepText] = match;
    const step = Number(stepText ?? 1);
    if (step < 1) throw wrong("a step is 1 or more");
    const isStar = /^[*?]$/.test(from);
    if (isStar && to !== undefined) throw wrong("a range goes from a number to a number");
    const low = isStar ? first : numberOf(from, index);
    const high = isStar || (to === undefined && stepText !== undefined) ? last : numberOf(to ?? from, index);
    if (low === undefined || high === undefined) throw wrong(`it goes from ${first} to ${last}`);
    if (high < low) throw wrong("the range ends before it begins");
    for (let number = low; number <= high; number += step) numbers.add(number);
  }
  return numbers;
}

function numberOf(word: string, index: number): number | undefined {
  const { first, last, names, from } = FIELDS[index]!;
  const named = (names as string[]).indexOf(word.toLowerCase());
  const number = named >= 0 ? named + from : /^\d+$/.test(word) ? Number(word) : Number.NaN;
  return number >= first && number <= last ? number : undefined;
}

/** Local time as if it were UTC: its fields are read with the UTC methods of Date. */
const localTime = (zone: string, ms: number) => ms + zoneOffsetMs(zone, ms);

function nextTime(fields: Fields, zone: string, afterMs: number): number | undefined {
  let at = (Math.floor(afterMs / MINUTE_MS) + 1) * MINUTE_MS;
  const end = at + HORIZON_MS;
  while (at < end) {
    const local = localTime(zone, at);
    const date = new Date(local);
    const jumped = local - localTime(zone, at - MINUTE_MS) - MINUTE_MS;
    if (isDue(fields, date) && !isRepeated(fields, zone, at)) return at;
    // What clocks that go forward leave out is done when they have.
    if (jumped > 0 && !fields.isAnyHour && isDueBetween(fields, local - jumped, local)) return at;
    at = skipTo(fields, date, at);
  }
  return undefined;
}

function isDue(fields: Fields, date: Date): boolean {
  return (
    fields.minutes.has(date.getUTCMinutes()) &&
    fields.hours.has(date.getUTCHours()) &&
    fields.months.has(date.getUTCMonth() + 1) &&
    isDueDay(fields, date)
  );
}

/** Two day fields that both name days mean either; cron's oldest surprise. */
function isDueDay({ days, weekdays, isAnyDay, isAnyWeekday }: Fields, date: Date): boolean {
  const isDay = days.has(date.getUTCDate());
  const isWeekday = weekdays.has(date.getUTCDay());
  return isAnyDay || isAnyWeekday ? isDay && isWeekday : isDay || isWeekday;
}

/** The second of two equal local times, when clocks go back: a job with a certain hour runs once. */
function isRepeated({ isAnyHour }: Fields, zone: string, at: number): boolean {
  if (isAnyHour) return false;
  const back = zoneOffsetMs(zone, at - 3 * HOUR_MS) - zoneOffsetMs(zone, at);
  return back > 0 && localTime(zone, at - back) === localTime(zone, at);
}

function isDueBetween(fields: Fields, from: number, to: number): boolean {
  for (let local = from; local < to; local += MINUTE_MS) if (isDue(fields, new Date(local))) return true;
  return false;
}

/** The next minute that may be due. Stops at each full hour of a day that may be, where clocks may change. */
function skipTo(fields: Fields, date: Date, at: number): number {
  const [hour, minute] = [date.getUTCHours(), date.getUTCMinutes()];
  const isMonth = fields.months.has(date.getUTCMonth() + 1);
  if (!isMonth || !isDueDay(fields, date)) return at + Math.max(60 - minute, (23 - hour) * 60 - minute) * MINUTE_MS;
  return fields.hours.has(hour) ? at + MINUTE_MS : at + (60 - minute) * MINUTE_MS;
}
