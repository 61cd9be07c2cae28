/**
 * Why a text is not JSON, in the words of Go's scanner, and where its first value ends. JSON.parse decides first; this
 * slower reader is asked only when it refused.
 */

type JsonSyntax =
  | { kind: "value"; end: number }
  /** Nothing but white space. */
  | { kind: "empty" }
  | { kind: "truncated" }
  | { kind: "error"; message: string };

class Truncated extends Error {}
class Malformed extends Error {}

const SPACE = /[ \t\r\n]*/y;
const NUMBER = /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;

/** Reads the first JSON value of `text`. */
export function scanJson(text: string): JsonSyntax {
  const start = skipSpace(text, 0);
  if (start === text.length) return { kind: "empty" };
  try {
    return { kind: "value", end: skipValue(text, start) };
  } catch (error) {
    if (error instanceof Truncated) return { kind: "truncated" };
    if (error instanceof Malformed) return { kind: "error", message: error.message };
    throw error;
  }
}

function skipSpace(text: string, at: number): number {
  SPACE.lastIndex = at;
  SPACE.test(text);
  return SPACE.lastIndex;
}

function skipValue(text: string, from: number): number {
  const at = skipSpace(text, from);
  const first = characterAt(text, at);
  if (first === "{") return skipObject(text, at + 1);
  if (first === "[") return skipArray(text, at + 1);
  if (first === '"') return skipString(text, at + 1);
  if (first === "-" || (first >= "0" && first <= "9")) return skipNumber(text, at);
  for (const word of ["true", "false", "null"]) {
    if (first === word[0]) return skipLiteral(text, at, word);
  }
  throw unexpected(first, "looking for beginning of value");
}

function skipObject(text: string, from: number): number {
  let at = skipSpace(text, from);
  if (characterAt(text, at) === "}") return at + 1;
  for (;;) {
    const quote = characterAt(text, at);
    if (quote !== '"') throw unexpected(quote, "looking for beginning of object key string");
    at = skipSpace(text, skipString(text, at + 1));
    const colon = characterAt(text, at);
    if (colon !== ":") throw unexpected(colon, "after object key");
    at = skipSpace(text, skipValue(text, at + 1));
    const next = characterAt(text, at);
    if (next === "}") return at + 1;
    if (next !== ",") throw unexpected(next, "after object key:value pair");
    at = skipSpace(text, at + 1);
  }
}

function skipArray(text: string, from: number): number {
  let at = skipSpace(text, from);
  if (characterAt(text, at) === "]") return at + 1;
  for (;;) {
    at = skipSpace(text, skipValue(text, at));
    const next = characterAt(text, at);
    if (next === "]") return at + 1;
    if (next !== ",") throw unexpected(next, "after array element");
    at += 1;
  }
}

function skipString(text: string, from: number): number {
  for (let at = from; ; at++) {
    const character = characterAt(text, at);
    if (character === '"') return at + 1;
    if (character < " ") throw unexpected(character, "in string literal");
    if (character !== "\\") continue;
    at += 1;
    const escaped = characterAt(text, at);
    if (!'"\\/bfnrtu'.includes(escaped)) throw new Malformed(`invalid escape sequence \`\\${escaped}\` in string`);
    if (escaped !== "u") continue;
    for (let digit = 1; digit <= 4; digit++) {
      if (!/[0-9a-fA-F]/.test(characterAt(text, at + digit))) {
        throw new Malformed(`invalid escape sequence \`\\${text.slice(at, at + digit + 1)}\` in string`);
      }
    }
    at += 4;
  }
}

function skipNumber(text: string, at: number): number {
  NUMBER.lastIndex = at;
  if (NUMBER.test(text)) return NUMBER.lastIndex;
  throw unexpected(characterAt(text, at + 1), "in numeric literal");
}

function skipLiteral(text: string, at: number, word: string): number {
  for (let index = 1; index < word.length; index++) {
    const character = characterAt(text, at + index);
    if (character !== word[index]) throw unexpected(character, `in literal ${word} (expecting '${word[index]}')`);
  }
  return at + word.length;
}

function characterAt(text: string, at: number): string {
  const character = text[at];
  if (character === undefined) throw new Truncated();
  return character;
}

function unexpected(character: string, where: string): Malformed {
  const shown = character === "'" ? `'\\''` : character === '"' ? `'"'` : `'${printable(character)}'`;
  return new Malformed(`invalid character ${shown} ${where}`);
}

function printable(character: string): string {
  return character < " " ? JSON.stringify(character).slice(1, -1) : character;
}
