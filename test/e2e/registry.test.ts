/**
 * The registry against the distribution specification 1.1, through HTTP. Each test names what it covers: endpoints
 * ("end-5") and behaviours of the conformance tests (group and number within it); the last test compares both with the
 * specification's own lists.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import {
  blob,
  DistributionClient,
  EMPTY,
  failure,
  freshBlob,
  imageManifest,
  manifest,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
  type TestManifest,
} from "../support/distribution-client.ts";
import { type NaruRegistry, startNaruRegistry } from "../support/naru-registry.ts";

const SPECIFICATION = "../shared/specs/oci/distribution-spec";
const ABSENT = `sha256:${"0".repeat(64)}`;
const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";

let registry: NaruRegistry;
let client: DistributionClient;
const covered = new Set<string>();

beforeAll(async () => {
  registry = await startNaruRegistry();
  client = new DistributionClient(registry.url);
});
afterAll(() => registry?.stop());

function behaviour(title: string, covers: string[], work: () => Promise<void>): void {
  for (const id of covers) covered.add(id);
  test(title, work);
}

const get = (path: string, headers: Record<string, string> = {}) => client.send("GET", path, { headers });
const head = (path: string, headers: Record<string, string> = {}) => client.send("HEAD", path, { headers });
const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

behaviour("GET /v2/ says that this is a registry", ["end-1"], async () => {
  const response = await get("/v2/");
  expect(response.status).toBe(200);
  expect(response.headers.get("docker-distribution-api-version")).toBe("registry/2.0");
  expect(response.headers.get("content-type")).toContain("application/json");
  expect((await head("/v2")).status).toBe(200);
  expect(await failure(await client.send("POST", "/v2/"))).toEqual([405, "UNSUPPORTED"]);
});

behaviour(
  "blobs are answered whole, by HEAD without a body, and 404 when absent",
  ["end-2", "Pull blobs 1", "Pull blobs 2", "Pull blobs 3", "Pull blobs 4", "Blob Upload Monolithic 1"],
  async () => {
    const layer = freshBlob(5000);
    await client.pushBlob("pull/blobs", layer);
    const path = `/v2/pull/blobs/blobs/${layer.digest}`;
    const whole = await get(path);
    expect(whole.status).toBe(200);
    expect(whole.headers.get("content-length")).toBe("5000");
    expect(whole.headers.get("docker-content-digest")).toBe(layer.digest);
    expect((await bytesOf(whole)).equals(layer.bytes)).toBe(true);
    const short = await head(path);
    expect(short.status).toBe(200);
    expect(short.headers.get("content-length")).toBe("5000");
    expect(short.headers.get("etag")).toBe(`"${layer.digest}"`);
    expect((await bytesOf(short)).length).toBe(0);
    expect(await failure(await get(`/v2/pull/blobs/blobs/${ABSENT}`))).toEqual([404, "BLOB_UNKNOWN"]);
    expect((await head(`/v2/pull/blobs/blobs/${ABSENT}`)).status).toBe(404);
    // Another repository's blob is not this one's.
    expect(await failure(await get(`/v2/pull/other/blobs/${layer.digest}`))).toEqual([404, "BLOB_UNKNOWN"]);
    expect(await failure(await get("/v2/pull/blobs/blobs/sha256:123"))).toEqual([400, "DIGEST_INVALID"]);
  },
);

behaviour("blobs are answered in ranges and only when they changed", [], async () => {
  const layer = freshBlob(1000);
  await client.pushBlob("ranges", layer);
  const path = `/v2/ranges/blobs/${layer.digest}`;
  for (const [range, start, end] of [
    ["bytes=0-0", 0, 1],
    ["bytes=10-19", 10, 20],
    ["bytes=990-", 990, 1000],
    ["bytes=-5", 995, 1000],
    ["bytes=-5000", 0, 1000],
    ["bytes=990-2000", 990, 1000],
  ] as const) {
    const part = await get(path, { Range: range });
    expect([range, part.status, part.headers.get("content-range")]).toEqual([
      range,
      206,
      `bytes ${start}-${end - 1}/1000`,
    ]);
    expect(part.headers.get("content-length")).toBe(String(end - start));
    expect((await bytesOf(part)).equals(layer.bytes.subarray(start, end))).toBe(true);
  }
  for (const range of ["bytes=1000-", "bytes=5000-6000", "bytes=-0"]) {
    const refused = await get(path, { Range: range });
    expect([range, refused.status, refused.headers.get("content-range")]).toEqual([range, 416, "bytes */1000"]);
  }
  // What is no single range of bytes is no range at all (RFC 9110, 14.2).
  for (const range of ["bytes=5-2", "lines=1-2", "bytes=a-b", "bytes=--5", "bytes="]) {
    const whole = await get(path, { Range: range });
    expect([range, whole.status]).toEqual([range, 200]);
    expect((await bytesOf(whole)).length).toBe(1000);
  }
  expect((await get(path, { "If-None-Match": `"${layer.digest}"` })).status).toBe(304);
  expect((await get(path, { "If-None-Match": '"other"' })).status).toBe(200);
  expect((await get(path, { "If-Range": `"${layer.digest}"`, Range: "bytes=0-1" })).status).toBe(206);
  expect((await get(path, { "If-Range": '"other"', Range: "bytes=0-1" })).status).toBe(200);
  const headPart = await head(path, { Range: "bytes=0-9" });
  expect([headPart.status, headPart.headers.get("content-length")]).toEqual([206, "10"]);
});

behaviour("an empty blob is a blob", [], async () => {
  const empty = blob("");
  await client.pushBlob("empty", empty);
  const response = await get(`/v2/empty/blobs/${empty.digest}`);
  expect([response.status, response.headers.get("content-length")]).toEqual([200, "0"]);
  expect((await bytesOf(response)).length).toBe(0);
});

behaviour(
  "manifests are answered by digest and by tag, with GET and HEAD",
  [
    "end-3",
    ...Array.from({ length: 8 }, (_, i) => `Pull manifests ${i + 1}`),
    "Manifest Upload 1",
    "Manifest Upload 4",
  ],
  async () => {
    const first = await client.pushImage("pull/manifests", "tag0");
    const second = await client.pushImage("pull/manifests", "tag1");
    for (const [reference, { image }] of [
      ["tag0", first],
      ["tag1", second],
      [first.image.digest, first],
      [second.image.digest, second],
    ] as const) {
      for (const method of ["GET", "HEAD"]) {
        const response = await client.send(method, `/v2/pull/manifests/manifests/${reference}`, {
          headers: { Accept: OCI_MANIFEST },
        });
        expect([response.status, response.headers.get("content-type")]).toEqual([200, OCI_MANIFEST]);
        expect(response.headers.get("docker-content-digest")).toBe(image.digest);
        expect(response.headers.get("content-length")).toBe(String(image.size));
        expect((await bytesOf(response)).equals(method === "GET" ? image.bytes : new Uint8Array(0))).toBe(true);
      }
    }
    expect(await failure(await get("/v2/pull/manifests/manifests/none"))).toEqual([404, "MANIFEST_UNKNOWN"]);
    expect(await failure(await get(`/v2/pull/manifests/manifests/${ABSENT}`))).toEqual([404, "MANIFEST_UNKNOWN"]);
    expect((await head("/v2/pull/manifests/manifests/none")).status).toBe(404);
    expect(await failure(await get("/v2/pull/nobody/manifests/x"))).toEqual([404, "MANIFEST_UNKNOWN"]);
    const unchanged = await get("/v2/pull/manifests/manifests/tag0", { "If-None-Match": `"${first.image.digest}"` });
    expect(unchanged.status).toBe(304);
  },
);

behaviour("a manifest is given only to clients that accept its type", [], async () => {
  await client.pushImage("accept", "x");
  const ask = async (accept: string) => (await get("/v2/accept/manifests/x", { Accept: accept })).status;
  expect(await ask(OCI_MANIFEST)).toBe(200);
  expect(await ask(`${DOCKER_MANIFEST}, ${OCI_MANIFEST};q=0.5`)).toBe(200);
  expect(await ask("*/*")).toBe(200);
  expect(await ask("application/*")).toBe(200);
  expect(await ask(DOCKER_MANIFEST)).toBe(404);
  expect(await ask(`${OCI_MANIFEST};q=0`)).toBe(404);
});

behaviour("errors have the specification's form", ["Error codes 1"], async () => {
  const response = await client.putManifest("errors", ABSENT, manifest({ config: {}, layers: [] }));
  expect(response.status).toBe(400);
  expect(response.headers.get("content-type")).toContain("application/json");
  const { errors } = (await response.json()) as { errors: Record<string, unknown>[] };
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatchObject({ code: expect.any(String), message: expect.any(String) });
});

behaviour(
  "a blob is uploaded as a stream: PATCH without a range, then PUT",
  ["end-4a", "end-5", "end-6", "Blob Upload Streamed 1", "Blob Upload Streamed 2"],
  async () => {
    const layer = freshBlob(300_000);
    const address = await client.begin("push/streamed");
    expect(address).toMatch(/\/v2\/push\/streamed\/blobs\/uploads\/[^/]+$/);
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < layer.size; at += 100_000) controller.enqueue(layer.bytes.subarray(at, at + 100_000));
        controller.close();
      },
    });
    const patched = await client.patch(address, stream);
    expect([patched.status, patched.headers.get("range")]).toEqual([202, `0-${layer.size - 1}`]);
    const stored = await client.put(patched.headers.get("location")!, layer.digest);
    expect(stored.status).toBe(201);
    expect(stored.headers.get("docker-content-digest")).toBe(layer.digest);
    const back = await client.send("GET", stored.headers.get("location")!);
    expect((await bytesOf(back)).equals(layer.bytes)).toBe(true);
  },
);

behaviour(
  "a blob is uploaded whole: by one POST, or by POST and PUT",
  ["end-4b", ...Array.from({ length: 7 }, (_, i) => `Blob Upload Monolithic ${i + 2}`)],
  async () => {
    const single = freshBlob(2000);
    const posted = await client.send("POST", `/v2/push/whole/blobs/uploads/?digest=${single.digest}`, {
      body: single.bytes,
      headers: { "Content-Type": "application/octet-stream" },
    });
    expect(posted.status).toBe(201);
    expect((await get(posted.headers.get("location")!)).status).toBe(200);
    for (const layer of [freshBlob(100), freshBlob(200_000)]) {
      const begun = await client.send("POST", "/v2/push/whole/blobs/uploads/");
      expect([begun.status, begun.headers.get("content-length")]).toEqual([202, "0"]);
      expect(begun.headers.get("location")).toContain(begun.headers.get("docker-upload-uuid")!);
      const put = await client.put(begun.headers.get("location")!, layer.digest, layer.bytes);
      expect(put.status).toBe(201);
      const back = await get(put.headers.get("location")!);
      expect((await bytesOf(back)).equals(layer.bytes)).toBe(true);
    }
    const wrong = await client.send("POST", `/v2/push/whole/blobs/uploads/?digest=${ABSENT}`, { body: "not it" });
    expect(await failure(wrong)).toEqual([400, "DIGEST_INVALID"]);
  },
);

behaviour(
  "a blob is uploaded in chunks, in order only; the state tells where to go on",
  ["end-13", ...Array.from({ length: 6 }, (_, i) => `Blob Upload Chunked ${i + 1}`)],
  async () => {
    const layer = freshBlob(1000);
    const [first, second] = [layer.bytes.subarray(0, 400), layer.bytes.subarray(400)];
    const address = await client.begin("push/chunked");
    const early = await client.patch(address, second, { "Content-Range": "400-999" });
    expect(await failure(early)).toEqual([416, "RANGE_INVALID"]);
    const one = await client.patch(address, first, { "Content-Range": "0-399" });
    expect([one.status, one.headers.get("range")]).toEqual([202, "0-399"]);
    const again = await client.patch(address, first, { "Content-Range": "0-399" });
    expect([again.status, again.headers.get("range"), again.headers.get("location")]).toEqual([416, "0-399", address]);
    const state = await get(address);
    expect([state.status, state.headers.get("range"), state.headers.get("location")]).toEqual([204, "0-399", address]);
    expect(address).toContain(state.headers.get("docker-upload-uuid")!);
    const two = await client.patch(address, second, { "Content-Range": "400-999" });
    expect([two.status, two.headers.get("range")]).toEqual([202, "0-999"]);
    expect((await client.put(address, layer.digest)).status).toBe(201);
    expect((await get(address)).status).toBe(404);
    expect(await failure(await client.patch(address, first))).toEqual([404, "BLOB_UPLOAD_UNKNOWN"]);
  },
);

behaviour("the last chunk may come with the PUT", [], async () => {
  const layer = freshBlob(900);
  const address = await client.begin("push/last");
  await client.patch(address, layer.bytes.subarray(0, 500), { "Content-Range": "0-499" });
  const wrong = await client.put(address, layer.digest, layer.bytes.subarray(500), { "Content-Range": "400-799" });
  expect(await failure(wrong)).toEqual([416, "RANGE_INVALID"]);
  const put = await client.put(address, layer.digest, layer.bytes.subarray(500), { "Content-Range": "500-899" });
  expect(put.status).toBe(201);
});

behaviour("a chunk that is not as long as it says is refused", [], async () => {
  const address = await client.begin("push/length");
  const wrong = await client.patch(address, "12345", { "Content-Range": "0-9" });
  expect(await failure(wrong)).toEqual([400, "SIZE_INVALID"]);
  const malformed = await client.patch(address, "12345", { "Content-Range": "5-0" });
  expect(await failure(malformed)).toEqual([416, "RANGE_INVALID"]);
});

behaviour("a wrong digest is refused and ends the upload; an upload can be given up", [], async () => {
  const address = await client.begin("push/wrong");
  await client.patch(address, "content");
  expect(await failure(await client.put(address, ABSENT))).toEqual([400, "DIGEST_INVALID"]);
  expect((await get(address)).status).toBe(404);
  const missing = await client.begin("push/wrong");
  expect(await failure(await client.send("PUT", missing, { body: "x" }))).toEqual([400, "DIGEST_INVALID"]);
  expect(await failure(await client.put(missing, "md5:d41d8cd98f00b204e9800998ecf8427e"))).toEqual([
    400,
    "DIGEST_INVALID",
  ]);
  expect((await client.send("DELETE", missing)).status).toBe(204);
  expect(await failure(await client.send("DELETE", missing))).toEqual([404, "BLOB_UPLOAD_UNKNOWN"]);
});

behaviour("blobs and manifests may be named by sha512", [], async () => {
  const layer = blob("by another algorithm", "sha512");
  // In chunks, of which the session hashes none by sha512.
  const first = await client.patch(await client.begin("sha512"), layer.bytes.slice(0, 5), { "Content-Range": "0-4" });
  expect(first.status).toBe(202);
  const address = first.headers.get("location")!;
  expect((await client.put(address, layer.digest, layer.bytes.slice(5))).status).toBe(201);
  const config = blob("{}", "sha512");
  await client.pushBlob("sha512", config);
  const wrong = await client.put(await client.begin("sha512"), blob("other", "sha512").digest, layer.bytes);
  expect(await failure(wrong)).toEqual([400, "DIGEST_INVALID"]);
  const path = `/v2/sha512/blobs/${layer.digest}`;
  expect((await bytesOf(await get(path))).equals(layer.bytes)).toBe(true);
  const part = await client.send("GET", path, { headers: { Range: "bytes=3-6" } });
  expect([part.status, (await bytesOf(part)).equals(layer.bytes.slice(3, 7))]).toEqual([206, true]);
  const unchanged = await client.send("GET", path, { headers: { "If-None-Match": `"${layer.digest}"` } });
  expect(unchanged.status).toBe(304);
  const mounted = await client.send("POST", `/v2/sha512-b/blobs/uploads/?mount=${layer.digest}&from=sha512`);
  expect([mounted.status, mounted.headers.get("docker-content-digest")]).toEqual([201, layer.digest]);

  const image = imageManifest(config, [layer]);
  const name = blob(image.bytes, "sha512").digest;
  const put = await client.putManifest("sha512", name, image);
  expect([put.status, put.headers.get("docker-content-digest")]).toEqual([201, name]);
  expect((await get(`/v2/sha512/manifests/${name}`)).status).toBe(200);
  const subject = { mediaType: OCI_MANIFEST, digest: name, size: image.size };
  const artifact = imageManifest(config, [layer], { subject, artifactType: "test/long" });
  const referring = await client.putManifest("sha512", artifact.digest, artifact);
  expect(referring.headers.get("oci-subject")).toBe(name);
  const listed = (await (await get(`/v2/sha512/referrers/${name}`)).json()) as { manifests: object[] };
  expect(listed.manifests).toMatchObject([{ digest: artifact.digest, artifactType: "test/long" }]);
  expect((await client.send("DELETE", `/v2/sha512/manifests/${name}`)).status).toBe(202);
  expect(await failure(await get(`/v2/sha512/manifests/${name}`))).toEqual([404, "MANIFEST_UNKNOWN"]);
  expect((await client.send("DELETE", path)).status).toBe(202);
  expect((await get(path)).status).toBe(404);
});

behaviour(
  "a blob is mounted from another repository, or looked for in all",
  ["end-11", ...Array.from({ length: 6 }, (_, i) => `Cross-Repository Blob Mount ${i + 1}`)],
  async () => {
    const layer = freshBlob(500);
    await client.pushBlob("mount/source", layer);
    const mount = (name: string, digest: string, from?: string) =>
      client.send("POST", `/v2/${name}/blobs/uploads/?mount=${digest}${from === undefined ? "" : `&from=${from}`}`);
    const mounted = await mount("mount/target", layer.digest, "mount/source");
    expect([mounted.status, mounted.headers.get("location")]).toEqual([201, `/v2/mount/target/blobs/${layer.digest}`]);
    expect((await bytesOf(await get(mounted.headers.get("location")!))).equals(layer.bytes)).toBe(true);
    expect((await mount("mount/found", layer.digest)).status).toBe(201);
    expect((await get(`/v2/mount/found/blobs/${layer.digest}`)).status).toBe(200);
    for (const refused of [
      await mount("mount/target", ABSENT, "mount/source"),
      await mount("mount/target", ABSENT),
      await mount("mount/else", layer.digest, "mount/nobody"),
    ]) {
      expect(refused.status).toBe(202);
      expect((await get(refused.headers.get("location")!)).status).toBe(204);
    }
    expect((await head(`/v2/mount/else/blobs/${layer.digest}`)).status).toBe(404);
    expect(await failure(await mount("mount/target", "nonsense", "mount/source"))).toEqual([400, "DIGEST_INVALID"]);
    expect(await failure(await mount("mount/target", layer.digest, "BAD"))).toEqual([400, "NAME_INVALID"]);
  },
);

behaviour(
  "manifests are stored by tag and by digest, with and without layers",
  ["end-7", "Manifest Upload 2", "Manifest Upload 3"],
  async () => {
    const config = blob("{}");
    const layer = freshBlob();
    for (const content of [config, layer]) await client.pushBlob("push/manifest", content);
    for (const image of [imageManifest(config, [layer]), imageManifest(config, [])]) {
      for (const reference of ["latest", image.digest]) {
        const put = await client.putManifest("push/manifest", reference, image);
        expect([put.status, put.headers.get("location")]).toEqual([201, `/v2/push/manifest/manifests/${image.digest}`]);
        expect(put.headers.get("docker-content-digest")).toBe(image.digest);
      }
      expect((await bytesOf(await get(`/v2/push/manifest/manifests/${image.digest}`))).equals(image.bytes)).toBe(true);
    }
  },
);

behaviour("Docker's manifests and lists, OCI's indexes and artifacts are stored as they came", [], async () => {
  const { image, config } = await client.pushImage("push/kinds", "oci");
  const docker = manifest(
    {
      config: { mediaType: "application/vnd.docker.container.image.v1+json", digest: config.digest, size: config.size },
      layers: [],
    },
    DOCKER_MANIFEST,
  );
  const describe = (entry: TestManifest) => ({ mediaType: entry.mediaType, digest: entry.digest, size: entry.size });
  const list = manifest({ manifests: [describe(docker)] }, DOCKER_LIST);
  const index = manifest({ manifests: [describe(image)] }, OCI_INDEX);
  const emptyConfig = blob("{}");
  await client.pushBlob("push/kinds", emptyConfig);
  const artifact = manifest({
    artifactType: "application/vnd.example+type",
    config: { mediaType: EMPTY, digest: emptyConfig.digest, size: 2 },
    layers: [{ mediaType: EMPTY, digest: emptyConfig.digest, size: 2 }],
  });
  for (const [tag, content] of Object.entries({ docker, list, index, artifact })) {
    expect((await client.putManifest("push/kinds", tag, content)).status).toBe(201);
    const back = await get(`/v2/push/kinds/manifests/${tag}`);
    expect(back.headers.get("content-type")).toBe(content.mediaType);
    expect((await bytesOf(back)).equals(content.bytes)).toBe(true);
  }
});

behaviour("layers that lie elsewhere need not be here", [], async () => {
  const config = blob("{}");
  await client.pushBlob("push/foreign", config);
  const away = { mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", digest: ABSENT, size: 5 };
  const image = manifest({
    config: { mediaType: OCI_CONFIG, digest: config.digest, size: config.size },
    layers: [{ ...away, urls: ["https://example.com/layer"] }],
  });
  expect((await client.putManifest("push/foreign", "windows", image)).status).toBe(201);
});

behaviour("manifests that are wrong are refused in words", [], async () => {
  const config = blob("{}");
  await client.pushBlob("push/bad", config);
  const good = imageManifest(config, []);
  const configDescriptor = { mediaType: OCI_CONFIG, digest: config.digest, size: config.size };
  const put = async (content: unknown, mediaType = OCI_MANIFEST, reference = "x") => {
    const bytes = typeof content === "string" ? content : JSON.stringify(content);
    return await failure(await client.putManifest("push/bad", reference, { ...blob(bytes), mediaType }));
  };
  const base = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: configDescriptor, layers: [] };
  for (const content of [
    "not json",
    "[]",
    "null",
    { ...base, schemaVersion: 1 },
    { ...base, config: undefined },
    { ...base, layers: undefined },
    { ...base, layers: {} },
    { ...base, layers: [{ ...configDescriptor, digest: "sha256:short" }] },
    { ...base, layers: [{ ...configDescriptor, size: -1 }] },
    { ...base, layers: [{ ...configDescriptor, size: 1.5 }] },
    { ...base, layers: [{ ...configDescriptor, size: "2" }] },
    { ...base, layers: [{ ...configDescriptor, mediaType: undefined }] },
    { ...base, subject: "x" },
    { ...base, annotations: { a: 1 } },
    // One text that two clients could read as two things (CVE-2021-41190).
    { ...base, manifests: [] },
    { ...base, mediaType: OCI_INDEX },
  ]) {
    expect([JSON.stringify(content), await put(content)]).toEqual([JSON.stringify(content), [400, "MANIFEST_INVALID"]]);
  }
  expect(await put(base, "application/json")).toEqual([400, "MANIFEST_INVALID"]);
  expect(await put({ ...base, mediaType: "text/plain" }, "text/plain")).toEqual([400, "MANIFEST_INVALID"]);
  expect(await put({ ...base, layers: [{ ...configDescriptor, digest: ABSENT }] })).toEqual([
    404,
    "MANIFEST_BLOB_UNKNOWN",
  ]);
  expect(await put({ ...base, layers: [{ ...configDescriptor, size: 3 }] })).toEqual([400, "SIZE_INVALID"]);
  const index = {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [{ mediaType: OCI_MANIFEST, digest: ABSENT, size: 1 }],
  };
  expect(await put(index, OCI_INDEX)).toEqual([404, "MANIFEST_BLOB_UNKNOWN"]);
  expect(await put(base, OCI_MANIFEST, ABSENT)).toEqual([400, "DIGEST_INVALID"]);
  expect(await put(base, OCI_MANIFEST, "-bad-")).toEqual([400, "TAG_INVALID"]);
  const large = { ...good, bytes: new Uint8Array(4 * 1024 * 1024 + 1).fill(32) };
  const refused = await client.putManifest("push/bad", "large", large);
  expect(refused.status).toBe(413);
});

behaviour(
  "tags are listed in order, in pages",
  ["end-8a", "end-8b", ...[1, 2, 3].map((i) => `Test content discovery endpoints (listing tags) ${i}`)],
  async () => {
    const tags = ["test0", "TEST1", "v1.0", "v1", "a", "Z", "_x", "0"];
    const { image } = await client.pushImage("tags", "first");
    for (const tag of tags) expect((await client.putManifest("tags", tag, image)).status).toBe(201);
    const sorted = [...tags, "first"].sort();
    const list = async (query: string) =>
      (await (await get(`/v2/tags/tags/list${query}`)).json()) as { tags: string[] };
    expect(await list("")).toEqual({ name: "tags", tags: sorted } as never);
    expect((await list("?n=4")).tags).toEqual(sorted.slice(0, 4));
    expect((await list(`?n=3&last=${sorted[2]}`)).tags).toEqual(sorted.slice(3, 6));
    expect((await list("?last=nothing-like-it")).tags).toEqual(sorted.filter((tag) => tag > "nothing-like-it"));
    expect((await list("?n=0")).tags).toEqual([]);
    const seen: string[] = [];
    let next: string | undefined = "/v2/tags/tags/list?n=2";
    while (next !== undefined) {
      const page = await get(next);
      seen.push(...((await page.json()) as { tags: string[] }).tags);
      next = /^<([^>]+)>; rel="next"$/.exec(page.headers.get("link") ?? "")?.[1];
    }
    expect(seen).toEqual(sorted);
    expect(await failure(await get("/v2/tags/tags/list?n=x"))).toEqual([400, "PAGINATION_NUMBER_INVALID"]);
    expect(await failure(await get("/v2/nobody/tags/list"))).toEqual([404, "NAME_UNKNOWN"]);
  },
);

behaviour("repositories are listed in order, in pages", [], async () => {
  await using other = await startNaruRegistry();
  const lister = new DistributionClient(other.url);
  const names = ["b", "a/c", "a-b", "a", "a/b/c", "a.b"];
  for (const name of names) await lister.pushBlob(name, freshBlob());
  const seen: string[] = [];
  let next: string | undefined = "/v2/_catalog?n=4";
  while (next !== undefined) {
    const page = await lister.send("GET", next);
    seen.push(...((await page.json()) as { repositories: string[] }).repositories);
    next = /^<([^>]+)>; rel="next"$/.exec(page.headers.get("link") ?? "")?.[1];
  }
  expect(seen).toEqual([...names].sort());
});

behaviour(
  "what refers to a manifest is listed, by type when asked",
  ["end-12a", "end-12b", ...[1, 2, 3, 4].map((i) => `Test content discovery endpoints (listing references) ${i}`)],
  async () => {
    const { image } = await client.pushImage("refs", "subject");
    const config = blob("{}");
    await client.pushBlob("refs", config);
    const subject = { mediaType: image.mediaType, digest: image.digest, size: image.size };
    const configOf = (mediaType: string) => ({ mediaType, digest: config.digest, size: config.size });
    const byConfig = manifest({ config: configOf("application/vnd.example.signature"), layers: [], subject });
    const byType = manifest({
      artifactType: "application/vnd.example.sbom",
      config: configOf(EMPTY),
      layers: [],
      subject,
      annotations: { "org.example.size": "big" },
    });
    const index = manifest({ artifactType: "application/vnd.example.sbom", manifests: [], subject }, OCI_INDEX);
    const missing = { ...subject, digest: blob("not pushed yet").digest };
    const early = manifest({
      artifactType: "application/vnd.early",
      config: configOf(EMPTY),
      layers: [],
      subject: missing,
    });
    for (const entry of [byConfig, byType, index]) {
      const put = await client.putManifest("refs", entry.digest, entry);
      expect([put.status, put.headers.get("oci-subject")]).toEqual([201, image.digest]);
    }
    expect((await client.putManifest("refs", "early", early)).headers.get("oci-subject")).toBe(missing.digest);
    const list = async (digest: string, query = "") => {
      const response = await get(`/v2/refs/referrers/${digest}${query}`);
      expect([response.status, response.headers.get("content-type")]).toEqual([200, OCI_INDEX]);
      const body = (await response.json()) as { schemaVersion: number; manifests: Record<string, unknown>[] };
      expect(body).toMatchObject({ schemaVersion: 2, mediaType: OCI_INDEX });
      return { manifests: body.manifests, filters: response.headers.get("oci-filters-applied") };
    };
    const all = await list(image.digest);
    expect(all.filters).toBeNull();
    expect(all.manifests.map((entry) => entry.digest).sort()).toEqual(
      [byConfig, byType, index].map((e) => e.digest).sort(),
    );
    expect(all.manifests.find((entry) => entry.digest === byConfig.digest)).toEqual({
      mediaType: OCI_MANIFEST,
      digest: byConfig.digest,
      size: byConfig.size,
      artifactType: "application/vnd.example.signature",
    });
    const typed = await list(image.digest, "?artifactType=application/vnd.example.sbom");
    expect(typed.filters).toBe("artifactType");
    expect(typed.manifests.map((entry) => entry.digest).sort()).toEqual([byType, index].map((e) => e.digest).sort());
    expect(typed.manifests.find((entry) => entry.digest === byType.digest)).toMatchObject({
      artifactType: "application/vnd.example.sbom",
      annotations: { "org.example.size": "big" },
    });
    expect((await list(missing.digest)).manifests).toHaveLength(1);
    expect((await list(ABSENT)).manifests).toEqual([]);
    expect((await get(`/v2/nobody/referrers/${ABSENT}`)).status).toBe(200);
    expect(await failure(await get("/v2/refs/referrers/nonsense"))).toEqual([400, "DIGEST_INVALID"]);
    expect((await client.send("DELETE", `/v2/refs/manifests/${byType.digest}`)).status).toBe(202);
    expect((await list(image.digest)).manifests).toHaveLength(2);
  },
);

behaviour("more referrers than fit a page are followed by Link", [], async () => {
  const config = blob("{}");
  await client.pushBlob("many-refs", config);
  const describe = { mediaType: EMPTY, digest: config.digest, size: 2 };
  const subject = { mediaType: OCI_MANIFEST, digest: ABSENT, size: 1 };
  const count = 510;
  for (let from = 0; from < count; from += 30) {
    const batch = Array.from({ length: Math.min(30, count - from) }, (_, i) =>
      manifest({
        artifactType: "application/vnd.x",
        config: describe,
        layers: [],
        subject,
        annotations: { n: `${from + i}` },
      }),
    );
    const answers = await Promise.all(batch.map((entry) => client.putManifest("many-refs", entry.digest, entry)));
    expect(answers.every((answer) => answer.status === 201)).toBe(true);
  }
  const digests = new Set<unknown>();
  let pages = 0;
  let next: string | undefined = `/v2/many-refs/referrers/${ABSENT}?artifactType=application/vnd.x`;
  for (; next !== undefined; pages++) {
    const page = await get(next);
    for (const { digest } of ((await page.json()) as { manifests: { digest: string }[] }).manifests)
      digests.add(digest);
    next = /^<([^>]+)>; rel="next"$/.exec(page.headers.get("link") ?? "")?.[1];
  }
  expect([pages, digests.size]).toEqual([2, count]);
});

behaviour(
  "tags go alone, manifests take their tags along",
  ["end-9", ...[1, 2, 3, 4].map((i) => `Manifest delete ${i}`)],
  async () => {
    const { image } = await client.pushImage("delete", "one");
    await client.putManifest("delete", "two", image);
    await client.putManifest("delete", "three", image);
    const tags = async () => ((await (await get("/v2/delete/tags/list")).json()) as { tags: string[] }).tags;
    expect((await client.send("DELETE", "/v2/delete/manifests/one")).status).toBe(202);
    expect(await tags()).toEqual(["three", "two"]);
    expect((await get(`/v2/delete/manifests/${image.digest}`)).status).toBe(200);
    expect((await get("/v2/delete/manifests/one")).status).toBe(404);
    expect((await client.send("DELETE", `/v2/delete/manifests/${image.digest}`)).status).toBe(202);
    expect(await tags()).toEqual([]);
    expect(await failure(await get(`/v2/delete/manifests/${image.digest}`))).toEqual([404, "MANIFEST_UNKNOWN"]);
    expect(await failure(await client.send("DELETE", `/v2/delete/manifests/${image.digest}`))).toEqual([
      404,
      "MANIFEST_UNKNOWN",
    ]);
    expect(await failure(await client.send("DELETE", "/v2/delete/manifests/two"))).toEqual([404, "MANIFEST_UNKNOWN"]);
  },
);

behaviour("blobs are deleted from their repository only", ["end-10", "Blob delete 1", "Blob delete 2"], async () => {
  const layer = freshBlob();
  await client.pushBlob("delete/one", layer);
  await client.pushBlob("delete/two", layer);
  expect((await client.send("DELETE", `/v2/delete/one/blobs/${layer.digest}`)).status).toBe(202);
  expect(await failure(await get(`/v2/delete/one/blobs/${layer.digest}`))).toEqual([404, "BLOB_UNKNOWN"]);
  expect((await get(`/v2/delete/two/blobs/${layer.digest}`)).status).toBe(200);
  expect(await failure(await client.send("DELETE", `/v2/delete/one/blobs/${layer.digest}`))).toEqual([
    404,
    "BLOB_UNKNOWN",
  ]);
});

behaviour("every address knows its methods", [], async () => {
  for (const [method, path] of [
    ["PUT", "/v2/_catalog"],
    ["POST", "/v2/x/tags/list"],
    ["PATCH", "/v2/x/manifests/y"],
    ["PUT", `/v2/x/blobs/${ABSENT}`],
    ["GET", "/v2/x/blobs/uploads/"],
    ["DELETE", `/v2/x/referrers/${ABSENT}`],
  ] as const) {
    expect([path, await failure(await client.send(method, path))]).toEqual([path, [405, "UNSUPPORTED"]]);
  }
  expect((await get("/v2/x/nonsense")).status).toBe(404);
});

test("the specification's lists hold nothing that is not tested here", async () => {
  // The specification lies beside the project, not in it.
  if (!existsSync(SPECIFICATION)) return;
  const rows = async (file: string) => (await Bun.file(`${SPECIFICATION}/${file}`).text()).trim().split("\n").slice(1);
  const endpoints = (await rows("endpoints.csv")).map((row) => row.split(",")[0]!);
  const counts = new Map<string, number>();
  const behaviours = (await rows("conformance-tests.csv"))
    .map((row) => row.split(","))
    .filter(([, , kind]) => kind === "test")
    .map(([, group]) => {
      counts.set(group!, (counts.get(group!) ?? 0) + 1);
      return `${group} ${counts.get(group!)}`;
    });
  expect(endpoints.length).toBeGreaterThan(10);
  expect(behaviours.length).toBeGreaterThan(40);
  expect([...endpoints, ...behaviours].filter((id) => !covered.has(id))).toEqual([]);
});
