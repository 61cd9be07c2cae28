import { ChunkedDecoder } from "./http-chunked.ts";
import { HttpConnection, type HttpTarget } from "./http-connection.ts";

export type { HttpTarget, TlsOptions } from "./http-connection.ts";

export interface HttpRequest {
  method: string;
  /** Path and query. */
  path: string;
  headers?: Record<string, string>;
  /** A stream is sent in chunks as it comes. */
  body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  signal?: AbortSignal;
}

/** An answer whose body is read once, by one of its methods. The connection is used again afterwards. */
export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The body as it arrives. Leaving the loop early closes the connection. */
  chunks(): AsyncGenerator<Uint8Array>;
  bytes(): Promise<Uint8Array>;
  text(): Promise<string>;
  json<T>(): Promise<T>;
}

/** A connection that left HTTP: raw bytes in both directions. */
export interface UpgradedStream {
  readonly headers: ReadonlyMap<string, string>;
  /** The next bytes; undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  write(data: Uint8Array | string): Promise<void>;
  closeWrite(): void;
  close(): void;
}

interface ResponseHead {
  status: number;
  headers: Map<string, string>;
}

/**
 * A small HTTP/1.1 client for one server. It exists beside fetch because the Docker API turns connections into raw
 * streams with half-close (attach, exec), which fetch cannot do, and because it starts in well under a millisecond.
 */
export class HttpClient {
  private readonly idle: HttpConnection[] = [];
  private readonly warming: Promise<HttpConnection>[] = [];
  private readonly open = new Set<HttpConnection>();

  constructor(private readonly target: HttpTarget) {}

  /** Connects `count` times ahead of need, so that later requests find their connection open. */
  warm(count: number): void {
    for (let i = 0; i < count; i++) {
      const opening = this.connect();
      opening.catch(() => {}); // the request that takes it sees the error
      this.warming.push(opening);
    }
  }

  /** Sends a request and resolves when the head of its answer is here. */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const connection = await this.take();
    const aborted = this.closeOnAbort(connection, request.signal);
    try {
      await this.writeRequest(connection, request, {});
      const head = await readHead(connection);
      return this.response(connection, head, request.method === "HEAD", aborted);
    } catch (error) {
      aborted();
      this.drop(connection);
      throw request.signal?.aborted ? request.signal.reason : error;
    }
  }

  /** Asks the server to turn the connection into a raw stream; an answer other than 101 or 200 comes back as it is. */
  async upgrade(request: HttpRequest): Promise<UpgradedStream | HttpResponse> {
    const connection = await this.take();
    const aborted = this.closeOnAbort(connection, request.signal);
    try {
      await this.writeRequest(connection, request, { Connection: "Upgrade", Upgrade: "tcp" });
      const head = await readHead(connection);
      if (head.status !== 101 && head.status !== 200) return this.response(connection, head, false, aborted);
      return {
        headers: head.headers,
        read: () => connection.read(),
        write: (data) => connection.write(data),
        closeWrite: () => connection.closeWrite(),
        close: () => this.drop(connection),
      };
    } catch (error) {
      aborted();
      this.drop(connection);
      throw request.signal?.aborted ? request.signal.reason : error;
    }
  }

  /** Closes every connection, also those in use. */
  close(): void {
    for (const connection of this.open) connection.close();
    this.open.clear();
    for (const opening of this.warming) opening.then((connection) => connection.close()).catch(() => {});
  }

  private async connect(): Promise<HttpConnection> {
    const connection = await HttpConnection.open(this.target);
    this.open.add(connection);
    return connection;
  }

  private async take(): Promise<HttpConnection> {
    for (let connection = this.idle.pop(); connection; connection = this.idle.pop()) {
      if (connection.isReusable) return connection;
      this.drop(connection);
    }
    return this.warming.shift() ?? this.connect();
  }

  private drop(connection: HttpConnection): void {
    this.open.delete(connection);
    connection.close();
  }

  private closeOnAbort(connection: HttpConnection, signal: AbortSignal | undefined): () => void {
    if (!signal) return () => {};
    signal.throwIfAborted();
    const close = () => this.drop(connection);
    signal.addEventListener("abort", close, { once: true });
    return () => signal.removeEventListener("abort", close);
  }

  private async writeRequest(
    connection: HttpConnection,
    request: HttpRequest,
    extra: Record<string, string>,
  ): Promise<void> {
    const { method, path, body } = request;
    const host = this.target.kind === "unix" ? "localhost" : `${this.target.host}:${this.target.port}`;
    let head = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n`;
    for (const [name, value] of Object.entries({ ...extra, ...request.headers })) head += `${name}: ${value}\r\n`;
    const isStream = body !== undefined && typeof body === "object" && Symbol.asyncIterator in body;
    if (isStream) {
      await connection.write(`${head}Transfer-Encoding: chunked\r\n\r\n`);
      await writeChunked(connection, body);
      return;
    }
    const length = body === undefined ? 0 : typeof body === "string" ? Buffer.byteLength(body) : body.length;
    if (length > 0 || method === "POST" || method === "PUT") head += `Content-Length: ${length}\r\n`;
    if (typeof body === "object") {
      await connection.write(`${head}\r\n`);
      await connection.write(body);
    } else await connection.write(`${head}\r\n${body ?? ""}`);
  }

  private response(connection: HttpConnection, head: ResponseHead, isHead: boolean, done: () => void): HttpResponse {
    const { status, headers } = head;
    const hasNoBody = isHead || status === 204 || status === 304 || headers.get("content-length") === "0";
    const release = (isWhole: boolean) => {
      done();
      if (isWhole && headers.get("connection") !== "close") this.idle.push(connection);
      else this.drop(connection);
    };
    if (hasNoBody) release(true);
    const chunks = hasNoBody ? () => emptyBody() : () => bodyChunks(connection, headers, release);
    const bytes = async () => {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks()) parts.push(chunk);
      return parts.length === 1 ? parts[0]! : new Uint8Array(Buffer.concat(parts));
    };
    const text = async () => new TextDecoder().decode(await bytes());
    return { status, headers, chunks, bytes, text, json: async () => JSON.parse(await text()) };
  }
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}

/** The body of an answer, by its length, in chunks, or until the end of the connection (RFC 9112, section 6). */
async function* bodyChunks(
  connection: HttpConnection,
  headers: Map<string, string>,
  release: (isWhole: boolean) => void,
): AsyncGenerator<Uint8Array> {
  let isWhole = false;
  try {
    if (headers.get("transfer-encoding")?.toLowerCase() === "chunked") {
      const decoder = new ChunkedDecoder();
      while (!decoder.isDone) {
        const payload = decoder.decode(await readOrFail(connection));
        if (decoder.isDone) connection.unreadFirst(decoder.rest);
        if (payload.length > 0) yield payload;
      }
      isWhole = true;
    } else if (headers.has("content-length")) {
      let left = Number(headers.get("content-length"));
      while (left > 0) {
        const bytes = await readOrFail(connection);
        if (bytes.length > left) connection.unreadFirst(bytes.subarray(left));
        const payload = bytes.subarray(0, left);
        left -= payload.length;
        yield payload;
      }
      isWhole = true;
    } else {
      for (let bytes = await connection.read(); bytes; bytes = await connection.read()) yield bytes;
    }
  } finally {
    release(isWhole);
  }
}

async function readOrFail(connection: HttpConnection): Promise<Uint8Array> {
  const bytes = await connection.read();
  if (bytes === undefined) throw new Error("unexpected EOF");
  return bytes;
}

async function writeChunked(connection: HttpConnection, body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of body) {
    if (chunk.length === 0) continue;
    await connection.write(`${chunk.length.toString(16)}\r\n`);
    await connection.write(chunk);
    await connection.write("\r\n");
  }
  await connection.write("0\r\n\r\n");
}

/** Reads status line and headers, skipping interim answers such as 100 Continue. */
async function readHead(connection: HttpConnection): Promise<ResponseHead> {
  let received: Buffer = Buffer.alloc(0);
  for (;;) {
    const end = received.indexOf("\r\n\r\n");
    if (end >= 0) {
      const head = parseHead(received.toString("latin1", 0, end));
      const rest = received.subarray(end + 4);
      if (head.status >= 200 || head.status === 101) {
        connection.unreadFirst(rest);
        return head;
      }
      received = rest;
      continue;
    }
    const bytes = await connection.read();
    if (bytes === undefined) throw new Error("EOF");
    received =
      received.length === 0
        ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
        : Buffer.concat([received, bytes]);
  }
}

function parseHead(text: string): ResponseHead {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1];
  if (status === undefined) throw new Error(`malformed HTTP response ${JSON.stringify(statusLine)}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(status), headers };
}
