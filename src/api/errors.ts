/** How the Docker API tells failures: a status code by kind, and a JSON body with one message. */
import { type ErrorKind, errorText, firstError, NaruError } from "../lib/errors.ts";

const STATUS_BY_KIND = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  "not-found": 404,
  conflict: 409,
  "not-modified": 304,
  "rate-limited": 429,
  unavailable: 503,
  "not-implemented": 501,
  internal: 500,
} as const satisfies Record<ErrorKind, number>;

/** The status code of any thrown value; what is not a NaruError is a fault of ours: 500. */
export function statusOf(thrown: unknown): number {
  const error = firstError(thrown);
  return error instanceof NaruError ? STATUS_BY_KIND[error.kind] : 500;
}

/** The body that Docker's clients read the message from. */
export function errorBody(error: unknown): { message: string } {
  return { message: errorText(error) };
}

/** A parameter or body of the request cannot be used. */
export function badRequest(message: string): NaruError {
  return new NaruError("invalid", message);
}
