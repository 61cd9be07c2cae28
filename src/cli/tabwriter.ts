const LEAST_WIDTH = 10;
const PADDING = 3;

/**
 * Lays text out in columns as Go's text/tabwriter does with docker's settings: a cell ends with a tab; a column is a
 * run of lines that all have a cell there, is as wide as its widest cell plus 3, and at least 10. What follows the
 * last tab of a line belongs to no column.
 */
export function alignColumns(text: string): string {
  const lines = text.split("\n").map((line) => line.split("\t"));
  const out: string[] = [];
  alignBlock(lines, 0, lines.length, [], out);
  return out.join("\n");
}

function alignBlock(lines: string[][], from: number, to: number, widths: number[], out: string[]): void {
  const column = widths.length;
  let start = from;
  for (let at = from; at < to; at++) {
    if (column >= lines[at]!.length - 1) continue;
    writeLines(lines, start, at, widths, out);
    start = at;
    let width = LEAST_WIDTH;
    while (at < to && column < lines[at]!.length - 1) {
      width = Math.max(width, characters(lines[at]![column]!) + PADDING);
      at++;
    }
    alignBlock(lines, start, at, [...widths, width], out);
    start = at;
    at--;
  }
  writeLines(lines, start, to, widths, out);
}

function writeLines(lines: string[][], from: number, to: number, widths: number[], out: string[]): void {
  for (const cells of lines.slice(from, to)) {
    out.push(
      cells.map((cell, index) => cell + " ".repeat(Math.max((widths[index] ?? 0) - characters(cell), 0))).join(""),
    );
  }
}

const SURROGATE = /[\ud800-\udfff]/;

/** Counts code points, as Go does. Taking a text to pieces is slow, and few texts have any beyond 16 bits. */
function characters(text: string): number {
  return SURROGATE.test(text) ? [...text].length : text.length;
}
