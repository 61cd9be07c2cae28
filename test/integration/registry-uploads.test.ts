/** The registry client's uploads to a registry that breaks, forgets and refuses; and one that keeps to the specification. */
import { describe, expect, test } from "bun:test";
import type { ServerResponse } from "node:http";
import { MEDIA } from "../../src/model/media-types.ts";
import { eventually } from "../support/daemon.ts";
import { blobOf, digestOf, sourceOf, testRepository } from "../support/registry-content.ts";
import { refuse, type ScriptedRequest, startScriptedRegistry } from "../support/scripted-registry.ts";

describe("uploads", () => {
  const { bytes: content, descriptor: blob } = blobOf(900_000, 11);

  /** A session that takes what comes until `fault` says otherwise. */
  async function uploadRegistry(
    fault: (request: ScriptedRequest, response: ServerResponse, stored: number) => boolean | Promise<boolean>,
  ) {
    let stored: Buffer = Buffer.alloc(0);
    const registry = await startScriptedRegistry(async (request, response) => {
      if (request.url === "/v2/") return;
      const { socket } = request.raw;
      if (request.method === "PATCH" && (await fault(request, response, stored.length))) {
        for await (const piece of request.raw as AsyncIterable<Buffer>) {
          stored = Buffer.concat([stored, piece]);
          if (stored.length > 300_000 * request.count) break;
        }
        return socket.destroy();
      }
      const location = {
        Location: `/v2/a/blobs/uploads/one?state=${stored.length}`,
        Range: `0-${Math.max(0, stored.length - 1)}`,
      };
      if (request.method === "POST") return response.writeHead(202, location).end();
      if (request.method === "GET") return response.writeHead(204, location).end();
      if (request.method === "PATCH") {
        const from = Number(/^(\d+)-/.exec(request.headers["content-range"] ?? "0-")?.[1]);
        if (from !== stored.length) return response.writeHead(416).end();
        stored = Buffer.concat([stored, await request.body()]);
        return response.writeHead(202, { ...location, Location: "/v2/a/blobs/uploads/one?last" }).end();
      }
      if (request.method === "PUT") response.writeHead(digestOf(stored) === blob.digest ? 201 : 400).end();
      if (request.method === "DELETE") response.writeHead(204).end();
    });
    return Object.assign(registry, { stored: () => stored });
  }

  test("a break is resumed at what the registry has got, along the addresses that it gives", async () => {
    await using registry = await uploadRegistry((request) => request.url.endsWith("state=0") && request.count === 1);
    const opened: number[] = [];
    const source = {
      open(offset: number) {
        opened.push(offset);
        return sourceOf(content).open(offset);
      },
    };
    await testRepository(registry.host, "a").pushBlob(blob, source);
    expect(digestOf(registry.stored())).toBe(blob.digest);
    expect(opened).toHaveLength(2);
    expect(opened[1]).toBeGreaterThan(300_000);
    const patches = registry.requests.filter(({ method }) => method === "PATCH");
    expect(patches[0]!.headers["content-range"]).toBeUndefined();
    expect(patches[1]!.headers["content-range"]).toBe(`${opened[1]}-899999`);
    const put = registry.requests.find(({ method }) => method === "PUT")!;
    expect(put.url).toBe(`/v2/a/blobs/uploads/one?last=&digest=${encodeURIComponent(blob.digest)}`);
  });

  test("what is never taken is given up, and the session with it", async () => {
    await using registry = await startScriptedRegistry(async (request, response) => {
      if (request.method === "POST") return response.writeHead(202, { Location: "/session" }).end();
      if (request.method === "PATCH") return response.writeHead(503).end();
      if (request.method === "GET" && request.url !== "/v2/")
        return response.writeHead(204, { Location: "/session", Range: "0-0" }).end();
      if (request.method === "DELETE") response.writeHead(204).end();
    });
    const pushing = testRepository(registry.host, "a").pushBlob(blob, sourceOf(content));
    await expect(pushing).rejects.toMatchObject({ kind: "unavailable", message: expect.stringContaining("503") });
    expect(registry.seen.filter((line) => line.startsWith("PATCH"))).toHaveLength(4);
    expect(registry.seen.at(-1)).toBe("DELETE /session");
  });

  test("a session that the registry has forgotten begins anew", async () => {
    let sessions = 0;
    let got: Buffer | undefined;
    await using registry = await startScriptedRegistry(async (request, response) => {
      if (request.method === "POST") return response.writeHead(202, { Location: `/session-${++sessions}` }).end();
      if (request.method === "GET" && request.url !== "/v2/")
        return refuse(response, 404, "BLOB_UPLOAD_UNKNOWN", "gone");
      if (request.method === "PATCH") {
        if (sessions === 1) return refuse(response, 404, "BLOB_UPLOAD_UNKNOWN", "gone");
        got = await request.body();
        return response.writeHead(202, { Location: `/session-${sessions}` }).end();
      }
      if (request.method === "PUT") response.writeHead(201).end();
    });
    await testRepository(registry.host, "a").pushBlob(blob, sourceOf(content));
    expect(digestOf(got!)).toBe(blob.digest);
    expect(sessions).toBe(2);
  });

  test("a refusal is told, and an abort takes the session back", async () => {
    await using registry = await startScriptedRegistry(async (request, response) => {
      if (request.method === "POST" && request.url.startsWith("/v2/denied/"))
        return refuse(response, 403, "DENIED", "read only");
      if (request.method === "POST") return response.writeHead(202, { Location: "/session" }).end();
      if (request.method === "DELETE") response.writeHead(204).end();
    });
    await expect(testRepository(registry.host, "denied").pushBlob(blob, sourceOf(content))).rejects.toMatchObject({
      kind: "forbidden",
      message: "denied: read only",
    });
    const controller = new AbortController();
    const pushing = testRepository(registry.host, "a").pushBlob(blob, sourceOf(content), { signal: controller.signal });
    pushing.catch(() => {});
    await eventually(() => registry.seen.some((line) => line.startsWith("PATCH")));
    controller.abort(new Error("no more"));
    await expect(pushing).rejects.toThrow("no more");
    expect(registry.seen.at(-1)).toBe("DELETE /session");
  });

  test.each([
    ["shorter", 800_000],
    ["longer", 1_000_000],
  ])("a source that is %s than promised is told at once", async (_what, length) => {
    await using registry = await startScriptedRegistry(async (request, response) => {
      if (request.method === "POST") return response.writeHead(202, { Location: "/session" }).end();
      if (request.method === "DELETE") return response.writeHead(204).end();
    });
    const pushing = testRepository(registry.host, "a").pushBlob(blob, sourceOf(blobOf(length).bytes));
    await expect(pushing).rejects.toThrow(/expected 900000 bytes to send, got \d+/);
    expect(registry.seen.filter((line) => line.startsWith("PATCH"))).toHaveLength(1);
  });

  test("a source that fails is told as it is", async () => {
    await using registry = await startScriptedRegistry(async (request, response) => {
      if (request.method === "POST") return response.writeHead(202, { Location: "/session" }).end();
      if (request.method === "DELETE") return response.writeHead(204).end();
    });
    const source = {
      async *open() {
        yield content.subarray(0, 1000);
        throw new Error("the disk is gone");
      },
    };
    await expect(testRepository(registry.host, "a").pushBlob(blob, source)).rejects.toThrow("the disk is gone");
  });
});

describe("a registry that keeps to the specification", () => {
  const listing = (manifests: unknown[]) => JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.index, manifests });
  const referrer = (name: string) => ({
    mediaType: MEDIA.manifest,
    digest: digestOf(name),
    size: 1,
    artifactType: `application/${name}`,
  });

  test("tags and referrers over pages, by the addresses that Link gives", async () => {
    await using registry = await startScriptedRegistry(({ url }, response) => {
      if (url === "/v2/a/tags/list?n=1000") {
        response.setHeader("Link", '</v2/a/tags/list?n=2&last=b>; rel="next"');
        response.end(JSON.stringify({ name: "a", tags: ["a", "b"] }));
      } else if (url === "/v2/a/tags/list?n=2&last=b") response.end(JSON.stringify({ name: "a", tags: ["c"] }));
      else if (url === `/v2/a/referrers/${digestOf("subject")}`) {
        response.writeHead(200, { "Content-Type": MEDIA.index, Link: '<more?page=2>; rel="next"' });
        response.end(listing([referrer("one")]));
      } else if (url === "/v2/a/referrers/more?page=2") {
        response.writeHead(200, { "Content-Type": MEDIA.index }).end(listing([referrer("two")]));
      } else if (url !== "/v2/") response.writeHead(404).end();
    });
    const repository = testRepository(registry.host, "a");
    expect(await Array.fromAsync(repository.listTags())).toEqual(["a", "b", "c"]);
    const found = await repository.listReferrers(digestOf("subject"));
    expect(found.map(({ artifactType }) => artifactType)).toEqual(["application/one", "application/two"]);
  });

  test("a filter that it did not apply is applied here; what it did apply stays", async () => {
    await using registry = await startScriptedRegistry(({ url }, response) => {
      if (url === "/v2/") return;
      response.writeHead(200, { "Content-Type": MEDIA.index }).end(listing([referrer("one"), referrer("two")]));
    });
    const repository = testRepository(registry.host, "a");
    const found = await repository.listReferrers(digestOf("x"), { artifactType: "application/two" });
    expect(found).toMatchObject([{ digest: digestOf("two") }]);
    expect(registry.seen).toEqual([`GET /v2/a/referrers/${digestOf("x")}?artifactType=application%2Ftwo`]);
  });

  test("where it says that it keeps referrers, no tag is written for them", async () => {
    await using registry = await startScriptedRegistry(async (request, response) => {
      if (request.url === "/v2/") return;
      await request.body();
      response.writeHead(201, { "OCI-Subject": digestOf("subject") }).end();
    });
    const subject = { mediaType: MEDIA.manifest, digest: digestOf("subject"), size: 1 };
    const manifest = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, config: {}, layers: [], subject }));
    await testRepository(registry.host, "a").pushManifest("1", { mediaType: MEDIA.manifest, bytes: manifest });
    expect(registry.seen).toEqual(["PUT /v2/a/manifests/1"]);
  });

  test("a mount that becomes an upload leaves no session", async () => {
    await using registry = await startScriptedRegistry((request, response) => {
      if (request.method === "POST") response.writeHead(202, { Location: "/session" }).end();
      if (request.method === "DELETE") response.writeHead(204).end();
    });
    expect(await testRepository(registry.host, "a").mountBlob(digestOf("blob"), "b")).toBe(false);
    expect(registry.seen.at(-1)).toBe("DELETE /session");
  });

  test("a session at a full address, behind a proxy that ends TLS or not, is followed", async () => {
    let stored: Buffer = Buffer.alloc(0);
    await using registry: Awaited<ReturnType<typeof startScriptedRegistry>> = await startScriptedRegistry(
      async (request, response) => {
        if (request.method === "POST")
          response.writeHead(202, { Location: `http://${registry.host}/up?x=1%2F2` }).end();
        if (request.method !== "PUT") return;
        stored = await request.body();
        response.writeHead(201).end();
      },
    );
    const small = blobOf(100, 5);
    await testRepository(registry.host, "a").pushBlob(small.descriptor, sourceOf(small.bytes));
    expect(digestOf(stored)).toBe(small.descriptor.digest);
    expect(registry.seen.at(-1)).toBe(`PUT /up?x=1%2F2&digest=${encodeURIComponent(small.descriptor.digest)}`);
  });
});
