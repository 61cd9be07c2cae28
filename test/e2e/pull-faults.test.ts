/** Pulls that are cut off, killed, lied to, or meet each other: the store stays whole and nothing is left behind. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { DOCKER, eventually, run, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { type DebianRegistry, startDebianRegistry } from "../support/debian-registry.ts";
import { imageOf, largeLayer, layerOf, sendImage, type TestImage } from "../support/registry-images.ts";
import { type WatchedRegistry, watchRegistry } from "../support/watched-registry.ts";

let daemon: TestDaemon;
let registry: DebianRegistry;
let watched: WatchedRegistry;
let large: TestImage;
const REPOSITORY = "big/image";

beforeAll(async () => {
  daemon = await startDaemon();
  registry = await startDebianRegistry();
  watched = await watchRegistry(registry.host);
  large = imageOf([largeLayer("one", 4), largeLayer("two", 3), layerOf([{ path: "three", content: "3" }])]);
  await sendImage(registry.host, REPOSITORY, large, "1");
});
afterAll(async () => {
  await daemon?.stop();
  await watched?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
});
afterEach(async () => {
  watched.restMs = 0;
  watched.spoil = undefined;
  watched.requests.length = 0;
  const ids = await out(["images", "-qa", "--no-trunc"]);
  for (const id of new Set(ids.split("\n").filter(Boolean))) await daemon.naru(["rmi", "-f", id]);
});

const out = async (words: string[]) => (await daemon.naru(words)).stdout.trim();
const name = () => `${watched.host}/${REPOSITORY}:1`;
const filesIn = async (folder: string) => (await readdir(join(daemon.dataRoot, folder))).sort();
const partialBytes = async () => {
  const sizes = await Promise.all(
    (await filesIn("ingest/partial")).map(
      async (file) => (await stat(join(daemon.dataRoot, "ingest/partial", file))).size,
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
};
/** No blob, snapshot or half-made thing that no image needs. */
async function expectNoOrphans(images: number): Promise<void> {
  await eventually(async () => (await filesIn("trash")).length === 0);
  const known =
    images === 0 ? [] : [large.descriptor, large.config.descriptor, ...large.layers.map((layer) => layer.descriptor)];
  expect(await filesIn("blobs/sha256")).toEqual(known.map(({ digest }) => digest.slice(7)).sort());
  expect((await filesIn("snapshots")).filter((folder) => folder !== "base")).toHaveLength(images * large.layers.length);
  expect(await filesIn("ingest")).toEqual(["partial"]);
}
const verify = () => daemon.naru(["image", "verify", "--all", "--quiet"]);

test("two pulls of one image fetch each blob once, and both tell its progress", async () => {
  watched.restMs = 5;
  const [first, second] = await Promise.all([
    daemon.api("POST", `/v1.51/images/create?fromImage=${name()}`),
    daemon.api("POST", `/v1.51/images/create?fromImage=${name()}`),
  ]);
  const bodies = await Promise.all([first.text(), second.text()]);
  for (const body of bodies) {
    expect(body).toContain("Status: ");
    expect(body).toContain('"status":"Downloading"');
    expect(body).not.toContain("errorDetail");
  }
  for (const { descriptor } of large.layers) expect(watched.blobReads(descriptor.digest)).toHaveLength(1);
  await expectNoOrphans(1);
});

test("one of two pulls leaves: the other goes on; both leave: only resumable bytes stay", async () => {
  watched.restMs = 10;
  const leave = new AbortController();
  const url = `http://naru/v1.51/images/create?fromImage=${name()}`;
  const pull = (signal?: AbortSignal) =>
    fetch(url, { method: "POST", unix: daemon.socketPath, signal }).then((answer) => answer.text());
  const first = pull(leave.signal).catch(() => "left");
  const second = pull();
  await eventually(() => watched.blobReads().some(({ sentBytes }) => sentBytes > 300_000));
  leave.abort();
  expect(await first).toBe("left");
  expect(await second).toContain("Status: Downloaded newer image");
  expect(watched.blobReads(large.layers[0]!.descriptor.digest)).toHaveLength(1);
});

test("who shares a download that fails for the other one goes on by itself", async () => {
  const { digest } = large.layers[0]!.descriptor;
  await using other = await watchRegistry(registry.host);
  other.restMs = 5;
  other.spoil = (piece, { path }) => (path.endsWith(digest) ? Buffer.alloc(piece.length) : piece);
  const bad = daemon.docker(["pull", `${other.host}/${REPOSITORY}:1`]);
  await eventually(() => other.blobReads(digest).some(({ sentBytes }) => sentBytes > 100_000));
  const good = await daemon.docker(["pull", name()]);
  expect((await bad).stderr).toContain("verification failed");
  expect(good).toMatchObject({ code: 0, stderr: "" });
  expect(watched.blobReads(digest)).toHaveLength(1);
});

test("docker's client is interrupted: the next pull asks for the rest only", async () => {
  watched.restMs = 10;
  const child = Bun.spawn([DOCKER, "pull", name()], {
    env: { ...process.env, ...daemon.env },
    stdout: "ignore",
    stderr: "ignore",
  });
  await eventually(async () => (await partialBytes()) > 500_000);
  child.kill("SIGINT");
  await child.exited;
  await eventually(async () => {
    const before = await partialBytes();
    await Bun.sleep(100);
    return before === (await partialBytes()) && (await filesIn("ingest")).length === 1;
  });
  expect(await filesIn("blobs/sha256")).toEqual([]);
  const kept = await partialBytes();
  expect(kept).toBeGreaterThan(500_000);
  watched.requests.length = 0;
  watched.restMs = 0;
  expect(await daemon.docker(["pull", name()])).toMatchObject({ code: 0, stderr: "" });
  const layers = new Set<string>(large.layers.map(({ descriptor }) => descriptor.digest));
  const reads = watched.blobReads().filter(({ path }) => layers.has(path.split("/").at(-1)!));
  const total = large.layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  expect(reads.some(({ range }) => range?.startsWith("bytes="))).toBe(true);
  expect(reads.reduce((sum, { sentBytes }) => sum + sentBytes, 0)).toBe(total - kept);
  await expectNoOrphans(1);
  expect(await verify()).toMatchObject({ code: 0 });
});

test.each([0.02, 0.3, 0.6, 0.95])("the daemon is killed when %d of the image has come", async (share) => {
  watched.restMs = 4;
  const total = large.layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  const child = Bun.spawn([DOCKER, "pull", name()], {
    env: { ...process.env, ...daemon.env },
    stdout: "ignore",
    stderr: "ignore",
  });
  const sent = () => watched.blobReads().reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  await eventually(() => sent() >= total * share);
  await daemon.kill("SIGKILL");
  await child.exited;
  await daemon.restart();
  // The very last bytes may have been quicker than the kill.
  const images = (await out(["images", "-q"])) === "" ? 0 : 1;
  await expectNoOrphans(images);
  const before = images === 0 ? await partialBytes() : total;
  watched.requests.length = 0;
  watched.restMs = 0;
  expect(await daemon.docker(["pull", name()])).toMatchObject({ code: 0, stderr: "" });
  const layers = new Set<string>(large.layers.map(({ descriptor }) => descriptor.digest));
  const moved = watched.blobReads().filter(({ path }) => layers.has(path.split("/").at(-1)!));
  expect(moved.reduce((sum, { sentBytes }) => sum + sentBytes, 0)).toBe(total - before);
  await expectNoOrphans(1);
  expect(await verify()).toMatchObject({ code: 0 });
});

test("wrong bytes are found, and nothing of them stays", async () => {
  const bad = large.layers[1]!.descriptor.digest;
  watched.spoil = (piece, { path }) => {
    if (!path.endsWith(bad)) return piece;
    const changed = Buffer.from(piece);
    changed[changed.length >> 1]! ^= 1;
    return changed;
  };
  const pulled = await daemon.docker(["pull", name()]);
  expect(pulled.code).toBe(1);
  expect(pulled.stderr).toContain(`filesystem layer verification failed for digest ${bad}`);
  expect(await filesIn("ingest/partial")).not.toContain(bad.slice(7));
  watched.spoil = undefined;
  expect(await daemon.docker(["pull", name()])).toMatchObject({ code: 0 });
});

test("bytes of an earlier download that were spoilt are fetched anew", async () => {
  const { descriptor, bytes } = large.layers[0]!;
  const spoilt = Buffer.from(bytes.subarray(0, 1_000_000));
  spoilt[5000]! ^= 1;
  await Bun.write(join(daemon.dataRoot, "ingest/partial", descriptor.digest.slice(7)), spoilt);
  expect(await daemon.docker(["pull", name()])).toMatchObject({ code: 0, stderr: "" });
  expect(watched.blobReads(descriptor.digest).map(({ range }) => range)).toEqual(["bytes=1000000-", undefined]);
  expect(await verify()).toMatchObject({ code: 0 });
});

test("connections that break are resumed within the same pull", async () => {
  let left = 3;
  watched.spoil = (piece, { sentBytes }) => (sentBytes > 200_000 && left-- > 0 ? undefined : piece);
  const pulled = await daemon.docker(["pull", name()], { timeoutMs: 60_000 });
  expect(pulled).toMatchObject({ code: 0, stderr: "" });
  expect(watched.blobReads().some(({ range }) => range?.startsWith("bytes="))).toBe(true);
});

test("what was damaged on the disk is told by verify and repaired by a pull", async () => {
  await daemon.docker(["pull", name()]);
  const [first, second] = large.layers.map(({ descriptor }) =>
    join(daemon.dataRoot, "blobs/sha256", descriptor.digest.slice(7)),
  );
  const blob = Buffer.from(await Bun.file(first!).arrayBuffer());
  blob[100_000]! ^= 0xff;
  await Bun.write(first!, blob);
  await run(["truncate", "-s", "1000", second!]);
  const third = (await run(["find", join(daemon.dataRoot, "snapshots"), "-name", "three"])).stdout.trim();
  await Bun.write(third, "4");
  const found = await verify();
  expect(found.code).toBe(1);
  for (const layer of large.layers.slice(0, 2)) expect(found.stdout).toContain(`blob ${layer.descriptor.digest}`);
  expect(found.stdout).toContain("/three has");
  const api = await daemon.api("POST", "/v1.51/naru/images/verify", { Images: [name()] });
  expect(await api.text()).toContain('"Problems":[{"Image":"sha256:');
  const pulled = await daemon.docker(["pull", name()]);
  expect(pulled.stdout).toContain("Status: Downloaded newer image");
  expect(await verify()).toMatchObject({ code: 0, stdout: "" });
  await expectNoOrphans(1);
});

test("loading an image repairs it as well", async () => {
  await daemon.docker(["pull", name()]);
  const archive = join(daemon.root, "whole.tar");
  await daemon.docker(["save", "-o", archive, name()]);
  const { digest } = large.layers[1]!.descriptor;
  const path = join(daemon.dataRoot, "blobs/sha256", digest.slice(7));
  const blob = Buffer.from(await Bun.file(path).arrayBuffer());
  blob[50]! ^= 0xff;
  await Bun.write(path, blob);
  expect((await verify()).stdout).toContain(digest);
  expect(await daemon.docker(["load", "-i", archive])).toMatchObject({ code: 0 });
  expect(await verify()).toMatchObject({ code: 0, stdout: "" });
});

test("an image that is removed while it is saved is saved whole, and gone afterwards", async () => {
  await daemon.docker(["pull", name()]);
  const answer = await daemon.api("GET", `/v1.51/images/${name()}/get`);
  const reader = answer.body!.getReader();
  const parts = [(await reader.read()).value!];
  expect(await daemon.docker(["rmi", "-f", name()])).toMatchObject({ code: 0 });
  for (let next = await reader.read(); !next.done; next = await reader.read()) parts.push(next.value);
  await expectNoOrphans(0);
  const archive = join(daemon.root, "removed.tar");
  await Bun.write(archive, new Blob(parts));
  expect(await daemon.docker(["load", "-i", archive])).toMatchObject({ code: 0 });
  expect(await verify()).toMatchObject({ code: 0 });
});

test("prune removes what has come of a download that was cut off", async () => {
  await daemon.api("POST", "/v1.51/images/prune");
  await Bun.write(join(daemon.dataRoot, "ingest/partial", "0".repeat(64)), new Uint8Array(12_345));
  const pruned = await daemon.api("POST", "/v1.51/images/prune");
  expect(await pruned.json()).toEqual({ ImagesDeleted: null, SpaceReclaimed: 12_345 });
  expect(await filesIn("ingest/partial")).not.toContain("0".repeat(64));
});

test("eight images at once stay within the daemon's memory", async () => {
  const images = Array.from({ length: 8 }, (_, index) => imageOf([largeLayer(`file${index}`, 6)]));
  await Promise.all(images.map((image, index) => sendImage(registry.host, `many/${index}`, image, "1")));
  // A daemon of its own: what the faults above left in the other one's heap is not what is measured.
  await using fresh = await startDaemon();
  let peakBytes = 0;
  const watch = setInterval(async () => {
    const text = await Bun.file(`/proc/${fresh.pid}/smaps_rollup`).text();
    peakBytes = Math.max(peakBytes, Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1]) * 1024);
  }, 20);
  const pulls = await Promise.all(
    images.map((_, index) => fresh.docker(["pull", "-q", `${registry.host}/many/${index}:1`])),
  );
  clearInterval(watch);
  for (const pulled of pulls) expect(pulled).toMatchObject({ code: 0, stderr: "" });
  expect((await fresh.docker(["images", "-q"])).stdout.trim().split("\n")).toHaveLength(8);
  expect(peakBytes).toBeGreaterThan(10e6);
  expect(peakBytes).toBeLessThan(150e6);
});

test("system df tells the bytes that are on the disk, however images share them", async () => {
  const base = layerOf([
    { path: "dir/file", content: "twelve bytes" },
    { path: "dir/link", type: "symlink", linkPath: "file" },
    { path: "dir/hard", type: "hardlink", linkPath: "dir/file" },
    { path: "again", content: "is replaced" },
    { path: "again", content: "by this" },
  ]);
  const images = [1, 2].map((n) => imageOf([base, layerOf([{ path: `only${n}`, content: "x".repeat(n * 1000) }])]));
  for (const [index, image] of images.entries()) {
    await sendImage(registry.host, `df/${index}`, image, "1");
    await daemon.naru(["pull", "-q", `${registry.host}/df/${index}:1`]);
  }
  const usage = (await (await daemon.api("GET", "/v1.51/system/df?type=image")).json()) as { LayersSize: number };
  await eventually(async () => (await filesIn("trash")).length === 0);
  const found = await run([
    "bash",
    "-c",
    `find "$0"/blobs "$0"/snapshots -path '*/snapshots/base' -prune -o \\( -type f -o -type l \\) -printf '%D:%i %s\\n' | sort -u | awk '{ sum += $2 } END { print sum }'`,
    daemon.dataRoot,
  ]);
  expect(usage.LayersSize).toBe(Number(found.stdout));
});
