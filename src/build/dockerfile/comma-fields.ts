/** Fields of a flag's value between commas, as CSV: "a,b" in double quotes keeps its comma. */
import { NaruError } from "../../lib/errors.ts";

/** @throws {NaruError} invalid when the quotes are wrong */
export function commaFields(text: string): string[] {
  const fields: string[] = [];
  for (let at = 0; ; ) {
    const { field, end } = text[at] === '"' ? quotedField(text, at) : plainField(text, at);
    fields.push(field);
    if (end >= text.length) return fields;
    at = end + 1;
  }
}

function plainField(text: string, start: number): { field: string; end: number } {
  const comma = text.indexOf(",", start);
  const end = comma < 0 ? text.length : comma;
  const field = text.slice(start, end);
  if (field.includes('"')) throw malformed('bare " in non-quoted-field', text, text.indexOf('"', start));
  return { field, end };
}

/** Two quotes inside quotes are one. */
function quotedField(text: string, start: number): { field: string; end: number } {
  let field = "";
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] !== '"') field += text[at];
    else if (text[at + 1] === '"') {
      field += '"';
      at += 1;
    } else if (at + 1 === text.length || text[at + 1] === ",") return { field, end: at + 1 };
    else break;
  }
  throw malformed('extraneous or missing " in quoted-field', text, text.length);
}

function malformed(what: string, text: string, column: number): NaruError {
  return new NaruError("invalid", `parse error on line 1, column ${column + 1}: ${what} in ${text}`);
}
