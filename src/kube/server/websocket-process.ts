/**
 * A process over a WebSocket: the first byte of each message is its channel. v5.channel.k8s.io can end a channel (byte 255, then
 * its number), v4 cannot; in the oldest the error channel holds text instead of a Status.
 */
import type { ApiExchange } from "./api-exchange.ts";
import type { ProcessInput, ProcessPeer } from "./remote-process.ts";
import { acceptWebSocket, type WebSocketConnection } from "./websocket-connection.ts";

const CHANNELS = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, end: 255 } as const;
const PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io"];

/** @throws StatusError BadRequest */
export function acceptWebSocketProcess(exchange: ApiExchange, input: ProcessInput): ProcessPeer {
  const { connection, read } = acceptWebSocket(exchange, PROTOCOLS);
  let isInputOpen = true;
  const endInput = () => {
    if (isInputOpen) input.onInputEnd();
    isInputOpen = false;
  };
  read({
    async onMessage(message) {
      const [channel] = message;
      const data = message.subarray(1);
      if (channel === CHANNELS.stdin) {
        if (isInputOpen && data.length > 0) await input.onInput(data);
      } else if (channel === CHANNELS.resize) resize(input, data);
      else if (channel === CHANNELS.end && data[0] === CHANNELS.stdin) endInput();
    },
    onClose() {
      endInput();
      input.onGone();
    },
  });
  return {
    write: (stream, data) => connection.send(framed(CHANNELS[stream], data)),
    finish: async (status) => {
      await connection.send(framed(CHANNELS.error, errorBytes(connection, status)));
      connection.close();
    },
  };
}

function errorBytes({ protocol }: WebSocketConnection, status: unknown): Uint8Array {
  const { status: outcome, message = "" } = status as { status?: string; message?: string };
  const isOldest = protocol === "channel.k8s.io";
  const text = isOldest ? (outcome === "Success" ? "" : message) : JSON.stringify(status);
  return new TextEncoder().encode(text);
}

/** {"Width":80,"Height":24} */
export function resize(input: ProcessInput, data: Uint8Array): void {
  try {
    const { Width, Height } = JSON.parse(new TextDecoder().decode(data)) as { Width?: number; Height?: number };
    if (Width && Height) input.onResize(Height, Width);
  } catch {
    // A size that cannot be read changes nothing.
  }
}

function framed(channel: number, data: Uint8Array): Uint8Array {
  const frame = new Uint8Array(data.length + 1);
  frame[0] = channel;
  frame.set(data, 1);
  return frame;
}
