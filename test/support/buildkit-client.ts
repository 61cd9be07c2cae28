/** A BuildKit client of the test's own, which can misbehave: a gRPC connection to a daemon, and a session that it serves. */
import { connect } from "node:net";
import { Duplex } from "node:stream";
import { GrpcClient } from "../../src/build/grpc/grpc-client.ts";
import { type GrpcMethods, serveGrpc } from "../../src/build/grpc/grpc-server.ts";
import type { TestDaemon } from "./daemon.ts";

/** A connection that the daemon has upgraded; what it says right after the upgrade is kept. */
async function upgrade(daemon: TestDaemon, path: string, headers: Record<string, string> = {}): Promise<Duplex> {
  const socket = connect(daemon.socketPath);
  const connection = new Duplex({
    read() {},
    write: (chunk, _encoding, done) => void socket.write(chunk, () => done()),
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  const lines = Object.entries({ Host: "x", Connection: "Upgrade", Upgrade: "h2c", ...headers });
  socket.write(`POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let isUpgraded = false;
  socket.on("data", (data: Buffer) => {
    const head = isUpgraded ? 0 : data.indexOf("\r\n\r\n") + 4;
    if (!isUpgraded && !data.toString("latin1").startsWith("HTTP/1.1 101")) {
      reject(new Error(data.toString("latin1").split("\r\n")[0]));
      return;
    }
    isUpgraded = true;
    if (head < data.length) connection.push(data.subarray(head));
    resolve();
  });
  socket.on("error", (error) => reject(error));
  socket.on("close", () => connection.destroy());
  await promise;
  return connection;
}

export async function openBuilder(daemon: TestDaemon): Promise<GrpcClient> {
  return new GrpcClient(await upgrade(daemon, "/grpc"));
}

/** Serves these methods as the session `id`; dispose of it to cut it. */
export async function openSession(daemon: TestDaemon, id: string, methods: GrpcMethods): Promise<Disposable> {
  const socket = await upgrade(daemon, "/session", {
    "X-Docker-Expose-Session-Uuid": id,
    "X-Docker-Expose-Session-Grpc-Method": Object.keys(methods).join(","),
  });
  void serveGrpc(socket, methods, () => {});
  return { [Symbol.dispose]: () => void socket.destroy() };
}
