/** The daemon's command line, read as dockerd reads its own. */
import { errorText } from "../lib/errors.ts";
import type { Setting } from "./setting.ts";
import { badSetting } from "./setting-error.ts";
import { mergeFlagValue, parseFlagValue, type SettingValue } from "./setting-values.ts";
import { SETTINGS } from "./settings.ts";

export interface CommandLine {
  /** Values by long flag. */
  values: Map<string, SettingValue>;
  action: "run" | "help" | "version" | "validate";
}

const BY_FLAG = new Map(SETTINGS.map((setting) => [setting.flag, setting]));
const BY_SHORT = new Map(SETTINGS.flatMap((setting) => (setting.short ? [[setting.short, setting] as const] : [])));
const SEE_HELP = "\nSee 'naru daemon --help'.";

/** @throws invalid with dockerd's words for what cannot be read. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const line: CommandLine = { values: new Map(), action: "run" };
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg.startsWith("--")) readLongFlag(line, arg.slice(2), rest);
    else if (arg.startsWith("-") && arg.length > 1) readShortFlags(line, arg.slice(1), rest);
    else throw badSetting(`"naru daemon" accepts no arguments.${SEE_HELP}`);
  }
  return line;
}

function readLongFlag(line: CommandLine, text: string, rest: string[]): void {
  const equals = text.indexOf("=");
  const name = equals === -1 ? text : text.slice(0, equals);
  if (name === "help" || name === "version" || name === "validate") {
    line.action = name;
    return;
  }
  const setting = BY_FLAG.get(name);
  if (setting === undefined) throw badSetting(`unknown flag: --${name}${SEE_HELP}`);
  let value = equals === -1 ? undefined : text.slice(equals + 1);
  if (value === undefined) value = setting.type === "bool" ? "true" : rest.shift();
  if (value === undefined) throw badSetting(`flag needs an argument: --${name}${SEE_HELP}`);
  take(line, setting, value);
}

function readShortFlags(line: CommandLine, text: string, rest: string[]): void {
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!;
    if (letter === "v" || letter === "h") {
      line.action = letter === "v" ? "version" : "help";
      continue;
    }
    const setting = BY_SHORT.get(letter);
    if (setting === undefined) throw badSetting(`unknown shorthand flag: '${letter}' in -${text.slice(at)}${SEE_HELP}`);
    if (setting.type === "bool") {
      take(line, setting, "true");
      continue;
    }
    const attached = text.slice(at + 1).replace(/^=/, "");
    const value = attached === "" ? rest.shift() : attached;
    if (value === undefined) {
      throw badSetting(`flag needs an argument: '${letter}' in -${text.slice(at)}${SEE_HELP}`);
    }
    take(line, setting, value);
    return;
  }
}

function take(line: CommandLine, setting: Setting, text: string): void {
  try {
    const value = parseFlagValue(setting, text);
    line.values.set(setting.flag, mergeFlagValue(line.values.get(setting.flag), value));
  } catch (error) {
    const shown = setting.short === undefined ? `--${setting.flag}` : `-${setting.short}, --${setting.flag}`;
    throw badSetting(`invalid argument ${JSON.stringify(text)} for "${shown}" flag: ${errorText(error)}${SEE_HELP}`);
  }
}
