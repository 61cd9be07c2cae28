/** gRPC on connections whose other side goes away. */
import { expect, test } from "bun:test";
import { type Duplex, duplexPair } from "node:stream";
import { SessionRegistry } from "../../../src/build/buildkit/session-registry.ts";
import { GrpcClient } from "../../../src/build/grpc/grpc-client.ts";
import { serveGrpc } from "../../../src/build/grpc/grpc-server.ts";

/** A connection as a server has it that upgraded it: it stays half open when the other side ends. */
function pairOfConnections(): [Duplex, Duplex] {
  return duplexPair() as [Duplex, Duplex];
}

test("a client that ends its direction has left: its calls are cancelled, the connection is over", async () => {
  const [ours, theirs] = pairOfConnections();
  const started = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<void>();
  const wait = async ({ signal }: { signal: AbortSignal }) => {
    signal.addEventListener("abort", () => cancelled.resolve(), { once: true });
    started.resolve();
    await cancelled.promise;
  };
  const served = serveGrpc(ours, { "/x.X/Wait": wait }, () => {});
  const client = new GrpcClient(theirs);
  client.unary("/x.X/Wait", new Uint8Array(), AbortSignal.timeout(10_000)).catch(() => {});
  await started.promise;
  theirs.end();
  await cancelled.promise;
  await served;
  expect(ours.destroyed).toBe(true);
}, 10_000);

test("a server that ends its direction has left: calls fail, the connection is over", async () => {
  const [ours, theirs] = pairOfConnections();
  const client = new GrpcClient(ours);
  const call = client.unary("/x.X/Wait", new Uint8Array(), AbortSignal.timeout(10_000));
  theirs.resume();
  theirs.end();
  await expect(call).rejects.toThrow("the client's session has ended");
  await client.closed;
  expect(ours.destroyed).toBe(true);
}, 10_000);

test("who has given up already calls nobody and waits for no session", async () => {
  const [ours] = pairOfConnections();
  const gone = AbortSignal.abort(new Error("left"));
  const client = new GrpcClient(ours);
  await expect(client.unary("/x.X/Wait", new Uint8Array(), gone)).rejects.toThrow("left");
  client.close();
  await expect(new SessionRegistry().find("one", gone)).rejects.toThrow("left");
});
