/** How the arguments of instructions are cut before any variable is looked at: quotes and escapes stay as written. */
import { NaruError } from "../../lib/errors.ts";
import { goQuoted } from "../../lib/go-quote.ts";
import type { Pair } from "./ast.ts";
import { isSpace } from "./expansion.ts";

const BLANKS = /[\t\v\f\r ]+/;

/** Words between blanks, without a thought for quotes. */
export function blankSeparated(text: string): string[] {
  return text === "" ? [] : text.split(BLANKS);
}

/** Words between blanks outside of quotes; quotes and escapes stay. */
export function quotedWords(text: string, token: "\\" | "`"): string[] {
  const words: string[] = [];
  let word = "";
  let quote = "";
  let hadQuote = false;
  const finish = () => {
    if (word !== "" || hadQuote) words.push(word);
    word = "";
    hadQuote = false;
  };
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]!;
    if (quote === "" && isSpace(char)) {
      finish();
      continue;
    }
    // Nothing can be escaped between single quotes; an escape at the very end is dropped.
    if (char === token && quote !== "'") {
      at += 1;
      if (at < text.length) word += char + text[at]!;
      continue;
    }
    if (quote === "" && (char === "'" || char === '"')) {
      quote = char;
      hadQuote = true;
    } else if (char === quote) quote = "";
    word += char;
  }
  finish();
  return words;
}

/** "NAME value with blanks" or "A=b C='d e'". @throws {NaruError} invalid */
export function readPairs(text: string, keyword: string, token: "\\" | "`"): Pair[] {
  const words = quotedWords(text, token);
  if (words.length === 0) return [];
  if (!words[0]!.includes("=")) {
    const blank = BLANKS.exec(text);
    if (!blank) throw new NaruError("invalid", `${keyword} must have two arguments`);
    return [{ key: text.slice(0, blank.index), value: text.slice(blank.index + blank[0].length), legacy: true }];
  }
  return words.map((word) => {
    const equals = word.indexOf("=");
    if (equals < 0) {
      const message = `Syntax error - can't find = in ${goQuoted(word)}. Must be of the form: name=value`;
      throw new NaruError("invalid", message);
    }
    return { key: word.slice(0, equals), value: word.slice(equals + 1), legacy: false };
  });
}
