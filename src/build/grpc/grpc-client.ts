/** Calls gRPC over one connection that is already open, whichever side opened it. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from "node:http2";
import type { Duplex } from "node:stream";
import { GRPC, GrpcError } from "./grpc-error.ts";
import { readMessages, writeMessage } from "./grpc-frames.ts";
import { closeAtEnd } from "./half-closed.ts";

/** A call under way. */
interface GrpcStream {
  send(message: Uint8Array): Promise<void>;
  /** No more requests follow. */
  closeSend(): void;
  /** Replies in order. @throws {GrpcError} at the end when the call failed */
  messages: AsyncIterable<Uint8Array>;
  /** Gives the call up. */
  cancel(): void;
}

export class GrpcClient {
  private readonly session: ClientHttp2Session;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;

  constructor(private readonly connection: Duplex) {
    this.session = connect("http://session", { createConnection: () => connection });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.session.on("error", () => resolve());
    connection.once("close", () => resolve());
    closeAtEnd(connection);
  }

  /** `path` is "/package.Service/Method"; repeated metadata come as arrays. @throws the signal's reason */
  call(path: string, metadata: Record<string, string | string[]>, signal: AbortSignal): GrpcStream {
    signal.throwIfAborted();
    if (this.session.destroyed || this.session.closed) throw lost();
    const stream = this.session.request({
      ":method": "POST",
      ":scheme": "http",
      ":authority": "session",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      "user-agent": "naru",
      ...metadata,
    });
    const cancel = () => stream.close(NGHTTP2_CANCEL);
    signal.addEventListener("abort", cancel, { once: true });
    stream.once("close", () => signal.removeEventListener("abort", cancel));
    const status = watchStatus(stream, signal);
    return {
      send: (message) => writeMessage(stream, message),
      closeSend: () => void stream.end(),
      messages: untilStatus(stream, status),
      cancel,
    };
  }

  /** One request, one reply. @throws {GrpcError} */
  async unary(path: string, request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const call = this.call(path, {}, signal);
    await call.send(request);
    call.closeSend();
    let reply: Uint8Array | undefined;
    for await (const message of call.messages) reply ??= message;
    if (reply === undefined) throw new GrpcError(GRPC.internal, `${path} was answered without a message`);
    return reply;
  }

  close(): void {
    this.session.destroy();
    this.connection.destroy();
  }
}

const NGHTTP2_CANCEL = 8;

function lost(): GrpcError {
  return new GrpcError(GRPC.unavailable, "the client's session has ended");
}

/** The status of the trailers, or of the headers when there are no messages. */
function watchStatus(stream: ClientHttp2Stream, signal: AbortSignal): Promise<GrpcError> {
  return new Promise((resolve) => {
    const take = (headers: IncomingHttpHeaders) => {
      const code = headers["grpc-status"];
      if (code === undefined) return;
      resolve(new GrpcError(Number(code), decodeURIComponent(String(headers["grpc-message"] ?? ""))));
    };
    stream.on("response", (headers) => {
      if (Number(headers[":status"]) !== 200) resolve(new GrpcError(GRPC.unknown, `HTTP status ${headers[":status"]}`));
      take(headers);
    });
    stream.on("trailers", take);
    stream.on("error", () => {});
    stream.once("close", () => {
      resolve(signal.aborted ? new GrpcError(GRPC.cancelled, "context canceled") : lost());
    });
  });
}

async function* untilStatus(stream: ClientHttp2Stream, status: Promise<GrpcError>): AsyncGenerator<Uint8Array> {
  try {
    yield* readMessages(stream);
  } catch (error) {
    if (error instanceof GrpcError) throw error;
    // The connection broke: the status says how.
  }
  const end = await status;
  if (end.code !== GRPC.ok) throw end;
}
