/** The packages of an image in columns, for people. */

import { NO_ASSERTION } from "./license-expression.ts";
import type { SpdxDocument } from "./spdx-document.ts";

const GAP = 3;
const HEADINGS = ["NAME", "VERSION", "TYPE", "LICENSE"];

export function packageTable({ packages, creationInfo }: SpdxDocument): string {
  const rows = packages
    .filter(({ externalRefs }) => externalRefs !== undefined)
    .map((one) => [
      one.name,
      one.versionInfo ?? "",
      /^pkg:([^/]+)\//.exec(one.externalRefs![0]!.referenceLocator)?.[1] ?? "",
      one.licenseDeclared === NO_ASSERTION ? "" : one.licenseDeclared,
    ])
    .sort(([a], [b]) => (a! < b! ? -1 : a! > b! ? 1 : 0));
  const table = [HEADINGS, ...rows];
  const widths = HEADINGS.map((_, column) => Math.max(...table.map((row) => row[column]!.length)) + GAP);
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("")
      .trimEnd(),
  );
  const notes = creationInfo.comment ? ["", ...creationInfo.comment.split("\n").map((note) => `note: ${note}`)] : [];
  return `${[...lines, ...notes].join("\n")}\n`;
}
