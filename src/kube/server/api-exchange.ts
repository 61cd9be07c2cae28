/** One request to the API server and its answer, also when the client asked for an upgrade (exec, port-forward). */
import { type IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { closeGently, writeAll } from "../../lib/stream-writing.ts";
import { StatusError } from "../status.ts";

/** What Kubernetes takes at most in one request. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;
/** A body has this long to come: as kube-apiserver gives each request that does not last (--request-timeout). */
const BODY_PATIENCE_MS = 60_000;
/** Smaller answers are sent as they are, as Kubernetes does: packing them costs more than it saves. */
const GZIP_FROM_BYTES = 128 * 1024;
const compress = promisify(gzip);

export type Headers = Record<string, string>;
const NONE: Readonly<Headers> = {};

/** Who hears of what goes through an exchange. */
interface ExchangeObserver {
  received(body: Buffer): void;
  started(status: number): void;
  sent(status: number, body: string | Uint8Array): void;
}

export class ApiExchange {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly #gone = new AbortController();
  readonly #warnings: string[] = [];
  readonly #upgraded: Duplex | undefined;
  #response: ServerResponse | undefined;
  #isTaken = false;
  #more: Readonly<Headers> = NONE;
  #onStart: (() => void) | undefined;
  #observer: ExchangeObserver | undefined;

  constructor(
    readonly request: IncomingMessage,
    answer: { response: ServerResponse } | { upgraded: Duplex },
    private readonly bodyPatienceMs = BODY_PATIENCE_MS,
  ) {
    const { url = "/" } = request;
    const question = url.indexOf("?");
    this.path = question === -1 ? url : url.slice(0, question);
    this.query = new URLSearchParams(question === -1 ? "" : url.slice(question + 1));
    if ("response" in answer) {
      this.#response = answer.response;
      answer.response.once("close", () => {
        if (!answer.response.writableFinished) this.#gone.abort();
      });
      answer.response.on("error", () => this.#gone.abort());
    } else {
      this.#upgraded = answer.upgraded;
      answer.upgraded.once("close", () => this.#gone.abort());
      // Without a listener a connection reset would end the daemon.
      answer.upgraded.on("error", () => this.#gone.abort());
    }
  }

  get method(): string {
    return this.request.method ?? "GET";
  }

  /** Aborted when the client has gone away. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  get started(): boolean {
    return this.#isTaken || (this.#response?.headersSent ?? false);
  }

  /** Of the answer; 0 while there is none, 101 when the connection was taken. */
  get statusCode(): number {
    return this.#isTaken ? 101 : this.started ? (this.#response?.statusCode ?? 0) : 0;
  }

  /** The protocol that the client wants to switch to, in lower case. */
  get upgradeProtocol(): string | undefined {
    return this.#upgraded === undefined ? undefined : this.request.headers.upgrade?.toLowerCase();
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  }

  /** Sent as a Warning header (RFC 7234) with the answer; once each. */
  warn(message: string): void {
    if (!this.#warnings.includes(message)) this.#warnings.push(message);
  }

  /** Sent with the answer, whatever it is. */
  addHeaders(headers: Readonly<Headers>): void {
    this.#more = this.#more === NONE ? headers : { ...this.#more, ...headers };
  }

  observe(observer: ExchangeObserver): void {
    this.#observer = observer;
  }

  /** Called when the headers of an answer in pieces are sent, or the connection is taken for another protocol. */
  onStart(call: () => void): void {
    this.#onStart = call;
  }

  /** @throws StatusError RequestEntityTooLarge, Timeout */
  async body(): Promise<Buffer> {
    const tooLate = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      // What comes of it later is of no interest.
      this.addHeaders({ Connection: "close" });
      tooLate.reject(new StatusError("Timeout", "request did not complete within the allotted timeout"));
    }, this.bodyPatienceMs);
    try {
      const body = await Promise.race([this.#wholeBody(), tooLate.promise]);
      this.#observer?.received(body);
      return body;
    } finally {
      clearTimeout(timer);
    }
  }

  async #wholeBody(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of this.request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > MAX_BODY_BYTES) {
        throw new StatusError("RequestEntityTooLarge", `Request entity too large: limit is ${MAX_BODY_BYTES}`);
      }
      chunks.push(chunk);
    }
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  }

  async send(status: number, type: string, body: string | Uint8Array, headers: Headers = {}): Promise<void> {
    const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    const all: Headers = { "Content-Type": type, "Cache-Control": "no-cache, private", ...this.#more, ...headers };
    let bytes: string | Uint8Array = body;
    if (length >= GZIP_FROM_BYTES && this.#upgraded === undefined && this.#takesGzip()) {
      bytes = await compress(body, { level: 1 });
      all["Content-Encoding"] = "gzip";
      all.Vary = "Accept-Encoding";
    }
    this.#observer?.sent(status, body);
    if (this.#gone.signal.aborted) return;
    all["Content-Length"] = String(typeof bytes === "string" ? length : bytes.length);
    const response = this.#open();
    response.writeHead(status, this.#withWarnings(all));
    response.end(this.method === "HEAD" ? undefined : bytes);
    // What the client is still sending is of no interest; reading it keeps the connection usable.
    this.request.resume();
  }

  /** Sends the headers now; the body follows by write() and end(). */
  start(status: number, headers: Headers): void {
    const response = this.#open();
    response.writeHead(status, this.#withWarnings({ "Cache-Control": "no-cache, private", ...this.#more, ...headers }));
    response.flushHeaders();
    this.#observer?.started(status);
    this.#onStart?.();
  }

  /** Resolves when the connection takes more. @throws when the client is gone */
  write(chunk: Uint8Array | string): Promise<void> {
    return writeAll(this.#open(), chunk, this.signal);
  }

  end(): void {
    this.#open().end();
  }

  /** Ends an answer that cannot be finished: the client sees a broken transfer, not a complete one. */
  cut(): void {
    (this.#upgraded ?? this.request.socket).destroy();
  }

  /** The raw connection of a client that asked for an upgrade; from here on no HTTP is spoken on it. */
  takeConnection(): Duplex {
    if (this.#upgraded === undefined || this.started) {
      throw new StatusError("BadRequest", "Upgrade request required");
    }
    this.#isTaken = true;
    this.#observer?.started(101);
    this.#onStart?.();
    return this.#upgraded;
  }

  /** On this machine bytes cost less than packing them. */
  #takesGzip(): boolean {
    const { remoteAddress } = this.request.socket;
    if (remoteAddress === undefined || /^(::1$|127\.|::ffff:127\.)/.test(remoteAddress)) return false;
    return /\bgzip\b/.test(this.header("accept-encoding") ?? "");
  }

  #withWarnings(headers: Headers): Record<string, string | string[]> {
    if (this.#warnings.length === 0) return headers;
    const quoted = (text: string) => text.replace(/[\r\n]+/g, " ").replace(/["\\]/g, "\\$&");
    return { ...headers, Warning: this.#warnings.map((text) => `299 - "${quoted(text)}"`) };
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
}
