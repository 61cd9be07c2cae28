/** Serves gRPC on one connection that is already open: an upgraded HTTP/1.1 connection, say. */
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";
import { withoutMeasuringPings } from "./bandwidth-pings.ts";
import { GRPC, GrpcError, grpcErrorOf } from "./grpc-error.ts";
import { readMessages, writeMessage } from "./grpc-frames.ts";
import { closeAtEnd } from "./half-closed.ts";

export interface GrpcCall {
  /** Request headers, names in lower case. */
  metadata: IncomingHttpHeaders;
  /** Requests in order; ends when the client has sent all. */
  messages: AsyncIterable<Uint8Array>;
  /** Sends the headers, for a client that waits for them before it sends its first message. */
  begin(): void;
  /** Resolves when there is room for more. */
  send(message: Uint8Array): Promise<void>;
  /** Aborted when the client gives up or its deadline passes. */
  signal: AbortSignal;
}

/** A method: its end is the call's end. @throws {GrpcError} or {NaruError}, which the client is told */
type GrpcMethod = (call: GrpcCall) => Promise<void>;

/** By path, "/package.Service/Method". */
export type GrpcMethods = Readonly<Record<string, GrpcMethod>>;

/** Resolves when the connection has ended. `onFault` hears of failures that are nobody's fault but ours. */
export async function serveGrpc(
  connection: Duplex,
  methods: GrpcMethods,
  onFault: (path: string, error: unknown) => void,
): Promise<void> {
  const server = createServer({ settings: { maxConcurrentStreams: 1000, initialWindowSize: 1024 * 1024 } });
  const ended = Promise.withResolvers<void>();
  connection.once("close", () => ended.resolve());
  closeAtEnd(connection);
  // A client that goes away in the middle of a frame is no fault; its calls are told by their streams.
  server.on("sessionError", () => connection.destroy());
  server.on("error", () => connection.destroy());
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    answer(stream, headers, methods, onFault).catch((error) => onFault(String(headers[":path"]), error));
  });
  server.emit("connection", withoutMeasuringPings(connection));
  await ended.promise;
}

async function answer(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  methods: GrpcMethods,
  onFault: (path: string, error: unknown) => void,
): Promise<void> {
  const path = String(headers[":path"]);
  const gone = new AbortController();
  const timer = startDeadline(headers["grpc-timeout"], gone);
  stream.on("error", () => gone.abort());
  stream.once("close", () => gone.abort(new GrpcError(GRPC.cancelled, "context canceled")));
  const reply = new Reply(stream);
  try {
    const method = methods[path];
    if (method === undefined) throw new GrpcError(GRPC.unimplemented, `unknown method ${path}`);
    await method({
      metadata: headers,
      messages: readMessages(stream),
      begin: () => reply.start(),
      send: (message) => reply.send(message),
      signal: gone.signal,
    });
    reply.end(new GrpcError(GRPC.ok, ""));
  } catch (error) {
    const told = grpcErrorOf(error);
    if (told.fault !== undefined && !gone.signal.aborted) onFault(path, told.fault);
    reply.end(told);
    // What still comes has no reader, and the client reads the answer only when it has got rid of it.
    stream.resume();
  } finally {
    clearTimeout(timer);
  }
}

const UNITS_MS: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 };

function startDeadline(timeout: unknown, gone: AbortController): ReturnType<typeof setTimeout> | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(String(timeout ?? ""));
  if (match === null) return undefined;
  const milliseconds = Number(match[1]) * UNITS_MS[match[2]!]!;
  const expire = () => gone.abort(new GrpcError(GRPC.deadlineExceeded, "context deadline exceeded"));
  return setTimeout(expire, Math.min(milliseconds, 2 ** 31 - 1));
}

/** Headers before the first message, the status in trailers after the last; both at once where there is no message. */
class Reply {
  private started = false;

  constructor(private readonly stream: ServerHttp2Stream) {}

  async send(message: Uint8Array): Promise<void> {
    this.start();
    await writeMessage(this.stream, message);
  }

  end({ code, message, details }: GrpcError): void {
    const { stream } = this;
    if (stream.closed || stream.destroyed) return;
    const trailers: Record<string, string> = { "grpc-status": String(code) };
    if (message !== "") trailers["grpc-message"] = escapeMessage(message);
    if (details !== undefined) trailers["grpc-status-details-bin"] = Buffer.from(details).toString("base64");
    if (!this.started) {
      stream.respond({ ":status": 200, "content-type": "application/grpc", ...trailers }, { endStream: true });
      return;
    }
    stream.once("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end();
  }

  start(): void {
    if (this.started || this.stream.closed || this.stream.destroyed) return;
    this.started = true;
    this.stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  }
}

/** Percent-encoding of what is not printable ASCII (gRPC over HTTP/2, "Status-Message"). */
function escapeMessage(message: string): string {
  return Buffer.from(message, "utf8")
    .toString("latin1")
    .replace(/[^ -$&-~]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}
