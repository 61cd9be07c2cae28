/** Query parameters as Docker reads them: its notions of true and false, its words for what cannot be read. */
import { NaruError } from "../lib/errors.ts";
import { findGoBool } from "../lib/go-bool.ts";
import type { Platform } from "../model/image.ts";
import type { Filters } from "../model/system.ts";
import { badRequest } from "./errors.ts";

const FALSE_WORDS = new Set(["", "0", "no", "false", "none"]);

export class Query {
  readonly #values: Map<string, string[]>;

  /** @throws invalid for a bad percent escape or a semicolon. */
  constructor(rawQuery: string) {
    this.#values = parseQuery(rawQuery);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The first value, or "". */
  text(name: string): string {
    return this.#values.get(name)?.[0] ?? "";
  }

  all(name: string): string[] {
    return this.#values.get(name) ?? [];
  }

  /** Platforms as JSON objects, one a value. @throws invalid */
  platforms(name: string): Partial<Platform>[] {
    return this.all(name).flatMap((text) => {
      if (text === "") return [];
      try {
        const value: unknown = JSON.parse(text);
        if (typeof value === "object" && value !== null) return [value as Partial<Platform>];
      } catch {
        // Told below.
      }
      throw badRequest(`failed to parse platform: ${JSON.stringify(text)} is not an object such as {"os":"linux"}`);
    });
  }

  /** Anything but "", 0, no, false and none is true. */
  bool(name: string, absent = false): boolean {
    if (!this.has(name)) return absent;
    return !FALSE_WORDS.has(this.text(name).trim().toLowerCase());
  }

  /** As Go's strconv.ParseBool reads it; false when absent or empty. @throws invalid, with Go's reason unless it is bare */
  goBool(name: string, { isBare = false } = {}): boolean {
    const value = this.text(name);
    const read = value === "" ? false : findGoBool(value);
    if (read !== undefined) return read;
    const because = isBare ? "" : `: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`;
    throw badRequest(`invalid value for ${name}: ${value}${because}`);
  }

  /** Undefined when absent or empty. @throws internal for what is no integer: Docker answers 500 there. */
  int(name: string): number | undefined {
    const value = this.text(name);
    if (value === "") return undefined;
    if (/^[+-]?[0-9]{1,18}$/.test(value)) return Number(value);
    const reason = /^[+-]?[0-9]+$/.test(value) ? "value out of range" : "invalid syntax";
    throw new NaruError("internal", `strconv.Atoi: parsing ${JSON.stringify(value)}: ${reason}`);
  }

  /** Like Docker's `int`, where a value that cannot be read counts as zero. */
  intOrZero(name: string): number {
    const value = this.text(name);
    return /^[+-]?[0-9]{1,18}$/.test(value) ? Number(value) : 0;
  }

  /** The height or width of a terminal. @throws invalid */
  terminalSize(name: string, what: "height" | "width"): number {
    const value = this.text(name);
    if (/^[0-9]+$/.test(value) && Number(value) <= 0xffffffff) return Number(value);
    const reason = /^-?[0-9]+$/.test(value) ? "value out of range" : "invalid syntax";
    throw badRequest(`invalid resize ${what} ${JSON.stringify(value)}: ${reason}`);
  }

  /** The `filters` parameter, in its present form {"key":{"value":true}} or the older {"key":["value"]}. */
  filters(): Filters {
    const encoded = this.text("filters");
    return encoded === "" ? new Map() : parseFilters(encoded);
  }
}

/** @throws invalid when `encoded` is in neither form. */
export function parseFilters(encoded: string): Filters {
  let decoded: unknown;
  try {
    decoded = JSON.parse(encoded);
  } catch (cause) {
    throw new NaruError("invalid", "invalid filter", { cause });
  }
  const filters: Filters = new Map();
  if (decoded === null) return filters;
  if (typeof decoded !== "object" || Array.isArray(decoded)) throw badRequest("invalid filter");
  for (const [key, value] of Object.entries(decoded)) filters.set(key, filterValues(value));
  return filters;
}

function filterValues(value: unknown): string[] {
  if (value === null) return [];
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  if (typeof value === "object" && Object.values(value).every((item) => typeof item === "boolean")) {
    return Object.keys(value);
  }
  throw badRequest("invalid filter");
}

function parseQuery(rawQuery: string): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const pair of rawQuery.split("&")) {
    if (pair === "") continue;
    if (pair.includes(";")) throw badRequest("invalid semicolon separator in query");
    const equals = pair.indexOf("=");
    const name = unescapeQuery(equals === -1 ? pair : pair.slice(0, equals));
    const value = equals === -1 ? "" : unescapeQuery(pair.slice(equals + 1));
    const known = values.get(name);
    if (known === undefined) values.set(name, [value]);
    else known.push(value);
  }
  return values;
}

function unescapeQuery(encoded: string): string {
  const spaced = encoded.replaceAll("+", " ");
  if (!spaced.includes("%")) return spaced;
  const bad = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(spaced);
  if (bad !== null) throw badRequest(`invalid URL escape ${JSON.stringify(bad[0])}`);
  // Not decodeURIComponent: it refuses escapes that are not UTF-8, which Go lets pass.
  const bytes = spaced.replace(/[^%\x00-\x7f]+/g, (part) => encodeURIComponent(part));
  return Buffer.from(
    bytes.replace(/%([0-9a-fA-F]{2})/g, (_whole, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  ).toString("utf8");
}
