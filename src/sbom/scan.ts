/** What every reader of a kind of package works with, and how the readers are called. */
import { fromRaw } from "../linux/file-calls.ts";
import type { FoundPackage, OperatingSystem } from "./found-package.ts";
import type { ImageTree, TreeFile } from "./image-tree.ts";

export interface Scan {
  tree: ImageTree;
  os: OperatingSystem | undefined;
  add(found: FoundPackage): void;
  /** Something could not be read; the rest can. */
  note(text: string): void;
}

/** Reads a database that lies at known places. */
export type DatabaseReader = (scan: Scan) => void;

/** Reads files of a kind wherever they lie. */
export interface FileReader {
  /** `name` is the last part of the path. */
  accepts(file: TreeFile, name: string): boolean;
  read(scan: Scan, file: TreeFile): void;
}

/** The text of a file, or a note and undefined when it is too large to be what its name says. */
export function readText(scan: Scan, file: TreeFile, maxBytes: number): string | undefined {
  const bytes = scan.tree.readFile(file, maxBytes);
  if (bytes === undefined) {
    scan.note(`${shownPath(file)} was not read: ${file.size} bytes are more than such a file has`);
  }
  return bytes?.toString();
}

/** Absolute path for people. */
export function shownPath(file: TreeFile): string {
  return `/${fromRaw(file.path)}`;
}

/** A JSON object, or undefined for anything else. */
export function parseJsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text that is one and not empty. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
