/** The frames of a WebSocket (RFC 6455): a client masks its own, a server does not. */
import { createHash, randomBytes } from "node:crypto";
import { NaruError } from "./errors.ts";

const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const MAX_FRAME_BYTES = 16 * 1024 * 1024;

export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface WebSocketFrame {
  opcode: number;
  /** False: the message goes on in a continuation frame. */
  isFinal: boolean;
  payload: Uint8Array;
}

/** The answer to a client's key (RFC 6455, 4.2.2). */
export function acceptKey(key: string): string {
  return createHash("sha1")
    .update(key + ACCEPT_SUFFIX)
    .digest("base64");
}

/** One unmasked frame, as servers send them. */
export function encodeWebSocketFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const length = payload.length;
  const extended = length < 126 ? 0 : length < 65536 ? 2 : 8;
  const frame = Buffer.alloc(2 + extended + length);
  frame[0] = 0x80 | opcode;
  frame[1] = extended === 0 ? length : extended === 2 ? 126 : 127;
  if (extended === 2) frame.writeUInt16BE(length, 2);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.set(payload, 2 + extended);
  return frame;
}

/** One masked frame, as clients send them. */
export function encodeMaskedFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const length = payload.length;
  const extended = length < 126 ? 0 : length < 65536 ? 2 : 8;
  const frame = Buffer.alloc(2 + extended + 4 + length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) frame.writeUInt16BE(length, 2);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  const mask = randomBytes(4);
  const start = 2 + extended + 4;
  frame.set(mask, start - 4);
  for (let index = 0; index < length; index++) frame[start + index] = payload[index]! ^ mask[index & 3]!;
  return frame;
}

/** Cuts the peer's bytes into frames. */
export class WebSocketFrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** @param peer who sends: a client must mask its frames, a server must not (RFC 6455, 5.1) */
  constructor(private readonly peer: "client" | "server" = "client") {}

  /** The frames that are complete with `chunk`. @throws invalid when the peer breaks the protocol. */
  push(chunk: Uint8Array): WebSocketFrame[] {
    this.#rest = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    const frames: WebSocketFrame[] = [];
    for (let frame = this.#take(); frame !== undefined; frame = this.#take()) frames.push(frame);
    return frames;
  }

  #take(): WebSocketFrame | undefined {
    const bytes = this.#rest;
    if (bytes.length < 2) return undefined;
    const [first = 0, second = 0] = bytes;
    const isMasked = (second & 0x80) !== 0;
    if (isMasked !== (this.peer === "client")) {
      throw malformed(`a WebSocket ${this.peer} must ${isMasked ? "not " : ""}mask its frames`);
    }
    const short = second & 0x7f;
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
    const headerBytes = 2 + extended + (isMasked ? 4 : 0);
    if (bytes.length < headerBytes) return undefined;
    const length = extended === 0 ? short : extended === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (length > MAX_FRAME_BYTES) throw malformed(`a WebSocket frame of ${length} bytes is too large`);
    if (bytes.length < headerBytes + length) return undefined;
    const payload = Buffer.from(bytes.subarray(headerBytes, headerBytes + length));
    if (isMasked) {
      const mask = bytes.subarray(headerBytes - 4, headerBytes);
      for (let index = 0; index < length; index++) payload[index]! ^= mask[index & 3]!;
    }
    this.#rest = bytes.subarray(headerBytes + length);
    return { opcode: first & 0x0f, isFinal: (first & 0x80) !== 0, payload };
  }
}

function malformed(message: string): NaruError {
  return new NaruError("invalid", message);
}
