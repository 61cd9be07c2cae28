const LEAST_WIDTH = 10;
const PADDING = 3;

/**
 * Lays text out in columns as Go's text/tabwriter does with docker's settings: a cell ends with a tab; a column is a
 * run of lines that all have a cell there, is as wide as its widest cell plus 3, and at least 10. What follows the
 * last tab of a line belongs to no column. Widths are code points, as Go counts.
 *
 * Nothing here is called for each line or cell: a table of 50 lines would make that function hot enough for the
 * runtime to compile it, which takes a client longer than the table does.
 */
export function alignColumns(text: string): string {
  const lines: string[][] = [];
  for (const line of text.split("\n")) lines.push(line.split("\t"));
  const block: Block = { lines, hasLongCharacters: SURROGATE.test(text), out: [] };
  alignBlock(block, 0, lines.length, []);
  return block.out.join("\n");
}

interface Block {
  readonly lines: readonly (readonly string[])[];
  /** True when some characters are two units of a JavaScript string. */
  readonly hasLongCharacters: boolean;
  readonly out: string[];
}

function alignBlock(block: Block, from: number, to: number, widths: readonly number[]): void {
  const { lines, hasLongCharacters } = block;
  const column = widths.length;
  let start = from;
  for (let at = from; at < to; at++) {
    if (column >= lines[at]!.length - 1) continue;
    if (start < at) writeLines(block, start, at, widths);
    start = at;
    let width = LEAST_WIDTH;
    while (at < to && column < lines[at]!.length - 1) {
      const cell = lines[at]![column]!;
      const cellWidth = (hasLongCharacters ? codePoints(cell) : cell.length) + PADDING;
      if (cellWidth > width) width = cellWidth;
      at++;
    }
    alignBlock(block, start, at, [...widths, width]);
    start = at;
    at--;
  }
  if (start < to) writeLines(block, start, to, widths);
}

function writeLines(
  { lines, hasLongCharacters, out }: Block,
  from: number,
  to: number,
  widths: readonly number[],
): void {
  for (let at = from; at < to; at++) {
    const cells = lines[at]!;
    let line = "";
    for (let column = 0; column < cells.length; column++) {
      const cell = cells[column]!;
      const units = hasLongCharacters ? cell.length - codePoints(cell) : 0;
      line += cell.padEnd((widths[column] ?? 0) + units);
    }
    out.push(line);
  }
}

const SURROGATE = /[\ud800-\udfff]/;

function codePoints(text: string): number {
  return [...text].length;
}
