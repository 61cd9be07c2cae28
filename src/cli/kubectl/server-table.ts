/** Objects as the server's own table (meta.k8s.io/v1 Table), which knows the columns of every kind. */

import { ageText } from "./describe/describer.ts";
import { printedName, type ServedType } from "./resource-types.ts";

export const TABLE_ACCEPT =
  "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";

export interface ServerTable {
  kind: string;
  metadata?: { resourceVersion?: string; continue?: string };
  columnDefinitions?: { name: string; type: string; format?: string; priority?: number }[];
  rows?: TableRow[];
}
interface TableRow {
  cells: unknown[];
  object?: { metadata?: { name?: string; namespace?: string; labels?: Record<string, string> } };
}

export interface TableView {
  readonly type: ServedType;
  /** Columns of priority 1 too (-o wide). */
  readonly isWide: boolean;
  readonly withNamespace: boolean;
  /** NAME as "deployment.apps/web": when several types are shown. */
  readonly withKind: boolean;
  /** Labels that get a column of their own (-L). */
  readonly labelColumns: readonly string[];
  readonly showLabels: boolean;
}

/** Titles of the columns that are shown, in capitals. */
export function tableTitles({ columnDefinitions = [] }: ServerTable, view: TableView): string[] {
  return [
    ...(view.withNamespace ? ["NAMESPACE"] : []),
    ...columnDefinitions
      .filter(({ priority = 0 }) => view.isWide || priority === 0)
      .map(({ name }) => name.toUpperCase()),
    ...view.labelColumns.map((label) => label.slice(label.lastIndexOf("/") + 1).toUpperCase()),
    ...(view.showLabels ? ["LABELS"] : []),
  ];
}

/** The cells of a row under the titles of tableTitles. */
export function tableCells({ columnDefinitions = [] }: ServerTable, row: TableRow, view: TableView): string[] {
  const metadata = row.object?.metadata ?? {};
  const labels = metadata.labels ?? {};
  const cells = row.cells.flatMap((cell, at) => {
    const { priority = 0, name = "" } = columnDefinitions[at] ?? {};
    if (!view.isWide && priority > 0) return [];
    const text = cell === null || cell === undefined ? "<none>" : String(cell);
    return [view.withKind && name.toLowerCase() === "name" ? printedName(view.type, text) : text];
  });
  const all = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return [
    ...(view.withNamespace ? [metadata.namespace ?? ""] : []),
    ...cells,
    ...view.labelColumns.map((label) => labels[label] ?? ""),
    ...(view.showLabels ? [all.length === 0 ? "<none>" : all.sort().join(",")] : []),
  ];
}

interface PlainObject {
  metadata: { name: string; namespace?: string; creationTimestamp?: string; labels?: Record<string, string> };
}

/** The table of objects whose columns nobody knows: names and ages. */
export function plainTable(objects: readonly PlainObject[], now = Date.now()): ServerTable {
  return {
    kind: "Table",
    columnDefinitions: [
      { name: "Name", type: "string", format: "name" },
      { name: "Age", type: "string" },
    ],
    rows: objects.map(({ metadata }) => ({
      cells: [
        metadata.name,
        metadata.creationTimestamp ? ageText(now - Date.parse(metadata.creationTimestamp)) : "<unknown>",
      ],
      object: { metadata },
    })),
  };
}
