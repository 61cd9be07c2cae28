/** Images for several platforms under one name: what is pulled, shown, run, saved, pushed and removed of them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import type { Descriptor } from "../../src/model/image.ts";
import { MEDIA } from "../../src/model/media-types.ts";
import { run, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { type DebianRegistry, startDebianRegistry } from "../support/debian-registry.ts";
import { digestOf } from "../support/registry-content.ts";
import {
  imageOf,
  json,
  layerOf,
  readManifest,
  sendBlob,
  sendImage,
  sendIndex,
  sendManifest,
  type TestImage,
} from "../support/registry-images.ts";

const OWN = process.arch === "x64" ? "amd64" : process.arch;
const OTHER = OWN === "arm64" ? "amd64" : "arm64";

let daemon: TestDaemon;
let registry: DebianRegistry;
let own: TestImage;
let other: TestImage;
let arm: TestImage;
let attestation: Descriptor;
let index: Descriptor & { bytes: Uint8Array };
let name: string;

beforeAll(async () => {
  daemon = await startDaemon();
  registry = await startDebianRegistry();
  name = `${registry.host}/multi/app`;
  const program = await Bun.file(Bun.which("busybox")!).bytes();
  const files = (architecture: string) => [
    { path: "bin/busybox", content: program, mode: 0o755 },
    { path: "bin/sh", type: "symlink" as const, linkPath: "busybox" },
    { path: "architecture", content: architecture },
  ];
  own = imageOf([layerOf(files(OWN))], { architecture: OWN });
  // A program of another machine: the kernel cannot run it.
  const foreign = Buffer.from(program);
  foreign.writeUInt16LE(OTHER === "arm64" ? 183 : 62, 18);
  other = imageOf([layerOf([...files(OTHER).slice(1), { path: "bin/busybox", content: foreign, mode: 0o755 }])], {
    architecture: OTHER,
    ...(OTHER === "arm64" && { variant: "v8" }),
  });
  arm = imageOf([layerOf(files("arm"))], { architecture: "arm", variant: "v7" });
  for (const image of [own, other, arm]) await sendImage(registry.host, "multi/app", image);
  attestation = await sendAttestation(own);
  const manifests = [own.descriptor, other.descriptor, arm.descriptor, attestation];
  index = await sendIndex(registry.host, "multi/app", "1", manifests);
});
afterAll(async () => {
  await daemon?.stop();
  await registry?.[Symbol.asyncDispose]();
});

/** A statement of BuildKit's kind about an image, in the same index. */
async function sendAttestation(subject: TestImage): Promise<Descriptor> {
  const statement = json({
    _type: "https://in-toto.io/Statement/v0.1",
    predicateType: "https://slsa.dev/provenance/v0.2",
  });
  const config = json({
    architecture: "unknown",
    os: "unknown",
    config: {},
    rootfs: { type: "layers", diff_ids: [digestOf(statement)] },
  });
  const described = (mediaType: string, bytes: Uint8Array) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const layer = described("application/vnd.in-toto+json", statement);
  const bytes = json({
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: described(MEDIA.config, config),
    layers: [layer],
  });
  await sendBlob(registry.host, "multi/app", layer, statement);
  await sendBlob(registry.host, "multi/app", described(MEDIA.config, config), config);
  const descriptor = described(MEDIA.manifest, bytes);
  await sendManifest(registry.host, "multi/app", descriptor.digest, MEDIA.manifest, bytes);
  return {
    ...descriptor,
    annotations: {
      "vnd.docker.reference.digest": subject.descriptor.digest,
      "vnd.docker.reference.type": "attestation-manifest",
    },
    platform: { architecture: "unknown", os: "unknown" },
  };
}

const out = async (words: string[]) => (await daemon.docker(words)).stdout.trim();
const ref = () => `${name}:1`;
const inspect = async (platform?: string) => {
  const words = ["image", "inspect", ...(platform === undefined ? [] : ["--platform", platform]), ref()];
  const { code, stdout, stderr } = await daemon.docker(words);
  return { code, stderr, image: (JSON.parse(stdout) as { Id: string; Architecture: string; Variant?: string }[])[0] };
};

test("this machine's platform is taken, and the image keeps the index' digest", async () => {
  const pulled = await daemon.docker(["pull", ref()]);
  expect(pulled.stdout).toContain(`Digest: ${index.digest}`);
  expect((await inspect()).image).toMatchObject({ Id: index.digest, Architecture: OWN });
  expect(await out(["run", "--rm", ref(), "sh", "-c", "busybox cat /architecture"])).toBe(OWN);
});

test("another platform: not here, then pulled beside the first", async () => {
  const before = await inspect(`linux/${OTHER}`);
  expect(before.code).toBe(1);
  expect(before.stderr).toContain(`does not match the specified platform (linux/${OTHER}`);
  expect(await daemon.docker(["pull", "-q", "--platform", `linux/${OTHER}`, ref()])).toMatchObject({ code: 0 });
  expect((await inspect(`linux/${OTHER}`)).image).toMatchObject({ Id: index.digest, Architecture: OTHER });
  expect((await inspect()).image).toMatchObject({ Architecture: OWN });
  const history = await daemon.docker(["history", "--platform", `linux/${OTHER}`, "--format", "{{.CreatedBy}}", ref()]);
  expect(history).toMatchObject({ code: 0, stdout: "layer 0\n" });
  const none = await daemon.docker(["pull", "--platform", "linux/s390x", ref()]);
  expect(none.stderr).toContain("no matching manifest for linux/s390x in the manifest list entries");
  const bad = await daemon.docker(["pull", "--platform", "a/b/c/d", ref()]);
  expect(bad.stderr).toContain("invalid argument");
});

test("variants of arm: the nearest below the wish", async () => {
  expect(await daemon.docker(["pull", "-q", "--platform", "linux/arm/v8", ref()])).toMatchObject({ code: 0 });
  expect((await inspect("linux/arm/v7")).image).toMatchObject({ Architecture: "arm", Variant: "v7" });
  const lower = await daemon.docker(["pull", "--platform", "linux/arm/v6", ref()]);
  expect(lower.stderr).toContain("no matching manifest for linux/arm/v6");
});

test("the API tells every manifest, what it takes and who uses it", async () => {
  const { Id } = (await (
    await daemon.api("POST", "/v1.51/containers/create?name=user", { Image: ref(), Cmd: ["true"] })
  ).json()) as { Id: string };
  const inspected = (await (await daemon.api("GET", `/v1.51/images/${ref()}/json?manifests=1`)).json()) as {
    Manifests: {
      ID: string;
      Kind: string;
      Available: boolean;
      ImageData?: { Containers: string[]; Platform: object; Size: { Unpacked: number } };
    }[];
  };
  expect(inspected.Manifests.map(({ ID, Kind, Available }) => ({ ID, Kind, Available }))).toEqual([
    { ID: own.descriptor.digest, Kind: "image", Available: true },
    { ID: other.descriptor.digest, Kind: "image", Available: true },
    { ID: arm.descriptor.digest, Kind: "image", Available: true },
    { ID: attestation.digest, Kind: "attestation", Available: false },
  ]);
  expect(inspected.Manifests[0]!.ImageData).toMatchObject({
    Containers: [Id],
    Platform: { os: "linux", architecture: OWN },
  });
  expect(inspected.Manifests[1]!.ImageData).toMatchObject({ Containers: [] });
  const list = (await (await daemon.api("GET", "/v1.51/images/json?manifests=1")).json()) as { Manifests: object[] }[];
  expect(list[0]!.Manifests).toEqual(inspected.Manifests);
  const container = (await (await daemon.api("GET", "/v1.51/containers/user/json")).json()) as Record<string, unknown>;
  expect(container.ImageManifestDescriptor).toMatchObject({ digest: own.descriptor.digest });
  const both = await daemon.api("GET", `/v1.51/images/${ref()}/json?manifests=1&platform=%7B%22os%22%3A%22linux%22%7D`);
  expect(both.status).toBe(400);
  for (const client of [daemon.docker, daemon.naru]) {
    const tree = await client(["images", "--tree"]);
    expect(tree).toMatchObject({ code: 0 });
    for (const platform of [`linux/${OWN}`, `linux/${OTHER}`, "linux/arm/v7"]) expect(tree.stdout).toContain(platform);
  }
  await out(["rm", "user"]);
});

test("a platform that this machine cannot run is made and copied from; that it will not start is said", async () => {
  const created = await daemon.docker(["create", "--name", "foreign", "--platform", `linux/${OTHER}`, ref(), "sh"]);
  expect(created).toMatchObject({ code: 0 });
  const copied = await run(
    ["bash", "-c", `"$0" cp foreign:/architecture - | tar -xOf -`, `${process.cwd()}/.cache/clients/usr/bin/docker`],
    { env: daemon.env },
  );
  expect(copied.stdout).toBe(OTHER);
  expect(created.stderr).toContain(`has no emulator for linux/${OTHER}`);
  const ran = await daemon.docker(["start", "-a", "foreign"]);
  expect(ran.code).not.toBe(0);
  expect(ran.stderr.toLowerCase()).toContain("exec format error");
  await out(["rm", "-f", "foreign"]);
});

test("saved with all of its platforms or one, and loaded elsewhere", async () => {
  const archive = join(daemon.root, "multi.tar");
  const single = join(daemon.root, "single.tar");
  expect(await daemon.docker(["save", "-o", archive, ref()])).toMatchObject({ code: 0 });
  expect(await daemon.docker(["save", "--platform", `linux/${OTHER}`, "-o", single, ref()])).toMatchObject({ code: 0 });
  await using second = await startDaemon();
  expect(await second.docker(["load", "-i", single])).toMatchObject({ code: 0, stdout: `Loaded image: ${ref()}\n` });
  const shown = await second.docker(["image", "inspect", "-f", "{{.Id}} {{.Architecture}}", ref()]);
  expect(shown.stdout.trim()).toBe(`${index.digest} ${OTHER}`);
  expect(await second.docker(["load", "-i", archive])).toMatchObject({ code: 0 });
  const merged = await second.docker(["image", "inspect", "-f", "{{.Architecture}}", ref()]);
  expect(merged.stdout.trim()).toBe(OWN);
  expect(await second.docker(["image", "inspect", "--platform", "linux/arm/v7", ref()])).toMatchObject({ code: 0 });
});

test("an index is pushed whole when all of it is known; else its one platform, which is said", async () => {
  // The registry has the attestation, which is not here.
  await out(["tag", ref(), `${name}:again`]);
  expect(await daemon.docker(["push", `${name}:again`])).toMatchObject({ code: 0 });
  expect(await readManifest(registry.host, "multi/app", "again")).toBe(new TextDecoder().decode(index.bytes));

  const elsewhere = `${registry.host}/elsewhere/app:1`;
  await out(["tag", ref(), elsewhere]);
  const refused = await daemon.docker(["push", elsewhere]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("neither here nor at the registry");
  const chosen = await daemon.docker(["push", "--platform", "linux/arm/v7", elsewhere]);
  expect(chosen).toMatchObject({ code: 0 });
  expect(await readManifest(registry.host, "elsewhere/app", "1")).toBe(new TextDecoder().decode(arm.bytes));
  for (const platform of [`linux/${OTHER}`, "linux/arm/v7"]) {
    expect(await daemon.docker(["rmi", "--platform", platform, elsewhere])).toMatchObject({ code: 0 });
  }
  const alone = await daemon.docker(["push", elsewhere]);
  expect(alone).toMatchObject({ code: 0 });
  expect(Bun.stripANSI(alone.stdout + alone.stderr)).toContain(`${index.digest} -> ${own.descriptor.digest}`);
  expect(await readManifest(registry.host, "elsewhere/app", "1")).toBe(new TextDecoder().decode(own.bytes));
});
