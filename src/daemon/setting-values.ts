/** Values of settings: read from a flag's text or from the configuration file's JSON, checked, printed. */
import { isIPv4 } from "node:net";
import type { Setting } from "./setting.ts";
import { badSetting } from "./setting-error.ts";

export interface UlimitSetting {
  Name: string;
  Soft: number;
  Hard: number;
}
export interface AddressPoolSetting {
  /** CIDR. */
  base: string;
  /** Prefix length of each network. */
  size: number;
}
export type SettingValue =
  | string
  | boolean
  | number
  | string[]
  | Record<string, string>
  | UlimitSetting[]
  | AddressPoolSetting[];

const BYTE_UNITS: Record<string, number> = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };

/** @throws invalid in the words of dockerd's flag parser (without its prefix `invalid argument …`). */
export function parseFlagValue(setting: Setting, text: string): SettingValue {
  switch (setting.type) {
    case "string":
    case "section":
      return text;
    case "bool":
      return parseBool(text);
    case "int":
      if (/^[+-]?\d{1,15}$/.test(text)) return Number(text);
      throw badSetting(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
    case "bytes":
      return parseBytes(text);
    case "list":
      return [text];
    case "map": {
      const equals = text.indexOf("=");
      return equals === -1 ? { [text]: "" } : { [text.slice(0, equals)]: text.slice(equals + 1) };
    }
    case "features":
      return parseFeature(text);
    case "ulimits":
      return [parseUlimit(text)];
    case "pools":
      return [parsePool(text)];
  }
}

/** A value of the configuration file. @throws invalid in the words of Go's decoder. */
export function parseFileValue(setting: Setting, key: string, value: unknown): SettingValue {
  // Whatever its type: it is refused in words about the setting itself.
  if (setting.refusal !== undefined) return unsupportedFileValue(value);
  const wrong = (type: string) =>
    badSetting(
      `invalid JSON: json: cannot unmarshal ${jsonKind(value)} into Go struct field Config.${key} of type ${type}`,
    );
  switch (setting.type) {
    case "string":
      if (typeof value === "string") return value;
      throw wrong("string");
    // Whoever the section belongs to reads it; until then it is its JSON.
    case "section":
      if (typeof value === "string") return value;
      if (isObject(value)) return JSON.stringify(value);
      throw wrong("string");
    case "bool":
      if (typeof value === "boolean") return value;
      throw wrong("bool");
    case "int":
      if (Number.isInteger(value)) return value as number;
      throw wrong("int");
    case "bytes":
      if (typeof value === "string") return parseBytes(value);
      if (Number.isInteger(value)) return parseBytes(String(value));
      throw wrong("int64");
    case "list":
      if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
      throw wrong("[]string");
    case "map":
      return parseFileMap(key, "string", value, wrong);
    case "features":
      return parseFileMap(key, "bool", value, wrong);
    case "ulimits":
      return parseFileUlimits(value, wrong);
    case "pools":
      return parseFilePools(value, wrong);
  }
}

type Wrong = (type: string) => Error;

/** `type` is Go's name of what each value must be. */
function parseFileMap(key: string, type: "string" | "bool", value: unknown, wrong: Wrong): Record<string, string> {
  if (!isObject(value)) throw wrong(`map[string]${type}`);
  const entries = Object.entries(value).map(([name, item]) => {
    if (jsonKind(item) === type) return [name, String(item)] as const;
    throw badSetting(
      `invalid JSON: json: cannot unmarshal ${jsonKind(item)} into Go struct field Config.${key}.${name} of type ${type}`,
    );
  });
  return Object.fromEntries(entries);
}

function unsupportedFileValue(value: unknown): SettingValue {
  if (typeof value === "string" || typeof value === "boolean" || typeof value === "number") return value;
  if (Array.isArray(value)) return value.map((item) => (typeof item === "string" ? item : JSON.stringify(item)));
  return Object.fromEntries(
    Object.entries(value as object).map(([name, item]) => [
      name,
      typeof item === "string" ? item : JSON.stringify(item),
    ]),
  );
}

/** True for the values that leave a setting as it is when it is not given at all: "", 0, [] and {}. */
export function asksForNothing(value: SettingValue): boolean {
  if (typeof value === "object") return Object.keys(value).length === 0;
  return value === "" || value === 0;
}

/** Of a feature, `NAME` alone turns it on. */
function parseFeature(text: string): Record<string, string> {
  const [, name = "", value = "true"] = /^([^=]*)(?:=(.*))?$/.exec(text) ?? [];
  return { [name]: String(parseBool(value)) };
}

function parseBool(text: string): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return false;
  throw badSetting(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function parseFileUlimits(value: unknown, wrong: Wrong): UlimitSetting[] {
  if (!isObject(value)) throw wrong("map[string]*container.Ulimit");
  return Object.entries(value).map(([name, limit]) => {
    if (!isObject(limit)) throw wrong("container.Ulimit");
    const { Name = name, Soft, Hard } = limit;
    if (typeof Name !== "string") throw wrong("string");
    if (!Number.isInteger(Soft) || !Number.isInteger(Hard)) throw wrong("int64");
    return checkedUlimit({ Name, Soft: Soft as number, Hard: Hard as number });
  });
}

function parseFilePools(value: unknown, wrong: Wrong): AddressPoolSetting[] {
  if (!Array.isArray(value)) throw wrong("[]*ipamutils.NetworkToSplit");
  return value.map((pool) => {
    if (!isObject(pool) || typeof pool.base !== "string" || !Number.isInteger(pool.size)) {
      throw badSetting('default-address-pools takes objects like {"base": "10.10.0.0/16", "size": 24}');
    }
    return checkedPool({ base: pool.base, size: pool.size as number });
  });
}

/** A repeated flag adds to what it gave before; of a single value the last one counts. */
export function mergeFlagValue(before: SettingValue | undefined, next: SettingValue): SettingValue {
  if (Array.isArray(next) && Array.isArray(before)) return [...before, ...next] as SettingValue;
  if (isObject(next) && isObject(before)) return { ...before, ...next } as SettingValue;
  return next;
}

/** As Go's %v prints it, for messages. */
export function valueText(value: SettingValue): string {
  if (Array.isArray(value)) return `[${value.map((item) => (isObject(item) ? JSON.stringify(item) : item)).join(" ")}]`;
  if (isObject(value)) {
    return `map[${Object.entries(value)
      .map(([key, item]) => `${key}:${item}`)
      .join(" ")}]`;
  }
  return String(value);
}

function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i.exec(text);
  const unit = BYTE_UNITS[match?.[2]?.toLowerCase() ?? ""];
  if (match === null || unit === undefined) throw badSetting(`invalid size: '${text}'`);
  return Math.trunc(Number(match[1]) * unit);
}

const ULIMIT_NAMES = new Set(
  "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(" "),
);

function parseUlimit(text: string): UlimitSetting {
  const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
  if (match === null) throw badSetting(`invalid ulimit argument: ${text}`);
  const [, Name = "", soft = "", hard = soft] = match;
  return checkedUlimit({ Name, Soft: Number(soft), Hard: Number(hard) });
}

function checkedUlimit(limit: UlimitSetting): UlimitSetting {
  const { Name, Soft, Hard } = limit;
  if (!ULIMIT_NAMES.has(Name)) throw badSetting(`invalid ulimit type: ${Name}`);
  if (Hard !== -1 && (Soft > Hard || Soft === -1)) {
    throw badSetting(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`);
  }
  return limit;
}

function parsePool(text: string): AddressPoolSetting {
  const fields = new Map(text.split(",").map((field) => field.split("=", 2) as [string, string]));
  const [base, size] = [fields.get("base"), fields.get("size")];
  if (base === undefined || size === undefined || !/^\d+$/.test(size) || fields.size !== 2) {
    throw badSetting(`invalid address pool "${text}": write base=CIDR,size=PREFIX`);
  }
  return checkedPool({ base, size: Number(size) });
}

function checkedPool(pool: AddressPoolSetting): AddressPoolSetting {
  const prefix = prefixLength(pool.base);
  if (prefix === undefined) throw badSetting(`invalid base prefix "${pool.base}": write an IPv4 CIDR`);
  if (pool.size < prefix || pool.size > 30) {
    throw badSetting(`invalid default-address-pool: size ${pool.size} does not fit into ${pool.base}`);
  }
  return pool;
}

/** Of an IPv4 address with its prefix, ADDRESS/LENGTH; undefined for anything else. */
export function prefixLength(text: string): number | undefined {
  const [, address = "", length = ""] = /^([^/]*)\/(\d{1,2})$/.exec(text) ?? [];
  return isIPv4(address) && Number(length) <= 32 ? Number(length) : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function jsonKind(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}
