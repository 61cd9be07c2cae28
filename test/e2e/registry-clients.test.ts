/** Real clients at naru's registry: skopeo, podman, docker through naru's daemon, and naru's own commands. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { importBusybox, NARU, type RunOptions, run, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { blob, DistributionClient, freshBlob } from "../support/distribution-client.ts";
import { type NaruRegistry, startNaruRegistry } from "../support/naru-registry.ts";
import { PATIENCE } from "../support/patience.ts";
import { useCrane, useOras, useSkopeo } from "../support/registry-tools.ts";
import { startS3Server } from "../support/s3-server.ts";

let daemon: TestDaemon;
let registry: NaruRegistry;
let scratch: string;
/** An image as `docker save` writes it. */
let archive: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-clients-"));
  // One by one, so that what has started is known when the next one fails.
  daemon = await startDaemon();
  registry = await startNaruRegistry();
  await importBusybox(daemon);
  archive = join(scratch, "busybox.tar");
  await ok(await daemon.docker(["save", "-o", archive, "busybox"]));
});

afterAll(async () => {
  await Promise.all([daemon?.stop(), registry?.stop()]);
  await rm(scratch, { recursive: true, force: true });
});

async function ok(finished: { code: number; stdout: string; stderr: string }): Promise<string> {
  if (finished.code !== 0) throw new Error(`exit code ${finished.code}: ${finished.stdout}${finished.stderr}`);
  return finished.stdout.trim();
}
const skopeo = async (...words: string[]) => ok(await run(["skopeo", ...words]));
const naru = (words: string[], options: RunOptions = {}) =>
  run([NARU, ...words], { ...options, env: { DOCKER_CONFIG: scratch, ...options.env } });
const PLAIN = ["--src-tls-verify=false", "--dest-tls-verify=false"];

test("skopeo copies Docker's and OCI's images there and back, inspects, lists and deletes", async () => {
  const image = `docker://${registry.host}/skopeo/busybox`;
  for (const format of ["v2s2", "oci"]) {
    await skopeo("copy", "-q", ...PLAIN, "--format", format, `docker-archive:${archive}`, `${image}:${format}`);
    await skopeo("copy", "-q", ...PLAIN, `${image}:${format}`, `oci:${scratch}/${format}:x`);
  }
  const inspected = JSON.parse(await skopeo("inspect", "--tls-verify=false", `${image}:oci`)) as { RepoTags: string[] };
  expect(inspected.RepoTags).toEqual(["oci", "v2s2"]);
  const raw = JSON.parse(await skopeo("inspect", "--raw", "--tls-verify=false", `${image}:v2s2`)) as {
    mediaType: string;
  };
  expect(raw.mediaType).toBe("application/vnd.docker.distribution.manifest.v2+json");
  // Within one registry: blobs are mounted.
  await skopeo("copy", "-q", ...PLAIN, `${image}:oci`, `docker://${registry.host}/mounted/busybox:oci`);
  await skopeo("delete", "--tls-verify=false", `${image}:oci`);
  const listed = JSON.parse(await skopeo("list-tags", "--tls-verify=false", image)) as { Tags: string[] };
  expect(listed.Tags).not.toContain("oci");
  await skopeo("inspect", "--tls-verify=false", `docker://${registry.host}/mounted/busybox:oci`);
});

test("oras, crane and skopeo: artifacts and their referrers, images changed and copied, whole repositories", async () => {
  const folder = join(scratch, "tools");
  await Promise.all([useOras(registry.host, join(folder, "oras")), useCrane(registry.host, join(folder, "crane"))]);
  await useSkopeo(registry.host, join(folder, "crane"));
});

test("podman pushes and pulls images and lists of them", async () => {
  const stores = ["--root", join(scratch, "podman"), "--runroot", join(scratch, "podman-run")];
  const podman = async (...words: string[]) =>
    ok(await run(["podman", ...stores, "--storage-driver", "vfs", ...words], { env: { HOME: scratch } }));
  const image = `${registry.host}/podman/busybox`;
  await podman("load", "-q", "-i", archive);
  await podman("push", "-q", "--tls-verify=false", "busybox", `${image}:docker`);
  await podman("push", "-q", "--tls-verify=false", "--format", "oci", "busybox", `${image}:oci`);
  await podman("manifest", "create", "list");
  await podman("manifest", "add", "--tls-verify=false", "list", `docker://${image}:oci`);
  await podman("manifest", "push", "-q", "--all", "--tls-verify=false", "list", `docker://${image}:list`);
  await podman("rmi", "-a", "-f");
  for (const tag of ["docker", "oci", "list"]) await podman("pull", "-q", "--tls-verify=false", `${image}:${tag}`);
  expect((await podman("images", "-q")).length).toBeGreaterThan(0);
  expect(await podman("search", "--list-tags", "--tls-verify=false", image)).toContain("list");
});

test("docker pushes through naru's daemon, pulls again and runs what came", async () => {
  const image = `${registry.host}/docker/busybox:v1`;
  await ok(await daemon.docker(["tag", "busybox", image]));
  const pushed = await ok(await daemon.docker(["push", image]));
  const digest = /v1: digest: (sha256:[0-9a-f]{64}) size: \d+/.exec(pushed)?.[1];
  expect(digest).toBeDefined();
  await ok(await daemon.docker(["rmi", "busybox", image]));
  expect(await ok(await daemon.docker(["pull", image]))).toContain(`Digest: ${digest}`);
  expect(await ok(await daemon.docker(["run", "--rm", image, "echo", "from the registry"]))).toBe("from the registry");
  const byDigest = `${registry.host}/docker/busybox@${digest}`;
  expect(await ok(await daemon.docker(["pull", byDigest]))).toContain("Image is up to date");
  const missing = await daemon.docker(["pull", `${registry.host}/docker/busybox:none`]);
  expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("not found")]);
  await ok(await daemon.docker(["tag", image, "busybox"]));
});

test("naru registry ls, rm and gc", async () => {
  await using own = await startNaruRegistry();
  const client = new DistributionClient(own.url);
  const layer = freshBlob(50_000);
  const { image } = await client.pushImage("team/app", "v1", [layer]);
  await client.putManifest("team/app", "v2", image);
  await client.pushImage("team/other", "latest", [layer]);
  const listed = await ok(await naru(["registry", "ls", own.host]));
  expect(listed.split("\n").map((line) => line.split(/ +/).slice(0, 2))).toEqual([
    ["REPOSITORY", "TAGS"],
    ["team/app", "2"],
    ["team/other", "1"],
  ]);
  expect(listed).toMatch(/50\.\d+kB/);
  expect(await ok(await naru(["registry", "ls", `${own.host}/team/app`]))).toBe(
    `TAG       DIGEST\nv1        ${image.digest}\nv2        ${image.digest}`,
  );
  expect(await ok(await naru(["registry", "ls", "-q", own.host]))).toBe("team/app\nteam/other");
  const bare = await naru(["registry", "rm", `${own.host}/team/app`]);
  expect([bare.code, bare.stderr]).toEqual([1, expect.stringContaining("name a tag or a digest")]);
  expect(await ok(await naru(["registry", "rm", `${own.host}/team/app:v1`]))).toBe(`${own.host}/team/app:v1`);
  expect(await ok(await naru(["registry", "ls", "-q", `${own.host}/team/app`]))).toBe("v2");
  const refused = await naru(["registry", "rm", "--all", `${own.host}/team/app`], { stdin: "n\n" });
  expect(refused.stdout).toContain("WARNING! This will remove every image of");
  expect(await ok(await naru(["registry", "ls", "-q", own.host]))).toBe("team/app\nteam/other");
  await ok(await naru(["registry", "rm", "--all", "--force", `${own.host}/team/app`]));
  expect(await ok(await naru(["registry", "ls", "-q", own.host]))).toBe("team/other");
  // Within the grace period nothing goes.
  expect(await ok(await naru(["registry", "gc", own.host]))).toContain("Removed 0 blobs");
  expect(await ok(await naru(["registry", "gc", "--dry-run", "--grace", "0s", own.host]))).toContain(
    "Would remove 2 blobs",
  );
  const collected = await ok(await naru(["registry", "gc", "--grace", "0s", own.host]));
  expect(collected).toMatch(/^Removed 2 blobs.* in \d+\.\d s\nTotal reclaimed space: \d+(\.\d+)?B, kept 50\.\d+kB$/);
  const down = await naru(["registry", "gc", "127.0.0.1:1"]);
  expect([down.code, down.stderr]).toEqual([1, expect.stringContaining("connection refused")]);
  const help = (await naru(["registry", "--help"])).stdout;
  for (const word of ["gc", "ls", "rm", "serve"]) expect(help).toMatch(new RegExp(`^  ${word} {2,}[A-Z]`, "m"));
});

test(
  "a registry in a bucket: pushes, pulls, redirects, collections, restarts",
  async () => {
    const s3 = await startS3Server("images");
    const storage = ["--storage", "s3://images/some/where", "--s3-endpoint", s3.endpoint, "--s3-redirect", "yes"];
    const bucket = await startNaruRegistry({ env: s3.env, flags: storage });
    try {
      const image = `docker://${bucket.host}/bucket/busybox`;
      await skopeo("copy", "-q", ...PLAIN, `docker-archive:${archive}`, `${image}:v1`);
      await bucket.kill("SIGTERM");
      await bucket.restart();
      await skopeo("copy", "-q", ...PLAIN, `${image}:v1`, `oci:${scratch}/bucket:x`);
      const client = new DistributionClient(bucket.url);
      // Through the registry itself, as without --s3-redirect.
      const flags = ["--storage", "s3://images/streamed", "--s3-endpoint", s3.endpoint];
      await using streaming = await startNaruRegistry({ env: s3.env, flags });
      const direct = new DistributionClient(streaming.url);
      for (const size of [0, 5000, 9_000_000]) {
        const content = size === 0 ? blob("") : freshBlob(size);
        await direct.pushBlob("bucket/streamed", content);
        const path = `/v2/bucket/streamed/blobs/${content.digest}`;
        const whole = await direct.send("GET", path);
        expect(Buffer.from(await whole.arrayBuffer()).equals(content.bytes)).toBe(true);
        expect((await direct.send("HEAD", path)).headers.get("content-length")).toBe(String(size));
        if (size === 0) continue;
        const part = await direct.send("GET", path, { headers: { Range: "bytes=100-4999" } });
        expect([part.status, part.headers.get("content-length")]).toEqual([206, "4900"]);
        expect(Buffer.from(await part.arrayBuffer()).equals(content.bytes.subarray(100, 5000))).toBe(true);
      }
      await streaming.kill("SIGTERM");
      const layer = freshBlob(12_000_000);
      await client.pushImage("bucket/large", "x", [layer]);
      const redirected = await client.send("GET", `/v2/bucket/large/blobs/${layer.digest}`);
      expect([redirected.status, redirected.headers.get("location")]).toEqual([
        307,
        expect.stringContaining(s3.endpoint),
      ]);
      const fetched = await fetch(redirected.headers.get("location")!);
      expect(Buffer.from(await fetched.arrayBuffer()).equals(layer.bytes)).toBe(true);
      await ok(await naru(["registry", "rm", "--all", "-f", `${bucket.host}/bucket/large`]));
      expect(await ok(await naru(["registry", "gc", "--grace", "0s", bucket.host]))).toMatch(/space: 12(\.\d+)?MB/);
      expect(await ok(await naru(["registry", "ls", "-q", bucket.host]))).toBe("bucket/busybox");
      await skopeo("inspect", "--tls-verify=false", `${image}:v1`);
      const folder = join(scratch, "bucket-tools");
      await Promise.all([useOras(bucket.host, join(folder, "oras")), useCrane(bucket.host, join(folder, "crane"))]);
    } finally {
      await bucket.stop();
      await s3.stop();
    }
  },
  180_000 * PATIENCE,
);
