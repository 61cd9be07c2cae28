/** JSON patch, RFC 6902, with JSON pointers, RFC 6901. */

import { isDeepStrictEqual } from "node:util";
import { StatusError } from "../status.ts";
import { isRecord } from "./type-schema.ts";

interface Operation {
  op: string;
  path: string;
  from?: string;
  value?: unknown;
}

/** A patch with so many operations is refused, as Kubernetes does. */
const MAXIMUM_OPERATIONS = 10_000;

/**
 * `current` with the operations done, in order; `current` itself stays as it is.
 * @throws StatusError BadRequest for what is no JSON patch, Invalid for a patch that this object cannot take (a failed test, a
 * path that is not there).
 */
export function applyJsonPatch(current: object, operations: unknown): object {
  if (!Array.isArray(operations)) throw new StatusError("BadRequest", "a JSON patch is a list of operations");
  if (operations.length > MAXIMUM_OPERATIONS) {
    throw new StatusError(
      "RequestEntityTooLarge",
      `The allowed maximum operations in a JSON patch is ${MAXIMUM_OPERATIONS}, got ${operations.length}`,
    );
  }
  let document: unknown = structuredClone(current);
  for (const operation of operations) document = perform(document, checked(operation));
  if (!isRecord(document)) throw rejected("the patch leaves no object");
  return document;
}

function checked(operation: unknown): Operation {
  if (!isRecord(operation) || typeof operation.op !== "string" || typeof operation.path !== "string") {
    throw new StatusError("BadRequest", "every operation of a JSON patch has op and path");
  }
  if ((operation.op === "move" || operation.op === "copy") && typeof operation.from !== "string") {
    throw new StatusError("BadRequest", `operation ${operation.op} has no from`);
  }
  return operation as unknown as Operation;
}

/** The answer to a patch that does not fit the object. */
function rejected(why: string): StatusError {
  return new StatusError("Invalid", `the server rejected our request due to an error in our request: ${why}`);
}

function perform(document: unknown, operation: Operation): unknown {
  const { op, path } = operation;
  switch (op) {
    case "add":
      return add(document, path, structuredClone(operation.value));
    case "remove":
      return remove(document, path);
    case "replace":
      find(document, path, "replace");
      return path === "" ? operation.value : add(remove(document, path), path, structuredClone(operation.value));
    case "move": {
      const value = find(document, operation.from as string, "move");
      return add(remove(document, operation.from as string), path, value);
    }
    case "copy":
      return add(document, path, structuredClone(find(document, operation.from as string, "copy")));
    case "test":
      if (!isDeepStrictEqual(find(document, path, "test") ?? null, operation.value ?? null)) {
        throw rejected(`testing value ${path} failed: test failed`);
      }
      return document;
    default:
      throw new StatusError("BadRequest", `Unexpected kind: ${op}`);
  }
}

function segments(pointer: string): string[] {
  if (pointer === "") return [];
  if (!pointer.startsWith("/")) throw rejected(`the path ${JSON.stringify(pointer)} does not begin with a slash`);
  return pointer
    .slice(1)
    .split("/")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function find(document: unknown, pointer: string, op: string): unknown {
  let value = document;
  for (const part of segments(pointer)) {
    const inner = Array.isArray(value)
      ? value[indexOf(part, value.length - 1)]
      : isRecord(value) && Object.hasOwn(value, part)
        ? value[part]
        : undefined;
    if (inner === undefined)
      throw rejected(`${op} operation does not apply: doc is missing path: ${pointer}: missing value`);
    value = inner;
  }
  return value;
}

function indexOf(part: string, maximum: number): number {
  const index = /^(0|[1-9]\d*)$/.test(part) ? Number(part) : Number.NaN;
  if (!(index <= maximum)) throw rejected(`Unable to access invalid index: ${part}`);
  return index;
}

function add(document: unknown, pointer: string, value: unknown): unknown {
  const parts = segments(pointer);
  const last = parts.pop();
  if (last === undefined) return value;
  const parent = find(document, pointer.slice(0, pointer.lastIndexOf("/")), "add");
  if (Array.isArray(parent)) {
    parent.splice(last === "-" ? parent.length : indexOf(last, parent.length), 0, value);
  } else if (isRecord(parent)) {
    Object.defineProperty(parent, last, { value, enumerable: true, configurable: true, writable: true });
  } else throw rejected(`add operation does not apply: doc is missing path: ${pointer}: missing value`);
  return document;
}

function remove(document: unknown, pointer: string): unknown {
  const last = segments(pointer).pop();
  if (last === undefined) return null;
  find(document, pointer, "remove");
  const parent = find(document, pointer.slice(0, pointer.lastIndexOf("/")), "remove");
  if (Array.isArray(parent)) parent.splice(indexOf(last, parent.length - 1), 1);
  else delete (parent as Record<string, unknown>)[last];
  return document;
}
