/** A WebSocket of the API server: whole messages in both directions, ping, close. */
import type { Duplex } from "node:stream";
import { closeGently, writeAll } from "../../lib/stream-writing.ts";
import {
  acceptKey,
  encodeWebSocketFrame,
  OPCODES,
  type WebSocketFrame,
  WebSocketFrameReader,
} from "../../lib/websocket-frames.ts";
import { StatusError } from "../status.ts";
import type { ApiExchange } from "./api-exchange.ts";

const NORMAL_CLOSURE = Uint8Array.of(0x03, 0xe8);
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

export interface WebSocketEvents {
  /** Called one after the other; reading waits for each. */
  onMessage(data: Uint8Array): Promise<void>;
  /** The client sends no more: it closed, or is gone. */
  onClose(): void;
}

export interface WebSocketConnection {
  /** What was agreed on; "" for a client that offered none where none is needed. */
  readonly protocol: string;
  /** Resolves when the connection takes more. @throws when the client is gone */
  send(data: Uint8Array): Promise<void>;
  /** The same, as text. */
  sendText(data: Uint8Array): Promise<void>;
  close(): void;
}

/** A token that a browser, which can set no headers, gives as a protocol: this and the token in base64url. */
export const TOKEN_PROTOCOL = "base64url.bearer.authorization.k8s.io.";

/**
 * Accepts the first of the client's protocols that is one of `protocols`; with "any" whatever it offers first, or nothing.
 * @throws StatusError BadRequest when there is none, or the handshake is none
 */
export function acceptWebSocket(
  exchange: ApiExchange,
  protocols: readonly string[] | "any",
): {
  connection: WebSocketConnection;
  /** Begins to read; before it nothing is lost. */
  read(events: WebSocketEvents): void;
} {
  const key = exchange.header("sec-websocket-key");
  if (key === undefined) throw new StatusError("BadRequest", "not a WebSocket handshake: Sec-WebSocket-Key is missing");
  const offered = (exchange.header("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
  const isFit = (name: string) =>
    protocols === "any" ? name !== "" && !name.startsWith(TOKEN_PROTOCOL) : protocols.includes(name);
  const protocol = offered.find(isFit) ?? "";
  if (protocol === "" && protocols !== "any") {
    const list = protocols.join(", ");
    throw new StatusError("BadRequest", `no WebSocket protocol that this server speaks was offered: it speaks ${list}`);
  }
  const socket = exchange.takeConnection();
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n` +
      `${protocol === "" ? "" : `Sec-WebSocket-Protocol: ${protocol}\r\n`}\r\n`,
  );
  return {
    connection: {
      protocol,
      send: (data) => writeAll(socket, encodeWebSocketFrame(OPCODES.binary, data), exchange.signal),
      sendText: (data) => writeAll(socket, encodeWebSocketFrame(OPCODES.text, data), exchange.signal),
      close: () => {
        if (socket.writable) socket.write(encodeWebSocketFrame(OPCODES.close, NORMAL_CLOSURE));
        closeGently(socket);
      },
    },
    read: (events) => readMessages(socket, events),
  };
}

function readMessages(socket: Duplex, events: WebSocketEvents): void {
  const reader = new WebSocketFrameReader();
  const messages = new MessageJoiner();
  let ended = false;
  const end = () => {
    if (!ended) events.onClose();
    ended = true;
  };
  // One that went before we began to read tells it no more.
  if (socket.destroyed) {
    end();
    return;
  }
  socket.once("end", end);
  socket.once("close", end);
  socket.on("data", async (chunk: Buffer) => {
    socket.pause();
    try {
      for (const frame of reader.push(chunk)) {
        if (frame.opcode === OPCODES.close) end();
        else if (frame.opcode === OPCODES.ping) socket.write(encodeWebSocketFrame(OPCODES.pong, frame.payload));
        else if (frame.opcode !== OPCODES.pong && !ended) {
          const message = messages.push(frame);
          if (message !== undefined) await events.onMessage(message);
        }
      }
      socket.resume();
    } catch {
      end();
      socket.destroy();
    }
  });
}

/** A message may come in several frames. */
class MessageJoiner {
  #parts: Uint8Array[] = [];
  #length = 0;

  push({ isFinal, payload }: WebSocketFrame): Uint8Array | undefined {
    if (isFinal && this.#parts.length === 0) return payload;
    this.#parts.push(payload);
    this.#length += payload.length;
    if (this.#length > MAX_MESSAGE_BYTES) throw new StatusError("BadRequest", "a WebSocket message is too large");
    if (!isFinal) return undefined;
    const whole = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    return whole;
  }
}
