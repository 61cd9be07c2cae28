import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withProxies } from "../../../src/cli/container-options/proxies.ts";
import { openContextStore } from "../../../src/cli/context-store.ts";
import { resolveEndpoint } from "../../../src/cli/endpoint.ts";
import { parseGlobalWords } from "../../../src/cli/global-options.ts";

const VARIABLES = [
  "DOCKER_HOST",
  "DOCKER_CONTEXT",
  "DOCKER_CONFIG",
  "DOCKER_TLS",
  "DOCKER_TLS_VERIFY",
  "DOCKER_CERT_PATH",
];
const before = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync("/tmp/naru-endpoint-");
  const store = openContextStore(folder);
  const meta = store.folder("meta", "remote");
  mkdirSync(meta, { recursive: true });
  const endpoints = { docker: { Host: "tcp://10.0.0.1:2376", SkipTLSVerify: false } };
  writeFileSync(join(meta, "meta.json"), JSON.stringify({ Name: "remote", Metadata: {}, Endpoints: endpoints }));
  const tls = join(store.folder("tls", "remote"), "docker");
  mkdirSync(tls, { recursive: true });
  writeFileSync(join(tls, "ca.pem"), "CA");
  writeFileSync(join(folder, "cert.pem"), "CERT");
  writeFileSync(join(folder, "ca.pem"), "OWN CA");
});

afterEach(() => {
  for (const name of VARIABLES) delete process.env[name];
});

afterAll(() => {
  rmSync(folder, { recursive: true });
  for (const name of VARIABLES) if (before[name] !== undefined) process.env[name] = before[name];
});

async function resolve(words: string, environment: Record<string, string> = {}, configured?: string) {
  for (const name of VARIABLES) delete process.env[name];
  Object.assign(process.env, environment);
  const { options } = parseGlobalWords([...words.split(" ").filter(Boolean), "--config", folder, "ps"]);
  return resolveEndpoint(options, configured);
}

describe("the daemon's address comes", () => {
  const cases: [name: string, words: string, environment: Record<string, string>, host: string, configured?: string][] =
    [
      ["from -H", "-H unix:///a.sock", {}, "unix:///a.sock"],
      ["from DOCKER_HOST", "", { DOCKER_HOST: "unix:///b.sock" }, "unix:///b.sock"],
      ["from -H before DOCKER_HOST", "-H unix:///a", { DOCKER_HOST: "unix:///b" }, "unix:///a"],
      ["from --context before DOCKER_HOST", "-c remote", { DOCKER_HOST: "unix:///b" }, "tcp://10.0.0.1:2376"],
      ["from DOCKER_CONTEXT", "", { DOCKER_CONTEXT: "remote" }, "tcp://10.0.0.1:2376"],
      ["from the configuration", "", {}, "tcp://10.0.0.1:2376", "remote"],
      ["from DOCKER_HOST before the configuration", "", { DOCKER_HOST: "unix:///b" }, "unix:///b", "remote"],
      ["without protocol as tcp", "-H example:1234", {}, "tcp://example:1234"],
      ["without port as 2375", "-H tcp://example", {}, "tcp://example:2375"],
      ["with TLS and without port as 2376", "--tls -H tcp://example", {}, "tcp://example:2376"],
    ];
  for (const [name, words, environment, host, configured] of cases) {
    test(name, async () => expect((await resolve(words, environment, configured)).host).toBe(host));
  }
});

describe("TLS", () => {
  test("a context brings its own files", async () => {
    expect((await resolve("-c remote")).target).toEqual({
      kind: "tcp",
      host: "10.0.0.1",
      port: 2376,
      tls: { ca: "CA", cert: undefined, key: undefined, verify: true },
    });
  });
  test("flags read the files of the configuration's folder, as far as they exist", async () => {
    expect((await resolve("--tlsverify -H tcp://x")).target).toMatchObject({ tls: { cert: "CERT", verify: true } });
    expect((await resolve("--tls -H tcp://x")).target).toMatchObject({ tls: { verify: false } });
    expect((await resolve("-H tcp://x", { DOCKER_TLS_VERIFY: "1" })).target).toMatchObject({ tls: { verify: true } });
  });
  test("a file that was named must exist", async () => {
    await expect(resolve("--tls --tlscert /nope.pem -H tcp://x")).rejects.toThrow(
      "Failed to initialize: unable to resolve docker endpoint: open /nope.pem: no such file or directory",
    );
  });
});

describe("refused are", () => {
  const cases: [words: string, message: string][] = [
    ["-H foo://x", "Failed to initialize: unable to resolve docker endpoint: invalid bind address format: foo://x"],
    ["-c nope", 'Failed to initialize: unable to resolve docker endpoint: context "nope": context not found: open '],
    ["-c remote -H unix:///a", "conflicting options: cannot specify both --host and --context"],
  ];
  for (const [words, message] of cases) {
    test(words, async () => {
      await expect(resolve(words)).rejects.toThrow(message);
    });
  }
});

describe("withProxies", () => {
  const config = { proxies: { default: { httpProxy: "http://p:1" }, "unix:///x": { noProxy: "a,b" } } };
  test("adds both spellings", () =>
    expect(withProxies(["A=1"], config, "unix:///y")).toEqual([
      "A=1",
      "HTTP_PROXY=http://p:1",
      "http_proxy=http://p:1",
    ]));
  test("leaves what is given", () =>
    expect(withProxies(["HTTP_PROXY=mine", "http_proxy"], config, "unix:///y")).toEqual([
      "HTTP_PROXY=mine",
      "http_proxy",
    ]));
  test("prefers the daemon's own entry", () =>
    expect(withProxies(null, config, "unix:///x")).toEqual(["NO_PROXY=a,b", "no_proxy=a,b"]));
  test("without settings nothing changes", () => expect(withProxies(null, {}, "unix:///x")).toBeNull());
});
