/** The server's side of a WebSocket (RFC 6455), as much as attach needs: whole data in both directions, ping, close. */
import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import { NaruError } from "../lib/errors.ts";
import { badRequest } from "./errors.ts";
import { closeGently, type Exchange } from "./exchange.ts";
import { writeAll } from "./stream-writing.ts";

const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const MAX_FRAME_BYTES = 16 * 1024 * 1024;

export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

interface WebSocketFrame {
  opcode: number;
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

/** Cuts a client's bytes into frames. */
export class WebSocketFrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The frames that are complete with `chunk`. @throws invalid when the client breaks the protocol. */
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
    if ((second & 0x80) === 0) throw badRequest("a WebSocket client must mask its frames");
    const short = second & 0x7f;
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
    const headerBytes = 2 + extended + 4;
    if (bytes.length < headerBytes) return undefined;
    const length = extended === 0 ? short : extended === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (length > MAX_FRAME_BYTES) throw badRequest(`a WebSocket frame of ${length} bytes is too large`);
    if (bytes.length < headerBytes + length) return undefined;
    const mask = bytes.subarray(headerBytes - 4, headerBytes);
    const payload = Buffer.from(bytes.subarray(headerBytes, headerBytes + length));
    for (let index = 0; index < payload.length; index++) payload[index]! ^= mask[index & 3]!;
    this.#rest = bytes.subarray(headerBytes + length);
    return { opcode: first & 0x0f, payload };
  }
}

interface WebSocketPeer {
  /** Resolves when the connection takes more. */
  send(data: Uint8Array): Promise<void>;
  close(): void;
}

/**
 * Accepts the upgrade. `onData` gets the data of every message, `onEnd` is called once when the client sends no more.
 * @throws invalid when the request is no WebSocket handshake.
 */
export function acceptWebSocket(
  exchange: Exchange,
  options: { binary: boolean; onData: (data: Uint8Array) => Promise<void>; onEnd: () => void },
): WebSocketPeer {
  const key = exchange.request.headers["sec-websocket-key"];
  if (exchange.upgradeProtocol !== "websocket" || typeof key !== "string") {
    throw new NaruError("invalid", "not a WebSocket handshake: send Upgrade: websocket and Sec-WebSocket-Key");
  }
  const connection = exchange.takeConnection();
  const protocol = exchange.request.headers["sec-websocket-protocol"]?.split(",", 1)[0]?.trim();
  connection.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n` +
      `${protocol === undefined ? "" : `Sec-WebSocket-Protocol: ${protocol}\r\n`}\r\n`,
  );
  readMessages(connection, options);
  const opcode = options.binary ? OPCODES.binary : OPCODES.text;
  return {
    send: (data) => writeAll(connection, encodeWebSocketFrame(opcode, data), exchange.signal),
    close: () => {
      if (connection.writable) connection.write(encodeWebSocketFrame(OPCODES.close, new Uint8Array([0x03, 0xe8])));
      closeGently(connection);
    },
  };
}

function readMessages(
  connection: Duplex,
  options: { onData: (data: Uint8Array) => Promise<void>; onEnd: () => void },
): void {
  const reader = new WebSocketFrameReader();
  let ended = false;
  const end = () => {
    if (!ended) options.onEnd();
    ended = true;
  };
  connection.once("end", end);
  connection.once("close", end);
  connection.on("data", async (chunk: Buffer) => {
    connection.pause();
    try {
      for (const frame of reader.push(chunk)) {
        if (frame.opcode === OPCODES.close) end();
        else if (frame.opcode === OPCODES.ping) connection.write(encodeWebSocketFrame(OPCODES.pong, frame.payload));
        else if (frame.opcode !== OPCODES.pong && !ended) await options.onData(frame.payload);
      }
      connection.resume();
    } catch {
      end();
      connection.destroy();
    }
  });
}
