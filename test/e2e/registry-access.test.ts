/** Who may do what at naru's registry, with real clients: docker through a naru daemon, skopeo, podman; token services of others. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, importBusybox, run, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { startDebianRegistry } from "../support/debian-registry.ts";
import { type NaruRegistry, startNaruRegistry } from "../support/naru-registry.ts";
import { pushImage, testRepository } from "../support/registry-content.ts";
import { makeAuthority, type TestAuthority } from "../support/test-authority.ts";
import { startTokenServer } from "../support/token-server.ts";

const RIGHTS = `
groups:
  developers: [ann]
rights:
  - who: [everyone]
    repositories: ["public/**"]
    may: [pull]
  - who: ["@developers"]
    repositories: ["public/**", "team/**"]
    may: [pull, push]
  - who: [users]
    repositories: ["{user}/**"]
    may: [all]
`;

let folder: string;
let registry: NaruRegistry;
let daemon: TestDaemon;
let authority: TestAuthority;

const line = async (user: string, password: string) =>
  `${user}:${await Bun.password.hash(password, { algorithm: "bcrypt", cost: 4 })}\n`;
const basic = (user: string, password: string) => ({ authorization: `Basic ${btoa(`${user}:${password}`)}` });
// biome-ignore lint/suspicious/noExplicitAny: answers of several shapes
const jsonOf = async (response: Response | Promise<Response>): Promise<any> => (await response).json();
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "naru-access-"));
  authority = await makeAuthority(at("authority"));
  await Bun.write(at("htpasswd"), (await line("ann", "secret")) + (await line("bob", "bobs")));
  await Bun.write(at("rights.yaml"), RIGHTS);
  const config = `access: {htpasswd: ${at("htpasswd")}, rights: ${at("rights.yaml")}, tokens: {otherServices: [the other]}}\n`;
  // One by one, so that what has started is known when the next one fails.
  registry = await startNaruRegistry({ config });
  daemon = await startDaemon();
  await importBusybox(daemon);
});

afterAll(async () => {
  await daemon?.stop();
  await registry?.stop();
  await rm(folder, { recursive: true, force: true });
});

const docker = (words: string[], stdin?: string) =>
  daemon.docker(words, { stdin, env: { DOCKER_CONFIG: at("docker-config") } });

test("docker logs in with a password and keeps an identity token, pushes and pulls by it, and is anonymous after logout", async () => {
  const { host } = registry;
  const wrong = await docker(["login", "-u", "ann", "--password-stdin", host], "nonsense");
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain("incorrect username or password");
  const login = await docker(["login", "-u", "ann", "--password-stdin", host], "secret");
  expect(login.stdout).toContain("Login Succeeded");
  const { auths } = await Bun.file(at("docker-config/config.json")).json();
  expect(auths[host].identitytoken.split(".")).toHaveLength(3);
  expect(atob(auths[host].auth)).toBe("ann:");

  for (const name of ["public/app:v1", "team/app:v1", "ann/own:v1"]) {
    await docker(["tag", "busybox", `${host}/${name}`]);
    const push = await docker(["push", "-q", `${host}/${name}`]);
    expect(push.stderr).toBe("");
  }
  await docker(["tag", "busybox", `${host}/bob/hers:v1`]);
  const refused = await docker(["push", `${host}/bob/hers:v1`]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/denied|authentication required|insufficient/);

  await docker(["logout", host]);
  await docker(["rmi", `${host}/public/app:v1`, `${host}/team/app:v1`]);
  expect((await docker(["pull", "-q", `${host}/public/app:v1`])).stdout).toContain(`${host}/public/app:v1`);
  const hidden = await docker(["pull", `${host}/team/app:v1`]);
  expect(hidden.code).toBe(1);
  expect((await docker(["push", `${host}/public/app:v1`])).code).toBe(1);
});

test("skopeo and podman log in, push, pull, inspect and delete within their rights", async () => {
  const { host } = registry;
  const env = { REGISTRY_AUTH_FILE: at("auth.json"), HOME: folder };
  const skopeo = (...words: string[]) => run(["skopeo", ...words], { env });
  expect((await skopeo("login", "--tls-verify=false", "-u", "bob", "-p", "wrong", host)).code).toBe(1);
  expect((await skopeo("login", "--tls-verify=false", "-u", "bob", "-p", "bobs", host)).stdout).toContain(
    "Login Succeeded",
  );
  const own = `docker://${host}/bob/copy:v1`;
  const copy = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
  expect((await skopeo(...copy, `docker://${host}/public/app:v1`, own)).stderr).toBe("");
  expect((await skopeo(...copy, `docker://${host}/team/app:v1`, own)).stderr).toContain(
    "requested access to the resource is denied",
  );
  expect((await skopeo(...copy, own, `docker://${host}/public/mine:v1`)).code).toBe(1);
  expect((await skopeo("delete", "--tls-verify=false", own)).stderr).toBe("");
  expect((await skopeo("inspect", "--tls-verify=false", own)).code).toBe(1);

  const store = ["--root", at("podman"), "--runroot", at("podman-run")];
  const podman = (...words: string[]) => run(["podman", ...store, ...words], { env });
  expect((await podman("login", "--tls-verify=false", "-u", "ann", "-p", "secret", host)).stdout).toContain(
    "Login Succeeded",
  );
  expect((await podman("pull", "-q", "--tls-verify=false", `${host}/team/app:v1`)).code).toBe(0);
  expect(
    (await podman("push", "-q", "--tls-verify=false", `${host}/team/app:v1`, `${host}/team/podman:v1`)).stderr,
  ).toBe("");
  expect((await podman("push", "-q", "--tls-verify=false", `${host}/team/app:v1`, `${host}/bob/no:v1`)).code).not.toBe(
    0,
  );
  await podman("rmi", "-af");
});

test("the catalog shows what the caller may pull, and a mount from elsewhere is only an upload", async () => {
  const names = async (headers?: Record<string, string>) =>
    (await jsonOf(registry.request("GET", "/v2/_catalog", { headers }))).repositories;
  expect(await names(basic("ann", "secret"))).toEqual(["ann/own", "public/app", "team/app", "team/podman"]);
  // Its one manifest was deleted; the repository is still bob's.
  expect(await names(basic("bob", "bobs"))).toEqual(["bob/copy", "public/app"]);
  expect(await names()).toEqual(["public/app"]);
  const manifest = await jsonOf(
    registry.request("GET", "/v2/team/app/manifests/v1", { headers: basic("ann", "secret") }),
  );
  const { digest } = manifest.layers[0];
  const mount = (from: string) =>
    registry.request("POST", `/v2/bob/thief/blobs/uploads/?mount=${digest}&from=${from}`, {
      headers: basic("bob", "bobs"),
    });
  expect((await mount("team/app")).status).toBe(202);
  expect((await mount("public/app")).status).toBe(201);
  // Without a source the registry looks only where the caller may read: it is in public/app too.
  const unnamed = await registry.request("POST", `/v2/bob/more/blobs/uploads/?mount=${digest}`, {
    headers: basic("bob", "bobs"),
  });
  expect(unnamed.status).toBe(201);
});

test("challenges name realm, service and scope; tokens hold no more than the rights", async () => {
  const base = await registry.request("GET", "/v2/");
  expect(base.headers.get("www-authenticate")).toBe(`Bearer realm="${registry.url}/token",service="naru-registry"`);
  const upload = await registry.request("POST", "/v2/team/app/blobs/uploads/");
  expect(upload.headers.get("www-authenticate")).toContain('scope="repository:team/app:pull,push"');
  const mount = await registry.request(
    "POST",
    `/v2/team/b/blobs/uploads/?mount=sha256:${"0".repeat(64)}&from=team/app`,
  );
  expect(mount.headers.get("www-authenticate")).toContain(
    'scope="repository:team/b:pull,push repository:team/app:pull"',
  );
  const catalog = await registry.request("GET", "/v2/_naru/repositories");
  expect(catalog.status).not.toBe(401); // anonymous callers have a right to pull somewhere
  const ask = (query: string, headers?: Record<string, string>) =>
    registry.request("GET", `/token?${query}`, { headers });
  const scopes = async (query: string, headers?: Record<string, string>) => (await jsonOf(ask(query, headers))).scope;
  const all = "service=naru-registry&scope=repository:team/app:pull,push,delete&scope=repository:bob/x:*";
  expect(await scopes(all, basic("ann", "secret"))).toBe("repository:team/app:pull,push");
  expect(await scopes(all, basic("bob", "bobs"))).toBe("repository:bob/x:pull,push,delete");
  expect(await scopes("service=naru-registry&scope=repository:public/x:pull,push")).toBe("repository:public/x:pull");
  expect((await ask("service=somebody else")).status).toBe(400);
  const { token } = await jsonOf(ask("service=naru-registry&scope=repository:public/app:pull"));
  const tags = (name: string) =>
    registry.request("GET", `/v2/${name}/tags/list`, { headers: { authorization: `Bearer ${token}` } });
  expect((await tags("public/app")).status).toBe(200);
  const beyond = await tags("team/app");
  expect(beyond.status).toBe(401);
  expect(beyond.headers.get("www-authenticate")).toContain('error="insufficient_scope"');
  const forged = await registry.request("GET", "/v2/public/app/tags/list", {
    headers: { authorization: `Bearer ${token.slice(0, -6)}AAAAAA` },
  });
  expect(forged.headers.get("www-authenticate")).toContain('error="invalid_token"');
});

test("an identity token ends with its password; changed files are read again, faulty ones refused", async () => {
  const form = (fields: Record<string, string>) =>
    registry.request("POST", "/token", {
      body: new URLSearchParams({ service: "naru-registry", client_id: "test", ...fields }).toString(),
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
  const login = await form({ grant_type: "password", username: "bob", password: "bobs", access_type: "offline" });
  const { refresh_token } = await jsonOf(login);
  const refresh = () => form({ grant_type: "refresh_token", refresh_token, scope: "repository:bob/x:pull" });
  expect((await refresh()).status).toBe(200);
  expect((await form({ grant_type: "device_code" })).status).toBe(400);

  await Bun.write(at("htpasswd"), (await line("ann", "secret")) + (await line("bob", "changed")));
  await eventually(async () => (await refresh()).status === 401);
  expect((await registry.request("GET", "/v2/", { headers: basic("bob", "changed") })).status).toBe(200);
  expect((await registry.request("GET", "/v2/", { headers: basic("bob", "bobs") })).status).toBe(401);

  const may = async () =>
    (await registry.request("GET", "/v2/team/app/tags/list", { headers: basic("bob", "changed") })).status;
  expect(await may()).toBe(403);
  await Bun.write(at("rights.yaml"), RIGHTS.replace("[ann]", "[ann, bob]"));
  await eventually(async () => (await may()) === 200);
  await Bun.write(at("rights.yaml"), "rights:\n  - who: [ann]\n    repositorys: [x]\n");
  // They are looked at when somebody asks.
  await eventually(async () => {
    expect(await may()).toBe(200);
    return (await registry.logText()).includes("rights[0].repositories is missing");
  });
});

test("guessing passwords is slowed down, for the guesser only", async () => {
  await using alone = await startNaruRegistry({ flags: ["--htpasswd", at("htpasswd")] });
  const attempt = (password: string) =>
    alone.request("GET", "/token?service=naru-registry", { headers: basic("ann", password) });
  for (let i = 0; i < 10; i++) expect((await attempt(`guess ${i}`)).status).toBe(401);
  const blocked = await attempt("guess 10");
  expect(blocked.status).toBe(429);
  expect(Number(blocked.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  // The right password too, or the guesser would learn which it is.
  expect((await attempt("secret")).status).toBe(429);
  expect((await alone.request("GET", "/v2/", { headers: basic("ann", "x") })).status).toBe(429);
  await Bun.sleep(2100);
  expect((await attempt("secret")).status).toBe(200);
  expect(await alone.logText()).toContain("wrong password");
  // Many at once are no way around it.
  const burst = await Promise.all(Array.from({ length: 40 }, (_, i) => attempt(`burst ${i}`)));
  expect(burst.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(1);
});

test("Debian's registry believes naru's tokens", async () => {
  const token = {
    realm: `${registry.url}/token`,
    service: "the other",
    issuer: "naru-registry",
    rootCertPath: join(registry.root, "access/token-certificate.pem"),
  };
  await using other = await startDebianRegistry({ token });
  const credentials = { username: "ann", password: "secret" };
  const pushed = await pushImage(testRepository(other.host, "team/there", { credentials }), "v1");
  expect((await testRepository(other.host, "team/there", { credentials, actions: "pull" }).resolve("v1")).digest).toBe(
    pushed.digest,
  );
  await expect(testRepository(other.host, "team/there", { actions: "pull" }).resolve("v1")).rejects.toThrow();
  await expect(pushImage(testRepository(other.host, "carol/x", { credentials }), "v1")).rejects.toThrow();
});

test("naru believes the tokens of an outside service that docker-registry's settings name", async () => {
  await using service = startTokenServer({ ...authority.server, users: { eve: "evil" } });
  const config = `access:
  outsideTokens: {realm: "${service.realm}", service: ${service.service}, issuer: ${service.issuer}, rootcertbundle: ${authority.server.certPath}}
`;
  await using trusting = await startNaruRegistry({ config });
  const credentials = { username: "eve", password: "evil" };
  const pushed = await pushImage(testRepository(trusting.host, "public/x", { credentials }), "v1");
  expect((await testRepository(trusting.host, "public/x", { actions: "pull" }).resolve("v1")).digest).toBe(
    pushed.digest,
  );
  await expect(pushImage(testRepository(trusting.host, "public/x"), "v2")).rejects.toThrow();
  expect((await trusting.request("GET", "/v2/", { headers: basic("eve", "evil") })).status).toBe(401);
  // Whoever may list may not yet take away.
  const listing = await jsonOf(fetch(`${service.realm}?scope=registry:catalog:*`, { headers: basic("eve", "evil") }));
  const lister = { authorization: `Bearer ${listing.token}` };
  expect((await jsonOf(trusting.request("GET", "/v2/_catalog", { headers: lister }))).repositories).toEqual([
    "public/x",
  ]);
  expect((await trusting.request("POST", "/v2/_naru/collection", { headers: lister })).status).toBe(403);
  // Signed by a key that nobody trusts here.
  await using stranger = startTokenServer({ ...authority.client, users: { eve: "evil" } });
  const { token } = await jsonOf(fetch(`${stranger.realm}?scope=repository:public/x:pull`));
  const refused = await trusting.request("GET", "/v2/public/x/tags/list", {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(refused.status).toBe(401);
});
