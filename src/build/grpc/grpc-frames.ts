/** Messages on an HTTP/2 stream: a flag, a length of 32 bits, the bytes (gRPC over HTTP/2, "Length-Prefixed-Message"). */
import type { Http2Stream } from "node:http2";
import { gunzipSync } from "node:zlib";
import { GRPC, GrpcError } from "./grpc-error.ts";

const HEAD_BYTES = 5;
/** BuildKit's own limit for what it takes. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

function frameMessage(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, HEAD_BYTES);
  return frame;
}

/** The messages of a stream, read no faster than they are taken. @throws {GrpcError} for what is no gRPC */
export async function* readMessages(stream: Http2Stream): AsyncGenerator<Uint8Array> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  let needed = HEAD_BYTES;
  // Leaving the loop early must not end the stream: the answer is still to be sent.
  for await (const piece of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    waiting.push(piece);
    bytes += piece.length;
    if (bytes < needed) continue;
    let data = waiting.length === 1 ? piece : Buffer.concat(waiting);
    while (data.length >= HEAD_BYTES) {
      const length = data.readUInt32BE(1);
      if (length > MAX_MESSAGE_BYTES) {
        throw new GrpcError(
          GRPC.resourceExhausted,
          `a message of ${length} bytes; at most ${MAX_MESSAGE_BYTES} are taken`,
        );
      }
      if (data.length < HEAD_BYTES + length) break;
      const body = data.subarray(HEAD_BYTES, HEAD_BYTES + length);
      yield data[0] === 0 ? body : gunzipSync(body, { maxOutputLength: MAX_MESSAGE_BYTES });
      data = data.subarray(HEAD_BYTES + length);
    }
    needed = data.length >= HEAD_BYTES ? HEAD_BYTES + data.readUInt32BE(1) : HEAD_BYTES;
    waiting = [data];
    bytes = data.length;
  }
  if (bytes > 0) throw new GrpcError(GRPC.internal, "the stream ended inside a message");
}

/** Resolves when the stream takes more. @throws {GrpcError} when it is closed */
export async function writeMessage(stream: Http2Stream, message: Uint8Array): Promise<void> {
  if (stream.closed || stream.destroyed) throw new GrpcError(GRPC.unavailable, "the stream is closed");
  if (stream.write(frameMessage(message))) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.once("drain", resolve);
  stream.once("close", resolve);
  await promise;
  stream.off("drain", resolve);
  stream.off("close", resolve);
}
