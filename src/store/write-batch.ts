/** Messages between the store and its writer thread. */

/** One change: `value` is JSON text, or undefined to delete the row. */
export interface RowChange {
  collection: string;
  key: string;
  value: string | undefined;
}

export type WriterRequest =
  | { kind: "open"; path: string }
  | { kind: "write"; id: number; changes: RowChange[] }
  | { kind: "close" };

export type WriterAnswer =
  | { kind: "opened" }
  | { kind: "written"; id: number }
  | { kind: "failed"; id: number | undefined; message: string }
  | { kind: "closed" };
