/** One request as the routes see it: read, allowed, and with the name under which its repository is stored. */
import type { Descriptor } from "../../model/image.ts";
import type { Actor, Grant, RegistryCatalog } from "../contract.ts";
import { RegistryError } from "../registry-error.ts";

export interface RegistryExchange {
  request: Request;
  /** HEAD is answered as GET without a body. */
  method: string;
  query: URLSearchParams;
  /** As stored. */
  repository: string;
  /** As the client wrote it: for the addresses it is told. */
  shownName: string;
  catalog: RegistryCatalog;
  grant: Grant;
  actor: Actor;
  /** An answer that has begun cannot be completed: for the log. */
  broken(error: unknown): void;
  /** The body, counted; nothing when there is none. */
  body(): AsyncIterable<Uint8Array>;
}

/** An answer without content. */
export function emptyReply(status: number, headers: Record<string, string> = {}): Response {
  // 204 and 304 have no length; the others say that nothing follows.
  const length: Record<string, string> = status === 204 || status === 304 ? {} : { "Content-Length": "0" };
  return new Response(null, { status, headers: { ...length, ...headers } });
}

export function jsonReply(value: unknown, headers: Record<string, string> = {}, status = 200): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { "Content-Type": "application/json", ...headers },
  });
}

export function unsupported(method: string): RegistryError {
  return new RegistryError("UNSUPPORTED", `the operation is unsupported: ${method} is not for this address`);
}

/** Headers by which caches and clients know the content. */
export function contentHeaders({
  digest,
  mediaType,
}: Pick<Descriptor, "digest" | "mediaType">): Record<string, string> {
  return { "Content-Type": mediaType, "Docker-Content-Digest": digest, ETag: `"${digest}"` };
}

/** If-None-Match (RFC 9110, 13.1.2): the client has it already. */
export function isUnchanged(request: Request, digest: string): boolean {
  const wanted = request.headers.get("if-none-match");
  if (wanted === null) return false;
  return wanted.split(",").some((entry) => {
    const tag = entry.trim().replace(/^W\//, "");
    return tag === "*" || tag === `"${digest}"` || tag === digest;
  });
}
