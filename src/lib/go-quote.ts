/** Texts as Go's verb %q prints them. */

const NAMED: Record<string, string> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};
const SPECIAL = /[\\"\x00-\x1f\x7f]|[^\P{C}\x00-\x1f\x7f]|[^\P{Z} ]/gu;

/** What needs no escape but a backslash: nearly every text, also one that was cut. */
const PRINTS = /^[ -~…]*$/;

/** The text as a double-quoted Go string literal (strconv.Quote): what does not print is escaped, spaces but the usual one too. */
export function goQuoted(text: string): string {
  if (PRINTS.test(text)) return `"${text.replace(/["\\]/g, "\\$&")}"`;
  return `"${text.replace(SPECIAL, escaped)}"`;
}

/** As Go prints a slice of strings with %q: ["a" "b"]. */
export function goQuotedList(texts: readonly string[]): string {
  return `[${texts.map(goQuoted).join(" ")}]`;
}

function escaped(char: string): string {
  const code = char.codePointAt(0)!;
  if (NAMED[char]) return NAMED[char];
  if (!char.isWellFormed()) return "\ufffd"; // half a character; Go has none
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
}
