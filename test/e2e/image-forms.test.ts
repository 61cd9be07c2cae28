/** Images that are named or put together unusually: by sha512 digests, and as indexes that hold indexes. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Descriptor } from "../../src/model/image.ts";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { type NaruRegistry, startNaruRegistry } from "../support/naru-registry.ts";
import { imageOf, layerOf, readManifest, sendImage, sendIndex, type TestImage } from "../support/registry-images.ts";

const OWN = process.arch === "x64" ? "amd64" : process.arch;

let daemon: TestDaemon;
let registry: NaruRegistry;
let program: Uint8Array;

beforeAll(async () => {
  [daemon, registry] = await Promise.all([startDaemon(), startNaruRegistry({ flags: ["--gc-grace", "0s"] })]);
  program = await Bun.file(Bun.which("busybox")!).bytes();
});
afterAll(async () => {
  await daemon?.stop();
  await registry?.stop();
});

const ok = async (...words: string[]) => {
  const done = await daemon.docker(words);
  expect({ words, ...done }).toMatchObject({ code: 0 });
  return done.stdout.trim();
};
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const shellFiles = (own: string) => [
  { path: "bin/busybox", content: program, mode: 0o755 },
  { path: "bin/sh", type: "symlink" as const, linkPath: "busybox" },
  { path: "own", content: own },
];
const readOwn = (image: string) => ok("run", "--rm", "--network", "none", image, "sh", "-c", "busybox cat /own");

async function verified(image: string): Promise<void> {
  expect(await daemon.naru(["image", "verify", image])).toMatchObject({ code: 0 });
}

/** An index of `image` and of what else it is told, sent to the repository. */
function indexOf(repository: string, tag: string, members: Descriptor[]) {
  return sendIndex(registry.host, repository, tag, members);
}

test("an image with sha512 throughout is pulled, run, verified, saved, loaded, pushed and collected", async () => {
  const layers = [layerOf(shellFiles("first"), "gzip", "sha512"), layerOf([{ path: "two" }], "zstd", "sha512")];
  const image = imageOf(layers, { algorithm: "sha512" });
  await sendImage(registry.host, "long/app", image);
  const name = `${registry.host}/long/app`;
  const byDigest = `${name}@${image.descriptor.digest}`;
  expect(await ok("pull", byDigest)).toContain(`Digest: ${image.descriptor.digest}`);
  expect(await ok("image", "inspect", "-f", "{{.Id}}", byDigest)).toBe(image.descriptor.digest);
  const hex = image.descriptor.digest.slice("sha512:".length);
  for (const id of [hex.slice(0, 12), hex, `sha512:${hex.slice(0, 20)}`]) {
    expect(await ok("image", "inspect", "-f", "{{.Id}}", id)).toBe(image.descriptor.digest);
  }
  expect(await readOwn(byDigest)).toBe("first");
  await verified(byDigest);
  expect(await readdir(join(daemon.dataRoot, "blobs/sha512"))).toHaveLength(4);

  await ok("tag", byDigest, `${registry.host}/long/copy:1`);
  await ok("push", "-q", `${registry.host}/long/copy:1`);
  expect(await readManifest(registry.host, "long/copy", "1")).toBe(text(image.bytes));

  const archive = join(daemon.root, "long.tar");
  await ok("save", "-o", archive, `${registry.host}/long/copy:1`);
  await ok("rmi", "-f", byDigest, `${registry.host}/long/copy:1`);
  expect(await readdir(join(daemon.dataRoot, "blobs/sha512"))).toEqual([]);
  await ok("load", "-i", archive);
  expect(await ok("image", "inspect", "-f", "{{.Id}}", `${registry.host}/long/copy:1`)).toBe(image.descriptor.digest);
  expect(await readOwn(`${registry.host}/long/copy:1`)).toBe("first");
  await ok("rmi", "-f", `${registry.host}/long/copy:1`);
});

test("a damaged sha512 blob is found, and pulling again repairs it", async () => {
  const image = imageOf([layerOf(shellFiles("kept"), "gzip", "sha512")], { algorithm: "sha512" });
  await sendImage(registry.host, "long/damaged", image, "1");
  const name = `${registry.host}/long/damaged:1`;
  await ok("pull", "-q", name);
  const blob = join(daemon.dataRoot, "blobs", image.layers[0]!.descriptor.digest.replace(":", "/"));
  const bytes = await Bun.file(blob).bytes();
  bytes[bytes.length >> 1]! ^= 0xff;
  await Bun.write(blob, bytes);
  const found = await daemon.naru(["image", "verify", name]);
  expect(found.code).toBe(1);
  expect(found.stdout + found.stderr).toContain(image.layers[0]!.descriptor.digest);
  await ok("pull", "-q", name);
  await verified(name);
  await ok("rmi", "-f", name);
});

test("wrong bytes under a sha512 digest are refused", async () => {
  const image = imageOf([layerOf(shellFiles("right"), "gzip", "sha512")], { algorithm: "sha512" });
  await sendImage(registry.host, "long/wrong", image, "1");
  const { digest } = image.layers[0]!.descriptor;
  const hex = digest.slice("sha512:".length);
  const stored = join(registry.root, "blobs/sha512", hex.slice(0, 2), hex);
  const bytes = await Bun.file(stored).bytes();
  bytes[bytes.length - 1]! ^= 0xff;
  await Bun.write(stored, bytes);
  const refused = await daemon.docker(["pull", `${registry.host}/long/wrong:1`]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(`verification failed for digest ${digest}`);
});

test("sha256 and sha512 names of the same layer live beside each other", async () => {
  const files = shellFiles("same");
  const short = imageOf([layerOf(files)]);
  const long = imageOf([layerOf(files, "gzip", "sha512")], { algorithm: "sha512" });
  await sendImage(registry.host, "mixed/app", short, "short");
  await sendImage(registry.host, "mixed/app", long);
  await sendImage(registry.host, "mixed/app", long, "long");
  await indexOf("mixed/app", "both", [long.descriptor, { ...short.descriptor, platform: undefined }]);
  const name = `${registry.host}/mixed/app`;
  await Promise.all(["short", "long", "both"].map((tag) => ok("pull", "-q", `${name}:${tag}`)));
  for (const tag of ["short", "long", "both"]) expect(await readOwn(`${name}:${tag}`)).toBe("same");
  await ok("rmi", "-f", `${name}:short`);
  await verified(`${name}:both`);
  await ok("rmi", "-f", `${name}:long`, `${name}:both`);
});

let own: TestImage;
let arm: TestImage;
let inner: Descriptor & { bytes: Uint8Array };
let outer: Descriptor & { bytes: Uint8Array };

/** outer → [inner → [own], innermost → [arm]] */
async function sendNested(): Promise<void> {
  own = imageOf([layerOf(shellFiles("nested"))]);
  arm = imageOf([layerOf([{ path: "arm" }])], { architecture: "arm", variant: "v7" });
  for (const image of [own, arm]) await sendImage(registry.host, "nested/app", image);
  inner = await indexOf("nested/app", "inner", [own.descriptor]);
  const innermost = await indexOf("nested/app", "innermost", [arm.descriptor]);
  const plain = ({ bytes: _, ...descriptor }: Descriptor & { bytes: Uint8Array }): Descriptor => descriptor;
  const middle = await indexOf("nested/app", "middle", [plain(innermost)]);
  outer = await indexOf("nested/app", "1", [plain(inner), plain(middle)]);
  for (const tag of ["inner", "innermost", "middle"]) {
    expect((await registry.request("DELETE", `/v2/nested/app/manifests/${tag}`)).status).toBe(202);
  }
}

test("an index of indexes: each platform is found at its depth, shown, saved, loaded and removed", async () => {
  await sendNested();
  const name = `${registry.host}/nested/app:1`;
  expect(await ok("pull", name)).toContain(`Digest: ${outer.digest}`);
  expect(await readOwn(name)).toBe("nested");
  await ok("pull", "-q", "--platform", "linux/arm/v7", name);
  const inspected = await daemon.api("GET", `/v1.51/images/${name}/json?manifests=1`);
  const { Manifests } = (await inspected.json()) as { Manifests: { ID: string; Kind: string; Available: boolean }[] };
  expect(Manifests.map(({ ID, Kind, Available }) => ({ ID, Kind, Available }))).toEqual([
    { ID: own.descriptor.digest, Kind: "image", Available: true },
    { ID: arm.descriptor.digest, Kind: "image", Available: true },
  ]);
  expect(await ok("image", "inspect", "--platform", "linux/arm/v7", "-f", "{{.Architecture}}", name)).toBe("arm");
  const none = await daemon.docker(["pull", "--platform", "linux/s390x", name]);
  expect(none.stderr).toContain(`there is: linux/${OWN}, linux/arm/v7`);
  await verified(name);

  const single = join(daemon.root, "single.tar");
  await ok("save", "--platform", "linux/arm/v7", "-o", single, name);
  await ok("rmi", "--platform", "linux/arm/v7", name);
  expect((await daemon.docker(["image", "inspect", "--platform", "linux/arm/v7", name])).code).toBe(1);
  await ok("rmi", "-f", name);
  await ok("load", "-i", single);
  expect(await ok("image", "inspect", "-f", "{{.Id}} {{.Architecture}}", name)).toBe(`${outer.digest} arm`);
  await ok("pull", "-q", name);
  expect(await readOwn(name)).toBe("nested");
  for (const client of [daemon.docker, daemon.naru]) {
    expect((await client(["images", "--tree"])).stdout).toContain(`linux/${OWN}`);
  }
  expect(await daemon.naru(["sbom", "--attach", name])).toMatchObject({ code: 0 });
  const attached = await daemon.naru(["sbom", "--attached", name]);
  expect(JSON.parse(attached.stdout)).toMatchObject({ spdxVersion: "SPDX-2.3" });
});

test("an index of indexes is pushed byte for byte, the inner ones first, and pulled with -a", async () => {
  const copy = `${registry.host}/nested/copy`;
  await ok("tag", `${registry.host}/nested/app:1`, `${copy}:1`);
  await ok("push", "-q", `${copy}:1`);
  expect(await readManifest(registry.host, "nested/copy", "1")).toBe(text(outer.bytes));
  expect(await readManifest(registry.host, "nested/copy", inner.digest)).toBe(text(inner.bytes));
  await ok("rmi", "-f", `${copy}:1`, `${registry.host}/nested/app:1`);
  await ok("pull", "-q", "-a", copy);
  expect(await readOwn(`${copy}:1`)).toBe("nested");
  await ok("rmi", "-f", `${copy}:1`);
});

test("the registry's page shows the platforms of indexes in an index", async () => {
  const page = await (await registry.request("GET", "/r/nested/app", { headers: { Accept: "text/html" } })).text();
  for (const platform of [`linux/${OWN}`, "linux/arm/v7"]) expect(page).toContain(platform);
});

test("the registry's collection and rules keep what is reached through indexes of indexes, and free it with them", async () => {
  const gc = async () => (await daemon.naru(["registry", "gc", "--untagged", "--grace", "0s", registry.host])).code;
  expect(await gc()).toBe(0);
  await ok("pull", "-q", "--platform", "linux/arm/v7", `${registry.host}/nested/app:1`);
  await ok("rmi", "-f", `${registry.host}/nested/app:1`);
  expect((await registry.request("DELETE", "/v2/nested/app/manifests/1")).status).toBe(202);
  expect(await gc()).toBe(0);
  for (const digest of [outer.digest, inner.digest, own.descriptor.digest, arm.descriptor.digest]) {
    expect((await registry.request("GET", `/v2/nested/app/manifests/${digest}`)).status).toBe(404);
  }
});

test("a list of manifests shows an index in it, and takes none as a member", async () => {
  // docker's own client refuses to show it: "unsupported manifest type".
  const shown = await daemon.naru(["manifest", "inspect", "--insecure", `${registry.host}/nested/copy:1`]);
  expect(JSON.parse(shown.stdout).manifests).toMatchObject(JSON.parse(text(outer.bytes)).manifests);
  for (const client of [daemon.docker, daemon.naru]) {
    const list = [`${registry.host}/nested/list:1`, `${registry.host}/nested/copy:1`];
    const made = await client(["manifest", "create", "--insecure", ...list]);
    expect(made.code).toBe(1);
    expect(made.stderr).toContain("is a manifest list");
  }
});

test("an index that holds too many indexes is refused", async () => {
  const members: Descriptor[] = [];
  for (let count = 0; count < 65; count++) {
    const { bytes: _, ...descriptor } = await indexOf("nested/many", `t${count}`, [...members.slice(-1)]);
    members.push(descriptor);
  }
  const refused = await daemon.docker(["pull", `${registry.host}/nested/many:t64`]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("holds more than 64 indexes");
});
