/** JSON patches (RFC 6902). */

import { CliError } from "../cli-error.ts";
import { sameJson } from "./apply-patch.ts";

export interface PatchOperation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

type Holder = Record<string, unknown> | unknown[];

/** Changes the object in place. @throws CliError that names the operation which does not fit */
export function applyJsonPatch(object: object, operations: readonly PatchOperation[]): void {
  for (const operation of operations) applyOne(object as Holder, operation);
}

function applyOne(root: Holder, { op, path, from = "", value }: PatchOperation): void {
  if (op === "add") add(root, path, structuredClone(value));
  else if (op === "remove") take(root, path, op);
  else if (op === "replace") {
    take(root, path, op);
    add(root, path, structuredClone(value));
  } else if (op === "move") add(root, path, take(root, from, op));
  else if (op === "copy") add(root, path, structuredClone(valueAt(root, from, op)));
  else if (op !== "test") throw new CliError(`error: Unexpected kind: ${op}`);
  else if (!sameJson(valueAt(root, path, op), value))
    throw new CliError(`error: testing value ${path} failed: test failed`);
}

const wordsOf = (path: string): string[] =>
  path
    .split("/")
    .slice(1)
    .map((word) => word.replaceAll("~1", "/").replaceAll("~0", "~"));

const missing = (op: string, path: string): CliError =>
  new CliError(`error: ${op} operation does not apply: doc is missing path: "${path}": missing value`);

function holderOf(root: Holder, path: string, op: string): { holder: Holder; key: string } {
  const words = wordsOf(path);
  const key = words.pop();
  if (key === undefined) throw missing(op, path);
  let holder: unknown = root;
  for (const word of words) {
    if (typeof holder !== "object" || holder === null) throw missing(op, path);
    holder = (holder as Record<string, unknown>)[word];
  }
  if (typeof holder !== "object" || holder === null) throw missing(op, path);
  return { holder: holder as Holder, key };
}

function add(root: Holder, path: string, value: unknown): void {
  const { holder, key } = holderOf(root, path, "add");
  if (!Array.isArray(holder)) {
    holder[key] = value;
    return;
  }
  const at = key === "-" ? holder.length : Number(key);
  if (!Number.isInteger(at) || at < 0 || at > holder.length) throw missing("add", path);
  holder.splice(at, 0, value);
}

function valueAt(root: Holder, path: string, op: string): unknown {
  const { holder, key } = holderOf(root, path, op);
  const value = (holder as Record<string, unknown>)[key];
  if (value === undefined) throw missing(op, path);
  return value;
}

function take(root: Holder, path: string, op: string): unknown {
  const value = valueAt(root, path, op);
  const { holder, key } = holderOf(root, path, op);
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
  return value;
}
