/** naru's registry as a pull-through cache: of Debian's registry, and of one that fails in every way. */
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { MEDIA } from "../../src/model/media-types.ts";
import { eventually, importBusybox, run, startDaemon } from "../support/daemon.ts";
import { startDebianRegistry } from "../support/debian-registry.ts";
import { type NaruRegistry, startNaruRegistry } from "../support/naru-registry.ts";
import { blobOf, digestOf, pushImage, testRepository } from "../support/registry-content.ts";
import { refuse, type ScriptedRequest, startScriptedRegistry } from "../support/scripted-registry.ts";

const cacheOf = (host: string, more = "ttl: 300ms") =>
  `cache:\n  upstreams:\n    - {host: "${host}", prefix: up, ${more}}\n`;

/** An upstream with one image "app:v1" whose blob is given by `blob`, once it may be. */
function imageOf(layer: Uint8Array) {
  const config = new TextEncoder().encode(
    JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } }),
  );
  const manifest = new TextEncoder().encode(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      config: { mediaType: MEDIA.config, digest: digestOf(config), size: config.length },
      layers: [{ mediaType: MEDIA.layer, digest: digestOf(layer), size: layer.length }],
    }),
  );
  return { layer, config, manifest, layerDigest: digestOf(layer), digest: digestOf(manifest) };
}
type Image = ReturnType<typeof imageOf>;

function answerManifest(request: ScriptedRequest, response: ServerResponse, { manifest, digest }: Image): void {
  response.writeHead(200, {
    "Content-Type": MEDIA.manifest,
    "Content-Length": manifest.length,
    "Docker-Content-Digest": digest,
  });
  response.end(request.method === "HEAD" ? undefined : manifest);
}

const layerOf = async (response: Response) => digestOf(new Uint8Array(await response.arrayBuffer()));

async function metric(registry: NaruRegistry, name: string): Promise<number> {
  const text = await (await registry.request("GET", "/metrics")).text();
  return Number(
    text
      .split("\n")
      .find((line) => line.startsWith(`${name} `))
      ?.split(" ")
      .at(-1) ?? 0,
  );
}

test("docker pulls through the cache, by prefix and as a mirror; pushes go on beside it; all stays when the upstream ends", async () => {
  const flags: string[] = [];
  await using daemon = await startDaemon({ flags });
  await importBusybox(daemon);
  await using upstream = await startDebianRegistry({ users: { reader: "pw" } });
  const login = ["login", "-u", "reader", "--password-stdin", upstream.host];
  const loggedIn = { DOCKER_CONFIG: join(daemon.root, "docker-config") };
  const docker = (words: string[], stdin?: string) => daemon.docker(words, { stdin, env: loggedIn });
  await docker(login, "pw");
  await docker(["tag", "busybox", `${upstream.host}/library/tool:v1`]);
  const pushed = await docker(["push", `${upstream.host}/library/tool:v1`]);
  const digest = /digest: (sha256:\S+)/.exec(pushed.stdout)![1]!;
  await docker(["rmi", `${upstream.host}/library/tool:v1`, "busybox"]);
  const config = cacheOf(upstream.host, 'ttl: 300ms, username: reader, password: pw, mirrorFor: ["library/**"]');
  await using registry = await startNaruRegistry({ config });
  await daemon.kill("SIGTERM");
  flags.push("--registry-mirror", registry.url);
  await daemon.restart();

  const byPrefix = await daemon.docker(["pull", `${registry.host}/up/library/tool:v1`]);
  expect(byPrefix.stdout).toContain(`Digest: ${digest}`);
  await upstream.kill();
  const asMirror = await daemon.docker(["pull", "tool:v1"]);
  expect(asMirror.stdout).toContain(`Digest: ${digest}`);
  const asked = await registry.request("HEAD", `/v2/library/tool/manifests/v1?ns=${upstream.host}`);
  expect([asked.status, asked.headers.get("docker-content-digest")]).toEqual([200, digest]);
  expect(await (await registry.request("GET", "/v2/library/tool/tags/list")).json()).toEqual({
    name: "library/tool",
    tags: ["v1"],
  });

  for (const [name, code] of [
    ["own/app:v1", 0],
    ["up/library/mine:v1", 1],
  ] as const) {
    await daemon.docker(["tag", "tool:v1", `${registry.host}/${name}`]);
    const push = await daemon.docker(["push", `${registry.host}/${name}`]);
    expect(push.code).toBe(code);
    if (code === 1)
      expect(push.stderr).toContain(`up/library/mine is a copy of ${upstream.host}/library/mine: push there`);
  }
});

test("eight clients cause one download, which they read while it grows", async () => {
  const image = imageOf(blobOf(6_000_000).bytes);
  const gate = Promise.withResolvers<void>();
  await using upstream = await startScriptedRegistry(async (request, response) => {
    if (request.url.endsWith("/manifests/v1")) return answerManifest(request, response, image);
    if (!request.url.endsWith(image.layerDigest)) return refuse(response, 404, "BLOB_UNKNOWN", "unknown");
    response.writeHead(200, { "Content-Length": image.layer.length });
    response.write(image.layer.subarray(0, 1_000_000));
    await gate.promise;
    response.end(image.layer.subarray(1_000_000));
  });
  await using registry = await startNaruRegistry({ config: cacheOf(upstream.host) });
  const get = () => registry.request("GET", `/v2/up/app/blobs/${image.layerDigest}`);
  await registry.request("GET", "/v2/up/app/manifests/v1");
  const first = await get();
  const reader = first.body!.getReader();
  let arrived = 0;
  while (arrived < 1_000_000) arrived += (await reader.read()).value!.length;
  const others = Array.from({ length: 7 }, get);
  const tail = await registry.request("GET", `/v2/up/app/blobs/${image.layerDigest}`, {
    headers: { range: "bytes=500000-500009" },
  });
  expect(new Uint8Array(await tail.arrayBuffer())).toEqual(image.layer.slice(500_000, 500_010));
  gate.resolve();
  for (const other of others) expect(await layerOf(await other)).toBe(image.layerDigest);
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) arrived += piece.value.length;
  expect(arrived).toBe(image.layer.length);
  await eventually(async () => (await get()).headers.get("content-length") === String(image.layer.length));
  expect(upstream.seen.filter((line) => line.includes("/blobs/"))).toHaveLength(1);
});

test("a mirror of everything asks the upstream for nothing that is its own", async () => {
  await using upstream = await startScriptedRegistry((request, response) => {
    if (request.url !== "/v2/") refuse(response, 404, "NAME_UNKNOWN", "unknown");
  });
  await using registry = await startNaruRegistry({ config: cacheOf(upstream.host, 'mirrorFor: ["**"]') });
  const own = testRepository(registry.host, "team/app");
  const { digest } = await pushImage(own, "v1");
  const before = upstream.seen.length;
  expect((await own.resolve("v1")).digest).toBe(digest);
  expect(await own.listReferrers(digest)).toEqual([]);
  expect(await Array.fromAsync(own.listTags())).toEqual(["v1"]);
  const { layers } = JSON.parse(new TextDecoder().decode((await own.fetchManifest("v1")).bytes));
  expect(await layerOf(await registry.request("GET", `/v2/team/app/blobs/${layers[0].digest}`))).toBe(layers[0].digest);
  expect(upstream.seen.slice(before)).toEqual([]);
  expect((await registry.request("GET", "/v2/team/other/manifests/v1")).status).toBe(404);
  expect(upstream.seen.length).toBeGreaterThan(before);
});

test("a download goes on when its client leaves", async () => {
  const image = imageOf(blobOf(6_000_000).bytes);
  const gate = Promise.withResolvers<void>();
  await using upstream = await startScriptedRegistry(async (request, response) => {
    if (request.url.endsWith("/manifests/v1")) return answerManifest(request, response, image);
    response.writeHead(200, { "Content-Length": image.layer.length });
    response.write(image.layer.subarray(0, 100_000));
    await gate.promise;
    response.end(image.layer.subarray(100_000));
  });
  await using registry = await startNaruRegistry({ config: cacheOf(upstream.host) });
  await registry.request("GET", "/v2/up/app/manifests/v1");
  const leaving = new AbortController();
  const response = await registry.request("GET", `/v2/up/app/blobs/${image.layerDigest}`, { signal: leaving.signal });
  await response.body!.getReader().read();
  leaving.abort();
  gate.resolve();
  await eventually(async () => {
    const files = await readdir(join(registry.root, "cache/fill"));
    return files.length === 0;
  });
  expect(await layerOf(await registry.request("GET", `/v2/up/app/blobs/${image.layerDigest}`))).toBe(image.layerDigest);
  expect(upstream.seen.filter((line) => line.includes("/blobs/"))).toHaveLength(1);
});

// Large blobs are streamed and cut off; small ones are gathered first and answered with an error.
test.each([6_000_000, 500_000])("%p wrong bytes never become a whole answer, and are not kept", async (size) => {
  const image = imageOf(blobOf(size).bytes);
  let isHonest = false;
  await using upstream = await startScriptedRegistry((request, response) => {
    if (request.url.endsWith("/manifests/v1")) return answerManifest(request, response, image);
    response.writeHead(200, { "Content-Length": image.layer.length });
    response.end(isHonest ? image.layer : Buffer.from(image.layer).fill(7, 400_000, 400_010));
  });
  await using registry = await startNaruRegistry({ config: cacheOf(upstream.host) });
  await registry.request("GET", "/v2/up/app/manifests/v1");
  const path = `/v2/up/app/blobs/${image.layerDigest}`;
  const curl = await run(["curl", "-sf", "-o", "/dev/null", "-w", "%{size_download}", registry.url + path]);
  expect(curl.code).not.toBe(0);
  expect(Number(curl.stdout)).toBeLessThan(image.layer.length);
  isHonest = true;
  await eventually(
    async () => (await layerOf(await registry.request("GET", path)).catch(() => "")) === image.layerDigest,
  );
  await eventually(async () => (await readdir(join(registry.root, "cache/fill"))).length === 0);
});

test.concurrent("a tag is compared when its time is over; an upstream that refuses, limits or hangs is answered for", async () => {
  const [old, young] = [imageOf(blobOf(1000, 1).bytes), imageOf(blobOf(1000, 2).bytes)];
  let script: (request: ScriptedRequest, response: ServerResponse) => unknown = (request, response) =>
    answerManifest(request, response, old);
  await using upstream = await startScriptedRegistry((request, response) => script(request, response));
  await using registry = await startNaruRegistry({ config: cacheOf(upstream.host) });
  const digest = async (tag = "v1") => {
    const response = await registry.request("GET", `/v2/up/app/manifests/${tag}`);
    await response.arrayBuffer();
    return response.headers.get("docker-content-digest") ?? response.status;
  };
  expect(await digest()).toBe(old.digest);
  // A machine that is slow once may need longer than the time that is given.
  let tries = 0;
  await eventually(async () => {
    const tag = `try${tries++}`;
    script = (request, response) => answerManifest(request, response, old);
    expect(await digest(tag)).toBe(old.digest);
    script = (request, response) => answerManifest(request, response, young);
    return (await digest(tag)) === old.digest;
  });
  await Bun.sleep(350);
  expect(await digest()).toBe(young.digest);
  const count = upstream.seen.length;
  await Bun.sleep(350);
  expect(await digest()).toBe(young.digest);
  // Compared by HEAD, not fetched again.
  expect(upstream.seen.slice(count)).toEqual(["HEAD /v2/app/manifests/v1"]);

  await Bun.sleep(350);
  script = (_, response) => refuse(response, 429, "TOOMANYREQUESTS", "slow down", { "Retry-After": "60" });
  expect(await digest()).toBe(young.digest);
  expect(await metric(registry, 'naru_registry_cache_requests_total{what="manifest",outcome="stale"}')).toBe(1);
  // Left alone for a while, so that nobody waits for it.
  const before = upstream.seen.length;
  expect(await digest()).toBe(young.digest);
  expect(upstream.seen).toHaveLength(before);
  const unknown = await registry.request("GET", "/v2/up/app/manifests/v2");
  expect(unknown.status).toBe(429);
  expect(await unknown.text()).toContain(upstream.host);
});

test.concurrent("an upstream that hangs delays nobody for long who can have an old answer", async () => {
  const [image, newer] = [imageOf(blobOf(1000).bytes), imageOf(blobOf(1001).bytes)];
  let hangs = false;
  await using upstream = await startScriptedRegistry(async (request, response) => {
    if (!hangs) return answerManifest(request, response, image);
    // Whoever has the patience gets another one.
    setTimeout(() => answerManifest(request, response, newer), 60_000).unref();
  });
  await using registry = await startNaruRegistry({ config: cacheOf(upstream.host) });
  await registry.request("GET", "/v2/up/app/manifests/v1");
  hangs = true;
  await Bun.sleep(350);
  const stale = await registry.request("GET", "/v2/up/app/manifests/v1");
  expect([stale.status, stale.headers.get("docker-content-digest")]).toEqual([200, image.digest]);
});

test.concurrent("a tag that the upstream removed goes here too; only blobs that a manifest names are fetched", async () => {
  const image = imageOf(blobOf(1000).bytes);
  let isThere = true;
  await using upstream = await startScriptedRegistry((request, response) => {
    if (!isThere || request.url.includes("/blobs/"))
      return refuse(response, 404, "MANIFEST_UNKNOWN", "manifest unknown");
    return answerManifest(request, response, image);
  });
  await using registry = await startNaruRegistry({ config: cacheOf(upstream.host) });
  const status = async (path: string) => (await registry.request("GET", path)).status;
  expect(await status("/v2/up/app/manifests/v1")).toBe(200);
  isThere = false;
  await Bun.sleep(350);
  expect(await status("/v2/up/app/manifests/v1")).toBe(404);
  expect(await status(`/v2/up/app/manifests/${image.digest}`)).toBe(200);
  const before = upstream.seen.length;
  expect(await status(`/v2/up/app/blobs/sha256:${createHash("sha256").update("x").digest("hex")}`)).toBe(404);
  expect(upstream.seen).toHaveLength(before);
});

test.concurrent("the cache stays within its limit and keeps what is used", async () => {
  await using upstream = await startDebianRegistry();
  const tags = ["a", "b", "c", "d", "e", "f"];
  for (const [i, tag] of tags.entries()) {
    await pushImage(testRepository(upstream.host, "app"), tag, { layer: blobOf(1_000_000, i + 1).bytes });
  }
  await using registry = await startNaruRegistry({ config: `${cacheOf(upstream.host)}  maxBytes: 3MB\n` });
  const pull = async (tag: string) => {
    const repository = testRepository(registry.host, "up/app", { actions: "pull" });
    const { layers } = JSON.parse(new TextDecoder().decode((await repository.fetchManifest(tag)).bytes));
    expect(await layerOf(await registry.request("GET", `/v2/up/app/blobs/${layers[0].digest}`))).toBe(layers[0].digest);
  };
  for (const tag of tags) {
    await pull(tag);
    await pull("a");
    await Bun.sleep(30);
  }
  await pull("b");
  await pull("a");
  const held = async () =>
    (await (await registry.request("GET", "/v2/_naru/repositories")).json()) as { repositories: { bytes: number }[] };
  await eventually(async () => ((await held()).repositories[0]?.bytes ?? 0) <= 4.2 * 2 ** 20);
  expect(await registry.logText()).toContain("the cache made room");
  await upstream.kill();
  await Bun.sleep(350);
  expect((await registry.request("GET", "/v2/up/app/manifests/a")).status).toBe(200);
});

test.concurrent("killed in the middle of a download it starts again whole", async () => {
  const image = imageOf(blobOf(6_000_000).bytes);
  let isSlow = true;
  await using upstream = await startScriptedRegistry((request, response) => {
    if (request.url.endsWith("/manifests/v1")) return answerManifest(request, response, image);
    response.writeHead(200, { "Content-Length": image.layer.length });
    if (isSlow) response.write(image.layer.subarray(0, 2_000_000));
    else response.end(image.layer);
  });
  await using registry = await startNaruRegistry({ config: cacheOf(upstream.host) });
  await registry.request("GET", "/v2/up/app/manifests/v1");
  const path = `/v2/up/app/blobs/${image.layerDigest}`;
  const response = await registry.request("GET", path);
  const reader = response.body!.getReader();
  for (let arrived = 0; arrived < 1_500_000; ) arrived += (await reader.read()).value!.length;
  expect(await readdir(join(registry.root, "cache/fill"))).toHaveLength(1);
  await registry.kill("SIGKILL");
  await reader.cancel().catch(() => {});
  isSlow = false;
  await registry.restart();
  expect(await readdir(join(registry.root, "cache/fill"))).toEqual([]);
  // The manifest is here already; what it names is known without the client asking for it again.
  expect(await layerOf(await registry.request("GET", path))).toBe(image.layerDigest);
});
