/** Kubernetes' way to tell an error: a Status object with code, reason and causes (meta/v1 Status). */

import type { Status, StatusCause } from "../model/kubernetes/meta.ts";

/** Reasons and their HTTP codes, as API conventions list them. */
const CODES = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
  ServerTimeout: 500,
} as const;
export type StatusReason = keyof typeof CODES;

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

/** An answer of the API that is not success; every part of the cluster throws and catches this. */
export class StatusError extends Error {
  readonly code: number;
  constructor(
    readonly reason: StatusReason,
    message: string,
    readonly details?: StatusDetails,
    /** A list that expired tells here how to go on. */
    readonly listMeta?: { continue?: string },
    /** When it is not the reason's own (a webhook chose it). */
    code?: number,
  ) {
    super(message);
    this.name = "StatusError";
    this.code = code ?? CODES[reason] ?? 500;
  }

  /** The object that goes over the wire. */
  toStatus(): Status {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: this.listMeta ?? {},
      status: "Failure",
      message: this.message,
      reason: this.reason,
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    } as Status;
  }
}

/** `pods "web" not found`, as every Kubernetes client knows it. */
export function notFound(group: string, resource: string, name: string): StatusError {
  const qualified = group === "" ? resource : `${resource}.${group}`;
  return new StatusError("NotFound", `${qualified} "${name}" not found`, { name, group, kind: resource });
}

/** Somebody else wrote the object in between. */
export function conflict(group: string, resource: string, name: string, why: string): StatusError {
  const qualified = group === "" ? resource : `${resource}.${group}`;
  const message = `Operation cannot be fulfilled on ${qualified} "${name}": ${why}`;
  return new StatusError("Conflict", message, { name, group, kind: resource });
}

/** True for a StatusError with one of these reasons. */
export function isStatus(error: unknown, ...reasons: StatusReason[]): error is StatusError {
  return error instanceof StatusError && reasons.includes(error.reason);
}
