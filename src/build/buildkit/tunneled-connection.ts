/** A connection inside a call: its bytes travel in messages both ways, for clients that open their session by Control.Session. */
import { Duplex } from "node:stream";
import { errorText } from "../../lib/errors.ts";
import type { GrpcCall } from "../grpc/grpc-server.ts";
import { bytesMessage } from "./messages.ts";

/** HTTP/2 frames are no larger by default, and a message may not be. */
const MAX_PIECE_BYTES = 1024 * 1024;

export function tunneledConnection(call: GrpcCall): Duplex {
  const incoming = call.messages[Symbol.asyncIterator]();
  const connection = new Duplex({
    read() {
      incoming.next().then(
        ({ done, value }) => {
          if (!done) connection.push(Buffer.from(bytesMessage.decode(value).data));
          // The client waits for the call's end when it has closed its side.
          else connection.destroy();
        },
        (error) => connection.destroy(new Error(errorText(error))),
      );
    },
    write(chunk: Buffer, _encoding, done) {
      sendPieces(call, chunk).then(() => done(), done);
    },
    final(done) {
      done();
    },
  });
  call.signal.addEventListener("abort", () => connection.destroy(), { once: true });
  return connection;
}

async function sendPieces(call: GrpcCall, chunk: Buffer): Promise<void> {
  // What is written to one HTTP/2 connection while another one inside it is being written stays in Bun's buffer.
  await new Promise((resolve) => setImmediate(resolve));
  for (let at = 0; at < chunk.length; at += MAX_PIECE_BYTES) {
    await call.send(bytesMessage.encode({ data: chunk.subarray(at, at + MAX_PIECE_BYTES) }));
  }
}
