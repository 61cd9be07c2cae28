/** One HTTP request through the ingress: to the first backend that takes the connection, its answer back as it comes. */

import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { errorText } from "../../lib/errors.ts";
import type { BackendPlace } from "./backend-picker.ts";
import { forwardedHeaders, staysBehind } from "./passed-headers.ts";
import { ReplayableBody } from "./replayable-body.ts";

/** Nothing has reached the backend: another one may be asked. */
const REFUSED = new Set(["ConnectionRefused", "ECONNREFUSED", "FailedToOpenSocket", "EHOSTUNREACH", "ENETUNREACH"]);

export interface ForwardOptions {
  scheme: "http" | "https";
  /** Tried in this order; at least one. */
  places: readonly BackendPlace[];
}

/** Answers 502 when no backend takes the request; a backend that ends in the middle of its answer cuts the client's too. */
export async function forwardRequest(
  request: IncomingMessage,
  response: ServerResponse,
  options: ForwardOptions,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  let answer: Response;
  try {
    answer = await firstAnswer(request, options, gone.signal);
  } catch (error) {
    if (!gone.signal.aborted) answerPlainly(response, 502, `the backend cannot be reached: ${errorText(error)}`);
    return;
  }
  try {
    await passAnswer(answer, response);
  } catch {
    // A broken answer must not look like a whole one.
    response.destroy();
  }
}

async function firstAnswer(
  request: IncomingMessage,
  { scheme, places }: ForwardOptions,
  signal: AbortSignal,
): Promise<Response> {
  const method = request.method ?? "GET";
  const hasBody = request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined;
  const body = hasBody && method !== "GET" && method !== "HEAD" ? new ReplayableBody(request) : undefined;
  const headers = requestHeaders(request, scheme);
  for (let at = 0; ; at++) {
    const { ip, port } = places[at]!;
    try {
      return await fetch(`http://${ip.includes(":") ? `[${ip}]` : ip}:${port}${request.url ?? "/"}`, {
        method,
        headers,
        body: body?.stream(),
        signal,
        redirect: "manual",
        decompress: false,
        // Long answers and slow ones are the backend's business.
        timeout: false,
      } as RequestInit);
    } catch (error) {
      const isRefused = REFUSED.has(String((error as { code?: unknown }).code));
      const canTryNext = at + 1 < places.length && !signal.aborted && isRefused && (body?.canRestart ?? true);
      if (!canTryNext) throw error;
    }
  }
}

function requestHeaders(request: IncomingMessage, scheme: "http" | "https"): Headers {
  const headers = new Headers();
  const connection = request.headers.connection ?? "";
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    const name = request.rawHeaders[at]!.toLowerCase();
    if (staysBehind(name, connection)) continue;
    const value = request.rawHeaders[at + 1]!;
    // Cookies are joined in their own way (RFC 6265, 5.4).
    if (name === "cookie" && headers.has(name)) headers.set(name, `${headers.get(name)}; ${value}`);
    else headers.append(name, value);
  }
  for (const [name, value] of forwardedHeaders(request, scheme)) headers.set(name, value);
  // Else fetch would ask for codings that the client did not ask for.
  if (!headers.has("accept-encoding")) headers.set("accept-encoding", "identity");
  return headers;
}

async function passAnswer(answer: Response, response: ServerResponse): Promise<void> {
  const connection = answer.headers.get("connection") ?? "";
  for (const [name, value] of answer.headers) {
    if (!staysBehind(name, connection) && name !== "set-cookie") response.setHeader(name, value);
  }
  const cookies = answer.headers.getSetCookie();
  if (cookies.length > 0) response.setHeader("set-cookie", cookies);
  response.writeHead(answer.status);
  response.flushHeaders();
  for await (const chunk of answer.body ?? []) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await Promise.race([once(response, "drain"), once(response, "close")]);
  }
  response.end();
}

export function answerPlainly(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) return;
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" });
  response.end(`${message}\n`);
}
