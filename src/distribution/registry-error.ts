/** Failures that a registry answers, in the words that docker makes of them. */

import { type ErrorKind, NaruError } from "../lib/errors.ts";
import { parseChallenges } from "./auth-challenge.ts";
import type { HttpReply } from "./http-reply.ts";

/** The text that goes with a code when the registry says nothing of its own (distribution specification; Docker's registry). */
const USUAL_MESSAGES: Record<string, string> = {
  UNKNOWN: "unknown error",
  UNSUPPORTED: "The operation is unsupported.",
  UNAUTHORIZED: "authentication required",
  DENIED: "requested access to the resource is denied",
  UNAVAILABLE: "service unavailable",
  TOOMANYREQUESTS: "too many requests",
  NAME_UNKNOWN: "repository name not known to registry",
  MANIFEST_UNKNOWN: "manifest unknown",
  BLOB_UNKNOWN: "blob unknown to registry",
};
const KIND_BY_CODE: Record<string, ErrorKind> = {
  UNAUTHORIZED: "unauthorized",
  DENIED: "forbidden",
  TOOMANYREQUESTS: "rate-limited",
  NAME_UNKNOWN: "not-found",
  MANIFEST_UNKNOWN: "not-found",
  BLOB_UNKNOWN: "not-found",
  UNAVAILABLE: "unavailable",
};
const MAX_ERROR_BYTES = 64 * 1024;
const MAX_WORDS = 2000;

/** An answer of a registry that is no success. */
export class RegistryError extends NaruError {
  constructor(
    kind: ErrorKind,
    message: string,
    /** The registry's code, such as MANIFEST_UNKNOWN; empty when it sent none. */
    readonly code: string,
    readonly status: number,
    /** Seconds that the registry asks to wait. */
    readonly retryAfterSeconds?: number,
    /** The request was not even sent: there is nothing to show at the door. */
    readonly isWithoutReply = false,
  ) {
    super(kind, message);
    this.name = "RegistryError";
  }
}

/** Reads the body of a refusal and makes an error of it. */
export async function errorOfReply(reply: HttpReply): Promise<RegistryError> {
  const text = await reply.text(MAX_ERROR_BYTES).catch(() => "");
  const { status } = reply;
  const fault = (kind: ErrorKind, message: string, code = "") =>
    new RegistryError(kind, printable(message), code, status, retryAfter(reply));
  if (status >= 500) return fault("unavailable", `received unexpected HTTP status: ${status} ${reply.statusText}`);
  if (lacksScope(reply)) return fault("forbidden", `denied: ${USUAL_MESSAGES.DENIED}`, "DENIED");
  const body = parseObject(text);
  const [first] = Array.isArray(body?.errors) ? body.errors : [];
  if (isObject(first) && typeof first.code === "string" && first.code !== "") {
    const code = first.code.toUpperCase();
    return fault(KIND_BY_CODE[code] ?? kindOfStatus(status), codeWords(code, first), code);
  }
  const words = body === undefined ? text.trim() : String(body.details ?? body.message ?? body.error ?? "");
  if (status === 401) return fault("unauthorized", joined("unauthorized", words), "UNAUTHORIZED");
  if (status === 403) return fault("forbidden", joined("denied", words), "DENIED");
  if (status === 429) {
    const seconds = Math.ceil(retryAfter(reply) ?? 0);
    const later = `too many requests; try again ${seconds > 0 ? `in ${seconds} seconds` : "later"}`;
    return fault("rate-limited", joined("toomanyrequests", words || later), "TOOMANYREQUESTS");
  }
  return fault(kindOfStatus(status), joined("unknown", words || `HTTP status ${status} ${reply.statusText}`));
}

/** A registry's words end on a terminal: no control characters, and no novels. */
function printable(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, " ")
    .slice(0, MAX_WORDS)
    .trim();
}

/** A token came, but it does not allow this: that is no missing login. */
function lacksScope({ status, headers }: HttpReply): boolean {
  if (status !== 401) return false;
  const challenges = parseChallenges(headers.get("www-authenticate"));
  return challenges.some(({ parameters }) => parameters.error === "insufficient_scope");
}

/** "manifest unknown: …": the code in small letters, then the registry's own words where they say more. */
function codeWords(code: string, error: Record<string, unknown>): string {
  const name = code.toLowerCase().replaceAll("_", " ");
  const message = typeof error.message === "string" ? error.message : "";
  const isUsual = message === "" || (message === USUAL_MESSAGES[code] && error.detail == null);
  return isUsual ? name : `${name}: ${message}`;
}

function joined(name: string, words: string): string {
  return words === "" ? name : `${name}: ${words}`;
}

function kindOfStatus(status: number): ErrorKind {
  if (status === 401) return "unauthorized";
  if (status === 403) return "forbidden";
  if (status === 404) return "not-found";
  if (status === 429) return "rate-limited";
  return status >= 500 ? "unavailable" : "invalid";
}

/** Retry-After in seconds: a number or a date (RFC 9110, section 10.2.3). */
function retryAfter(reply: HttpReply): number | undefined {
  const text = reply.headers.get("retry-after");
  if (text === null) return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * What `pull` and its relatives say when a manifest cannot be had. Access that is denied means as often that the
 * repository is not there, so docker tells both, with status 404.
 * @param name the familiar name of the repository, e.g. "debian"
 */
export function manifestError(error: unknown, name: string, reference: string): unknown {
  if (!(error instanceof RegistryError)) return error;
  const tagged = reference.includes(":") ? `${name}@${reference}` : `${name}:${reference}`;
  const said = (message: string) => new NaruError("not-found", message, { cause: error });
  if (error.code === "DENIED") {
    return said(
      `pull access denied for ${name}, repository does not exist or may require 'docker login': ${error.message}`,
    );
  }
  if (error.code === "NAME_UNKNOWN") return said(`repository ${name} not found: ${error.message}`);
  if (error.code === "MANIFEST_UNKNOWN" || error.status === 404) {
    return said(`manifest for ${tagged} not found: ${error.message}`);
  }
  return error;
}
