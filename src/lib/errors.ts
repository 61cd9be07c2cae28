/**
 * The kinds of failure that naru distinguishes. Code throws kinds; only an edge (the Docker API, the registry)
 * knows its own status codes for them.
 */
export type ErrorKind =
  | "invalid"
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "conflict"
  | "not-modified"
  | "rate-limited"
  | "unavailable"
  | "not-implemented"
  | "internal";

/** An error meant for the user: it says what was tried, on which object, and what to do next. */
export class NaruError extends Error {
  constructor(
    readonly kind: ErrorKind,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = "NaruError";
  }
}

/** What failed first, when undoing it failed as well (`using` wraps both, in an error without words). */
export function firstError(error: unknown): unknown {
  return error instanceof SuppressedError ? firstError(error.suppressed) : error;
}

/** The words of any thrown value, for a log line or for the cause part of another message. */
export function errorText(thrown: unknown): string {
  const error = firstError(thrown);
  return error instanceof Error ? error.message : String(error);
}

/** True when `error` is a NaruError of that kind. */
export function isKind(error: unknown, kind: ErrorKind): boolean {
  return error instanceof NaruError && error.kind === kind;
}
