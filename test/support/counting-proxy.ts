/** A TCP proxy on a port of its own that counts the bytes of both directions, and can act as if its server were away. */
import { connect, createServer, type Socket } from "node:net";

export interface CountingProxy extends AsyncDisposable {
  /** "127.0.0.1:PORT". */
  readonly host: string;
  /** Bytes that went to the server, and that came from it, since the last reset. */
  readonly sent: number;
  readonly received: number;
  reset(): void;
  /** Cuts all connections, and each new one, until back(). */
  away(): void;
  back(): void;
  /** Connections that came while it was away. */
  readonly refused: number;
}

export async function startCountingProxy(target: string): Promise<CountingProxy> {
  const [host = "", port = ""] = target.split(":");
  const counts = { sent: 0, received: 0 };
  const sockets = new Set<Socket>();
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  let isAway = false;
  let refused = 0;
  const server = createServer((client) => {
    if (isAway) {
      refused += 1;
      client.destroy();
      return;
    }
    const upstream = connect(Number(port), host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      socket.on("error", () => {
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("data", (piece) => {
      counts.sent += piece.length;
    });
    upstream.on("data", (piece) => {
      counts.received += piece.length;
    });
    client.pipe(upstream);
    upstream.pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as { port: number }).port}`,
    get sent() {
      return counts.sent;
    },
    get received() {
      return counts.received;
    },
    reset() {
      counts.sent = 0;
      counts.received = 0;
    },
    away() {
      isAway = true;
      cut();
    },
    back() {
      isAway = false;
    },
    get refused() {
      return refused;
    },
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
