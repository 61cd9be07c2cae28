import { GoNil, GoObject, GoStruct, type GoValue, isMap } from "./values.ts";

/** A value as Go's encoder writes it in one line. `escapeHtml` also escapes `<`, `>` and `&`, Go's default. */
export function jsonText(value: GoValue, options: { escapeHtml?: boolean } = {}): string {
  const text = encode(value).replace(/[\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`);
  return options.escapeHtml ? escapeHtml(text) : text;
}

function encode(value: GoValue): string {
  if (value === undefined || value === null || value instanceof GoNil || typeof value === "function") return "null";
  if (typeof value === "bigint") return value.toString();
  if (value instanceof GoObject) return value.toJson?.() ?? "{}";
  if (value instanceof GoStruct) return encodeEntries(value.fields, value.notInJson);
  if (Array.isArray(value)) return `[${value.map(encode).join(",")}]`;
  return isMap(value) ? encodeEntries(value) : JSON.stringify(value);
}

function encodeEntries(entries: Readonly<Record<string, GoValue>>, notInJson?: ReadonlySet<string>): string {
  const keys = Object.keys(entries).filter((key) => !notInJson?.has(key));
  const parts = keys.map((key) => `${JSON.stringify(key)}:${encode(entries[key])}`);
  return `{${parts.join(",")}}`;
}

function escapeHtml(json: string): string {
  return json.replace(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`);
}
