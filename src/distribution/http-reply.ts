/** One HTTP round trip: a request and its answer, whose body is read as slowly as it is wanted. */
import { NaruError } from "../lib/errors.ts";
import { connectionError, timeoutError } from "./connection-error.ts";
import { proxyFor } from "./proxy-choice.ts";

/** How the server's certificate is judged and what the client shows; PEM texts. */
export interface TlsIdentity {
  ca?: string[];
  cert?: string;
  key?: string;
  rejectUnauthorized: boolean;
}

export interface HttpRequest {
  method: string;
  headers?: Readonly<Record<string, string>>;
  /** Called for every attempt, since a body that was sent is gone. */
  body?: () => Uint8Array<ArrayBuffer> | string | AsyncIterable<Uint8Array>;
  signal?: AbortSignal;
  tls?: TlsIdentity;
  userAgent: string;
  /** Milliseconds without a byte in either direction after which the request is given up. */
  idleTimeoutMs: number;
}

/** Bun's additions to fetch. `proxy: false` keeps it from reading the environment, which proxyFor does Go's way. */
type BunInit = RequestInit & { proxy?: string | false; tls?: TlsIdentity; timeout?: false; decompress?: false };

/**
 * Sends one request and resolves with the head of the answer, whatever its status. Redirects are not followed, nothing is
 * decompressed, connections are kept and used again; bytes travel and TLS works on a thread of Bun's own, which stops
 * reading while nobody takes them.
 * @throws {ConnectionError}; the signal's reason when aborted
 */
export async function roundTrip(url: URL, request: HttpRequest): Promise<HttpReply> {
  // Addresses come from registries too, and fetch reads files.
  if (!/^https?:$/.test(url.protocol)) {
    throw new NaruError(
      "invalid",
      `${url.href.slice(0, MAX_SHOWN_URL)}: only http:// and https:// addresses are asked`,
    );
  }
  const watch = new IdleWatch(request, url);
  const { method, headers, body, tls, userAgent } = request;
  try {
    const init: BunInit = {
      method,
      headers: { "User-Agent": userAgent, "Accept-Encoding": "identity", ...headers },
      body: body === undefined ? undefined : (watched(body(), watch) as RequestInit["body"]),
      redirect: "manual",
      signal: watch.signal,
      proxy: proxyFor(url) ?? false,
      tls: url.protocol === "https:" ? tls : undefined,
      timeout: false,
      decompress: false,
    };
    return new HttpReply(await fetch(url, init), url, method, watch);
  } catch (error) {
    watch.end();
    throw watch.failureOf(error);
  }
}

const MAX_SHOWN_URL = 200;

/** Lets time run only while the network has a piece, not while the source makes the next one. */
function watched(body: Uint8Array | string | AsyncIterable<Uint8Array>, watch: IdleWatch) {
  if (typeof body === "string" || body instanceof Uint8Array) return body;
  return (async function* () {
    try {
      watch.rest();
      for await (const piece of body) {
        watch.wait();
        yield piece;
        watch.rest();
      }
      watch.wait();
    } catch (error) {
      watch.bodyFailure = { error };
      throw error;
    }
  })();
}

/** Ends a request that stands still, or whose caller has given up. */
class IdleWatch {
  private readonly controller = new AbortController();
  private readonly timer: Timer;
  private readonly onAbort = () => this.controller.abort(this.request.signal?.reason);
  private isTimedOut = false;
  private isWaiting = true;
  /** What the source of the request's body threw: no fault of the connection. */
  bodyFailure: { error: unknown } | undefined;

  constructor(
    private readonly request: HttpRequest,
    private readonly url: URL,
  ) {
    request.signal?.throwIfAborted();
    request.signal?.addEventListener("abort", this.onAbort, { once: true });
    this.timer = setTimeout(() => {
      if (!this.isWaiting) return void this.timer.refresh();
      this.isTimedOut = true;
      this.controller.abort();
    }, request.idleTimeoutMs);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** From now on the other side is to move. */
  wait(): void {
    this.isWaiting = true;
    this.timer.refresh();
  }

  /** We are busy ourselves: that is not the connection's fault. */
  rest(): void {
    this.isWaiting = false;
  }

  end(): void {
    clearTimeout(this.timer);
    this.request.signal?.removeEventListener("abort", this.onAbort);
  }

  failureOf(error: unknown): unknown {
    const { signal, method, idleTimeoutMs } = this.request;
    if (signal?.aborted) return signal.reason;
    if (this.bodyFailure) return this.bodyFailure.error;
    if (this.isTimedOut) return timeoutError(method, this.url, Math.round(idleTimeoutMs / 1000));
    return error instanceof NaruError ? error : connectionError(error, method, this.url);
  }
}

/** An answer. Its body must be read, discarded or left early, else its connection stays taken. */
export class HttpReply {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;

  constructor(
    private readonly response: Response,
    readonly url: URL,
    readonly method: string,
    private readonly watch: IdleWatch,
  ) {
    this.status = response.status;
    this.statusText = response.statusText;
    this.headers = response.headers;
    if (method === "HEAD" || response.body === null) watch.end();
  }

  /** True for 200 to 299. */
  get isSuccess(): boolean {
    return this.response.ok;
  }

  /** The body in pieces as they come. Leaving the loop early closes the connection. @throws {ConnectionError} */
  async *chunks(): AsyncGenerator<Uint8Array> {
    if (this.method === "HEAD" || this.response.body === null) return;
    const reader = this.response.body.getReader();
    let isWhole = false;
    try {
      for (;;) {
        this.watch.wait();
        const { done, value } = await reader.read();
        if (done) break;
        this.watch.rest();
        yield value;
      }
      isWhole = true;
    } catch (error) {
      throw this.watch.failureOf(error);
    } finally {
      this.watch.end();
      if (!isWhole) await reader.cancel().catch(() => {});
    }
  }

  /** The whole body. @throws invalid when it has more than `limit` bytes */
  async bytes(limit: number): Promise<Uint8Array<ArrayBuffer>> {
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of this.chunks()) {
      length += part.length;
      if (length > limit) {
        throw new NaruError("invalid", `the answer to ${this.method} ${this.url.href} is longer than ${limit} bytes`);
      }
      parts.push(part);
    }
    return Buffer.concat(parts, length);
  }

  async text(limit: number): Promise<string> {
    return new TextDecoder().decode(await this.bytes(limit));
  }

  /** @throws invalid when the body is no JSON */
  async json(limit: number): Promise<unknown> {
    const text = await this.text(limit);
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new NaruError("invalid", `the answer to ${this.method} ${this.url.href} is no JSON`, { cause });
    }
  }

  /** Reads a short rest so that the connection can be used again, or closes it. */
  async discard(): Promise<void> {
    let length = 0;
    try {
      for await (const part of this.chunks()) {
        length += part.length;
        if (length > DISCARD_LIMIT_BYTES) break;
      }
    } catch {
      // The answer is not wanted.
    }
  }
}

const DISCARD_LIMIT_BYTES = 64 * 1024;
