/** Rows as docker compose aligns them: columns at least 20 wide, three spaces between. */
export function tabTable(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(20, ...rows.map((row) => row[column]!.length + 3)));
  const last = widths.length - 1;
  return rows.map((row) => row.map((cell, column) => (column === last ? cell : cell.padEnd(widths[column]!))).join(""));
}
