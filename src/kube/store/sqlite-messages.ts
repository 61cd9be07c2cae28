/** What the SQLite store's two halves say to each other: its caller's thread and the thread with the file. */

import type { Mutation, StoredEntry } from "./contract.ts";

/** One row of the range that is asked for. */
export interface RangeRequest {
  readonly prefix: string;
  readonly after: string | undefined;
  readonly limit: number;
  readonly revision: number | undefined;
}
export interface RangeAnswer {
  readonly entries: readonly StoredEntry[];
  readonly revision: number;
  readonly more: boolean;
}

/** What one mutation did; a put's new value is known to whoever asked for it. */
export interface Written {
  readonly createRevision: number;
  readonly previous: StoredEntry | undefined;
}
export type CommitAnswer =
  | { readonly revision: number; readonly written: readonly (Written | undefined)[] }
  | { readonly revision: number; readonly key: string; readonly conflict: StoredEntry | undefined };

/** One change as history has it; without a value it is a deletion. */
export interface LoggedChange {
  readonly key: string;
  readonly value: string | undefined;
  readonly revision: number;
  readonly createRevision: number;
  readonly previous: StoredEntry | undefined;
}
export interface HistoryAnswer {
  readonly changes: readonly LoggedChange[];
  /** Everything up to here is in `changes` or was asked for before. */
  readonly revision: number;
  readonly more: boolean;
}

export type StoreQuestion =
  | { readonly kind: "open"; readonly path: string }
  | { readonly kind: "commit"; readonly batch: readonly (readonly Mutation[])[] }
  | { readonly kind: "range"; readonly range: RangeRequest }
  | { readonly kind: "get"; readonly key: string }
  | { readonly kind: "history"; readonly prefix: string; readonly after: number }
  | { readonly kind: "compact"; readonly revision: number }
  | { readonly kind: "revision" }
  | { readonly kind: "size" }
  | { readonly kind: "close" };

export interface ToStoreThread {
  readonly id: number;
  readonly question: StoreQuestion;
}
export type FromStoreThread =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly failure: string; readonly compacted?: number };
