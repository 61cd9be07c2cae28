/** The pull-through cache beside a real catalog: what it keeps, what it lets go, and what it does when it can keep nothing. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Digest } from "../../src/model/image.ts";
import { MEDIA } from "../../src/model/media-types.ts";
import { CachedCatalog } from "../../src/registry/cache/cached-catalog.ts";
import { evict } from "../../src/registry/cache/eviction.ts";
import { parseUpstream, Upstreams } from "../../src/registry/cache/upstreams.ts";
import { UseRecord } from "../../src/registry/cache/use-record.ts";
import { openCatalog } from "../../src/registry/catalog/registry-catalog.ts";
import { SettingReader } from "../../src/registry/config/setting-reader.ts";
import type { Actor, RegistryCatalog, RegistryStorage } from "../../src/registry/contract.ts";
import { openLocalStorage } from "../../src/registry/storage/local-storage.ts";
import { startDebianRegistry } from "../support/debian-registry.ts";
import { blobOf, collect, digestOf, pushImage, testClient, testRepository } from "../support/registry-content.ts";

const ACTOR: Actor = { user: "", remoteAddress: "" };

let root: string;
let storage: RegistryStorage;
let catalog: RegistryCatalog;
/** Written a moment after a use: closed before their folder goes. */
const uses: UseRecord[] = [];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "naru-evict-"));
  storage = await openLocalStorage({ root, syncs: false });
  ({ catalog } = await openCatalog(storage));
});
afterEach(async () => {
  for (const use of uses.splice(0)) await use.close();
  await storage.close();
  await rm(root, { recursive: true, force: true });
});

async function openUse(): Promise<UseRecord> {
  const use = await UseRecord.open(join(root, "use.json"));
  uses.push(use);
  return use;
}

async function putOwnImage(repository: string): Promise<Digest> {
  const layer = blobOf(50_000, 99).bytes;
  const id = await catalog.beginUpload(repository);
  await catalog.appendUpload(
    repository,
    id,
    0,
    (async function* () {
      yield layer;
    })(),
  );
  await catalog.finishUpload(repository, id, digestOf(layer), ACTOR);
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    layers: [{ mediaType: MEDIA.layer, digest: digestOf(layer), size: layer.length }],
  };
  const config = { mediaType: MEDIA.empty, digest: digestOf(layer), size: layer.length };
  const bytes = new TextEncoder().encode(JSON.stringify({ ...manifest, config }));
  return (await catalog.putManifest(repository, "v1", { mediaType: MEDIA.manifest, bytes }, ACTOR)).digest;
}

async function openCache(upstreams: Upstreams, use: UseRecord, warnings: string[], fillDir = join(root, "cache/fill")) {
  return await CachedCatalog.open({
    inner: catalog,
    client: testClient(),
    upstreams,
    use,
    fillDir,
    log: { warn: (message) => warnings.push(message) },
    count: () => {},
  });
}

test("a cache that cannot keep a blob hands it through", async () => {
  await using upstream = await startDebianRegistry();
  const layer = blobOf(300_000).bytes;
  await pushImage(testRepository(upstream.host, "app"), "v1", { layer });
  const upstreams = new Upstreams([parseUpstream(SettingReader.of({ host: upstream.host, prefix: "up" }))]);
  const warnings: string[] = [];
  const fillDir = join(root, "gone");
  const cached = await openCache(upstreams, await openUse(), warnings, fillDir);
  // Nothing can be written there any more, as on a full disk.
  await rm(fillDir, { recursive: true });
  await cached.findManifest("up/app", "v1");
  const digest = digestOf(layer);
  for (let i = 0; i < 2; i++) expect(digestOf(await collect(await cached.readBlob("up/app", digest)))).toBe(digest);
  const part = await collect(await cached.readBlob("up/app", digest, { start: 1000, end: 2000 }));
  expect(part).toEqual(Buffer.from(layer.subarray(1000, 2000)));
  expect(warnings).toEqual(["a blob could not be kept; for a minute blobs are only handed through"]);
  expect(await catalog.findBlob("up/app", digest)).toBeUndefined();
});

test("evict() makes room among copies only", async () => {
  await using upstream = await startDebianRegistry();
  for (const [i, tag] of ["old", "new"].entries()) {
    await pushImage(testRepository(upstream.host, "app"), tag, { layer: blobOf(20_000, i + 1).bytes });
  }
  const upstreams = new Upstreams([parseUpstream(SettingReader.of({ host: upstream.host, prefix: "up", ttl: "1h" }))]);
  const use = await UseRecord.open(join(root, "cache/use.json"));
  const warnings: string[] = [];
  const cached = await openCache(upstreams, use, warnings);
  const own = await putOwnImage("own/app");
  const pull = async (tag: string) => {
    const { bytes, descriptor } = (await cached.findManifest("up/app", tag))!;
    const { layers } = JSON.parse(new TextDecoder().decode(bytes));
    const content = await collect(await cached.readBlob("up/app", layers[0].digest));
    expect(digestOf(content)).toBe(layers[0].digest);
    await cached.settle();
    return { manifest: descriptor.digest, layer: layers[0].digest as Digest };
  };
  const old = await pull("old");
  await Bun.sleep(10);
  const young = await pull("new");

  const limits = { maxBytes: 30_000, maxAgeMs: undefined };
  const failures: string[] = [];
  const outcome = await evict(catalog, upstreams, use, limits, (message) => failures.push(message));
  expect(outcome.evicted).toBe(1);
  expect(outcome.bytes).toBeLessThan(30_000);
  expect([...failures, ...warnings]).toEqual([]);
  expect(await catalog.findManifest("up/app", "old")).toBeUndefined();
  expect(await catalog.findManifest("up/app", old.manifest)).toBeUndefined();
  expect(await catalog.findBlob("up/app", old.layer)).toBeUndefined();
  expect(await catalog.findBlob("up/app", young.layer)).toBeDefined();
  expect(await catalog.findManifest("own/app", own)).toBeDefined();
  expect(await pull("old")).toEqual(old);

  await use.close();
  const reopened = await UseRecord.open(join(root, "cache/use.json"));
  expect(reopened.usedAt("up/app", old.manifest)).toBeGreaterThan(reopened.usedAt("up/app", young.manifest));
});
