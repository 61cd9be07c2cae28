/**
 * One request and its answer over node:http, also when the client asked for an upgrade: then the answer may be an
 * ordinary one (clients that offer h2c send an Upgrade header with every request) or the raw connection.
 */
import { once } from "node:events";
import { type IncomingMessage, ServerResponse } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { NaruError } from "../lib/errors.ts";
import { closeGently, writeAll } from "../lib/stream-writing.ts";
import { encodeGoJson } from "./go-json.ts";
import { takeUpgradeBody } from "./upgrade-body.ts";

export type Headers = Record<string, string>;

export class Exchange {
  readonly #upgraded: Duplex | undefined;
  readonly #commonHeaders: Headers;
  readonly #gone = new AbortController();
  #response: ServerResponse | undefined;
  #body: Readable | undefined;
  #hijacked = false;

  private constructor(
    readonly request: IncomingMessage,
    response: ServerResponse | undefined,
    upgraded: Duplex | undefined,
    commonHeaders: Headers,
  ) {
    this.#response = response;
    this.#upgraded = upgraded;
    this.#commonHeaders = commonHeaders;
    if (response !== undefined) this.#watch(response);
    upgraded?.once("close", () => this.#gone.abort());
    // Without a listener a connection reset would end the daemon.
    upgraded?.on("error", () => this.#gone.abort());
  }

  static plain(request: IncomingMessage, response: ServerResponse, commonHeaders: Headers): Exchange {
    return new Exchange(request, response, undefined, commonHeaders);
  }

  /** `socket` comes from the server's "upgrade" event. */
  static upgrade(request: IncomingMessage, socket: Duplex, commonHeaders: Headers): Exchange {
    return new Exchange(request, undefined, socket, commonHeaders);
  }

  /** The request's body, read no faster than it is used. @throws invalid, see takeUpgradeBody() */
  get body(): Readable {
    if (this.#upgraded === undefined) return this.request;
    this.#body ??= takeUpgradeBody(this.#upgraded, this.request.headers);
    return this.#body;
  }

  /** Aborted when the client has gone away. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** The status line has left: nothing but the body can be sent any more. */
  get started(): boolean {
    return this.#hijacked || (this.#response?.headersSent ?? false);
  }

  /** The protocol that the client wants to switch to, in lower case; undefined when it wants none. */
  get upgradeProtocol(): string | undefined {
    return this.#upgraded === undefined ? undefined : this.request.headers.upgrade?.toLowerCase();
  }

  json(status: number, value: unknown, headers: Headers = {}): void {
    this.#send(status, { "Content-Type": "application/json", ...headers }, encodeGoJson(value, "body"));
  }

  text(status: number, body: string, headers: Headers = {}): void {
    this.#send(status, { "Content-Type": "text/plain; charset=utf-8", ...headers }, body);
  }

  empty(status: number, headers: Headers = {}): void {
    this.#send(status, headers, "");
  }

  /** Sends the headers now; the body follows by write() and end(). */
  start(status: number, headers: Headers): void {
    const response = this.#open();
    response.writeHead(status, { ...this.#commonHeaders, ...headers });
    response.flushHeaders();
  }

  /** Resolves when the connection takes more. @throws unavailable when the client is gone. */
  write(chunk: Uint8Array | string): Promise<void> {
    return writeAll(this.#open(), chunk, this.signal);
  }

  /** Resolves when the whole body is with the kernel, or the client gone. */
  end(): Promise<void> {
    const response = this.#open();
    return new Promise((resolve) => {
      response.once("close", resolve);
      response.end(resolve);
    });
  }

  /** Ends an answer that cannot be finished: the client sees a broken transfer, not a complete one. */
  cut(): void {
    (this.#upgraded ?? this.request.socket).destroy();
  }

  /** The raw connection of a client that asked for an upgrade; from here on no HTTP is spoken on it. */
  takeConnection(): Duplex {
    if (this.#upgraded === undefined || this.started) throw new NaruError("invalid", "no upgrade proto in request");
    this.#hijacked = true;
    return this.#upgraded;
  }

  /**
   * The connection of a client that asked for no upgrade and yet sends raw bytes behind its request, as Docker lets it;
   * from here on no HTTP is spoken on it. It is paused: what comes waits for its reader.
   */
  async takePlainConnection(): Promise<Duplex> {
    const { socket } = this.request;
    this.request.resume();
    if (!this.request.complete) await once(this.request, "end", { signal: this.signal });
    this.#hijacked = true;
    this.#response?.detachSocket(socket);
    socket.pause();
    // By these the HTTP parser takes what comes.
    for (const event of ["data", "end", "drain", "error"]) socket.removeAllListeners(event);
    socket.once("close", () => this.#gone.abort());
    socket.on("error", () => this.#gone.abort());
    return socket;
  }

  #send(status: number, headers: Headers, body: string): void {
    const response = this.#open();
    const length = Buffer.byteLength(body);
    const bodiless = status === 204 || status === 304;
    response.writeHead(status, {
      ...this.#commonHeaders,
      ...headers,
      ...(bodiless ? {} : { "Content-Length": String(length) }),
    });
    response.end(bodiless || this.request.method === "HEAD" ? undefined : body);
    // What the client is still sending is of no interest; reading it keeps the connection usable.
    this.request.resume();
  }

  #open(): ServerResponse {
    if (this.#response !== undefined) return this.#response;
    const socket = this.#upgraded!;
    const response = new ServerResponse(this.request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as never);
    response.once("finish", () => closeGently(socket));
    this.#response = response;
    return response;
  }

  #watch(response: ServerResponse): void {
    response.once("close", () => {
      if (!response.writableFinished) this.#gone.abort();
    });
    response.on("error", () => this.#gone.abort());
  }
}
