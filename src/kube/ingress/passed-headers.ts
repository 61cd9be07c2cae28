/** Headers on their way through the ingress: what is of one connection stays behind, what tells of the client is added. */

import type { IncomingMessage } from "node:http";

/** Of one connection only (RFC 9110, 7.6.1). */
const OF_ONE_CONNECTION = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** True for headers that are passed on; `connection` is the message's own Connection header, which names more that stay. */
export function staysBehind(name: string, connection: string): boolean {
  const named = connection.toLowerCase().split(",");
  return OF_ONE_CONNECTION.has(name) || named.some((one) => one.trim() === name);
}

/** What a client says of itself in such headers is not believed: they are set anew. */
export function forwardedHeaders({ headers, socket }: IncomingMessage, scheme: "http" | "https"): [string, string][] {
  const address = (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  const host = headers.host ?? "";
  const port = /:(\d+)$/.exec(host)?.[1] ?? (scheme === "https" ? "443" : "80");
  return [
    ["x-forwarded-for", address],
    ["x-forwarded-host", host],
    ["x-forwarded-port", port],
    ["x-forwarded-proto", scheme],
    ["x-real-ip", address],
  ];
}
