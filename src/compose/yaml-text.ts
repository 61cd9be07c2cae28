import { blockScalar, inDoubleQuotes, isPrintable } from "../lib/yaml-scalars.ts";
import { plainValue } from "./document.ts";

/** What is written: scalars, lists and maps whose keys already stand in their order. */
export type Printable = null | boolean | number | string | Printable[] | Map<string, Printable>;

/** Writes YAML byte for byte as go-yaml v3 does with an indent of 2. */
export function yamlText(value: Map<string, Printable>): string {
  return value.size === 0 ? "{}\n" : mapText(value, 0);
}

function mapText(map: Map<string, Printable>, indent: number, startsInLine = false): string {
  let out = "";
  for (const [key, value] of map) {
    if (!startsInLine || out !== "") out += " ".repeat(indent);
    out += `${scalarText(key, 0, true)}:${entryText(value, indent)}`;
  }
  return out;
}

function entryText(value: Printable, indent: number): string {
  if (value instanceof Map) return value.size === 0 ? " {}\n" : `\n${mapText(value, indent + 2)}`;
  if (Array.isArray(value)) return value.length === 0 ? " []\n" : `\n${listText(value, indent + 2)}`;
  return ` ${scalarText(value, indent + 2)}\n`;
}

function listText(list: Printable[], indent: number, startsInLine = false): string {
  let out = "";
  for (const item of list) {
    if (!startsInLine || out !== "") out += " ".repeat(indent);
    if (item instanceof Map && item.size > 0) out += `- ${mapText(item, indent + 2, true)}`;
    else if (Array.isArray(item) && item.length > 0) out += `- ${listText(item, indent + 2, true)}`;
    else out += `-${entryText(item, indent)}`;
  }
  return out;
}

function scalarText(value: null | boolean | number | string | Printable, indent: number, isKey = false): string {
  if (value === null) return "null";
  if (typeof value !== "string") return typeof value === "number" ? numberText(value) : String(value);
  if (value.includes("\n") && !isKey) return canBeLiteral(value) ? blockScalar(value, indent) : doubleQuoted(value);
  if (meansOtherThanText(value) || /[\n\t]/.test(value) || needsEscapes(value)) return doubleQuoted(value);
  return canBePlain(value) ? value : `'${value.replaceAll("'", "''")}'`;
}

/** Go's shortest form: `1e+06` from an exponent of 21 on. */
function numberText(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value < 0 ? "-.inf" : ".inf";
  return String(value).replace(/e([-+])(\d)$/, "e$10$2");
}

/** Texts that a reader would take for null, a truth value, a number or a date. */
function meansOtherThanText(text: string): boolean {
  if (typeof plainValue(text) !== "string") return true;
  if (/^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/.test(text)) return true;
  if (/^[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?$/.test(text)) return true;
  return text === "<<" || isDate(text);
}

function isDate(text: string): boolean {
  return /^\d{4}-\d{1,2}-\d{1,2}(?:(?:[Tt]|\s+)\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:\s*(?:Z|[-+]\d{1,2}:\d{1,2}))?)?$/.test(
    text,
  );
}

/** Also what YAML takes for the end of a line, beside the usual one. */
const needsEscapes = (text: string) =>
  /[\u0085\u2028\u2029]/.test(text) || [...text].some((char) => char !== "\t" && !isPrintable(char));

function canBePlain(text: string): boolean {
  if (/^[ ]|[ ]$/.test(text)) return false;
  if (/^[#,[\]{}&*!|>'"%@`]/.test(text) || /^[-?:](?: |$)/.test(text) || /^(?:---|\.\.\.)/.test(text)) return false;
  return !/: |:$| #/.test(text);
}

function canBeLiteral(text: string): boolean {
  return !/ \n| $/.test(text) && !needsEscapes(text);
}

const doubleQuoted = (text: string) => `"${inDoubleQuotes(text).join("")}"`;
