import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { ApiClient } from "../../../src/cli/client.ts";
import { ChunkedDecoder } from "../../../src/lib/http-chunked.ts";
import { HttpClient } from "../../../src/lib/http-client.ts";

let folder: string;
let path: string;
let server: http.Server;
let connections = 0;
const seen: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync("/tmp/naru-client-");
  path = join(folder, "api.sock");
  server = http.createServer((request, response) => answer(request, response));
  server.on("connection", (socket: Socket) => {
    connections++;
    socket.allowHalfOpen = true;
  });
  // Answers with what it received, once the other side has said that no more comes.
  server.on("upgrade", (_request, socket: Socket, head: Buffer) => {
    socket.write("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nhello ");
    const received = [head];
    socket.on("data", (bytes: Buffer) => received.push(bytes));
    socket.on("end", () => socket.end(`got ${Buffer.concat(received).length}`));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  const url = request.url ?? "";
  seen.push(`${request.method} ${url}`);
  const json = (status: number, value: unknown) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
  };
  if (url.startsWith("/v1.51/old")) {
    json(400, { message: "client version 1.51 is too new. Maximum supported API version is 1.47" });
  } else if (url.includes("/old")) json(200, { url });
  else if (url.includes("/missing")) json(404, { message: "No such container: x" });
  else if (url.includes("/plain-error")) response.writeHead(500).end("broken\n");
  else if (url.includes("/lines")) {
    response.write('{"a":1}\n{"a"');
    setTimeout(() => response.end(":2}\n"), 5);
  } else if (url.includes("/forever")) response.write("x");
  else if (url.includes("/empty")) response.writeHead(204).end();
  else {
    const body: Buffer[] = [];
    request.on("data", (bytes: Buffer) => body.push(bytes));
    request.on("end", () => json(200, { url, body: Buffer.concat(body).toString(), headers: request.headers }));
  }
}

const open = (program = "naru") => new ApiClient({ host: `unix://${path}`, target: { kind: "unix", path } }, program);

describe("ApiClient", () => {
  test("requests use one connection again, with the version in the path", async () => {
    const before = connections;
    const client = open();
    for (let i = 0; i < 3; i++) {
      const { url } = await client.get<{ url: string }>("/containers/json", {
        query: { all: true, size: false, n: 2 },
      });
      expect(url).toBe("/v1.51/containers/json?all=1&n=2");
    }
    await client.post("/empty");
    expect(connections - before).toBe(1);
    client.close();
  });

  test("filters, lists and special characters in queries", async () => {
    const client = open();
    const { url } = await client.get<{ url: string }>("/x", { query: { filters: { name: ["a&b"] }, t: ["1", "2"] } });
    expect(decodeURIComponent(url)).toBe('/v1.51/x?filters={"name":{"a&b":true}}&t=1&t=2');
    expect(url).not.toContain("a&b");
    client.close();
  });

  test("a daemon of an older version is spoken to in its own, without a ping", async () => {
    const client = open();
    seen.length = 0;
    expect(await client.get<{ url: string }>("/old")).toEqual({ url: "/v1.47/old" });
    expect(await client.get<{ url: string }>("/old/again")).toEqual({ url: "/v1.47/old/again" });
    expect(seen).toEqual(["GET /v1.51/old", "GET /v1.47/old", "GET /v1.47/old/again"]);
    client.close();
  });

  test("the daemon's errors keep its words", async () => {
    const client = open();
    await expect(client.get("/missing")).rejects.toThrow("Error response from daemon: No such container: x");
    await expect(client.get("/plain-error")).rejects.toThrow("Error response from daemon: broken");
    client.close();
  });

  test("a stream of bodies is sent in chunks", async () => {
    const client = open();
    async function* body() {
      yield Buffer.from("one ");
      yield Buffer.from("two");
    }
    const answered = await (await client.send("PUT", "/x", { body: body() })).json<{ body: string }>();
    expect(answered.body).toBe("one two");
    client.close();
  });

  test("lines may be cut anywhere", async () => {
    const client = open();
    const lines: unknown[] = [];
    for await (const line of client.sendForLines("GET", "/lines")) lines.push(line);
    expect(lines).toEqual([{ a: 1 }, { a: 2 }]);
    client.close();
  });

  test("a hijacked stream is half-closed and read to its end", async () => {
    const client = open();
    const stream = await client.hijack("/attach");
    await stream.write(Buffer.alloc(300_000));
    stream.closeWrite();
    let text = "";
    for (let bytes = await stream.read(); bytes; bytes = await stream.read()) text += new TextDecoder().decode(bytes);
    expect(text).toBe("hello got 300000");
    client.close();
  });

  test("aborting ends a request that hangs", async () => {
    const client = open();
    const controller = new AbortController();
    const answered = await client.send("GET", "/forever", { signal: controller.signal });
    setTimeout(() => controller.abort(), 10);
    const read = async () => {
      for await (const _ of answered.chunks());
    };
    await expect(read()).rejects.toThrow();
    client.close();
  });

  test("a daemon that is not there is named, with what to do", async () => {
    const target = { kind: "unix", path: join(folder, "nobody.sock") } as const;
    const host = "unix:///nobody.sock";
    await expect(new ApiClient({ host, target }, "naru").get("/x")).rejects.toThrow(
      "Cannot connect to the naru daemon at unix:///nobody.sock. Is the naru daemon running? Start it as root with: naru daemon",
    );
    await expect(new ApiClient({ host, target }, "docker").get("/x")).rejects.toThrow(
      "Cannot connect to the Docker daemon at unix:///nobody.sock. Is the docker daemon running?",
    );
  });
});

describe("HttpClient", () => {
  test("warm connections are taken by the next requests", async () => {
    const before = connections;
    const client = new HttpClient({ kind: "unix", path });
    client.warm(2);
    const answers = await Promise.all([1, 2].map(() => client.send({ method: "GET", path: "/x" })));
    for (const { text } of answers) await text();
    expect(connections - before).toBe(2);
    client.close();
  });
});

describe("ChunkedDecoder", () => {
  const wire = Buffer.from("3\r\nabc\r\n5;ext=1\r\ndefgh\r\n0\r\nTrailer: x\r\n\r\nnext");
  test("the payload is the same however the bytes are cut", () => {
    for (let size = 1; size <= wire.length; size++) {
      const decoder = new ChunkedDecoder();
      let text = "";
      let rest = "";
      for (let at = 0; at < wire.length; at += size) {
        if (decoder.isDone) rest += wire.toString("latin1", at, at + size);
        else {
          text += Buffer.from(decoder.decode(Buffer.from(wire.subarray(at, at + size)))).toString();
          if (decoder.isDone) rest += Buffer.from(decoder.rest).toString();
        }
      }
      expect([text, rest]).toEqual(["abcdefgh", "next"]);
    }
  });
  test("a malformed size is refused", () => {
    expect(() => new ChunkedDecoder().decode(Buffer.from("xyz\r\n"))).toThrow('malformed chunk size "xyz"');
  });
});
