/** Docker Hub's own rules, against a stand-in that answers under its names: short names, tokens, storage elsewhere, limits. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { type FakeHub, HUB_NAMES, startFakeHub } from "../support/fake-docker-hub.ts";
import { makeAuthority } from "../support/test-authority.ts";

let hub: FakeHub;
let daemon: TestDaemon;
let scratch: string;
let config: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-hub-"));
  const authority = await makeAuthority(join(scratch, "authority"), HUB_NAMES);
  hub = await startFakeHub(authority.server);
  for (const name of ["registry-1.docker.io", "index.docker.io"]) {
    await mkdir(join(scratch, "certs.d", name), { recursive: true });
    await cp(authority.caPath, join(scratch, "certs.d", name, "ca.crt"));
  }
  daemon = await startDaemon({ flags: ["--registry-certs-dir", join(scratch, "certs.d")], env: hub.environment });
});
afterAll(async () => {
  await daemon?.stop();
  await hub?.[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true, force: true });
});
beforeEach(async () => {
  hub.seen.length = 0;
  config = join(scratch, crypto.randomUUID());
  await mkdir(config);
  await writeFile(join(config, "config.json"), "{}");
});
const docker = (...words: string[]) => daemon.docker(words, { env: { DOCKER_CONFIG: config } });
const login = () =>
  daemon.docker(["login", "-u", "me", "--password-stdin"], { env: { DOCKER_CONFIG: config }, stdin: "secret" });

test("a short name is a library of the hub; the token is asked for it alone; the storage gets no token", async () => {
  const pulled = await docker("pull", "small");
  expect(pulled).toMatchObject({ code: 0, stderr: "" });
  expect(pulled.stdout).toStartWith("Using default tag: latest\nlatest: Pulling from library/small\n");
  expect(pulled.stdout).toEndWith("Status: Downloaded newer image for small:latest\ndocker.io/library/small:latest\n");
  const tokens = hub.seen.filter(({ host }) => host === "auth.docker.io");
  expect(tokens.map(({ url }) => url)).toEqual([
    "/token?service=registry.docker.io&scope=repository%3Alibrary%2Fsmall%3Apull",
  ]);
  const stored = hub.seen.filter(({ host }) => host === "storage.docker.example");
  expect(stored.length).toBeGreaterThanOrEqual(2);
  expect(stored.filter(({ authorization }) => authorization !== null)).toEqual([]);
});

test("what is private is told as docker tells it, and comes with a login", async () => {
  const refused = await docker("pull", "me/private");
  expect(refused.stderr).toBe(
    "Error response from daemon: pull access denied for me/private, repository does not exist or may require 'docker login': " +
      "denied: requested access to the resource is denied\n",
  );
  expect(await login()).toMatchObject({ code: 0, stdout: expect.stringContaining("Login Succeeded") });
  expect(hub.seen.find(({ url }) => url.includes("offline_token=true"))).toMatchObject({
    host: "auth.docker.io",
    authorization: `Basic ${btoa("me:secret")}`,
  });
  expect(await docker("pull", "-q", "me/private")).toMatchObject({ code: 0, stdout: "docker.io/me/private:latest\n" });
  const withLogin = hub.seen.filter(({ authorization }) => authorization?.startsWith("Basic "));
  expect(withLogin.every(({ host }) => host === "auth.docker.io")).toBe(true);
});

test("a wrong password, the pull limit, what is not there", async () => {
  const wrong = await docker("login", "-u", "me", "-p", "wrong");
  expect(wrong.stderr).toEndWith(
    'Error response from daemon: Get "https://registry-1.docker.io/v2/": unauthorized: incorrect username or password\n',
  );
  const limited = await docker("pull", "small:limited");
  expect(limited).toMatchObject({
    code: 1,
    stderr: "Error response from daemon: toomanyrequests: You have reached your pull rate limit. (words of the hub)\n",
  });
  // Nobody waits for the hours that the hub names, and nobody asks again and again.
  expect(hub.seen.filter(({ url }) => url.endsWith("/manifests/limited")).length).toBeLessThanOrEqual(2);
  expect((await docker("pull", "small:none")).stderr).toBe(
    "Error response from daemon: manifest for small:none not found: manifest unknown: manifest unknown\n",
  );
  expect((await docker("pull", "nothing-like-it")).stderr).toStartWith(
    "Error response from daemon: pull access denied for nothing-like-it, repository does not exist or may require 'docker login'",
  );
});

test("search asks the hub's index", async () => {
  const found = await docker("search", "--limit", "7", "words");
  expect(found.stdout.split("\n")[1]).toMatch(/^words +found +7 +\[OK\]$/);
  expect(hub.seen.map(({ host, url }) => host + url)).toEqual(["index.docker.io/v1/search?q=words&n=7"]);
});
