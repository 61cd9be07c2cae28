/** The configuration file (dockerd's daemon.json), and how it goes together with the command line. */
import { readFile } from "node:fs/promises";
import { errorText } from "../lib/errors.ts";
import type { Setting } from "./setting.ts";
import { badSetting } from "./setting-error.ts";
import { parseFileValue, type SettingValue, valueText } from "./setting-values.ts";
import { SETTINGS } from "./settings.ts";

const BY_KEY = new Map(
  SETTINGS.flatMap((setting) =>
    [setting.key, setting.olderKey].flatMap((key) => (key === undefined ? [] : [[key, setting] as const])),
  ),
);
const BYTE_ORDER_MARK = /^\uFEFF/;
const PROXY_KEYS = new Set(["http-proxy", "https-proxy", "no-proxy"]);

/**
 * The file's values by long flag. An absent file counts as empty when `isOptional`.
 * @throws invalid naming the file, in dockerd's words.
 */
export async function readConfigFile(path: string, isOptional: boolean): Promise<Map<string, SettingValue>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && isOptional) return new Map();
    throw withFile(path, code === "ENOENT" ? `open ${path}: no such file or directory` : errorText(error));
  }
  try {
    return parseConfigFile(text);
  } catch (error) {
    throw withFile(path, errorText(error));
  }
}

/** @throws invalid for bad JSON, unknown keys and values of the wrong type. */
export function parseConfigFile(marked: string): Map<string, SettingValue> {
  const text = marked.replace(BYTE_ORDER_MARK, "");
  const values = new Map<string, SettingValue>();
  if (text.trim() === "") return values;
  const unknown: string[] = [];
  for (const [key, value] of flattened(parseObject(text))) {
    const setting = BY_KEY.get(key);
    if (setting === undefined) unknown.push(key);
    else if (value !== null) values.set(setting.flag, parseFileValue(setting, key, value));
  }
  if (unknown.length > 0) {
    throw badSetting(`the following directives don't match any configuration option: ${unknown.join(", ")}`);
  }
  return values;
}

/** @throws invalid when a setting is given in both places. */
export function mergeConfiguration(
  path: string,
  fromFlags: ReadonlyMap<string, SettingValue>,
  fromFile: ReadonlyMap<string, SettingValue>,
): Map<string, SettingValue> {
  const conflicts: string[] = [];
  for (const setting of SETTINGS) {
    const [flag, file] = [fromFlags.get(setting.flag), fromFile.get(setting.flag)];
    if (flag === undefined || file === undefined) continue;
    conflicts.push(`${nameInFile(setting)}: (from flag: ${valueText(flag)}, from file: ${valueText(file)})`);
  }
  if (conflicts.length > 0) {
    throw withFile(
      path,
      "the following directives are specified both as a flag and in the configuration file: " +
        conflicts.sort().join(", "),
    );
  }
  return new Map([...fromFile, ...fromFlags]);
}

export function withFile(path: string, reason: string): Error {
  return badSetting(`unable to configure the naru daemon with file ${path}: ${reason}`);
}

function nameInFile(setting: Setting): string {
  return setting.key ?? setting.flag;
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badSetting(`invalid JSON: ${errorText(error)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const kind = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
    throw badSetting(`invalid JSON: json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`);
  }
  return value as Record<string, unknown>;
}

/** dockerd nests the proxies, {"proxies": {"http-proxy": …}}, and the builder's limits, {"builder": {"gc": {…}}}. */
function* flattened(object: Record<string, unknown>): Generator<[string, unknown]> {
  for (const [key, value] of Object.entries(object)) {
    if (key === "builder" && isObject(value)) {
      yield* flattenedBuilder(value);
      continue;
    }
    if (PROXY_KEYS.has(key)) yield [`proxies.${key}`, value];
    else if (key !== "proxies") yield [key, value];
    else if (typeof value === "object" && value !== null) yield* Object.entries(value);
  }
}

function* flattenedBuilder(builder: Record<string, unknown>): Generator<[string, unknown]> {
  for (const [part, settings] of Object.entries(builder)) {
    if (!isObject(settings)) {
      yield [`builder.${part}`, settings];
      continue;
    }
    for (const [key, value] of Object.entries(settings)) {
      // Sizes may be numbers there, and the rules are a list of objects.
      const isText = typeof value === "boolean" || typeof value === "string" || value === null;
      yield [`builder.${part}.${key}`, isText ? value : JSON.stringify(value)];
    }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
