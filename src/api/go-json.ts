/**
 * JSON as Go's encoder writes it, which is what Docker's clients have always been given: the two Unicode line separators
 * are escaped inside strings, in streams `<`, `>` and `&` too, integers keep all their digits, a newline ends the text.
 */

const IN_STREAMS = /[<>&\u2028\u2029]/g;
const IN_BODIES = /[\u2028\u2029]/g;
const ESCAPES: Record<string, string> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/**
 * `value` as one line of JSON. bigint values come out as integers (nanosecond times exceed 2^53). Docker escapes for HTML
 * in streams (events, statistics, progress), not in plain answers.
 */
export function encodeGoJson(value: unknown, place: "stream" | "body" = "stream"): string {
  const text = place === "stream" ? withBigints(value) : plainFirst(value);
  // The characters can only stand inside strings, so they may be replaced in the finished text.
  return `${text.replace(place === "stream" ? IN_STREAMS : IN_BODIES, (character) => ESCAPES[character] ?? character)}\n`;
}

/** Answers seldom hold a bigint, which JSON.stringify refuses; asking a function about each value takes three times as long. */
function plainFirst(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch {
    return withBigints(value);
  }
}

function withBigints(value: unknown): string {
  return JSON.stringify(value, bigintsAsIntegers) ?? "null";
}

function bigintsAsIntegers(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? rawJson(value.toString()) : value;
}

/** JSON.rawJSON (ECMAScript "JSON.parse source text access") is newer than the type library. */
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;
