/** How the daemon reaches registries: mirrors, certificates, insecure ones, settings that change; /distribution and /auth. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { MEDIA } from "../../src/model/media-types.ts";
import { eventually, NARU, run, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { type DebianRegistry, startDebianRegistry } from "../support/debian-registry.ts";
import { digestOf, pushImage, testRepository } from "../support/registry-content.ts";
import { startScriptedRegistry } from "../support/scripted-registry.ts";
import { makeAuthority } from "../support/test-authority.ts";

/** An address of the machine that is no loopback: what is there needs TLS unless it is allowed to do without. */
const address = Object.values(networkInterfaces())
  .flat()
  .find((found) => found?.family === "IPv4" && !found.internal)?.address;
/** A layer that any engine unpacks: the end of a tar. */
const EMPTY_LAYER = new Uint8Array(10_240);

let daemon: TestDaemon;
let registry: DebianRegistry;
let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-reach-"));
  registry = await startDebianRegistry();
  daemon = await startDaemon();
});
afterAll(async () => {
  await Promise.all([daemon?.stop(), registry?.[Symbol.asyncDispose]()]);
  await rm(scratch, { recursive: true, force: true });
});

/** Starts a daemon on a configuration file that can be written again. */
async function startConfigured(config: object) {
  const file = join(scratch, `${crypto.randomUUID()}.json`);
  await writeFile(file, JSON.stringify(config));
  const configured = await startDaemon({ flags: ["--config-file", file] });
  const reload = async (changed: object) => {
    await writeFile(file, JSON.stringify(changed));
    process.kill(configured.pid, "SIGHUP");
    await eventually(async () => (await configured.logText()).includes("configuration reloaded"));
  };
  return Object.assign(configured, { reload });
}

describe("GET /distribution", () => {
  test("a manifest, its platform out of its configuration; an index, its platforms", async () => {
    const repository = testRepository(registry.host, "asked");
    const amd64 = await pushImage(repository, "amd64");
    const arm64 = await pushImage(repository, "arm64", { architecture: "arm64" });
    const single = await daemon.api("GET", `/v1.51/distribution/${registry.host}/asked:amd64/json`);
    expect(single.status).toBe(200);
    expect(await single.json()).toEqual({ Descriptor: amd64, Platforms: [{ architecture: "amd64", os: "linux" }] });
    const platforms = ["amd64", "arm64"].map((architecture) => ({ architecture, os: "linux" }));
    const manifests = [amd64, arm64].map((descriptor, at) => ({ ...descriptor, platform: platforms[at]! }));
    const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.index, manifests }));
    const index = await repository.pushManifest("both", { mediaType: MEDIA.index, bytes });
    const both = await daemon.api("GET", `/v1.51/distribution/${registry.host}/asked:both/json`);
    expect(await both.json()).toEqual({ Descriptor: index, Platforms: platforms });
    const byDigest = await daemon.api("GET", `/v1.51/distribution/${registry.host}/asked@${arm64.digest}/json`);
    expect(await byDigest.json()).toMatchObject({ Platforms: [{ architecture: "arm64" }] });
  });

  test.each([
    ["HOST/none", 404, "manifest unknown: manifest unknown"],
    ["HOST/BAD", 400, "invalid reference format: repository name (BAD) must be lowercase"],
    [digestOf("x"), 404, "no manifest found for full image ID"],
    ["127.0.0.1:1/x", 503, 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused'],
  ])("%s: %d", async (name, status, message) => {
    const reply = await daemon.api("GET", `/v1.51/distribution/${name.replace("HOST", registry.host)}/json`);
    expect({ status: reply.status, body: await reply.json() }).toEqual({ status, body: { message } });
  });
});

describe("POST /auth", () => {
  test("right, wrong, unreachable", async () => {
    await using guarded = await startDebianRegistry({ users: { user: "secret" } });
    const ask = async (password: string, serveraddress = guarded.host) => {
      const reply = await daemon.api("POST", "/v1.51/auth", { username: "user", password, serveraddress });
      return { status: reply.status, body: await reply.json() };
    };
    expect(await ask("secret")).toEqual({ status: 200, body: { IdentityToken: "", Status: "Login Succeeded" } });
    expect(await ask("wrong")).toEqual({
      status: 401,
      body: { message: `login attempt to http://${guarded.host}/v2/ failed with status: 401 Unauthorized` },
    });
    expect(await ask("secret", "127.0.0.1:1")).toMatchObject({ status: 503 });
  });
});

/** Hands on what it has of the registry, and would take a login if it were given one. */
function startMirror(has: (url: string) => boolean) {
  return startScriptedRegistry(async ({ method, url, headers }, response) => {
    response.setHeader("WWW-Authenticate", 'Basic realm="mirror"');
    if (url === "/v2/") return;
    if (!has(url)) return response.writeHead(404).end();
    const answer = await fetch(`http://${registry.host}${url}`, { method, headers: headers as never });
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(method === "HEAD" ? undefined : await answer.bytes());
  });
}

test("a mirror is asked first, the registry for what it lacks, and a dead mirror only once in a while", async () => {
  const image = await pushImage(testRepository(registry.host, "mirrored"), "1", { layer: EMPTY_LAYER });
  await pushImage(testRepository(registry.host, "only-here"), "1", { layer: EMPTY_LAYER });
  const { port } = new URL(`http://${registry.host}`);
  // The mirror has one of the two images.
  await using mirror = await startMirror((url) => url.startsWith("/v2/mirrored/"));
  await using configured = await startConfigured({
    "host-mirrors": [`localhost:${port}=http://127.0.0.1:1`, `localhost:${port}=http://${mirror.host}`],
  });
  const pulled = await configured.docker(["pull", "-q", `localhost:${port}/mirrored:1`]);
  expect(pulled).toMatchObject({ code: 0, stderr: "" });
  expect(
    await configured.docker(["inspect", "-f", "{{json .RepoDigests}}", `localhost:${port}/mirrored:1`]),
  ).toMatchObject({
    stdout: `["localhost:${port}/mirrored@${image.digest}"]\n`,
  });
  expect(mirror.seen.filter((line) => line.includes("/blobs/"))).toHaveLength(2);
  expect(await configured.docker(["pull", "-q", `localhost:${port}/only-here:1`])).toMatchObject({ code: 0 });
});

test("mirrors of Docker Hub: a short name comes from there, without anybody's login", async () => {
  await pushImage(testRepository(registry.host, "library/small"), "latest", { layer: EMPTY_LAYER });
  await using mirror = await startMirror(() => true);
  await using configured = await startConfigured({ "registry-mirrors": [`http://${mirror.host}/`] });
  const config = join(scratch, "hub-login");
  await mkdir(config);
  const auth = btoa("hubuser:hubsecret");
  await writeFile(join(config, "config.json"), JSON.stringify({ auths: { "https://index.docker.io/v1/": { auth } } }));
  const pulled = await configured.docker(["pull", "small"], { env: { DOCKER_CONFIG: config } });
  expect(pulled).toMatchObject({ code: 0 });
  expect(pulled.stdout).toEndWith("Status: Downloaded newer image for small:latest\ndocker.io/library/small:latest\n");
  const info = await configured.docker(["info", "-f", "{{json .RegistryConfig.Mirrors}}"]);
  expect(info.stdout).toBe(`["http://${mirror.host}/"]\n`);
  expect(mirror.requests.length).toBeGreaterThan(2);
  expect(mirror.requests.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
});

test("a mirror that is no address keeps the daemon from starting, in words", async () => {
  const flags = [
    "-H",
    `unix://${scratch}/x.sock`,
    "--data-root",
    join(scratch, "x"),
    "--exec-root",
    join(scratch, "y"),
  ];
  for (const [flag, message] of [
    ["--registry-mirror=ftp://mirror.example", 'invalid mirror: "ftp://mirror.example"'],
    ["--host-mirror=quay.io", 'invalid host-mirror "quay.io": write HOST=https://MIRROR[:PORT]'],
    ["--max-download-attempts=0", "invalid max download attempts: 0"],
  ] as const) {
    const result = await run([NARU, "daemon", ...flags, flag]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(message);
  }
});

describe.skipIf(address === undefined)("a registry that is not on loopback", () => {
  test("needs TLS until it is named insecure, by name or network, while the daemon runs", async () => {
    await using open = await startDebianRegistry({ address });
    await pushImage(testRepository(open.host, "x", { insecureRegistries: [open.host] }), "1", { layer: EMPTY_LAYER });
    await using configured = await startConfigured({});
    const refused = await configured.docker(["pull", `${open.host}/x:1`]);
    expect(refused.stderr).toBe(
      `Error response from daemon: Get "https://${open.host}/v2/": http: server gave HTTP response to HTTPS client\n`,
    );
    await configured.reload({ "insecure-registries": [`${address}/32`] });
    expect(await configured.docker(["pull", "-q", `${open.host}/x:1`])).toMatchObject({ code: 0 });
  });

  test("its authority and our certificate come from certs.d, also when they are put there later", async () => {
    const { server, client, caPath } = await makeAuthority(join(scratch, "authority"), [address!]);
    await using secure = await startDebianRegistry({ address, tls: { ...server, clientCaPath: caPath } });
    const dir = join(scratch, "certs.d");
    await using configured = await startConfigured({ "registry-certs-dirs": [dir] });
    const pull = () => configured.docker(["pull", `${secure.host}/x:1`]);
    expect((await pull()).stderr).toContain(
      "x509: certificate signed by unknown authority (put the authority's certificate at",
    );
    const folder = join(dir, secure.host);
    await mkdir(folder, { recursive: true });
    await cp(caPath, join(folder, "ca.crt"));
    await cp(client.certPath, join(folder, "own.cert"));
    await cp(client.keyPath, join(folder, "own.key"));
    const missing = `manifest for ${secure.host}/x:1 not found: manifest unknown: manifest unknown`;
    await eventually(async () => (await pull()).stderr.includes(missing), 20_000);
  });
});
