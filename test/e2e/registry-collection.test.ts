/** Garbage collection of the registry: what it takes and what it leaves, while pushes go on and when it is killed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { CollectReport } from "../../src/registry/collect/collector.ts";
import { eventually } from "../support/daemon.ts";
import {
  blob,
  DistributionClient,
  EMPTY,
  freshBlob,
  imageManifest,
  manifest,
  OCI_INDEX,
  OCI_MANIFEST,
  type TestBlob,
  type TestManifest,
} from "../support/distribution-client.ts";
import { type NaruRegistry, startNaruRegistry } from "../support/naru-registry.ts";

let registry: NaruRegistry;
let client: DistributionClient;

beforeAll(async () => {
  registry = await startNaruRegistry();
  client = new DistributionClient(registry.url);
});
afterAll(() => registry?.stop());

async function collect(query: string, at = client): Promise<CollectReport> {
  const response = await at.send("POST", `/v2/_naru/collection?${query}`);
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as CollectReport;
}
async function storedBlobs(root: string): Promise<string[]> {
  const entries = await readdir(join(root, "blobs"), { recursive: true, withFileTypes: true }).catch(() => []);
  // A directory promises no order.
  const files = entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  return files.sort();
}
const exists = async (name: string, { digest }: TestBlob, at = client) =>
  (await at.send("HEAD", `/v2/${name}/blobs/${digest}`)).status === 200;
const describe = ({ mediaType, digest, size }: TestManifest) => ({ mediaType, digest, size });

/** Reads an image back, every byte of it. */
async function verifyImage(at: DistributionClient, name: string, reference: string): Promise<void> {
  const fetched = await at.send("GET", `/v2/${name}/manifests/${reference}`);
  if (fetched.status !== 200) throw new Error(`${name}:${reference}: ${fetched.status}`);
  const { config, layers } = (await fetched.json()) as { config: { digest: string }; layers: { digest: string }[] };
  for (const { digest } of [config, ...layers]) {
    const response = await at.send("GET", `/v2/${name}/blobs/${digest}`);
    const hex = createHash("sha256")
      .update(new Uint8Array(await response.arrayBuffer()))
      .digest("hex");
    if (response.status !== 200 || `sha256:${hex}` !== digest)
      throw new Error(`${name}:${reference}: ${digest} is not whole`);
  }
}

test("what no manifest needs goes, the rest stays; a dry run only counts", async () => {
  const kept = await client.pushImage("gc/kept", "v1", [freshBlob(1000)]);
  const shared = freshBlob(2000);
  await client.pushImage("gc/one", "x", [shared]);
  const gone = await client.pushImage("gc/two", "y", [shared, freshBlob(3000)]);
  const orphan = freshBlob(4000);
  await client.pushBlob("gc/kept", orphan);
  await client.send("DELETE", `/v2/gc/two/manifests/${gone.image.digest}`);
  const before = await storedBlobs(registry.root);
  const dry = await collect("grace=0s&dry-run=1");
  // The orphan; of gc/two its manifest, config and own layer; the shared layer is still gc/one's.
  expect(dry).toMatchObject({ dryRun: true, blobs: { count: 4 }, links: 4, repositories: 1 });
  expect(await storedBlobs(registry.root)).toEqual(before);
  const done = await collect("grace=0s");
  expect({ ...done, startedAt: "", durationMs: 0, dryRun: true }).toEqual({ ...dry, startedAt: "", durationMs: 0 });
  expect(done.blobs.bytes).toBe(4000 + 3000 + gone.image.size + gone.config.size);
  expect(await storedBlobs(registry.root)).toHaveLength(before.length - 4);
  expect([await exists("gc/one", shared), await exists("gc/two", shared)]).toEqual([true, false]);
  expect((await client.send("GET", "/v2/gc/two/tags/list")).status).toBe(404);
  await verifyImage(client, "gc/kept", kept.image.digest);
  expect((await collect("grace=0s")).blobs.count).toBe(0);
  const last = (await (await client.send("GET", "/v2/_naru/collection")).json()) as {
    running: boolean;
    last: CollectReport;
  };
  expect(last.running).toBe(false);
  expect(last.last.blobs.count).toBe(0);
});

test("the grace period protects what a push has just looked at, uploaded or mounted", async () => {
  const [looked, uploaded, mounted, config] = [freshBlob(), freshBlob(), freshBlob(), freshBlob()];
  for (const content of [looked, uploaded, config]) await client.pushBlob("grace/target", content);
  await client.pushBlob("grace/source", mounted);
  await client.send("POST", `/v2/grace/target/blobs/uploads/?mount=${mounted.digest}&from=grace/source`);
  expect(await exists("grace/target", looked)).toBe(true);
  const report = await collect("grace=1h");
  expect([report.blobs.count, report.links]).toEqual([0, 0]);
  const image = imageManifest(config, [looked, uploaded, mounted]);
  expect((await client.putManifest("grace/target", "latest", image)).status).toBe(201);
  await collect("grace=0s");
  await verifyImage(client, "grace/target", "latest");
});

test("an upload under way protects what was seen since it began", async () => {
  const seen = freshBlob();
  const address = await client.begin("barrier");
  await client.patch(address, "the first half");
  await client.pushBlob("barrier", seen);
  await Bun.sleep(50);
  // Without grace; the upload that still moves sets the limit.
  await collect("grace=0s");
  expect(await exists("barrier", seen)).toBe(true);
  await client.send("DELETE", address);
  await Bun.sleep(5);
  await collect("grace=0s");
  expect(await exists("barrier", seen)).toBe(false);
});

test("uploads that nobody goes on with are given up", async () => {
  const address = await client.begin("abandoned");
  await client.patch(address, "something");
  expect((await collect("grace=0s&upload-age=1h")).uploads.count).toBe(0);
  await Bun.sleep(30);
  expect((await collect("grace=0s&upload-age=10ms&dry-run=1")).uploads).toEqual({ count: 1, bytes: 9 });
  expect((await collect("grace=0s&upload-age=10ms")).uploads).toEqual({ count: 1, bytes: 9 });
  expect((await client.send("GET", address)).status).toBe(404);
});

test("untagged manifests go when asked; an index keeps its manifests, a subject what refers to it", async () => {
  const name = "untagged";
  const one = await client.pushImage(name, "a");
  const two = await client.pushImage(name, "b");
  const three = await client.pushImage(name, "c");
  const index = manifest({ manifests: [describe(one.image)] }, OCI_INDEX);
  await client.putManifest(name, "multi", index);
  const config = blob("{}");
  await client.pushBlob(name, config);
  const refer = (subject: TestManifest) =>
    manifest({
      artifactType: "application/vnd.example.signature",
      config: { mediaType: EMPTY, digest: config.digest, size: 2 },
      layers: [],
      subject: describe(subject),
    });
  const [signature, lost] = [refer(one.image), refer(two.image)];
  const second = refer(signature);
  for (const entry of [signature, lost, second]) await client.putManifest(name, entry.digest, entry);
  for (const tag of ["a", "b"]) await client.send("DELETE", `/v2/${name}/manifests/${tag}`);
  const has = async (entry: TestManifest) =>
    (await client.send("HEAD", `/v2/${name}/manifests/${entry.digest}`)).status === 200;
  await collect("grace=0s");
  expect(await has(two.image)).toBe(true);
  await Bun.sleep(5);
  expect((await collect("grace=0s&untagged=1&dry-run=1")).manifests).toBe(2);
  expect((await collect("grace=0s&untagged=1")).manifests).toBe(2);
  for (const entry of [one.image, three.image, index, signature, second]) expect(await has(entry)).toBe(true);
  for (const entry of [two.image, lost]) expect(await has(entry)).toBe(false);
  await verifyImage(client, name, one.image.digest);
});

test("a wish that cannot be read is refused", async () => {
  for (const query of ["grace=soon", "grace=-1s", "dry-run=maybe"]) {
    expect((await client.send("POST", `/v2/_naru/collection?${query}`)).status).toBe(400);
  }
  expect((await client.send("DELETE", "/v2/_naru/collection")).status).toBe(405);
});

test("collections by the clock", async () => {
  await using timed = await startNaruRegistry({ flags: ["--gc-interval", "200ms", "--gc-grace", "0"] });
  const other = new DistributionClient(timed.url);
  const orphan = freshBlob();
  await other.pushBlob("clock", orphan);
  await eventually(async () => (await timed.logText()).includes("collected garbage blobs=1"));
  expect(await storedBlobs(timed.root)).toEqual([]);
});

test("pushes, deletes and collections at the same time: no push fails, nothing kept is lost", async () => {
  await using busy = await startNaruRegistry();
  const at = new DistributionClient(busy.url);
  const common = Array.from({ length: 6 }, () => freshBlob(20_000));
  const until = Date.now() + 6000;
  const kept = new Set<string>();
  let pushes = 0;
  let collections = 0;
  const failures: string[] = [];

  /** As a client pushes: what is there is not sent again, between each step anything may happen. */
  const push = async (name: string, tag: string) => {
    const layers = [
      common[Math.floor(Math.random() * common.length)]!,
      common[pushes % common.length]!,
      freshBlob(5000),
    ];
    const config = blob(JSON.stringify({ os: "linux", architecture: "amd64", tag, pushes }));
    for (const content of new Set([...layers, config])) {
      if (!(await exists(name, content, at))) await at.pushBlob(name, content);
      if (Math.random() < 0.2) await Bun.sleep(Math.random() * 20);
    }
    const response = await at.putManifest(name, tag, imageManifest(config, [...new Set(layers)]));
    if (response.status !== 201) failures.push(`${name}:${tag} ${response.status} ${await response.text()}`);
    pushes += 1;
  };
  const worker = async (index: number) => {
    for (let round = 0; Date.now() < until; round++) {
      const [name, tag] = [`busy/${index % 3}`, `w${index}-${round % 4}`];
      await push(name, tag);
      kept.add(`${name} ${tag}`);
      if (round % 3 !== 2) continue;
      const doomed = `w${index}-${(round + 1) % 4}`;
      const { headers } = await at.send("HEAD", `/v2/${name}/manifests/${doomed}`, {
        headers: { Accept: OCI_MANIFEST },
      });
      await at.send("DELETE", `/v2/${name}/manifests/${headers.get("docker-content-digest") ?? doomed}`);
      kept.delete(`${name} ${doomed}`);
    }
  };
  const collector = async () => {
    while (Date.now() < until) {
      await collect("grace=1s&untagged=1", at);
      collections += 1;
    }
  };
  await Promise.all([...Array.from({ length: 6 }, (_, index) => worker(index)), collector()]);
  expect(failures).toEqual([]);
  expect(pushes).toBeGreaterThan(50);
  expect(collections).toBeGreaterThan(5);
  for (const entry of kept) await verifyImage(at, ...(entry.split(" ") as [string, string]));
  for (const entry of kept) {
    const [name, tag] = entry.split(" ");
    await at.send("DELETE", `/v2/${name}/manifests/${tag}`);
  }
  await Bun.sleep(5);
  const last = await collect("grace=0s&untagged=1", at);
  expect(last.keptBytes).toBe(0);
  expect(await storedBlobs(busy.root)).toEqual([]);
  expect(await readdir(join(busy.root, "repositories")).catch(() => [])).toEqual([]);
});

test("a collection that is killed leaves whole images, and the next one finishes the work", async () => {
  await using killed = await startNaruRegistry({ flags: ["--fsync", "never"] });
  const at = new DistributionClient(killed.url);
  const keep = await Promise.all(
    [1, 2, 3].map((i) => at.pushImage("killed/kept", `v${i}`, [freshBlob(), freshBlob()])),
  );
  for (let round = 0; round < 6; round++) {
    const doomed = await Promise.all(
      Array.from({ length: 25 }, (_, i) => at.pushImage(`killed/gone${i % 4}`, `v${i}`, [freshBlob(), freshBlob()])),
    );
    await Promise.all(
      doomed.map(({ image }, i) => at.send("DELETE", `/v2/killed/gone${i % 4}/manifests/${image.digest}`)),
    );
    await Bun.sleep(5);
    const collecting = collect("grace=0s&untagged=1", at).catch(() => undefined);
    await Bun.sleep(round * 4);
    await killed.kill("SIGKILL");
    await collecting;
    await killed.restart();
    for (const { image } of keep) await verifyImage(at, "killed/kept", image.digest);
  }
  await Bun.sleep(5);
  await collect("grace=0s&untagged=1", at);
  // Of each kept image: manifest, config, two layers.
  expect(await storedBlobs(killed.root)).toHaveLength(3 * 4);
  const { repositories } = (await (await at.send("GET", "/v2/_catalog")).json()) as { repositories: string[] };
  expect(repositories).toEqual(["killed/kept"]);
});
