/**
 * The lines of a Dockerfile around a failure, as docker's clients draw them, with a caret under the word at fault:
 *
 *   Dockerfile:2
 *   --------------------
 *      1 |     FROM busybox
 *      2 | >>> RUNN make
 *        |     ^^^^
 *      3 |     CMD ["sh"]
 *   --------------------
 */
import type { SourceRange } from "../model/build.ts";

/** Where in a text something is wrong. */
interface ExcerptPlace {
  file: string;
  text: Uint8Array;
  ranges: readonly SourceRange[];
  /** The very word, when it is known: line from 1, column from 0, length in characters. */
  caret?: { line: number; column: number; length: number };
}

const RULE = "-".repeat(20);
const NEIGHBOURS = 2;
const MAX_SHOWN = 200;
const TAB = "    ";

/** Empty when there is no such place. */
export function sourceExcerpt(place: ExcerptPlace): string {
  const lines = new TextDecoder().decode(place.text).split("\n");
  const first = Math.min(...place.ranges.map((range) => range.start.line));
  const last = Math.max(...place.ranges.map((range) => range.end.line));
  if (place.ranges.length === 0 || first > lines.length) return "";
  const shown: string[] = [];
  const from = Math.max(1, first - NEIGHBOURS);
  for (let line = from; line <= Math.min(lines.length, last + NEIGHBOURS); line += 1) {
    const isMarked = place.ranges.some((range) => line >= range.start.line && line <= range.end.line);
    const text = cut(lines[line - 1]!);
    shown.push(` ${String(line).padStart(3)} | ${isMarked ? ">>> " : TAB}${text}`.trimEnd());
    if (place.caret?.line === line) shown.push(caretLine(place.caret, lines[line - 1]!));
  }
  return [`${place.file}:${first}`, RULE, ...shown, RULE, ""].join("\n");
}

function cut(line: string): string {
  const text = line.replace(/\r$/, "");
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

/** Tabs before the word stay tabs, so that the caret stands under it. */
function caretLine({ column, length }: NonNullable<ExcerptPlace["caret"]>, line: string): string {
  const before = line.slice(0, column).replace(/[^\t]/g, " ");
  const marks = "^".repeat(Math.max(1, Math.min(length, line.length - column)));
  return column > MAX_SHOWN ? "     |" : `     | ${TAB}${before}${marks}`;
}
