const LEAST_WIDTH = 10;
const PADDING = 3;

/**
 * Lays text out in columns as Go's text/tabwriter does with docker's settings: a cell ends with a tab; a column is a
 * run of lines that all have a cell there, is as wide as its widest cell plus 3, and at least 10. What follows the
 * last tab of a line belongs to no column. Widths are what a terminal shows: East Asian characters take two places,
 * combining ones none.
 *
 * Nothing here is called for each line or cell: a table of 50 lines would make that function hot enough for the
 * runtime to compile it, which takes a client longer than the table does.
 */
export function alignColumns(text: string): string {
  const lines: string[][] = [];
  for (const line of text.split("\n")) lines.push(line.split("\t"));
  const block: Block = { lines, isPlain: PLAIN.test(text), out: [] };
  alignBlock(block, 0, lines.length, []);
  return block.out.join("\n");
}

interface Block {
  readonly lines: readonly (readonly string[])[];
  /** True when each unit of a JavaScript string takes one place on a terminal. */
  readonly isPlain: boolean;
  readonly out: string[];
}

function alignBlock(block: Block, from: number, to: number, widths: readonly number[]): void {
  const { lines, isPlain } = block;
  const column = widths.length;
  let start = from;
  for (let at = from; at < to; at++) {
    if (column >= lines[at]!.length - 1) continue;
    if (start < at) writeLines(block, start, at, widths);
    start = at;
    let width = LEAST_WIDTH;
    while (at < to && column < lines[at]!.length - 1) {
      const cell = lines[at]![column]!;
      const cellWidth = (isPlain ? cell.length : Bun.stringWidth(cell, ESCAPES_COUNT)) + PADDING;
      if (cellWidth > width) width = cellWidth;
      at++;
    }
    alignBlock(block, start, at, [...widths, width]);
    start = at;
    at--;
  }
  if (start < to) writeLines(block, start, to, widths);
}

function writeLines({ lines, isPlain, out }: Block, from: number, to: number, widths: readonly number[]): void {
  for (let at = from; at < to; at++) {
    const cells = lines[at]!;
    let line = "";
    for (let column = 0; column < cells.length; column++) {
      const cell = cells[column]!;
      const hidden = isPlain ? 0 : cell.length - Bun.stringWidth(cell, ESCAPES_COUNT);
      line += cell.padEnd((widths[column] ?? 0) + hidden);
    }
    out.push(line);
  }
}

const PLAIN = /^[\n\t -~]*$/;

/** Docker's client counts the letters of colour codes; its own rows have none. */
const ESCAPES_COUNT = { countAnsiEscapeCodes: true };
