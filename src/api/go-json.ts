/**
 * JSON as Go's encoder writes it, which is what Docker's clients have always been given: `<`, `>`, `&` and the two
 * Unicode line separators are escaped inside strings, integers keep all their digits, a newline ends the text.
 */

const HTML_SENSITIVE = /[<>&\u2028\u2029]/g;
const ESCAPES: Record<string, string> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/** `value` as one line of JSON. bigint values come out as integers (nanosecond times exceed 2^53). */
export function encodeGoJson(value: unknown): string {
  const text = JSON.stringify(value, bigintsAsIntegers) ?? "null";
  // The characters can only stand inside strings, so they may be replaced in the finished text.
  return `${text.replace(HTML_SENSITIVE, (character) => ESCAPES[character] ?? character)}\n`;
}

function bigintsAsIntegers(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? rawJson(value.toString()) : value;
}

/** JSON.rawJSON (ECMAScript "JSON.parse source text access") is newer than the type library. */
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;
