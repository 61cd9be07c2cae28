/** Failures in the specification's form. */
import { errorText, NaruError } from "../../lib/errors.ts";
import { AccessRefused } from "../access/access-refused.ts";
import { RegistryError, type RegistryErrorCode } from "../registry-error.ts";

interface Failure {
  code: RegistryErrorCode;
  status: number;
  message: string;
  detail?: unknown;
  headers?: Record<string, string>;
}

/** `isFault`: nobody's mistake but ours; it belongs in the log. */
export function errorReply(error: unknown): { response: Response; isFault: boolean } {
  const { code, status, message, detail, headers } = failureOf(error);
  const body = JSON.stringify({ errors: [{ code, message, detail }] });
  const response = new Response(body, { status, headers: { "Content-Type": "application/json", ...headers } });
  return { response, isFault: code === "UNKNOWN" };
}

function failureOf(error: unknown): Failure {
  if (error instanceof RegistryError) {
    const { detail, headers } = error.answer;
    return { code: error.code, status: error.status, message: error.message, detail, headers };
  }
  if (error instanceof AccessRefused) return accessFailure(error);
  if (error instanceof NaruError) return domainFailure(error);
  return { code: "UNKNOWN", status: 500, message: `unexpected failure: ${errorText(error)}` };
}

function accessFailure({ kind, message, answer }: AccessRefused): Failure {
  if (answer.retryAfterSeconds !== undefined) {
    const headers = { "Retry-After": String(answer.retryAfterSeconds) };
    return { code: "TOOMANYREQUESTS", status: 429, message, headers };
  }
  if (kind === "forbidden") return { code: "DENIED", status: 403, message };
  const headers: Record<string, string> =
    answer.challenge === undefined ? {} : { "WWW-Authenticate": answer.challenge };
  return { code: "UNAUTHORIZED", status: 401, message, headers };
}

/** Errors of storages and of what stands around the core. */
function domainFailure({ kind, message }: NaruError): Failure {
  switch (kind) {
    case "unavailable":
      return { code: "UNAVAILABLE", status: 503, message };
    case "forbidden":
      return { code: "DENIED", status: 403, message };
    case "unauthorized":
      return { code: "UNAUTHORIZED", status: 401, message };
    case "conflict":
      return { code: "BLOB_UPLOAD_INVALID", status: 409, message };
    case "not-found":
      return { code: "BLOB_UNKNOWN", status: 404, message };
    case "invalid":
      return { code: "UNSUPPORTED", status: 400, message };
    default:
      return { code: "UNKNOWN", status: 500, message };
  }
}
