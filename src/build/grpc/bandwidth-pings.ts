/**
 * HTTP/2 with clients that measure their bandwidth, as gRPC's library for Go does: by the answer to a ping of its own it raises the
 * window of streams that are open. Bun's sessions then forget credit that a stream has (oven-sh/bun#41329), and one that has sent
 * more than the new window stands still for good. Without an answer the windows stay as they are.
 */
import { Duplex } from "node:stream";

/** internal/transport/bdp_estimator.go of grpc-go. */
const MEASURING_PING = Buffer.from([2, 4, 16, 16, 9, 14, 7, 7]);
/** What a client sends before its first frame (RFC 9113, 3.4). */
const PREFACE_BYTES = 24;
const HEADER_BYTES = 9;
const PING_TYPE = 6;
const ACKNOWLEDGES = 1;

/** A client's connection without those pings. */
export function withoutMeasuringPings(connection: Duplex): Duplex {
  const filter = new PingFilter();
  const filtered = new Duplex({
    read: () => void connection.resume(),
    write: (chunk: Uint8Array, _encoding, done) => void connection.write(chunk, done),
    final: (done) => void connection.end(done),
    destroy(error, done) {
      connection.destroy();
      done(error);
    },
  });
  connection.on("data", (data: Buffer) => {
    for (const piece of filter.pass(data)) if (!filtered.push(piece)) connection.pause();
  });
  connection.once("end", () => filtered.push(null));
  connection.once("error", () => filtered.destroy());
  connection.once("close", () => filtered.destroy());
  return filtered;
}

export class PingFilter {
  /** Of what passes whatever it is. */
  private leftBytes = PREFACE_BYTES;
  /** The beginning of a frame that may be such a ping. */
  private waiting: Buffer = Buffer.alloc(0);

  /** What of the bytes that came next is for the session, in as few pieces as it is. */
  pass(data: Buffer): Buffer[] {
    const all = this.waiting.length === 0 ? data : Buffer.concat([this.waiting, data]);
    const passed: Buffer[] = [];
    let start = 0;
    let at = 0;
    const passSoFar = () => {
      if (at > start) passed.push(all.subarray(start, at));
    };
    while (at < all.length) {
      const known = Math.min(this.leftBytes, all.length - at);
      this.leftBytes -= known;
      at += known;
      if (all.length - at < HEADER_BYTES) break;
      const length = HEADER_BYTES + all.readUIntBE(at, 3);
      const isPing = all[at + 3] === PING_TYPE && (all[at + 4]! & ACKNOWLEDGES) === 0;
      if (!isPing || length !== HEADER_BYTES + MEASURING_PING.length) this.leftBytes = length;
      else if (all.length - at < length) break;
      else if (!all.subarray(at + HEADER_BYTES, at + length).equals(MEASURING_PING)) at += length;
      else {
        passSoFar();
        at += length;
        start = at;
      }
    }
    passSoFar();
    this.waiting = all.subarray(at);
    return passed;
  }
}
