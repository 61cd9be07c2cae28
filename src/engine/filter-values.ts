/** Pieces that the filters of all lists share. */

import { NaruError } from "../lib/errors.ts";
import { parseDuration } from "../lib/go-duration.ts";
import type { Filters } from "../model/system.ts";
import { nowNs, parseRfc3339 } from "./clock.ts";

/** @throws {NaruError} invalid `invalid filter 'x'` for a name that is not accepted. */
export function requireKnownFilters(filters: Filters, accepted: readonly string[]): void {
  for (const name of filters.keys()) {
    if (!accepted.includes(name)) throw new NaruError("invalid", `invalid filter '${name}'`);
  }
}

/** "1", "true", "0", "false" as Docker reads them; undefined when the filter is absent. */
export function booleanFilter(filters: Filters, name: string): boolean | undefined {
  const values = filters.get(name);
  if (values === undefined || values.length === 0) return undefined;
  const meanings = new Set(values.map((value) => truth(value)));
  if (meanings.size !== 1 || meanings.has(undefined)) {
    throw new NaruError("invalid", `invalid filter '${name}=[${values.join(" ")}]'`);
  }
  return [...meanings][0];
}

function truth(value: string): boolean | undefined {
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  return undefined;
}

/** All wanted labels ("name" or "name=value") are there. */
export function hasLabels(labels: Record<string, string> | null | undefined, wanted: readonly string[] = []): boolean {
  return wanted.every((text) => hasLabel(labels ?? {}, text));
}

function hasLabel(labels: Record<string, string>, text: string): boolean {
  const at = text.indexOf("=");
  if (at < 0) return Object.hasOwn(labels, text);
  return labels[text.slice(0, at)] === text.slice(at + 1);
}

/** The label and label! filters of prune. */
export function passesLabelFilters(labels: Record<string, string> | null | undefined, filters: Filters): boolean {
  if (!hasLabels(labels, filters.get("label"))) return false;
  return !(filters.get("label!") ?? []).some((text) => hasLabel(labels ?? {}, text));
}

/** A pattern as Docker matches names: a regular expression, or a part of the name when it is none. */
export function matchesPattern(patterns: readonly string[] | undefined, values: readonly string[]): boolean {
  if (patterns === undefined || patterns.length === 0) return true;
  return patterns.some((pattern) => values.some((value) => value === pattern || regExp(pattern)?.test(value)));
}

function regExp(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern);
  } catch {
    return undefined;
  }
}

/** The until filter: a duration before now, a date, or a Unix time. Nanoseconds; undefined when absent. */
export function untilFilter(filters: Filters): bigint | undefined {
  const values = filters.get("until");
  if (values === undefined || values.length === 0) return undefined;
  if (values.length > 1) throw new NaruError("invalid", "more than one until filter specified");
  return parseMoment(values[0]!);
}

/** @throws {NaruError} invalid `failed to parse value as time or duration: "x"` */
function parseMoment(text: string): bigint {
  if (/^\d+(\.\d+)?$/.test(text)) {
    const [seconds, fraction = ""] = text.split(".");
    return BigInt(seconds!) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0").slice(0, 9));
  }
  try {
    return nowNs() - BigInt(Math.trunc(parseDuration(text)));
  } catch {
    const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
    const time = match === null ? undefined : parseRfc3339(`${match[1]}T${completeTime(match[2])}${match[3] ?? "Z"}`);
    if (time !== undefined) return time;
    throw new NaruError("invalid", `failed to parse value as time or duration: ${JSON.stringify(text)}`);
  }
}

function completeTime(text = "00"): string {
  const colons = text.split(":").length - 1;
  return `${text}${[":00:00", ":00", ""][colons]}`;
}
