/** Probes against servers that behave in all sorts of ways. */

import { afterAll, describe, expect, test } from "bun:test";
import { createServer, type ServerHttp2Stream } from "node:http2";
import { checkGrpcHealth } from "../../../../src/kube/node/probes/grpc-health.ts";
import { requestOnce } from "../../../../src/kube/node/probes/http-request.ts";

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/moved") return new Response("", { status: 302, headers: { location: "/header" } });
    if (pathname === "/away") return new Response("", { status: 302, headers: { location: "http://192.0.2.1/" } });
    if (pathname === "/loop") return new Response("", { status: 302, headers: { location: "/loop" } });
    if (pathname === "/slow") return Bun.sleep(5000).then(() => new Response(""));
    if (pathname === "/header")
      return new Response("x".repeat(1e6), { status: request.headers.get("user-agent") === "probe" ? 204 : 500 });
    return new Response("", { status: 503 });
  },
});
afterAll(() => server.stop(true));

describe("http", () => {
  const ask = (path: string, ms = 5000) =>
    requestOnce({ address: "127.0.0.1", port: server.port!, path, agent: "probe" }, AbortSignal.timeout(ms));
  test.each([
    ["/header", 204],
    ["header", 204],
    ["/moved", 204],
    ["/away", 302],
    ["/other", 503],
  ])("%s: %d", async (path, status) => expect((await ask(path)).status).toBe(status));

  test("a circle of redirects, silence, and nobody there are told", async () => {
    await expect(ask("/loop")).rejects.toThrow("stopped after 10 redirects");
    await expect(ask("/slow", 50)).rejects.toThrow();
    const request = { address: "127.0.0.1", port: 1, agent: "probe" };
    await expect(requestOnce(request, AbortSignal.timeout(5000))).rejects.toThrow();
  });

  test("what is no HTTP is told", async () => {
    using talker = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { open: (socket) => void socket.end("SSH-2.0\r\n\r\n"), data() {} },
    });
    const request = { address: "127.0.0.1", port: talker.port, agent: "probe" };
    await expect(requestOnce(request, AbortSignal.timeout(5000))).rejects.toThrow("malformed HTTP response");
  });
});

test("grpc: serving, not serving, an error, an unknown service", async () => {
  const asked: string[] = [];
  const peer = createServer();
  peer.on("stream", (stream: ServerHttp2Stream, headers) => {
    const parts: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => parts.push(chunk));
    stream.on("end", () => {
      const service = Buffer.concat(parts).subarray(7).toString();
      asked.push(`${headers[":path"]} ${service}`);
      if (service === "unknown") {
        stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": "5" }, { endStream: true });
        return;
      }
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, service === "bad" ? 2 : 1]));
    });
  });
  await new Promise<void>((resolve) => peer.listen(0, "127.0.0.1", () => resolve()));
  const { port } = peer.address() as { port: number };
  const check = (service: string) => checkGrpcHealth("127.0.0.1", port, service, AbortSignal.timeout(5000));
  try {
    await check("");
    await check("good");
    await expect(check("bad")).rejects.toThrow("NOT_SERVING");
    await check("bad").catch(() => {});
    await expect(check("unknown")).rejects.toThrow("answered with an error");
    expect(asked.slice(0, 2)).toEqual(["/grpc.health.v1.Health/Check ", "/grpc.health.v1.Health/Check good"]);
  } finally {
    peer.close();
  }
});
