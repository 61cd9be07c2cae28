/** The server's side of a WebSocket (RFC 6455), as much as attach needs: whole data in both directions, ping, close. */
import type { Duplex } from "node:stream";
import { NaruError } from "../lib/errors.ts";
import { closeGently, writeAll } from "../lib/stream-writing.ts";
import { acceptKey, encodeWebSocketFrame, OPCODES, WebSocketFrameReader } from "../lib/websocket-frames.ts";
import type { Exchange } from "./exchange.ts";

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
  // One that went before we began to read tells it no more.
  if (connection.destroyed) {
    end();
    return;
  }
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
