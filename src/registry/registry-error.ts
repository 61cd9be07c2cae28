/** The distribution specification's error codes, with the status and the kind of each. */
import { type ErrorKind, NaruError } from "../lib/errors.ts";

const CODES = {
  BLOB_UNKNOWN: [404, "not-found"],
  BLOB_UPLOAD_INVALID: [400, "invalid"],
  BLOB_UPLOAD_UNKNOWN: [404, "not-found"],
  DIGEST_INVALID: [400, "invalid"],
  MANIFEST_BLOB_UNKNOWN: [404, "not-found"],
  MANIFEST_INVALID: [400, "invalid"],
  MANIFEST_UNKNOWN: [404, "not-found"],
  NAME_INVALID: [400, "invalid"],
  NAME_UNKNOWN: [404, "not-found"],
  SIZE_INVALID: [400, "invalid"],
  UNAUTHORIZED: [401, "unauthorized"],
  DENIED: [403, "forbidden"],
  UNSUPPORTED: [405, "not-implemented"],
  TOOMANYREQUESTS: [429, "unavailable"],
  /** Not of the specification, but understood by all clients (Docker's registry has them). */
  TAG_INVALID: [400, "invalid"],
  PAGINATION_NUMBER_INVALID: [400, "invalid"],
  RANGE_INVALID: [416, "invalid"],
  UNAVAILABLE: [503, "unavailable"],
  UNKNOWN: [500, "internal"],
} as const satisfies Record<string, readonly [number, ErrorKind]>;

export type RegistryErrorCode = keyof typeof CODES;

/** A refusal in the specification's form: `{"errors":[{code, message, detail}]}`. */
export class RegistryError extends NaruError {
  readonly status: number;

  constructor(
    readonly code: RegistryErrorCode,
    message: string,
    /** `status` where it is not the code's own; `detail` goes into the body; `headers` with the answer. */
    readonly answer: { status?: number; detail?: unknown; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(CODES[code][1], message, { cause: answer.cause });
    this.name = "RegistryError";
    this.status = answer.status ?? CODES[code][0];
  }
}
