/** A connection that changes its protocol (WebSocket): the request goes to a backend as it is, then bytes pass both ways. */

import type { IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { errorText } from "../../lib/errors.ts";
import type { ForwardOptions } from "./forward-request.ts";
import { forwardedHeaders } from "./passed-headers.ts";

const STATUS_WORDS: Readonly<Record<number, string>> = {
  404: "Not Found",
  502: "Bad Gateway",
  503: "Service Unavailable",
};
/** Longer heads of answers are no WebSocket handshake. */
const MAX_HEAD_BYTES = 64 * 1024;
const FORWARDED = /^(x-forwarded-(for|host|port|proto)|x-real-ip)$/i;

/** Answers 502 when no backend takes the connection. Resolves when both directions are tied or the client was answered. */
export async function forwardUpgrade(
  request: IncomingMessage,
  client: Duplex,
  { scheme, places }: ForwardOptions,
): Promise<void> {
  let fault = "";
  for (const { ip, port } of places) {
    try {
      const backend = await opened(ip, port);
      if (client.destroyed) backend.destroy();
      else tie(request, client, backend, scheme);
      return;
    } catch (error) {
      fault = errorText(error);
    }
  }
  refuseUpgrade(client, 502, `the backend cannot be reached: ${fault}`);
}

function opened(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port }, () => resolve(socket));
    socket.once("error", reject);
  });
}

function tie(request: IncomingMessage, client: Duplex, backend: Socket, scheme: "http" | "https"): void {
  const end = () => {
    backend.destroy();
    client.destroy();
  };
  for (const one of [client, backend]) one.on("error", end).on("close", end);
  backend.write(requestHead(request, scheme));
  let head = Buffer.alloc(0);
  const onHead = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    const at = head.indexOf("\r\n\r\n");
    if (at < 0 && head.length <= MAX_HEAD_BYTES) return;
    backend.off("data", onHead);
    if (at < 0) return end();
    client.write(head);
    if (/^HTTP\/1\.1 101 /.test(head.toString("latin1", 0, 13))) {
      client.pipe(backend);
      backend.pipe(client);
    } else relayRefusal(client, backend, head.toString("latin1", 0, at), head.length - at - 4);
  };
  backend.on("data", onHead);
}

/** The backend said no: its answer alone goes back, and nothing more of the client may follow on this connection. */
function relayRefusal(client: Duplex, backend: Socket, head: string, sent: number): void {
  const length = Number(/\r\ncontent-length:\s*(\d+)/i.exec(head)?.[1] ?? Number.POSITIVE_INFINITY);
  let left = length - sent;
  const done = () => {
    client.end(() => backend.destroy());
  };
  if (left <= 0) {
    done();
    return;
  }
  backend.on("data", (chunk: Buffer) => {
    client.write(chunk);
    left -= chunk.length;
    if (left <= 0) done();
  });
  backend.once("end", done);
}

function requestHead(request: IncomingMessage, scheme: "http" | "https"): string {
  const lines = [`${request.method} ${request.url} HTTP/1.1`];
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    const name = request.rawHeaders[at]!;
    if (!FORWARDED.test(name)) lines.push(`${name}: ${request.rawHeaders[at + 1]}`);
  }
  for (const [name, value] of forwardedHeaders(request, scheme)) lines.push(`${name}: ${value}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}

export function refuseUpgrade(client: Duplex, status: number, message: string): void {
  const body = `${message}\n`;
  client.end(
    `HTTP/1.1 ${status} ${STATUS_WORDS[status] ?? "Error"}\r\ncontent-type: text/plain; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
