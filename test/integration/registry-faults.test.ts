/** The registry client against a registry that fails: broken, slow, lying, overloaded, and one that points elsewhere. */
import { describe, expect, test } from "bun:test";
import type { ServerResponse } from "node:http";
import { eventually } from "../support/daemon.ts";
import { blobOf, collect, digestOf, sourceOf, testClient, testRepository } from "../support/registry-content.ts";
import { refuse, type ScriptedRequest, startScriptedRegistry } from "../support/scripted-registry.ts";

const { bytes, descriptor } = blobOf(900_000);
const BLOB = `/v2/a/blobs/${descriptor.digest}`;

/** Answers with the blob from where the Range header wants it. */
function sendBlob({ headers }: ScriptedRequest, response: ServerResponse, upTo = bytes.length): void {
  const start = Number(/^bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);
  const range = { "Content-Range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
  response.writeHead(start > 0 ? 206 : 200, { "Content-Length": bytes.length - start, ...(start > 0 && range) });
  if (upTo >= bytes.length) return void response.end(bytes.subarray(start));
  response.write(bytes.subarray(start, upTo), () => setTimeout(() => response.destroy(), 30));
}

describe("downloads", () => {
  test("a connection that breaks again and again is resumed where it broke", async () => {
    await using registry = await startScriptedRegistry((request, response) => {
      sendBlob(request, response, request.count * 150_000);
    });
    const waits: number[] = [];
    const repository = testRepository(registry.host, "a");
    const got = await collect(repository.readBlob(descriptor, { onRetry: (seconds) => waits.push(seconds) }));
    expect(digestOf(got)).toBe(descriptor.digest);
    const ranges = registry.requests.map(({ headers }) => headers.range);
    // More breaks than attempts: what moves is never given up.
    expect(ranges).toEqual([undefined, ...[1, 2, 3, 4, 5].map((count) => `bytes=${count * 150_000}-`)]);
    expect(waits).toHaveLength(5);
  });

  test("a server that ignores Range sends all again, and no byte comes twice", async () => {
    await using registry = await startScriptedRegistry((request, response) => {
      request.headers.range = undefined;
      sendBlob(request, response, request.count === 1 ? 400_000 : undefined);
    });
    expect(digestOf(await collect(testRepository(registry.host, "a").readBlob(descriptor)))).toBe(descriptor.digest);
    expect(registry.seen).toHaveLength(2);
  });

  test("a body that ends too early in good order is resumed too", async () => {
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.count > 1) return sendBlob(request, response);
      response.writeHead(200, { "Transfer-Encoding": "chunked" });
      response.end(bytes.subarray(0, 1234));
    });
    expect(digestOf(await collect(testRepository(registry.host, "a").readBlob(descriptor)))).toBe(descriptor.digest);
    expect(registry.requests[1]!.headers.range).toBe("bytes=1234-");
  });

  test("a server that stands still is left and asked again", async () => {
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.count > 1) return sendBlob(request, response);
      response.writeHead(200, { "Content-Length": bytes.length });
      response.write(bytes.subarray(0, 5000));
    });
    expect(digestOf(await collect(testRepository(registry.host, "a").readBlob(descriptor)))).toBe(descriptor.digest);
    expect(registry.requests[1]!.headers.range).toMatch(/^bytes=\d+-$/);
  });

  test("a reader that takes its time is not taken for a server that stands still", async () => {
    await using registry = await startScriptedRegistry((request, response) => sendBlob(request, response));
    let size = 0;
    for await (const piece of testRepository(registry.host, "a").readBlob(descriptor)) {
      if (size === 0) await Bun.sleep(1000);
      size += piece.length;
    }
    expect(size).toBe(descriptor.size);
    expect(registry.seen).toHaveLength(1);
  });

  test.each<[string, (request: ScriptedRequest, response: ServerResponse) => void, RegExp, string]>([
    [
      "wrong bytes",
      (_request, response) => response.end(blobOf(900_000, 2).bytes),
      /^verification failed for digest sha256:/,
      "invalid",
    ],
    [
      "more bytes than promised",
      (_request, response) => response.end(blobOf(900_001).bytes),
      /sends more than the 900000 bytes it promised/,
      "invalid",
    ],
    [
      "a range that was not asked for",
      (request, response) => {
        if (request.count === 1) return sendBlob(request, response, 1000);
        response.writeHead(206, { "Content-Range": "bytes 2000-899999/900000" });
        response.end(bytes.subarray(2000));
      },
      /another range than asked for/,
      "unavailable",
    ],
    ["nothing at all", (request) => request.raw.socket.destroy(), /unexpected EOF/, "unavailable"],
    [
      "a range that is refused",
      (request, response) =>
        request.count === 1
          ? sendBlob(request, response, 1000)
          : refuse(response, 416, "RANGE_INVALID", "invalid content range"),
      /^range invalid: invalid content range$/,
      "invalid",
    ],
    [
      "no blob",
      (_request, response) => refuse(response, 404, "BLOB_UNKNOWN", "blob unknown to registry"),
      /^blob unknown: blob unknown/,
      "not-found",
    ],
  ])("%s: an error that says so", async (_what, script, message, kind) => {
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.url === BLOB) script(request, response);
    });
    const reading = collect(testRepository(registry.host, "a").readBlob(descriptor));
    await expect(reading).rejects.toMatchObject({ kind, message: expect.stringMatching(message) });
    expect(registry.seen.length).toBeLessThanOrEqual(5);
  });

  test("an abort ends a download at once, and its connection", async () => {
    let isClosed = false;
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.url !== BLOB) return;
      response.writeHead(200, { "Content-Length": bytes.length });
      response.write(bytes.subarray(0, 5000));
      request.raw.socket.on("close", () => {
        isClosed = true;
      });
    });
    const controller = new AbortController();
    const reading = collect(testRepository(registry.host, "a").readBlob(descriptor, { signal: controller.signal }));
    reading.catch(() => {});
    await eventually(() => registry.seen.length === 1);
    controller.abort(new Error("no more"));
    await expect(reading).rejects.toThrow("no more");
    await eventually(() => isClosed);
    expect(registry.seen).toHaveLength(1);
  });

  test("a reader that stops stops the server: memory does not fill", async () => {
    const size = 200 * 1024 * 1024;
    const piece = Buffer.alloc(1024 * 1024);
    let sent = 0;
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.url === "/v2/") return;
      response.writeHead(200, { "Content-Length": size });
      const more = () => {
        while (sent < size && !response.destroyed) {
          sent += piece.length;
          if (!response.write(piece)) return;
        }
      };
      response.on("drain", more);
      more();
    });
    const large = { ...descriptor, size };
    const reader = testRepository(registry.host, "a").readBlob(large)[Symbol.asyncIterator]();
    await reader.next();
    // What stands between the two is sockets' buffers, some of the reader's, and what this very server has queued.
    await eventually(async () => {
      const before = sent;
      await Bun.sleep(300);
      return sent === before;
    });
    expect(sent).toBeLessThan(64 * 1024 * 1024);
    await reader.return?.();
  });

  test("a foreign layer comes from the address that it names, without the login", async () => {
    await using elsewhere = await startScriptedRegistry((request, response) => sendBlob(request, response));
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { "WWW-Authenticate": 'Basic realm="x"' }).end();
      } else if (request.url !== "/v2/") refuse(response, 404, "BLOB_UNKNOWN", "");
    });
    const foreign = { ...descriptor, urls: [`http://${elsewhere.host}/layer`] };
    const repository = testRepository(registry.host, "a", { credentials: { username: "u", password: "p" } });
    expect(digestOf(await collect(repository.readBlob(foreign)))).toBe(descriptor.digest);
    expect(elsewhere.requests[0]!.headers.authorization).toBeUndefined();
  });
});

describe("busy registries", () => {
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, config: {}, layers: [] }));
  const sendManifest = (response: ServerResponse) =>
    response.writeHead(200, { "Content-Type": "application/vnd.oci.image.manifest.v1+json" }).end(manifest);

  test.each([
    ["503", (response: ServerResponse) => void response.writeHead(503).end("busy")],
    [
      "429 that ends soon",
      (response: ServerResponse) => refuse(response, 429, "TOOMANYREQUESTS", "slow down", { "Retry-After": "0" }),
    ],
    ["a broken connection", (response: ServerResponse) => void response.socket?.destroy()],
  ])("a burst of %s is sat out", async (_what, fail) => {
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.url === "/v2/") return;
      if (request.count <= 2) return fail(response);
      sendManifest(response);
    });
    const { descriptor: found } = await testRepository(registry.host, "a").fetchManifest("1");
    expect(found.digest).toBe(digestOf(manifest));
    expect(registry.seen).toHaveLength(3);
  });

  test.each<[string, (response: ServerResponse) => void, string, string, number]>([
    [
      "503",
      (response) => void response.writeHead(503).end(),
      "received unexpected HTTP status: 503 Service Unavailable",
      "unavailable",
      4,
    ],
    [
      "the pull limit",
      (response) =>
        refuse(response, 429, "TOOMANYREQUESTS", "You have reached your pull rate limit.", { "Retry-After": "21600" }),
      "toomanyrequests: You have reached your pull rate limit.",
      "rate-limited",
      1,
    ],
    [
      "a limit without words",
      (response) => void response.writeHead(429).end("slow down"),
      "toomanyrequests: slow down",
      "rate-limited",
      1,
    ],
    ["denied", (response) => refuse(response, 403, "DENIED", "nope"), "denied: nope", "not-found", 1],
    [
      "words for the terminal to obey",
      (response) => refuse(response, 403, "DENIED", "\x1b]0;title\x07no\u009b31m way\n"),
      "denied:  ]0;title no 31m way",
      "not-found",
      1,
    ],
    [
      "no JSON",
      (response) => void response.writeHead(200).end("<html>"),
      "the registry sent a manifest that is no JSON",
      "invalid",
      1,
    ],
    [
      "too much",
      (response) => void response.writeHead(200).end(Buffer.alloc(5_000_000)),
      "is longer than 4194304 bytes",
      "invalid",
      1,
    ],
    [
      "another digest than it tells",
      (response) =>
        void response
          .writeHead(200, {
            "Content-Type": "application/vnd.oci.image.manifest.v1+json",
            "Docker-Content-Digest": digestOf("x"),
          })
          .end(manifest),
      `manifest verification failed for digest ${digestOf("x")}`,
      "invalid",
      1,
    ],
  ])("what does not pass is told: %s", async (_what, answer, message, kind, requests) => {
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.url !== "/v2/") answer(response);
    });
    const asking = testRepository(registry.host, "a").fetchManifest("1");
    await expect(asking).rejects.toMatchObject({ kind, message: expect.stringContaining(message) });
    expect(registry.seen).toHaveLength(requests);
  });

  test("nobody listens: told in docker's words", async () => {
    await expect(testRepository("127.0.0.1:1", "a").resolve("1")).rejects.toMatchObject({
      kind: "unavailable",
      message: 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    });
    await expect(testRepository("no-such-host.invalid", "a").resolve("1")).rejects.toThrow(
      'Get "https://no-such-host.invalid/v2/": dial tcp: lookup no-such-host.invalid: no such host',
    );
  });

  test("a manifest asked for by its digest must have it", async () => {
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.url !== "/v2/") sendManifest(response);
    });
    await expect(testRepository(registry.host, "a").fetchManifest(digestOf("other"))).rejects.toThrow(
      `manifest verification failed for digest ${digestOf("other")}`,
    );
  });
});

describe("redirects", () => {
  test("to another host go without the login, to the same host with it", async () => {
    await using storage = await startScriptedRegistry((request, response) => sendBlob(request, response));
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { "WWW-Authenticate": 'Basic realm="x"' }).end();
      } else if (request.url === BLOB) response.writeHead(307, { Location: "/moved" }).end();
      else if (request.url === "/moved")
        response.writeHead(307, { Location: `http://${storage.host}/blob?signed=1` }).end();
    });
    const repository = testRepository(registry.host, "a", { credentials: { username: "u", password: "p" } });
    expect(digestOf(await collect(repository.readBlob(descriptor)))).toBe(descriptor.digest);
    expect(registry.requests.find(({ url }) => url === "/moved")!.headers.authorization).toBe(`Basic ${btoa("u:p")}`);
    expect(storage.seen).toEqual(["GET /blob?signed=1"]);
    expect(storage.requests[0]!.headers.authorization).toBeUndefined();
  });

  test("to a host that asks for a login do not get it", async () => {
    const challenge = (host: string) => ({ "WWW-Authenticate": `Bearer realm="http://${host}/token"` });
    await using evil: Awaited<ReturnType<typeof startScriptedRegistry>> = await startScriptedRegistry(
      (_request, response) => void response.writeHead(401, challenge(evil.host)).end(),
    );
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.url !== "/v2/") response.writeHead(307, { Location: `http://${evil.host}/blob` }).end();
    });
    const repository = testRepository(registry.host, "a", { credentials: { username: "u", password: "p" } });
    await expect(collect(repository.readBlob(descriptor))).rejects.toMatchObject({ kind: "unauthorized" });
    expect(evil.seen).toEqual(["GET /blob"]);
  });

  test("without an end are given up", async () => {
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.url !== "/v2/") response.writeHead(307, { Location: request.url }).end();
    });
    const url = `http://${registry.host}/v2/a/manifests/1`;
    await expect(testRepository(registry.host, "a").fetchManifest("1")).rejects.toThrow(
      `Get "${url}": stopped after 10 redirects`,
    );
    expect(registry.seen).toHaveLength(11);
  });
});

describe("addresses that a registry gives", () => {
  test("files are never read", async () => {
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.method === "POST") response.writeHead(202, { Location: "file:///etc/hostname" }).end();
      else if (request.url.includes("/tags/")) {
        response.setHeader("Link", '<file:///etc/hostname>; rel="next"');
        response.end('{"tags":["a"]}');
      } else if (request.url !== "/v2/") response.writeHead(307, { Location: "file:///etc/hostname" }).end();
    });
    const repository = testRepository(registry.host, "a");
    const only = "only http:// and https:// addresses are asked";
    await expect(repository.pushBlob(descriptor, sourceOf(bytes))).rejects.toThrow(only);
    await expect(Array.fromAsync(repository.listTags())).rejects.toThrow(only);
    await expect(repository.fetchManifest("1")).rejects.toThrow("redirect");
    const foreign = { ...descriptor, urls: ["file:///etc/hostname"] };
    await expect(collect(repository.readBlob(foreign))).rejects.toThrow("redirect");
  });

  test("pages that lead in a circle are left", async () => {
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.url === "/v2/") return;
      response.setHeader("Link", '</v2/a/tags/list?again>; rel="next"');
      response.end('{"tags":["a"]}');
    });
    const tags = Array.fromAsync(testRepository(registry.host, "a").listTags());
    await expect(tags).rejects.toThrow("lead in a circle");
    expect(registry.seen).toHaveLength(2);
  });
});

describe("tokens", () => {
  const challenge = (host: string) => ({ "WWW-Authenticate": `Bearer realm="http://${host}/token",service="s"` });

  test("a token that has ended is renewed once, in the middle of an upload too", async () => {
    let valid = "t1";
    const { bytes: content, descriptor: blob } = blobOf(700_000, 9);
    let stored: Buffer = Buffer.alloc(0);
    await using registry: Awaited<ReturnType<typeof startScriptedRegistry>> = await startScriptedRegistry(
      async (request, response) => {
        if (request.url.startsWith("/token")) return response.end(JSON.stringify({ token: valid, expires_in: 3600 }));
        if (request.method === "PATCH" && request.count === 1) valid = "t2";
        const body = await request.body();
        if (request.headers.authorization !== `Bearer ${valid}`)
          return response.writeHead(401, challenge(registry.host)).end();
        if (request.method === "POST") return response.writeHead(202, { Location: "/session" }).end();
        if (request.method === "PATCH") {
          stored = body;
          return response.writeHead(202, { Location: "/session" }).end();
        }
        if (request.method === "PUT") response.writeHead(201).end();
      },
    );
    await testRepository(registry.host, "a").pushBlob(blob, sourceOf(content));
    expect(digestOf(stored)).toBe(blob.digest);
    expect(registry.seen.filter((line) => line.startsWith("GET /token"))).toHaveLength(2);
  });

  test("a registry that takes no token is not asked for ever", async () => {
    await using registry: Awaited<ReturnType<typeof startScriptedRegistry>> = await startScriptedRegistry(
      (request, response) => {
        if (request.url.startsWith("/token")) return response.end(JSON.stringify({ token: "x" }));
        refuse(response, 401, "UNAUTHORIZED", "authentication required", challenge(registry.host));
      },
    );
    await expect(testRepository(registry.host, "a").fetchManifest("1")).rejects.toMatchObject({ kind: "unauthorized" });
    expect(registry.seen.length).toBeLessThanOrEqual(4);
  });

  test.each([
    ["no token in its answer", (response: ServerResponse) => void response.end("{}"), "did not include a token"],
    ["an answer that is no JSON", (response: ServerResponse) => void response.end("<html>"), "is no JSON"],
    [
      "a failure",
      (response: ServerResponse) => void response.writeHead(500).end(),
      "received unexpected HTTP status: 500",
    ],
  ])("a token server with %s", async (_what, answer, message) => {
    await using registry: Awaited<ReturnType<typeof startScriptedRegistry>> = await startScriptedRegistry(
      (request, response) => {
        if (request.url.startsWith("/token")) return answer(response);
        response.writeHead(401, challenge(registry.host)).end();
      },
    );
    await expect(testRepository(registry.host, "a").resolve("1")).rejects.toThrow(message);
  });
});

test("a login that one repository needs is no hindrance to the others of its registry", async () => {
  await using registry = await startScriptedRegistry((request, response) => {
    if (request.url.startsWith("/v2/closed/")) {
      refuse(response, 401, "UNAUTHORIZED", "authentication required", { "WWW-Authenticate": 'Basic realm="x"' });
    } else if (request.url !== "/v2/") sendBlob(request, response);
  });
  const client = testClient();
  const repository = (path: string) => client.repository({ domain: registry.host, path }, { actions: "pull" });
  await expect(collect(repository("closed").readBlob(descriptor))).rejects.toThrow("no basic auth credentials");
  expect(digestOf(await collect(repository("open").readBlob(descriptor)))).toBe(descriptor.digest);
});
