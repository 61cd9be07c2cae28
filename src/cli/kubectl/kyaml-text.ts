/** KYAML (KEP-5295): YAML in flow style, with every string quoted, that templates and indentation cannot break. */

import { looksLikeElse } from "./yaml-scalar.ts";

/** @param order of the members' names; by their letters where none is given */
export const kyamlText = (value: unknown, order: Order = (names) => names.sort()): string =>
  `---\n${node(value, 0, order)}\n`;

type Order = (names: string[]) => string[];

function node(value: unknown, indent: number, order: Order): string {
  if (Array.isArray(value)) return list(value, indent, order);
  if (typeof value === "object" && value !== null) return mapping(value, indent, order);
  return typeof value === "string" ? quoted(value, indent) : String(value ?? null);
}

const isBlock = (value: unknown): boolean => typeof value === "object" && value !== null;

/** Objects in a list share their brackets' lines: `[{` … `}, {` … `}]`. */
function list(items: readonly unknown[], indent: number, order: Order): string {
  if (items.length === 0) return "[]";
  if (items.every(isBlock)) return `[${items.map((item) => node(item, indent, order)).join(", ")}]`;
  const inner = " ".repeat(indent + 2);
  return `[\n${items.map((item) => `${inner}${node(item, indent + 2, order)},\n`).join("")}${" ".repeat(indent)}]`;
}

function mapping(value: object, indent: number, order: Order): string {
  const members = value as Record<string, unknown>;
  const names = order(Object.keys(members).filter((name) => members[name] !== undefined));
  if (names.length === 0) return "{}";
  const inner = " ".repeat(indent + 2);
  const lines = names.map((name) => `${inner}${keyText(name)}: ${node(members[name], indent + 2, order)},\n`);
  return `{\n${lines.join("")}${" ".repeat(indent)}}`;
}

/** What no reader of YAML could take for something else than a name. */
const PLAIN_KEY = /^(?!_\d)[\p{L}\p{N}_](?:[\p{L}\p{N}_./-]*[\p{L}\p{N}_])?$/u;

const keyText = (key: string): string =>
  PLAIN_KEY.test(key) && !looksLikeElse(key) ? key : quoted(key, 0).replaceAll("\t", "\\t");

function quoted(text: string, indent: number): string {
  if (!text.includes("\n")) return `"${escaped(text)}"`;
  const inner = " ".repeat(indent + 2);
  const pieces = text.split("\n");
  const last = pieces.pop()!;
  // A space or a backslash before the text: what follows either counts, blanks too.
  const line = (piece: string) => `${inner}${/^[ \t]/.test(piece) ? "\\" : " "}${escaped(piece)}`;
  const lines = pieces.map((piece) => `${line(piece)}\\n\\\n`);
  return `"\\\n${lines.join("")}${last === "" ? "" : `${line(last)}\\\n`}${inner}"`;
}

const escaped = (text: string): string =>
  text
    .replaceAll(/["\\]/g, "\\$&")
    .replaceAll("\r", "\\r")
    .replaceAll(/[\0-\x08\x0b-\x1f\x7f]/g, (letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, "0")}`);
