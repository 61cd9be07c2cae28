/** A TCP proxy on a port of its own that counts the bytes of both directions. */
import { connect, createServer, type Socket } from "node:net";

export interface CountingProxy extends AsyncDisposable {
  /** "127.0.0.1:PORT". */
  readonly host: string;
  /** Bytes that went to the server, and that came from it, since the last reset. */
  readonly sent: number;
  readonly received: number;
  reset(): void;
}

export async function startCountingProxy(target: string): Promise<CountingProxy> {
  const [host = "", port = ""] = target.split(":");
  const counts = { sent: 0, received: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
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
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
