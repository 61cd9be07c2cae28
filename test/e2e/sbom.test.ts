/** Bills of materials of real images: what dpkg says inside a container is what naru says of the image, in a fraction of a second. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attachDocument } from "../../src/signature/attached-artifact.ts";
import { importBusybox, NARU, PROJECT, run, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { type DebianRegistry, startDebianRegistry } from "../support/debian-registry.ts";
import { type NaruRegistry, startNaruRegistry } from "../support/naru-registry.ts";
import { PATIENCE } from "../support/patience.ts";
import { processorMsOf } from "../support/processor-time.ts";
import { digestOf, pushImage, sourceOf, testRepository } from "../support/registry-content.ts";
import { spdxFaults } from "../support/spdx-rules.ts";
import { tarOf } from "../support/tar-building.ts";

/** A Debian with servers on it that main-job.test.ts makes and keeps; made small here when there is none yet. */
const SERVICES = join(PROJECT, ".cache/images/services.tar");

let daemon: TestDaemon;
let folder: string;
let debian: DebianRegistry;
let own: NaruRegistry;
let image: string;
const naru = async (words: string[]) => {
  const { code, stdout, stderr } = await daemon.naru(words, { timeoutMs: 300_000 });
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "naru-sbom-"));
  [daemon, debian, own] = await Promise.all([startDaemon(), startDebianRegistry(), startNaruRegistry()]);
  await importBusybox(daemon);
  const isKept = await Bun.file(SERVICES).exists();
  image = isKept ? "services" : "debian:bookworm";
  await naru(isKept ? ["load", "-q", "-i", SERVICES] : ["image", "bootstrap", "-q", "debian:bookworm"]);
}, 400_000);
afterAll(async () => {
  await daemon?.stop();
  await debian?.[Symbol.asyncDispose]();
  await own?.stop();
  await rm(folder, { recursive: true, force: true });
});

test("the Debian packages are those that dpkg tells in a container, versions and architectures too", async () => {
  const asked = await naru([
    "run",
    "--rm",
    image,
    "dpkg-query",
    "-W",
    "-f",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders
    "${db:Status-Status} ${Package} ${Version} ${Architecture}\\n",
  ]);
  const told = asked
    .split("\n")
    .filter((line) => line.startsWith("installed "))
    .map((line) => line.slice("installed ".length));
  const { packages } = JSON.parse(await naru(["sbom", image]));
  const found = packages
    .map((one: { externalRefs?: { referenceLocator: string }[] }) => one.externalRefs?.[0]?.referenceLocator ?? "")
    .filter((url: string) => url.startsWith("pkg:deb/debian/"))
    .map((url: string) => {
      const [, name, version, query] = /^pkg:deb\/debian\/([^@]+)@([^?]+)\?(.*)$/.exec(url)!;
      return [name, version]
        .map((part) => decodeURIComponent(part!))
        .concat(new URLSearchParams(query).get("arch")!)
        .join(" ");
    });
  expect(found.length).toBeGreaterThan(80);
  expect(found.sort()).toEqual(told.sort());
});

test("the document is valid SPDX; the same image gives the same bytes, under every name, at every time", async () => {
  const first = await naru(["sbom", image]);
  expect(spdxFaults(JSON.parse(first))).toEqual([]);
  await naru(["tag", image, "another:name"]);
  expect(await naru(["sbom", "another:name"])).toBe(first);
  const id = (await naru(["images", "-q", "--no-trunc", image])).trim();
  expect(await naru(["sbom", id])).toBe(first);
  await naru(["sbom", "-o", join(folder, "out.json"), image]);
  expect(await Bun.file(join(folder, "out.json")).text()).toBe(first);
});

test("a Debian image is read with well under a second of processor time", async () => {
  const times: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const before = await processorMsOf(daemon.pid);
    await naru(["sbom", "-o", join(folder, "timed.json"), image]);
    times.push((await processorMsOf(daemon.pid)) - before);
  }
  expect(Math.min(...times)).toBeLessThan(1000 * PATIENCE);
});

test("the other forms list the same packages", async () => {
  const names = (text: string) => text.split("\n").filter((line) => line !== "").length;
  const { packages } = JSON.parse(await naru(["sbom", image]));
  const bom = JSON.parse(await naru(["sbom", "--format", "cyclonedx-json", image]));
  expect(bom.components.length).toBe(packages.length - 1);
  const lines = (await naru(["sbom", "--format", "spdx-tag-value", image])).split("\n");
  expect(lines.filter((line) => line.startsWith("PackageName: ")).length).toBe(packages.length);
  // Neither the image nor its distribution is a row; the headings are.
  expect(names(await naru(["sbom", "--format", "table", image]))).toBe(packages.length - 1);
});

test("what a container adds, and what it removes, shows in the image that it is committed to", async () => {
  const json = JSON.stringify({ name: "left-pad", version: "1.3.0", license: "WTFPL" });
  const script = `mkdir -p /app/node_modules/left-pad; echo '${json}' >/app/node_modules/left-pad/package.json; rm -r /var/lib/dpkg`;
  await naru(["run", "--name", "work", image, "sh", "-c", script]);
  await naru(["commit", "work", "changed"]);
  const table = await naru(["sbom", "--format", "table", "changed"]);
  expect(table).toContain("left-pad");
  expect(table).not.toContain(" deb ");
  await naru(["rm", "work"]);
});

test.each(["debian", "own"] as const)(
  "attached in the registry %s: found by whoever has no daemon, once",
  async (which) => {
    const name = `${which === "debian" ? debian.host : own.host}/team/app:1`;
    const alone = (words: string[]) =>
      run([NARU, ...words], { env: { DOCKER_HOST: "unix:///nowhere", DOCKER_CONFIG: folder } });
    await naru(["tag", "busybox", name]);
    expect((await daemon.naru(["sbom", "--attach", name])).stderr).toContain(
      "is what the image here is: push it first",
    );
    await naru(["push", "-q", name]);
    expect(await alone(["sbom", "--attached", name])).toMatchObject({
      code: 1,
      stderr: `${name} has no bill of materials in its registry; make one with \`naru sbom --attach ${name}\`\n`,
    });
    const attached = await daemon.naru(["sbom", "--attach", name]);
    expect({ code: attached.code, stdout: attached.stdout }).toEqual({ code: 0, stdout: "" });
    expect(attached.stderr).toMatch(/^attached to sha256:\w+: sha256:\w+\n$/);
    expect((await daemon.naru(["sbom", "--attach", name])).stderr).toBe(attached.stderr);
    const read = await alone(["sbom", "--attached", name]);
    expect(read).toMatchObject({ code: 0, stderr: "" });
    expect(read.stdout).toBe(await naru(["sbom", name]));
  },
);

test("what a build attests in an index is read too, for the wished platform; an attached one goes before it", async () => {
  const repository = testRepository(own.host, "attested");
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const json = (value: object) => new TextEncoder().encode(JSON.stringify(value));
  const push = async (bytes: Uint8Array, annotations?: object) => {
    await repository.pushBlob({ digest: digestOf(bytes), size: bytes.length }, sourceOf(bytes));
    return { mediaType: "application/vnd.in-toto+json", digest: digestOf(bytes), size: bytes.length, annotations };
  };
  const manifests: object[] = [];
  for (const architecture of ["amd64", "arm64"]) {
    const image = await pushImage(repository, "", { architecture });
    const statement = json({ predicateType: "https://spdx.dev/Document", predicate: { name: `for ${architecture}` } });
    const layers = [
      await push(json({ architecture }), { "in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2" }),
      await push(statement, { "in-toto.io/predicate-type": "https://spdx.dev/Document" }),
    ];
    const bytes = json({ schemaVersion: 2, mediaType, config: await push(json({})), layers });
    const attestation = await repository.pushManifest(digestOf(bytes), { mediaType, bytes });
    const annotations = {
      "vnd.docker.reference.type": "attestation-manifest",
      "vnd.docker.reference.digest": image.digest,
    };
    manifests.push({ ...image, platform: { os: "linux", architecture } });
    manifests.push({ ...attestation, annotations, platform: { os: "unknown", architecture: "unknown" } });
  }
  const indexType = "application/vnd.oci.image.index.v1+json";
  const bytes = json({ schemaVersion: 2, mediaType: indexType, manifests });
  const index = await repository.pushManifest("1", { mediaType: indexType, bytes });
  const read = async (...words: string[]) =>
    JSON.parse(await naru(["sbom", "--attached", ...words, `${own.host}/attested:1`]));
  expect(await read("--platform", "linux/arm64")).toEqual({ name: "for arm64" });
  expect(await read("--platform", "linux/amd64")).toEqual({ name: "for amd64" });
  const missing = await daemon.naru(["sbom", "--attached", "--platform", "linux/s390x", `${own.host}/attested:1`]);
  expect(missing.stderr).toContain("has no bill of materials in its registry");
  await pushImage(repository, "", { subject: index, artifactType: "application/vnd.other" });
  const document = json({ name: "attached" });
  await repository.pushBlob({ digest: digestOf(document), size: document.length }, sourceOf(document));
  await attachDocument(repository, index, { artifactType: "application/spdx+json", bytes: document });
  expect(await read("--platform", "linux/arm64")).toEqual({ name: "attached" });
});

test("hostile images are read without harm: nothing from the machine shows, nothing outside is touched", async () => {
  const bomb = Buffer.alloc(1000, "x");
  const tar = tarOf([
    { path: "etc/", type: "directory", mode: 0o755 },
    { path: "etc/os-release", type: "symlink", linkPath: "/proc/self/root/etc/os-release" },
    { path: "var/lib/dpkg/status", type: "symlink", linkPath: "/proc/self/root/var/lib/dpkg/status" },
    { path: "a", type: "symlink", linkPath: "b" },
    { path: "b", type: "symlink", linkPath: "a" },
    { path: "lib/apk", type: "symlink", linkPath: "/a" },
    { path: "x/node_modules/p/package.json", content: '{"name":"p\\u0000\\n","version":{"a":1},"license":[[]]}' },
    { path: "y.jar", content: bomb },
    { path: "fifo.jar", type: "fifo" },
    { path: "dev.jar", type: "character", major: 1, minor: 5 },
  ]);
  const imported = await daemon.naru(["import", "-", "hostile"], { stdin: new Uint8Array(tar) });
  expect(imported).toMatchObject({ code: 0, stderr: "" });
  const text = await naru(["sbom", "hostile"]);
  const document = JSON.parse(text);
  expect(spdxFaults(document)).toEqual([]);
  expect(document.packages.map(({ name }: { name: string }) => name)).toEqual(["container image", "p"]);
  expect(document.creationInfo.comment).toBe("/y.jar is no readable archive");
});

test("an RPM database of an old kind is refused in words, with what to do", async () => {
  const tar = tarOf([{ path: "var/lib/rpm/Packages", content: "berkeley" }]);
  await daemon.naru(["import", "-", "old-rpm"], { stdin: new Uint8Array(tar) });
  const { code, stderr } = await daemon.naru(["sbom", "old-rpm"]);
  expect(code).toBe(1);
  expect(stderr).toContain(
    "the image's RPM database /var/lib/rpm/Packages is of the kind Berkeley DB, which naru cannot read",
  );
});

test("wrong words are told", async () => {
  const fails = async (words: string[]) => (await daemon.naru(["sbom", ...words])).stderr;
  expect(await fails(["nothing:here"])).toBe("Error response from daemon: No such image: nothing:here\n");
  expect(await fails(["--format", "xml", "busybox"])).toBe(
    'there is no format "xml"; choose spdx-json, spdx-tag-value, cyclonedx-json, table\n',
  );
  expect(await fails(["--attach", "--attached", "busybox"])).toContain("choose one");
  expect(await fails(["--attach", "--format", "table", "busybox"])).toContain("--attach takes SPDX only");
  expect(await fails(["-o", "/nowhere/x", "busybox"])).toContain("cannot write /nowhere/x");
  const answer = await daemon.api("GET", "/naru/images/busybox/sbom?format=xml");
  expect({ status: answer.status, body: await answer.json() }).toEqual({
    status: 400,
    body: { message: 'there is no format "xml"; choose spdx-json, spdx-tag-value, cyclonedx-json, table' },
  });
  const good = await daemon.api("GET", "/v1.51/naru/images/busybox/sbom");
  expect(good.headers.get("content-type")).toBe("application/spdx+json");
});
