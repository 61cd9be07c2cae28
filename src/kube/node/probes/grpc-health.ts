/**
 * grpc.health.v1.Health/Check over cleartext HTTP/2 (RFC 9113). One call on a connection of its own, so the little that is spoken
 * here is enough: the answer's headers are not decoded, its message alone says whether the service serves.
 */

import type { Socket } from "bun";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7 } as const;
const ACK = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
const STREAM = 1;
const SERVING = 1;

/** @throws Error saying why the service is not healthy, or the signal's reason */
export function checkGrpcHealth(address: string, port: number, service: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let open: Socket | undefined;
  let rest: Buffer = Buffer.alloc(0);
  let message: Buffer = Buffer.alloc(0);
  const leave = () => reject(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  const finish = () => {
    const status = servingStatus(message);
    if (status === SERVING) resolve();
    else if (status === undefined) reject(new Error("the health check was answered with an error"));
    else reject(new Error(`service unhealthy (responded with status ${status === 2 ? "NOT_SERVING" : status})`));
  };
  Bun.connect({
    hostname: address,
    port,
    socket: {
      open(socket) {
        open = socket;
        socket.write(callBytes(`${address}:${port}`, service));
      },
      data(socket, chunk) {
        rest = Buffer.concat([rest, chunk]);
        for (let frame = takeFrame(rest); frame !== undefined; frame = takeFrame(rest)) {
          rest = frame.rest;
          if (frame.type === FRAME.settings && (frame.flags & ACK) === 0)
            socket.write(frameBytes(FRAME.settings, ACK, 0));
          if (frame.type === FRAME.ping && (frame.flags & ACK) === 0) {
            socket.write(frameBytes(FRAME.ping, ACK, 0, frame.payload));
          }
          if (frame.type === FRAME.data && frame.stream === STREAM) message = Buffer.concat([message, frame.payload]);
          const isEnd = (frame.flags & END_STREAM) !== 0 && (frame.type === FRAME.data || frame.type === FRAME.headers);
          if (isEnd || frame.type === FRAME.goAway || frame.type === FRAME.reset) finish();
        }
      },
      close: () => reject(new Error("the connection was closed before an answer came")),
      error: (_, error) => reject(error),
      connectError: (_, error) => reject(error),
    },
  }).catch(reject);
  return promise.finally(() => {
    signal.removeEventListener("abort", leave);
    open?.terminate();
  });
}

function callBytes(authority: string, service: string): Buffer {
  const headers = Buffer.concat(
    [
      [":method", "POST"],
      [":scheme", "http"],
      [":path", "/grpc.health.v1.Health/Check"],
      [":authority", authority],
      ["content-type", "application/grpc"],
      ["te", "trailers"],
      ["user-agent", "kube-probe/1.34"],
    ].map(([name = "", value = ""]) => literalHeader(name, value)),
  );
  const name = Buffer.from(service);
  // HealthCheckRequest { string service = 1; }
  const request = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const prefixed = Buffer.alloc(5 + request.length);
  prefixed.writeUInt32BE(request.length, 1);
  request.copy(prefixed, 5);
  return Buffer.concat([
    Buffer.from(PREFACE),
    frameBytes(FRAME.settings, 0, 0),
    frameBytes(FRAME.headers, END_HEADERS, STREAM, headers),
    frameBytes(FRAME.data, END_STREAM, STREAM, prefixed),
  ]);
}

/** A header that neither side remembers (RFC 7541, 6.2.2), without Huffman coding; names and values are short. */
function literalHeader(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

function frameBytes(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function takeFrame(bytes: Buffer) {
  if (bytes.length < 9) return undefined;
  const length = bytes.readUIntBE(0, 3);
  if (bytes.length < 9 + length) return undefined;
  return {
    type: bytes[3]!,
    flags: bytes[4]!,
    stream: bytes.readUInt32BE(5) & 0x7fffffff,
    payload: bytes.subarray(9, 9 + length),
    rest: bytes.subarray(9 + length),
  };
}

/** HealthCheckResponse { ServingStatus status = 1; }; undefined when no message came. */
function servingStatus(message: Buffer): number | undefined {
  if (message.length < 5) return undefined;
  const length = message.readUInt32BE(1);
  if (length === 0) return 0;
  return message[5] === 0x08 ? message[6] : undefined;
}
