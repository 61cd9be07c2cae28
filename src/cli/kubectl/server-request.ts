/** One HTTP request to the API server, with what identifies its user. */

import type { Readable } from "node:stream";
import type { ClusterAccess } from "./kube-api.ts";

interface ServerRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Readable | undefined;
  readonly signal: AbortSignal | undefined;
  /** The answer goes on to somebody else: its body as it is, redirections too. */
  readonly isPassedOn?: boolean;
}

/** As fetch. @throws Error when the server cannot be reached */
export async function askServer(access: ClusterAccess, url: string, request: ServerRequest): Promise<Response> {
  const { tls, proxy, repeated = {} } = access;
  const { method, headers, body, signal, isPassedOn = false } = request;
  if (Object.keys(repeated).length > 0) {
    const { fetchRepeated } = await import("./repeated-headers.ts");
    return await fetchRepeated(url, { method, headers, repeated, body, tls, signal });
  }
  // node:stream takes milliseconds to load, which most commands need not wait for.
  const sent = typeof body === "object" ? (await import("node:stream")).Readable.toWeb(body) : body;
  return await fetch(url, {
    method,
    headers,
    tls,
    // Logs and watches may be silent for long; --request-timeout is in the signal.
    timeout: false,
    ...(isPassedOn ? { redirect: "manual", decompress: false } : {}),
    ...(proxy === undefined ? {} : { proxy }),
    ...(sent === undefined ? {} : { body: sent }),
    ...(signal === undefined ? {} : { signal }),
  } as RequestInit);
}
