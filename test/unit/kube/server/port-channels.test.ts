import { expect, test } from "bun:test";
import { Duplex } from "node:stream";
import type { PodConnection } from "../../../../src/kube/node/contract.ts";
import type { ApiExchange } from "../../../../src/kube/server/api-exchange.ts";
import { forwardChannels } from "../../../../src/kube/server/port-channels.ts";
import { acceptWebSocket } from "../../../../src/kube/server/websocket-connection.ts";

/** A client's connection, as far as the forwarder sees it. */
function client(query: string) {
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const gone = new AbortController();
  socket.once("close", () => gone.abort());
  const headers: Record<string, string> = {
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-protocol": "v4.channel.k8s.io",
  };
  const exchange = {
    query: new URLSearchParams(query),
    signal: gone.signal,
    header: (name: string) => headers[name],
    takeConnection: () => socket,
  } as unknown as ApiExchange;
  return { socket, exchange };
}

/** A port where nothing is ever said. */
function silentPort() {
  const closed = Promise.withResolvers<void>();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  void closed.promise.then(() => writable.close());
  const connection: PodConnection = {
    data: readable as unknown as AsyncIterable<Uint8Array>,
    write: async () => {},
    end() {},
    close: () => closed.resolve(),
  };
  return { connection, closed: closed.promise };
}

test.each([
  ["while its ports are opened", "ports=80"],
  ["while one of its ports is refused", "ports=80&ports=81"],
])("a client that goes %s leaves no connection behind", async (_, query) => {
  const { socket, exchange } = client(query);
  const { connection, read } = acceptWebSocket(exchange, ["v4.channel.k8s.io"]);
  const port = silentPort();
  const goes = new Promise((resolve) => socket.once("close", resolve));
  const forwarding = forwardChannels(exchange, connection, read, async (number) => {
    socket.destroy();
    await goes;
    if (number === 81) throw new Error("connection refused");
    return port.connection;
  });
  await forwarding;
  await port.closed;
  expect(exchange.signal.aborted).toBe(true);
});
