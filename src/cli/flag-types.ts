import { parseDuration } from "../lib/go-duration.ts";
import { csvFields } from "./csv.ts";
import type { Flag } from "./flags.ts";
import { parseGoBool } from "./go-bool.ts";
import { parseByteSize } from "./units.ts";

/** What any flag may say beside its name, usage and value. */
export interface FlagOptions {
  short?: string;
  /** Replaces the type word of the help screen. */
  type?: string;
  /** Replaces the default shown on the help screen; an empty text hides it. */
  defaultText?: string;
  hidden?: boolean;
  deprecated?: string;
}

/** A flag without value: `--rm`, `--rm=false`. */
export function bool(usage: string, options: FlagOptions & { initial?: boolean } = {}): Flag<boolean> {
  const initial = options.initial ?? false;
  return {
    ...described("", usage, options, initial ? "true" : ""),
    bare: "true",
    initial: () => initial,
    parse: parseGoBool,
  };
}

/** A flag with one text; the last use wins. `check` may throw on bad text. */
export function string(
  usage: string,
  options: FlagOptions & { initial?: string; check?: (text: string) => void } = {},
): Flag<string> {
  const initial = options.initial ?? "";
  return {
    ...described("string", usage, options, initial === "" ? "" : JSON.stringify(initial)),
    initial: () => initial,
    parse: (text) => {
      options.check?.(text);
      return text;
    },
  };
}

/** A flag that may be repeated; each use adds what `check` returns for it (the text itself without `check`). */
export function list(usage: string, options: FlagOptions & { check?: (text: string) => string } = {}): Flag<string[]> {
  return {
    ...described("list", usage, options, ""),
    initial: () => [],
    parse: (text, current) => [...current, options.check ? options.check(text) : text],
  };
}

/** A repeatable flag of values that may also stand divided by commas, quoted where they hold some. */
export function strings(usage: string, options: FlagOptions = {}): Flag<string[]> {
  return {
    ...described("strings", usage, options, ""),
    initial: () => [],
    parse: (text, current) => (text === "" ? current : [...current, ...csvFields(text)]),
  };
}

/** A repeatable flag whose uses build up a value of their own (`--mount`, `--ulimit`). */
export function custom<T>(
  type: string,
  usage: string,
  initial: () => T,
  parse: (text: string, current: T) => T,
  options: FlagOptions = {},
): Flag<T> {
  return { ...described(type, usage, options, ""), initial, parse };
}

/** A repeatable `key=value` flag; a later use of a key replaces the former. Text without `=` maps to "". */
export function map(
  usage: string,
  options: FlagOptions & { check?: (text: string) => string } = {},
): Flag<Record<string, string>> {
  return {
    ...described("map", usage, options, "map[]"),
    initial: () => ({}),
    parse: (text, current) => {
      const checked = options.check ? options.check(text) : text;
      const equals = checked.indexOf("=");
      if (equals < 0) return { ...current, [checked]: "" };
      return { ...current, [checked.slice(0, equals)]: checked.slice(equals + 1) };
    },
  };
}

/** A whole number as Go reads it: decimal, 0x…, 0o…, 0b…, a leading 0 for octal. */
export function int(usage: string, options: FlagOptions & { initial?: number } = {}): Flag<number> {
  const initial = options.initial ?? 0;
  return {
    ...described("int", usage, options, initial === 0 ? "" : String(initial)),
    initial: () => initial,
    parse: (text) => parseGoInteger(text, "ParseInt", -(2n ** 63n), 2n ** 63n - 1n),
  };
}

/** A whole number that is not negative and fits `bits`. */
export function uint(usage: string, bits: 16 | 64, options: FlagOptions = {}): Flag<number> {
  return {
    ...described(bits === 64 ? "uint" : `uint${bits}`, usage, options, ""),
    initial: () => 0,
    parse: (text) => parseGoInteger(text, "ParseUint", 0n, 2n ** BigInt(bits) - 1n),
  };
}

/** A size such as `64m` or `1.5GiB`, in bytes. With `swap`, `-1` is accepted too (unlimited). */
export function bytes(usage: string, options: FlagOptions & { swap?: boolean } = {}): Flag<number> {
  return {
    ...described("bytes", usage, options, ""),
    initial: () => 0,
    parse: (text) => (options.swap && text === "-1" ? -1 : parseByteSize(text)),
  };
}

/** A duration such as `1m30s`, in nanoseconds. */
export function duration(usage: string, options: FlagOptions = {}): Flag<number> {
  return {
    ...described("duration", usage, { defaultText: "0s", ...options }, ""),
    initial: () => 0,
    parse: parseDuration,
  };
}

/** An older, hidden name of another flag. */
export function aliasOf(flag: string, type = "list"): Flag<undefined> {
  return { type, usage: "", hidden: true, aliasOf: flag, initial: () => undefined, parse: () => undefined };
}

/** `--filter name=value`, repeatable: the values by name, ready for the API's `filters` parameter. */
export function filter(usage: string, options: FlagOptions = {}): Flag<Record<string, string[]>> {
  return {
    ...described("filter", usage, { short: "f", ...options }, ""),
    initial: () => ({}),
    parse: (text, current) => {
      if (text === "") return current;
      const equals = text.indexOf("=");
      if (equals < 0) throw new Error("bad format of filter (expected name=value)");
      const name = text.slice(0, equals).trim().toLowerCase();
      const value = text.slice(equals + 1).trim();
      const values = current[name] ?? [];
      return { ...current, [name]: values.includes(value) ? values : [...values, value] };
    },
  };
}

/** The `--format` flag of commands that print tables. */
export function format(): Flag<string> {
  return string(
    `How to print:
'table':            as a table with headers (default)
'table TEMPLATE':   as a table with columns of this Go template
'json':             as JSON
'TEMPLATE':         by this Go template`,
  );
}

/** The `--format` flag of commands that print one object (`inspect`, `info`, `version`). */
export function inspectFormat(options: FlagOptions = {}): Flag<string> {
  return string(
    `How to print:
'json':             as JSON
'TEMPLATE':         by this Go template`,
    { short: "f", ...options },
  );
}

function described(type: string, usage: string, options: FlagOptions, defaultText: string) {
  return {
    type: options.type ?? type,
    usage,
    short: options.short,
    defaultText: options.defaultText ?? defaultText,
    hidden: options.hidden ?? options.deprecated !== undefined,
    deprecated: options.deprecated,
  };
}

/** Reads a whole number with Go's base prefixes. Throws with the words of strconv. */
export function parseGoInteger(text: string, caller: "ParseInt" | "ParseUint", least: bigint, most: bigint): number {
  const syntaxError = () => new Error(`strconv.${caller}: parsing ${JSON.stringify(text)}: invalid syntax`);
  const match = /^([+-]?)(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|0[0-7_]*|[1-9][0-9_]*)$/.exec(text);
  if (!match || /__|_$/.test(text) || (caller === "ParseUint" && match[1] !== "")) throw syntaxError();
  const digits = match[2]!.replaceAll("_", "");
  const magnitude = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const value = match[1] === "-" ? -magnitude : magnitude;
  if (value < least || value > most) {
    throw new Error(`strconv.${caller}: parsing ${JSON.stringify(text)}: value out of range`);
  }
  return Number(value);
}
