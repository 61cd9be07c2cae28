import { NaruError } from "../lib/errors.ts";
import { interpolate, type Lookup } from "./interpolation.ts";

/** Variables of an env file; null where only a name stands and its value is to come from elsewhere. */
export type EnvFileValues = Map<string, string | null>;

const KEY = /^(?:export\s+)?([A-Za-z0-9_.\-[\]]+)[ \t]*/;
const ESCAPES: Record<string, string> = { n: "\n", r: "\r", t: "\t", a: "\x07", b: "\b", f: "\f", v: "\v" };

/**
 * Reads an env file as docker compose does: comments, `export`, `=` or `:`, single quotes (as written), double quotes (escapes and
 * variables), several lines inside quotes, variables of the file itself and of `lookup`. Throws "invalid" with the line.
 */
export function parseEnvFile(
  text: string,
  file: string,
  lookup: Lookup,
  onUnset: (name: string) => void,
): EnvFileValues {
  const values: EnvFileValues = new Map();
  // What the surroundings set comes before what the file said above.
  const known: Lookup = (name) => lookup(name) ?? values.get(name) ?? undefined;
  const expand = (value: string) => interpolate(value, known, onUnset);
  let rest = text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  const whole = rest;
  const fail = (words: string): never => {
    const line = whole.slice(0, whole.length - rest.length).split("\n").length;
    throw new NaruError("invalid", `failed to read ${file}: line ${line}: ${words}`);
  };
  for (;;) {
    rest = rest.replace(/^(?:\s+|#[^\n]*)+/, "");
    if (rest === "") return values;
    const key = KEY.exec(rest);
    if (!key)
      return fail(
        `unexpected character ${JSON.stringify(rest[0])} in variable name near ${JSON.stringify(rest.split("\n")[0])}`,
      );
    const after = rest.slice(key[0].length);
    const name = key[1]!;
    if (after === "" || after[0] === "\n" || after[0] === "#") {
      values.set(name, lookup(name) ?? null);
      rest = after;
      continue;
    }
    if (after[0] !== "=" && after[0] !== ":")
      return fail(`unexpected character ${JSON.stringify(after[0])} in variable name`);
    const raw = after.slice(1).replace(/^[ \t]+/, "");
    const quote = raw[0];
    if (quote !== "'" && quote !== '"') {
      const line = raw.split("\n", 1)[0]!;
      values.set(name, expand(line.replace(/(?:^|\s)#.*$/, "").trimEnd()));
      rest = raw.slice(line.length);
      continue;
    }
    const end = closingQuote(raw, quote);
    if (end < 0) return fail(`unterminated quoted value ${raw.split("\n", 1)[0]}`);
    const body = raw.slice(1, end);
    values.set(name, quote === "'" ? body.replaceAll("\\'", "'") : expand(unescapeDouble(body)));
    rest = raw.slice(end + 1).replace(/^[^\n]*/, "");
  }
}

/** Env files in format `raw`: one `NAME=value` a line, taken as it is. */
export function parseRawEnvFile(text: string, lookup: Lookup): EnvFileValues {
  const values: EnvFileValues = new Map();
  for (const line of text.replace(/^\uFEFF/, "").split(/\r?\n/)) {
    const trimmed = line.trimStart();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const equals = trimmed.indexOf("=");
    if (equals < 0) values.set(trimmed, lookup(trimmed) ?? null);
    else values.set(trimmed.slice(0, equals), trimmed.slice(equals + 1));
  }
  return values;
}

function closingQuote(raw: string, quote: string): number {
  for (let at = 1; at < raw.length; at++) {
    if (raw[at] === "\\") at++;
    else if (raw[at] === quote) return at;
  }
  return -1;
}

function unescapeDouble(body: string): string {
  return body.replace(/\\([abfnrtv\\"$])/g, (_, letter: string) => {
    if (letter === "$") return "$$";
    return ESCAPES[letter] ?? letter;
  });
}
