/** The registry client against Debian's docker-registry: plain, with a login, with tokens, with TLS, behind mirrors. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type DebianRegistry, startDebianRegistry } from "../support/debian-registry.ts";
import {
  blobOf,
  collect,
  digestOf,
  pushImage,
  sourceOf,
  testClient,
  testRepository,
} from "../support/registry-content.ts";
import { makeAuthority, type TestAuthority } from "../support/test-authority.ts";
import { startTokenServer } from "../support/token-server.ts";

let scratch: string;
let authority: TestAuthority;
let plain: DebianRegistry;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-registry-client-"));
  authority = await makeAuthority(join(scratch, "authority"));
  plain = await startDebianRegistry();
});
afterAll(async () => {
  await plain?.[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true, force: true });
});

describe("a plain registry", () => {
  test.each([0, 1, 100_000, 3_000_000])("a blob of %d bytes goes there and comes back", async (size) => {
    const repository = testRepository(plain.host, "blobs");
    const { bytes, descriptor } = blobOf(size, size + 7);
    expect(await repository.hasBlob(descriptor.digest)).toBe(false);
    const progress: number[] = [];
    await repository.pushBlob(descriptor, sourceOf(bytes), { onProgress: (sent) => progress.push(sent) });
    expect(progress.at(-1)).toBe(size);
    expect(await repository.hasBlob(descriptor.digest)).toBe(true);
    expect(digestOf(await collect(repository.readBlob(descriptor)))).toBe(descriptor.digest);
    if (size < 10) return;
    const rest = await collect(repository.readBlob(descriptor, { offset: size - 10 }));
    expect(rest).toEqual(Buffer.from(bytes.subarray(size - 10)));
    const part = await collect(repository.readBlob(descriptor, { offset: 5, length: 20 }));
    expect(part).toEqual(Buffer.from(bytes.subarray(5, 25)));
  });

  test("bytes that are not those of the digest are refused by the registry, and no session stays", async () => {
    const repository = testRepository(plain.host, "wrong");
    const { descriptor } = blobOf(1000, 3);
    const wrong = sourceOf(blobOf(1000, 4).bytes);
    await expect(repository.pushBlob(descriptor, wrong)).rejects.toThrow("digest invalid");
    expect(await repository.hasBlob(descriptor.digest)).toBe(false);
  });

  test("manifests by tag and digest, deleted", async () => {
    const repository = testRepository(plain.host, "manifests");
    const pushed = await pushImage(repository, "one");
    expect(await repository.resolve("one")).toEqual(pushed);
    expect(await repository.resolve(pushed.digest)).toEqual(pushed);
    const { bytes, descriptor } = await repository.fetchManifest(pushed.digest);
    expect(descriptor).toEqual(pushed);
    expect(digestOf(bytes)).toBe(pushed.digest);
    await repository.deleteManifest(pushed.digest);
    await expect(repository.resolve("one")).rejects.toMatchObject({ kind: "not-found" });
  });

  test("what is not there, in docker's words", async () => {
    const repository = testRepository(plain.host, "nowhere");
    const notFound = {
      kind: "not-found",
      message: `manifest for ${plain.host}/nowhere:1 not found: manifest unknown: manifest unknown`,
    };
    await expect(repository.resolve("1")).rejects.toMatchObject(notFound);
    const { descriptor } = blobOf(10, 99);
    await expect(collect(repository.readBlob(descriptor))).rejects.toMatchObject({ kind: "not-found" });
    await expect(Array.fromAsync(repository.listTags())).rejects.toMatchObject({
      message: expect.stringContaining("name unknown"),
    });
  });

  test("all tags, over pages", async () => {
    const repository = testRepository(plain.host, "tags");
    const { digest } = await pushImage(repository, "t0");
    const { bytes, descriptor } = await repository.fetchManifest(digest);
    for (const tag of ["t1", "t2"]) await repository.pushManifest(tag, { mediaType: descriptor.mediaType, bytes });
    expect((await Array.fromAsync(repository.listTags())).sort()).toEqual(["t0", "t1", "t2"]);
  });

  test("a blob is taken over from another repository", async () => {
    const { bytes, descriptor } = blobOf(5000, 5);
    await testRepository(plain.host, "from/here").pushBlob(descriptor, sourceOf(bytes));
    const to = testRepository(plain.host, "to/there", { mountFrom: ["from/here"] });
    expect(await to.mountBlob(descriptor.digest, "from/here")).toBe(true);
    expect(await to.hasBlob(descriptor.digest)).toBe(true);
    expect(await to.mountBlob(blobOf(10, 77).descriptor.digest, "from/here")).toBe(false);
  });

  test("referrers are kept under the fallback tag, also when two are pushed at once, and forgotten", async () => {
    const repository = testRepository(plain.host, "referrers");
    const subject = await pushImage(repository, "subject");
    const artifactTypes = ["application/x.one", "application/x.two"];
    const [one, two] = await Promise.all(
      artifactTypes.map((artifactType, i) =>
        pushImage(repository, "", { subject, artifactType, layer: blobOf(50, i + 20).bytes }),
      ),
    );
    const listed = await repository.listReferrers(subject.digest);
    expect(listed.map(({ digest }) => digest).sort()).toEqual([one!.digest, two!.digest].sort());
    const chosen = await repository.listReferrers(subject.digest, { artifactType: "application/x.two" });
    expect(chosen).toMatchObject([{ digest: two!.digest, artifactType: "application/x.two" }]);
    await repository.deleteManifest(one!.digest);
    expect(await repository.listReferrers(subject.digest)).toMatchObject([{ digest: two!.digest }]);
    expect(await repository.listReferrers(digestOf("nothing"))).toEqual([]);
  });
});

describe("logins", () => {
  test("htpasswd: without, wrong, right", async () => {
    await using registry = await startDebianRegistry({ users: { user: "secret" } });
    const { host } = registry;
    const client = testClient();
    const right = { username: "user", password: "secret", serverAddress: host };
    await expect(testRepository(host, "a").resolve("1")).rejects.toMatchObject({
      kind: "unauthorized",
      message: `Head "http://${host}/v2/a/manifests/1": no basic auth credentials`,
    });
    const wrong = testRepository(host, "a", { credentials: { username: "user", password: "bad" } });
    await expect(wrong.resolve("1")).rejects.toMatchObject({ kind: "unauthorized" });
    const allowed = testRepository(host, "a", { credentials: right });
    const { digest, size } = await pushImage(allowed, "1");
    expect(await allowed.resolve("1")).toMatchObject({ digest, size });
    expect(await client.checkCredentials(right)).toEqual({ Status: "Login Succeeded", IdentityToken: "" });
    await expect(client.checkCredentials({ ...right, password: "bad" })).rejects.toMatchObject({
      kind: "unauthorized",
      message: `login attempt to http://${host}/v2/ failed with status: 401 Unauthorized`,
    });
  });

  test("tokens: anonymous, with a login, with an identity token; asked for once", async () => {
    const { certPath, keyPath } = authority.server;
    await using tokens = startTokenServer({ certPath, keyPath, users: { user: "secret" }, refreshToken: "refresh" });
    await using registry = await startDebianRegistry({ token: { ...tokens, rootCertPath: authority.caPath } });
    const { host } = registry;
    const user = { username: "user", password: "secret", serverAddress: host };
    const mine = testRepository(host, "public/a", { credentials: user, mountFrom: ["public/b"] });
    const pushed = await pushImage(mine, "1", { layer: blobOf(600_000).bytes });
    expect(tokens.requests).toHaveLength(1);
    expect(tokens.requests[0]!.query.getAll("scope")).toEqual([
      "repository:public/a:pull,push,delete",
      "repository:public/b:pull",
    ]);
    expect(await testRepository(host, "public/a", { actions: "pull" }).resolve("1")).toEqual(pushed);
    await expect(testRepository(host, "closed/a", { actions: "pull" }).resolve("1")).rejects.toMatchObject({
      kind: "not-found",
      message:
        `pull access denied for ${host}/closed/a, repository does not exist or may require 'docker login': ` +
        "denied: requested access to the resource is denied",
    });
    await expect(
      testRepository(host, "closed/a", { credentials: { ...user, password: "bad" }, actions: "pull" }).resolve("1"),
    ).rejects.toThrow(`Head "http://${host}/v2/closed/a/manifests/1": unauthorized: incorrect username or password`);

    const client = testClient();
    expect(await client.checkCredentials(user)).toEqual({ Status: "Login Succeeded", IdentityToken: "refresh" });
    const asked = tokens.requests.at(-1)!.query;
    expect(Object.fromEntries(asked)).toMatchObject({ account: "user", client_id: "docker", offline_token: "true" });
    const byToken = testRepository(host, "closed/b", { credentials: { identityToken: "refresh" } });
    await pushImage(byToken, "1");
    expect(tokens.requests.at(-1)).toMatchObject({ method: "POST" });
    expect(tokens.requests.at(-1)!.form.get("grant_type")).toBe("refresh_token");
    await expect(
      testRepository(host, "closed/b", { credentials: { identityToken: "old" } }).resolve("1"),
    ).rejects.toMatchObject({ kind: "unauthorized" });
  });
});

describe("TLS", () => {
  test("an own authority and a client certificate, through certs.d", async () => {
    const { server, client, caPath } = authority;
    await using registry = await startDebianRegistry({ tls: { ...server, clientCaPath: caPath }, name: "localhost" });
    const dirs = [join(scratch, "empty.d"), join(scratch, "certs.d")];
    const folder = join(dirs[1]!, registry.host);
    await mkdir(folder, { recursive: true });
    const reach = () => testRepository(registry.host, "tls", { certificateDirs: dirs, actions: "pull,push" });
    // Loopback is insecure by rule; with a certificate for the client the registry lets it in all the same.
    await cp(client.certPath, join(folder, "client.cert"));
    await expect(reach().resolve("1")).rejects.toThrow(
      "missing key client.key for client certificate client.cert. CA certificates must use the extension .crt",
    );
    await cp(client.keyPath, join(folder, "client.key"));
    await cp(caPath, join(folder, "ca.crt"));
    const pushed = await pushImage(reach(), "1");
    expect(await reach().resolve("1")).toEqual(pushed);
    const without = testRepository(registry.host, "tls");
    await expect(without.resolve("1")).rejects.toMatchObject({
      kind: "unavailable",
      message: expect.stringMatching(/^Get "https:/),
    });
  });

  // Loopback needs no known certificate by rule, so the registry listens on an address of the machine's.
  const address = Object.values(networkInterfaces())
    .flat()
    .find((found) => found?.family === "IPv4" && !found.internal)?.address;
  test.skipIf(address === undefined)(
    "an unknown authority is refused with advice, known to certs.d it is accepted",
    async () => {
      const known = await makeAuthority(join(scratch, "known"), [address!]);
      await using registry = await startDebianRegistry({ tls: known.server, address });
      await using misnamed = await startDebianRegistry({ tls: authority.server, address });
      const dir = join(scratch, "more.d");
      for (const [host, caPath] of [
        [registry.host, known.caPath],
        [misnamed.host, authority.caPath],
      ] as const) {
        await mkdir(join(dir, host), { recursive: true });
        await cp(caPath, join(dir, host, "own.crt"));
      }
      await expect(testRepository(registry.host, "x").resolve("1")).rejects.toThrow(
        /tls: failed to verify certificate: x509: certificate signed by unknown authority \(put .*insecure-registries\)/,
      );
      const pushed = await pushImage(testRepository(registry.host, "x", { certificateDirs: [dir] }), "1");
      for (const insecureRegistries of [[registry.host], [address!], [`${address}/32`]]) {
        expect(await testRepository(registry.host, "x", { insecureRegistries }).resolve("1")).toEqual(pushed);
      }
      await expect(testRepository(misnamed.host, "x", { certificateDirs: [dir] }).resolve("1")).rejects.toThrow(
        "x509: certificate is not valid for this host",
      );
    },
  );

  test.skipIf(address === undefined)("without TLS nothing goes to a registry that is not insecure", async () => {
    await using registry = await startDebianRegistry({ address });
    await expect(testRepository(registry.host, "x").resolve("1")).rejects.toThrow(
      "http: server gave HTTP response to HTTPS client",
    );
    const insecure = testRepository(registry.host, "x", { insecureRegistries: [registry.host] });
    await expect(insecure.resolve("1")).rejects.toMatchObject({ kind: "not-found" });
  });
});

describe("mirrors", () => {
  test("are asked in order before the registry, which answers for what they lack; a login does not go to them", async () => {
    await using origin = await startDebianRegistry({ users: { user: "secret" } });
    const credentials = { username: "user", password: "secret" };
    const atOrigin = testRepository(origin.host, "app", { credentials });
    const onlyThere = await pushImage(atOrigin, "origin");
    const onMirror = await pushImage(testRepository(plain.host, "app"), "mirror", { architecture: "arm64" });
    const hostMirrors = { [origin.host]: ["http://127.0.0.1:1", `http://${plain.host}`] };
    const mirrored = testRepository(origin.host, "app", { credentials, hostMirrors, actions: "pull" });
    expect(await mirrored.resolve("mirror")).toEqual(onMirror);
    expect(await mirrored.resolve("origin")).toEqual(onlyThere);
    await expect(mirrored.resolve("none")).rejects.toThrow(`manifest for ${origin.host}/app:none not found`);
    const dead = testRepository(origin.host, "app", {
      hostMirrors: { [origin.host]: ["http://127.0.0.1:1"] },
      credentials,
      actions: "pull",
    });
    expect(await dead.resolve("origin")).toEqual(onlyThere);
  });
});

test("search reads the catalog of a registry that has no search", async () => {
  await pushImage(testRepository(plain.host, "searched/one"), "1");
  const filters = new Map();
  const found = await testClient().search(`${plain.host}/searched`, { limit: 5, filters });
  expect(found).toEqual([
    { name: `${plain.host}/searched/one`, description: "", star_count: 0, is_official: false, is_automated: false },
  ]);
  await expect(testClient().search("x", { limit: 101, filters })).rejects.toThrow(
    "limit 101 is outside the range of [1, 100]",
  );
  await expect(testClient().search("x", { limit: 1, filters: new Map([["bad", ["1"]]]) })).rejects.toThrow(
    "invalid filter 'bad'",
  );
});

describe("proxies", () => {
  const address = Object.values(networkInterfaces())
    .flat()
    .find((found) => found?.family === "IPv4" && !found.internal)?.address;

  test.skipIf(address === undefined)("the environment's are used, but not for loopback or for NO_PROXY", async () => {
    const own = await makeAuthority(join(scratch, "proxied"), [address!]);
    await using open = await startDebianRegistry({ address });
    await using secure = await startDebianRegistry({ address, tls: own.server });
    await using proxy = await startProxy();
    const reach = (host: string) => testRepository(host, "p", { insecureRegistries: [address!] }).resolve("1");
    const seen = async (host: string, noProxy = "") => {
      proxy.seen.length = 0;
      await withEnvironment({ HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url, NO_PROXY: noProxy }, async () => {
        await expect(reach(host)).rejects.toMatchObject({ kind: "not-found" });
      });
      return [...new Set(proxy.seen)];
    };
    expect(await seen(secure.host)).toEqual([`CONNECT ${secure.host}`]);
    // With TLS first, which this registry has not, and then without.
    expect(await seen(open.host)).toEqual([
      `CONNECT ${open.host}`,
      `GET http://${open.host}/v2/`,
      `HEAD http://${open.host}/v2/p/manifests/1`,
      `GET http://${open.host}/v2/p/manifests/1`,
    ]);
    expect(await seen(open.host, `other.example,${address}`)).toEqual([]);
    expect(await seen(plain.host)).toEqual([]);
  });
});

/** A small HTTP proxy that notes what goes through it. */
async function startProxy() {
  const seen: string[] = [];
  const server = http.createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    const { method, headers } = request;
    const forward = http.request(request.url!, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    forward.on("error", () => response.destroy());
    request.pipe(forward);
  });
  server.on("connect", (request: http.IncomingMessage, near: Duplex) => {
    seen.push(`CONNECT ${request.url}`);
    const [host, port] = request.url!.split(":");
    const far = net.connect(Number(port), host, () => {
      near.write("HTTP/1.1 200 Connection established\r\n\r\n");
      near.pipe(far).pipe(near);
    });
    far.on("error", () => near.destroy());
    near.on("error", () => far.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  const dispose = async () => {
    server.closeAllConnections();
    server.close();
  };
  return { seen, url, [Symbol.asyncDispose]: dispose };
}

async function withEnvironment(values: Record<string, string>, work: () => Promise<void>): Promise<void> {
  const before = Object.keys(values).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, values);
  try {
    await work();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
