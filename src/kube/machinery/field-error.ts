/** What is wrong with one field of an object, in Kubernetes' words, and the 422 that a list of them makes. */

import type { StatusCause } from "../../model/kubernetes/meta.ts";
import type { ResourceType } from "../../model/kubernetes/object.ts";
import { StatusError } from "../status.ts";

/** The kinds of fault with their reasons on the wire (API conventions, "causes"). */
const WORDS = {
  FieldValueRequired: "Required value",
  FieldValueNotFound: "Not found",
  FieldValueDuplicate: "Duplicate value",
  FieldValueInvalid: "Invalid value",
  FieldValueTypeInvalid: "Invalid value",
  FieldValueNotSupported: "Unsupported value",
  FieldValueForbidden: "Forbidden",
  FieldValueTooLong: "Too long",
  FieldValueTooMany: "Too many",
  InternalError: "Internal error",
} as const;
export type FieldErrorReason = keyof typeof WORDS;

export interface FieldError {
  readonly reason: FieldErrorReason;
  /** "spec.containers[0].image"; "<nil>" for the whole object. */
  readonly field: string;
  /** Without the field: "Required value: must be set". */
  readonly message: string;
}

/** A value as it stands in such a message: strings quoted, the rest as JSON. */
function shown(value: unknown): string {
  return value === undefined ? "null" : JSON.stringify(value);
}

function fault(reason: FieldErrorReason, field: string, value: string | undefined, detail: string): FieldError {
  const words = [WORDS[reason], value, detail].filter((part) => part !== undefined && part !== "");
  return { reason, field, message: words.join(": ") };
}

export const required = (field: string, detail = "") => fault("FieldValueRequired", field, undefined, detail);
export const forbidden = (field: string, detail: string) => fault("FieldValueForbidden", field, undefined, detail);
export const invalid = (field: string, value: unknown, detail: string) =>
  fault("FieldValueInvalid", field, shown(value), detail);
export const typeInvalid = (field: string, value: unknown, detail: string) =>
  fault("FieldValueTypeInvalid", field, shown(value), detail);
export const duplicate = (field: string, value: unknown) => fault("FieldValueDuplicate", field, shown(value), "");
export const fieldNotFound = (field: string, value: unknown) => fault("FieldValueNotFound", field, shown(value), "");
export const tooLong = (field: string, maximumBytes: number) =>
  fault("FieldValueTooLong", field, undefined, `may not be more than ${maximumBytes} bytes`);
export const tooMany = (field: string, count: number, maximum: number) =>
  fault("FieldValueTooMany", field, String(count), `must have at most ${maximum} items`);
export const internal = (field: string, detail: string) => fault("InternalError", field, undefined, detail);
/** `Unsupported value: "x": supported values: "A", "B"` */
export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const list = [...supported].sort().map((one) => JSON.stringify(one));
  const detail = list.length === 0 ? "" : `supported values: ${list.join(", ")}`;
  return fault("FieldValueNotSupported", field, shown(value), detail);
}

/** 422 `Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1: must be …` with a cause for each fault. */
export function invalidObject(type: ResourceType, name: string, errors: readonly FieldError[]): StatusError {
  const kind = type.group === "" ? type.kind : `${type.kind}.${type.group}`;
  const lines = [...new Set(errors.map((error) => `${error.field}: ${error.message}`))];
  const list = lines.length === 1 ? lines[0] : `[${lines.join(", ")}]`;
  const causes: StatusCause[] = errors.map(({ reason, message, field }) => ({ reason, message, field }));
  return new StatusError("Invalid", `${kind} ${JSON.stringify(name)} is invalid: ${list}`, {
    name,
    group: type.group,
    kind: type.kind,
    causes,
  });
}
