/** The JSON form of instructions. A text that is no JSON array is the shell form, whatever it looks like, as in BuildKit. */
import { NaruError } from "../../lib/errors.ts";

/**
 * The strings of a JSON array; undefined when the text is no JSON array.
 * @throws {NaruError} invalid when it is one with something else than strings
 */
export function readJsonList(text: string): string[] | undefined {
  const list = parseArray(text);
  if (list === undefined) return undefined;
  if (list.every((element) => typeof element === "string")) return list;
  throw new NaruError("invalid", "when using JSON array syntax, arrays must be comprised of strings only");
}

export function isJsonList(text: string): boolean {
  return parseArray(text) !== undefined;
}

function parseArray(text: string): unknown[] | undefined {
  if (!text.trimStart().startsWith("[")) return undefined;
  try {
    return JSON.parse(text) as unknown[];
  } catch {
    return undefined;
  }
}
