/**
 * Reads the values of a YAML or JSON document with errors that name the key's path, what was found and what is allowed.
 * Keys that nobody asked for are refused by done().
 */

import { NaruError } from "../../lib/errors.ts";
import { parseDuration } from "../../lib/go-duration.ts";

const BYTE_UNITS: Record<string, number> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };
const DAY_NS = 86_400e9;

export class SettingReader {
  readonly #asked = new Set<string>();

  private constructor(
    private readonly fields: Record<string, unknown>,
    private readonly path: string,
  ) {}

  /** @throws {NaruError} invalid when `value` is no mapping; an absent or empty one has no keys */
  static of(value: unknown, path = ""): SettingReader {
    if (value === undefined || value === null) return new SettingReader({}, path);
    if (typeof value !== "object" || Array.isArray(value)) throw wrong(path, value, "a mapping of keys to values");
    return new SettingReader(value as Record<string, unknown>, path);
  }

  has(key: string): boolean {
    this.#asked.add(key);
    return this.fields[key] !== undefined && this.fields[key] !== null;
  }

  /** "access.token.realm". */
  pathOf(key: string): string {
    return this.path === "" ? key : `${this.path}.${key}`;
  }

  keys(): string[] {
    return Object.keys(this.fields);
  }

  optional<T>(key: string, read: (value: unknown, path: string) => T): T | undefined {
    return this.has(key) ? read(this.fields[key], this.pathOf(key)) : undefined;
  }

  required<T>(key: string, read: (value: unknown, path: string) => T): T {
    if (!this.has(key)) throw new NaruError("invalid", `${this.pathOf(key)} is missing`);
    return read(this.fields[key], this.pathOf(key));
  }

  text(key: string): string | undefined {
    return this.optional(key, asText);
  }
  bool(key: string): boolean | undefined {
    return this.optional(key, asBool);
  }
  integer(key: string): number | undefined {
    return this.optional(key, asInteger);
  }
  /** Milliseconds. */
  duration(key: string): number | undefined {
    return this.optional(key, asDuration);
  }
  bytes(key: string): number | undefined {
    return this.optional(key, asBytes);
  }
  texts(key: string): string[] | undefined {
    return this.optional(key, asTexts);
  }
  oneOf<T extends string>(key: string, allowed: readonly T[]): T | undefined {
    return this.optional(key, (value, path) => {
      const known = allowed.find((item) => item === value);
      if (known === undefined) throw wrong(path, value, `one of ${allowed.join(", ")}`);
      return known;
    });
  }
  /** A mapping below this key; empty when absent. */
  section(key: string): SettingReader {
    this.#asked.add(key);
    return SettingReader.of(this.fields[key], this.pathOf(key));
  }
  /** A list of mappings; empty when absent. */
  sections(key: string): SettingReader[] {
    return (
      this.optional(key, (value, path) => {
        if (!Array.isArray(value)) throw wrong(path, value, "a list");
        return value.map((item, index) => SettingReader.of(item, `${path}[${index}]`));
      }) ?? []
    );
  }

  /** @throws {NaruError} invalid for a key that nobody asked for, saying which there are */
  done(): void {
    const unknown = Object.keys(this.fields).find((key) => !this.#asked.has(key));
    if (unknown === undefined) return;
    const where = this.path === "" ? "here" : `in ${this.path}`;
    throw new NaruError(
      "invalid",
      `${this.pathOf(unknown)} is no setting; ${where} are: ${[...this.#asked].sort().join(", ")}`,
    );
  }
}

export function asText(value: unknown, path: string): string {
  if (typeof value === "string" && value !== "") return value;
  if (typeof value === "number") return String(value);
  throw wrong(path, value, "a text");
}
function asBool(value: unknown, path: string): boolean {
  if (typeof value === "boolean") return value;
  throw wrong(path, value, "true or false");
}
function asInteger(value: unknown, path: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw wrong(path, value, "a whole number");
}
/** @returns milliseconds of "90s", "1h30m", "14d", "2w" */
export function asDuration(value: unknown, path: string): number {
  if (typeof value === "string") {
    try {
      const inHours = value.replace(
        /(\d+(?:\.\d+)?)([dw])/g,
        (_, n, unit) => `${Number(n) * (unit === "d" ? 24 : 168)}h`,
      );
      const nanoseconds = parseDuration(inHours);
      if (nanoseconds >= 0 && nanoseconds < 36500 * DAY_NS) return nanoseconds / 1e6;
    } catch {
      // The words below say it better than Go's.
    }
  }
  throw wrong(path, value, "a duration such as 90s, 12h, 14d or 2w");
}
export function asBytes(value: unknown, path: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  const match = typeof value === "string" ? /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(value) : null;
  if (match === null) throw wrong(path, value, "a size such as 500MB, 20GiB or 1TB (units of 1024)");
  return Math.trunc(Number(match[1]) * BYTE_UNITS[match[2]!.toLowerCase()]!);
}
export function asTexts(value: unknown, path: string): string[] {
  if (!Array.isArray(value)) return [asText(value, path)];
  return value.map((item, index) => asText(item, `${path}[${index}]`));
}

export function wrong(path: string, value: unknown, allowed: string): NaruError {
  const found = JSON.stringify(value) ?? "nothing";
  const shown = found.length > 60 ? `${found.slice(0, 57)}…` : found;
  return new NaruError("invalid", `${path === "" ? "the file" : path} is ${shown}; write ${allowed}`);
}
