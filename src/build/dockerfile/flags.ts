/** Keyword and flags of an instruction: "COPY --from=build --link a b". */
import { NaruError } from "../../lib/errors.ts";
import { isSpace } from "./expansion.ts";
import { suggestion } from "./suggestion.ts";

const BLANKS = /[\t\v\f\r ]+/;

/** Cuts the joined line of an instruction. Flags stand before everything else; "--" ends them. */
export function splitInstruction(line: string): { keyword: string; flags: string[]; rest: string } {
  const trimmed = line.trim();
  const blank = BLANKS.exec(trimmed);
  if (!blank) return { keyword: trimmed, flags: [], rest: "" };
  const { flags, rest } = cutFlags(trimmed.slice(blank.index + blank[0].length));
  return { keyword: trimmed.slice(0, blank.index), flags, rest: rest.trim() };
}

function cutFlags(text: string): { flags: string[]; rest: string } {
  const flags: string[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && isSpace(text[at]!)) at += 1;
    if (!text.startsWith("--", at)) return { flags, rest: text.slice(at) };
    const word = readFlag(text, at);
    at = word.end;
    if (word.text === "--") return { flags, rest: text.slice(at) };
    flags.push(word.text);
  }
}

/** One flag. Quotes are taken away and keep blanks together; a backslash keeps the next character as it is. */
function readFlag(text: string, start: number): { text: string; end: number } {
  let word = "";
  let quote = "";
  let at = start;
  for (; at < text.length; at += 1) {
    const char = text[at]!;
    if (quote === "" && isSpace(char)) break;
    if (char === quote) quote = "";
    else if (quote === "" && (char === "'" || char === '"')) quote = char;
    else if (char === "\\") {
      at += 1;
      word += text[at] ?? "";
    } else word += char;
  }
  return { text: word, end: at };
}

type FlagKind = "bool" | "text" | "texts";
type FlagValue<Kind> = Kind extends "bool" ? boolean : Kind extends "text" ? string : string[];

/**
 * The values of an instruction's flags; those not given are undefined.
 * @throws {NaruError} invalid: unknown, twice, without a value
 */
export function readFlags<Known extends Record<string, FlagKind>>(
  flags: readonly string[],
  known: Known,
): { [Name in keyof Known]?: FlagValue<Known[Name]> } {
  const values: Record<string, boolean | string | string[]> = {};
  for (const flag of flags) {
    const equals = flag.indexOf("=");
    const name = flag.slice(2, equals < 0 ? undefined : equals);
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) throw invalid(`unknown flag: --${name}${suggestion(name, Object.keys(known))}`);
    if (Object.hasOwn(values, name) && kind !== "texts") throw invalid(`duplicate flag specified: --${name}`);
    const value = equals < 0 ? undefined : flag.slice(equals + 1);
    if (kind === "bool") values[name] = readBool(name, value);
    else if (value === undefined) throw invalid(`missing a value on flag: --${name}`);
    else if (kind === "text") values[name] = value;
    else values[name] = [...((values[name] as string[] | undefined) ?? []), value];
  }
  return values as { [Name in keyof Known]?: FlagValue<Known[Name]> };
}

function readBool(name: string, value: string | undefined): boolean {
  if (value === "") throw invalid(`missing a value on flag: --${name}`);
  const lower = value?.toLowerCase() ?? "true";
  if (lower === "true" || lower === "false") return lower === "true";
  throw invalid(`expecting boolean value for flag --${name}, not: ${value}`);
}

function invalid(message: string): NaruError {
  return new NaruError("invalid", message);
}
