/** Forms of strings in YAML that Go's libraries, of which docker compose and kubectl print with different ones, write alike. Pure. */

/** A text of several lines as a literal block: "|-" and the lines, each indented. */
export function blockScalar(text: string, indent: number): string {
  const hint = /^[ \n]/.test(text) ? "2" : "";
  const chomping = !text.endsWith("\n") ? "-" : text === "\n" || text.endsWith("\n\n") ? "+" : "";
  const lines = text.replace(/\n$/, "").split("\n");
  const pad = " ".repeat(indent);
  return `|${hint}${chomping}\n${lines.map((line) => (line === "" ? "" : pad + line)).join("\n")}`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\x07": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\x1b": "\\e",
  '"': '\\"',
  "\\": "\\\\",
  "\u0085": "\\N",
  "\u2028": "\\L",
  "\u2029": "\\P",
};

/** What Go's libraries write as it is; they know no characters of four bytes. */
export function isPrintable(char: string): boolean {
  const code = char.codePointAt(0)!;
  return (
    code === 0x0a ||
    (code >= 0x20 && code <= 0x7e) ||
    code === 0x85 ||
    (code >= 0xa0 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd && code !== 0xfeff)
  );
}

/**
 * The pieces of a text as they stand between double quotes, one for each character (YAML 1.1, section 5.6). After a byte order mark at
 * the beginning Go's libraries escape all that follows.
 */
export function inDoubleQuotes(text: string): string[] {
  const isMarked = text.startsWith("\uFEFF");
  return [...text].map((char) => ESCAPES[char] ?? (isMarked || !isPrintable(char) ? hexEscape(char) : char));
}

function hexEscape(char: string): string {
  const code = char.codePointAt(0)!;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
