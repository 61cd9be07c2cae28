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
import { BuildFailure, type FailurePlace, type SourceRange } from "../contract.ts";
import { DockerfileError } from "./dockerfile-error.ts";

const RULE = "-".repeat(20);
const NEIGHBOURS = 2;
const MAX_SHOWN = 200;
const TAB = "    ";

export function failureExcerpt(place: FailurePlace): string {
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
function caretLine({ column, length }: NonNullable<FailurePlace["caret"]>, line: string): string {
  const before = line.slice(0, column).replace(/[^\t]/g, " ");
  const marks = "^".repeat(Math.max(1, Math.min(length, line.length - column)));
  return column > MAX_SHOWN ? "     |" : `     | ${TAB}${before}${marks}`;
}

/** The mistake as a failure of the build, with its place in this file. Anything else comes back as it is. */
export function asBuildFailure(error: unknown, file: string, text: Uint8Array): unknown {
  if (!(error instanceof DockerfileError)) return error;
  const place = { file, text, ranges: error.ranges, caret: findCaret(error.near, error.ranges, text) };
  return new BuildFailure(error.message, place, { kind: error.kind, cause: error });
}

function findCaret(near: string | undefined, ranges: SourceRange[], text: Uint8Array): FailurePlace["caret"] {
  if (near === undefined || near === "") return undefined;
  const lines = new TextDecoder().decode(text).split("\n");
  for (const { start, end } of ranges) {
    for (let line = start.line; line <= Math.min(end.line, lines.length); line += 1) {
      const column = lines[line - 1]!.indexOf(near);
      if (column >= 0) return { line, column, length: near.length };
    }
  }
  return undefined;
}
