/** The server of `kubectl proxy`: lets requests through to the cluster with the user's credentials. */

import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { join, normalize } from "node:path";
import { type Duplex, pipeline } from "node:stream";
import { HttpClient, type UpgradedStream } from "../../lib/http-client.ts";
import { writeAll } from "../../lib/stream-writing.ts";
import type { ClusterAccess } from "./kube-api.ts";
import { linesApart, refuseProxy, targetOf } from "./pod-websocket.ts";
import { askServer } from "./server-request.ts";

interface ProxyRules {
  readonly acceptHosts: readonly RegExp[];
  readonly acceptPaths: readonly RegExp[];
  readonly rejectMethods: readonly RegExp[];
  readonly rejectPaths: readonly RegExp[];
}
interface ProxySettings {
  /** Ends with a slash. */
  readonly apiPrefix: string;
  /** The cluster's own path goes before every path. */
  readonly appendServerPath: boolean;
  /** Undefined: every request is let through. */
  readonly rules: ProxyRules | undefined;
  /** A folder whose files are served too. */
  readonly files: { readonly folder: string; readonly prefix: string } | undefined;
  /** Milliseconds between probes of idle connections; 0: none. */
  readonly keepAliveMs: number;
}

/** Headers of one connection, which are not passed on. */
const HOP_BY_HOP = new Set([
  ...["connection", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"],
  ...["transfer-encoding", "upgrade", "authorization"],
]);

/** Not yet listening. */
export function proxyServer(access: ClusterAccess, settings: ProxySettings): Server {
  const url = new URL(access.server);
  const base = settings.appendServerPath ? url.pathname.replace(/\/$/, "") : "";
  const server = createServer((request, response) => {
    answer(access, settings, base, request, response).catch((error: Error) => {
      if (!response.headersSent) refuse(response, 502, `${error.message}\n`);
      else response.destroy();
    });
  });
  server.on("connection", (socket) => socket.setKeepAlive(settings.keepAliveMs > 0, settings.keepAliveMs));
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const path = isLetThrough(settings.rules, request) ? apiPath(settings, base, request.url ?? "/") : undefined;
    if (path === undefined) socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    else upgrade(access, path, request, socket, head).catch((error: Error) => refuseUpgrade(socket, error.message));
  });
  return server;
}

async function answer(
  access: ClusterAccess,
  settings: ProxySettings,
  base: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!isLetThrough(settings.rules, request)) return refuse(response, 403, "Forbidden");
  const url = request.url ?? "/";
  const { files, apiPrefix } = settings;
  const plain = url.split("?")[0]!;
  if (files !== undefined && plain.startsWith(files.prefix)) {
    return await serveFile(files.folder, plain.slice(files.prefix.length), response);
  }
  const path = apiPath(settings, base, url);
  if (path !== undefined) return await pass(access, path, request, response);
  if (`${plain}/` === apiPrefix) {
    response.writeHead(301, { Location: apiPrefix }).end();
    return;
  }
  refuse(response, 404, "404 page not found\n");
}

/** The path at the cluster; undefined for what is not below the prefix. */
function apiPath({ apiPrefix }: ProxySettings, base: string, url: string): string | undefined {
  return url.startsWith(apiPrefix) ? `${base}/${url.slice(apiPrefix.length)}` : undefined;
}

/** Hosts without their ports: "localhost", "[::1]". */
const hostOf = (header = ""): string => header.replace(/:\d+$/, "");

function isLetThrough(rules: ProxyRules | undefined, { method = "GET", url = "/", headers }: IncomingMessage): boolean {
  if (rules === undefined) return true;
  const fits = (patterns: readonly RegExp[], text: string) => patterns.some((pattern) => pattern.test(text));
  const path = decoded(url.split("?")[0]!);
  if (fits(rules.rejectPaths, path) || fits(rules.rejectMethods, method)) return false;
  return fits(rules.acceptPaths, path) && fits(rules.acceptHosts, hostOf(headers.host));
}

/** Escapes in a path must not hide what it is. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function refuse(response: ServerResponse, code: number, text: string): void {
  const headers = { "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" };
  response.writeHead(code, { ...headers, "Content-Length": Buffer.byteLength(text) }).end(text);
}

/** What the client says of its request, and whose it is: what it says of itself does not count. */
function headersFor(access: ClusterAccess, request: IncomingMessage): Record<string, string> {
  const own = Object.entries(request.headers).filter(([name]) => !HOP_BY_HOP.has(name));
  return {
    ...Object.fromEntries(own.map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : (value ?? "")])),
    ...access.headers,
  };
}

async function pass(
  access: ClusterAccess,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const stop = new AbortController();
  response.on("close", () => stop.abort());
  const { method = "GET" } = request;
  const answered = await askServer(access, `${new URL(access.server).origin}${path}`, {
    method,
    headers: headersFor(access, request),
    body: method === "GET" || method === "HEAD" ? undefined : request,
    signal: stop.signal,
    isPassedOn: true,
  });
  const headers = [...answered.headers].filter(([name]) => !HOP_BY_HOP.has(name));
  response.writeHead(answered.status, Object.fromEntries(headers));
  response.flushHeaders();
  try {
    for await (const chunk of answered.body ?? []) await writeAll(response, chunk, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
  response.end();
}

/** Words where none have been said yet; a stream that runs is cut off. */
function refuseUpgrade(socket: Duplex, why: string): void {
  if ((socket as Socket).bytesWritten > 0) socket.destroy();
  else {
    const head = `HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n`;
    socket.end(`${head}Content-Length: ${Buffer.byteLength(why)}\r\n\r\n${why}`);
  }
}

/** Streams such as port-forward: bytes in both directions once the cluster has agreed. */
async function upgrade(
  access: ClusterAccess,
  path: string,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  refuseProxy(access);
  const client = new HttpClient(targetOf(new URL(access.server), access));
  const gone = new AbortController();
  socket.on("error", () => {}); // "close" follows
  socket.on("close", () => {
    gone.abort();
    client.close();
  });
  const headers = { ...headersFor(access, request), ...linesApart(access.repeated) };
  const answered = await client.upgrade({
    method: request.method ?? "GET",
    path,
    headers: { ...headers, Connection: "Upgrade", Upgrade: String(request.headers.upgrade ?? "websocket") },
  });
  const lines = [...answered.headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  if ("status" in answered) {
    const body = await answered.bytes();
    socket.write(`HTTP/1.1 ${answered.status} Refused\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`);
    socket.end(body);
    client.close();
    return;
  }
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`);
  if (head.length > 0) await answered.write(head);
  const sending = sendAll(socket, answered);
  for (let bytes = await answered.read(); bytes !== undefined; bytes = await answered.read())
    await writeAll(socket, bytes, gone.signal);
  socket.end();
  await sending;
  client.close();
}

/** No faster than the cluster takes it. */
async function sendAll(socket: Duplex, cluster: UpgradedStream): Promise<void> {
  try {
    // What it ends is only its own direction: the answer may still be on its way.
    for await (const bytes of socket.iterator({ destroyOnReturn: false })) await cluster.write(bytes as Uint8Array);
    cluster.closeWrite();
  } catch {
    // One of the two is gone: so is the other then.
    socket.destroy();
  }
}

/** A file, a folder's index.html, or the folder's list. */
async function serveFile(folder: string, place: string, response: ServerResponse): Promise<void> {
  const path = join(folder, normalize(`/${decoded(place)}`));
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return refuse(response, 404, "404 page not found\n");
  if (!found.isDirectory()) return sendFile(path, found.size, response);
  const index = join(path, "index.html");
  const page = await stat(index).catch(() => undefined);
  if (page?.isFile() === true) return sendFile(index, page.size, response);
  const entries = await readdir(path, { withFileTypes: true });
  const names = entries.map((entry) => `${entry.name}${entry.isDirectory() ? "/" : ""}`).sort();
  const text = names.map((name) => `<a href="${encodeURI(name)}">${Bun.escapeHTML(name)}</a>\n`).join("");
  response
    .writeHead(200, { "Content-Type": "text/html; charset=utf-8" })
    .end(`<!doctype html>\n<pre>\n${text}</pre>\n`);
}

function sendFile(path: string, size: number, response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": Bun.file(path).type, "Content-Length": size });
  // Ends the file's stream too when the client leaves in the middle, which is no failure of ours.
  pipeline(createReadStream(path), response, () => {});
}
