/**
 * Text with tabs to aligned columns: neighbouring lines that have a cell in a column share its width (elastic tab stops).
 * What follows a line's last tab belongs to no column.
 */

const GAP = 2;

/** @param text lines whose cells end with a tab */
export function columnText(text: string): string {
  const lines = text.split("\n").map((line) => line.split("\t"));
  const widths = lines.map(() => [] as number[]);
  const most = Math.max(...lines.map(({ length }) => length));
  for (let column = 0; column < most - 1; column++) {
    for (let start = 0; start < lines.length; start++) {
      if (lines[start]!.length - 1 <= column) continue;
      let end = start;
      let width = 0;
      for (; end < lines.length && lines[end]!.length - 1 > column; end++) {
        width = Math.max(width, lengthOf(lines[end]![column]!));
      }
      for (let at = start; at < end; at++) widths[at]![column] = width + GAP;
      start = end;
    }
  }
  return lines
    .map((cells, at) =>
      cells
        .map((cell, column) => {
          const width = widths[at]![column];
          return width === undefined ? cell : cell + " ".repeat(Math.max(0, width - lengthOf(cell)));
        })
        .join(""),
    )
    .join("\n");
}

/** In characters, not in halves of them. */
const lengthOf = (text: string): number => [...text].length;
