/** A mistake in a Dockerfile, with its place. `near` is the word at fault, which gets the caret when it is found there. */
import { type ErrorKind, NaruError } from "../../lib/errors.ts";
import type { SourceRange } from "../contract.ts";

export class DockerfileError extends NaruError {
  constructor(
    message: string,
    readonly ranges: SourceRange[],
    readonly near?: string,
    options: { cause?: unknown; kind?: ErrorKind } = {},
  ) {
    super(options.kind ?? "invalid", message, { cause: options.cause });
    this.name = "DockerfileError";
  }
}

/** Runs `action`; an error without a place gets this one. */
export function atPlace<T>(range: SourceRange, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw placed(error, range);
  }
}

/** The error with a place, when it is the user's and has none. */
export function placed(error: unknown, range: SourceRange, near?: string): unknown {
  if (!(error instanceof NaruError) || error instanceof DockerfileError) return error;
  return new DockerfileError(error.message, [range], near, { cause: error, kind: error.kind });
}
