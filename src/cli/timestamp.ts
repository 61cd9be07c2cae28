import { parseDuration } from "../lib/go-duration.ts";
import { CliError } from "./cli-error.ts";

const DATE_AND_TIME = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d\d:\d\d)?$/;

/**
 * A point in time as the API takes it (seconds and nanoseconds since 1970) from what users write: a Go duration counted
 * back from now (`10m`), a date with or without time and zone (local without), or seconds since 1970. Throws CliError.
 */
export function parseTimestamp(text: string, nowMs = Date.now()): string {
  const ago = durationOrUndefined(text);
  if (ago !== undefined && text !== "0") {
    return secondsText(BigInt(Math.round(nowMs)) * 1_000_000n - BigInt(Math.round(ago)));
  }
  if (/^\d+(\.\d{1,9})?$/.test(text)) return text;
  const match = DATE_AND_TIME.exec(text);
  if (!match) throw new CliError(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
  const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", zone = ""] = match;
  const milliseconds = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  if (Number.isNaN(milliseconds)) {
    throw new CliError(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
  }
  return secondsText(BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, "0")));
}

function durationOrUndefined(text: string): number | undefined {
  try {
    return parseDuration(text);
  } catch {
    return undefined;
  }
}

function secondsText(nanoseconds: bigint): string {
  return `${nanoseconds / 1_000_000_000n}.${String(nanoseconds % 1_000_000_000n).padStart(9, "0")}`;
}
