/** A registry that does what a test tells it, mostly wrong things. GET /v2/ is answered unless the script does. */
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ScriptedRequest {
  method: string;
  /** Path and query. */
  url: string;
  headers: http.IncomingHttpHeaders;
  /** How often this method and path came, this time included. */
  count: number;
  body(): Promise<Buffer>;
  raw: IncomingMessage;
}
type Script = (request: ScriptedRequest, response: ServerResponse) => unknown;

export interface ScriptedRegistry extends AsyncDisposable {
  host: string;
  /** "METHOD /path?query" of every request but GET /v2/, in order. */
  seen: string[];
  requests: ScriptedRequest[];
}

export async function startScriptedRegistry(script: Script): Promise<ScriptedRegistry> {
  const seen: string[] = [];
  const requests: ScriptedRequest[] = [];
  const counts = new Map<string, number>();
  const server = http.createServer(async (raw, response) => {
    const { method = "GET", url = "/", headers } = raw;
    const key = `${method} ${url}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    const body = async () => Buffer.concat(await Array.fromAsync(raw as AsyncIterable<Buffer>));
    const request = { method, url, headers, count, body, raw };
    if (url !== "/v2/") {
      seen.push(key);
      requests.push(request);
    }
    const { socket } = raw;
    raw.on("error", () => {});
    response.on("error", () => {});
    try {
      await script(request, response);
    } catch {
      socket.destroy();
    }
    if (url === "/v2/" && !response.headersSent) response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sends a registry's JSON error. */
export function refuse(response: ServerResponse, status: number, code: string, message: string, headers = {}): void {
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
  response.end(JSON.stringify({ errors: [{ code, message, detail: {} }] }));
}
