/**
 * Ports over a WebSocket's channels (?ports=80&ports=443): two channels a port, the even one for data and the odd one for what goes
 * wrong. The first message on each is the port's number, little-endian.
 */
import { errorText } from "../../lib/errors.ts";
import type { PodConnection } from "../node/contract.ts";
import { StatusError } from "../status.ts";
import type { ApiExchange } from "./api-exchange.ts";
import type { OpenPort } from "./port-forward.ts";
import type { WebSocketConnection, WebSocketEvents } from "./websocket-connection.ts";

const END_OF_CHANNEL = 255;

export async function forwardChannels(
  exchange: ApiExchange,
  socket: WebSocketConnection,
  read: (events: WebSocketEvents) => void,
  connect: OpenPort,
): Promise<void> {
  const ports = exchange.query.getAll("ports").flatMap((list) => list.split(",").map(Number));
  if (ports.length === 0 || ports.some((port) => !(port > 0 && port < 65536))) {
    socket.close();
    throw new StatusError("BadRequest", "query parameter ports must name one or more ports");
  }
  const connections = new Map<number, PodConnection>();
  await Promise.all(ports.map((port, index) => announce(socket, port, index)));
  await Promise.all(ports.map((port, index) => open(socket, connect, connections, port, index)));
  read({
    async onMessage(message) {
      const [channel = 0] = message;
      if (channel === END_OF_CHANNEL) connections.get(message[1] ?? 0)?.end();
      else
        await connections
          .get(channel)
          ?.write(message.subarray(1))
          .catch(() => {});
    },
    onClose() {
      for (const connection of connections.values()) connection.close();
    },
  });
  await Promise.all([...connections].map(([channel, connection]) => copy(socket, channel, connection)));
  if (!exchange.signal.aborted) socket.close();
}

async function announce(socket: WebSocketConnection, port: number, index: number): Promise<void> {
  for (const channel of [2 * index, 2 * index + 1]) await socket.send(Uint8Array.of(channel, port & 0xff, port >> 8));
}

async function open(
  socket: WebSocketConnection,
  connect: OpenPort,
  connections: Map<number, PodConnection>,
  port: number,
  index: number,
): Promise<void> {
  try {
    connections.set(2 * index, await connect(port));
  } catch (error) {
    const text = new TextEncoder().encode(`error forwarding port ${port}: ${errorText(error)}`);
    // A client that is gone is told of by the reading side, which closes the other ports.
    await socket.send(Buffer.concat([Buffer.of(2 * index + 1), text])).catch(() => {});
  }
}

async function copy(socket: WebSocketConnection, channel: number, connection: PodConnection): Promise<void> {
  try {
    for await (const data of connection.data) await socket.send(Buffer.concat([Buffer.of(channel), data]));
  } catch {
    // One of the two is gone; the other is told by the end.
  } finally {
    connection.close();
  }
}
