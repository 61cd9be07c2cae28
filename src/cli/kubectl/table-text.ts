/** Columns of text with three spaces between them, as kubectl aligns them. */

const GAP = 3;
/** Narrower columns are this wide, their gap counted in. */
const LEAST = 6;

/** Rows are added, and printed together. */
export class TableText {
  private readonly rows: string[][] = [];
  private widths: number[];

  /** Without titles no heading is printed. */
  constructor(private readonly titles: readonly string[] | undefined) {
    this.widths = (titles ?? []).map(({ length }) => length);
  }

  add(cells: readonly string[]): void {
    this.rows.push([...cells]);
    cells.forEach((cell, at) => {
      this.widths[at] = Math.max(this.widths[at] ?? 0, cell.length);
    });
  }

  /** The rows that were added since the last print; widths only grow, so that lines of a watch stay aligned. */
  print(): string {
    const lines = [...(this.isTitled || this.titles === undefined ? [] : [this.titles]), ...this.rows.splice(0)];
    this.isTitled = true;
    return lines.map((cells) => `${this.line(cells)}\n`).join("");
  }

  private isTitled = false;

  private line(cells: readonly string[]): string {
    const padded = cells.map((cell, at) =>
      at === cells.length - 1 ? cell : cell.padEnd(Math.max((this.widths[at] ?? 0) + GAP, LEAST)),
    );
    return padded.join("");
  }
}
