/** Rows in columns of at least `leastWidth`, `padding` apart; the last cell of each row is free. */
export function alignCells(rows: readonly (readonly string[])[], leastWidth: number, padding: number): string {
  const widths: number[] = [];
  for (const cells of rows) {
    for (const [column, cell] of cells.slice(0, -1).entries()) {
      widths[column] = Math.max(widths[column] ?? leastWidth, [...cell].length + padding);
    }
  }
  const lines = rows.map((cells) =>
    cells
      .map((cell, column) =>
        column === cells.length - 1 ? cell : cell + " ".repeat(widths[column]! - [...cell].length),
      )
      .join(""),
  );
  return lines.map((line) => `${line}\n`).join("");
}
