/** TLS and the configuration file of `naru registry serve`. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { eventually, NARU, run } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { startNaruRegistry } from "../support/naru-registry.ts";
import { makeAuthority, type TestAuthority } from "../support/test-authority.ts";

let folder: string;
let authority: TestAuthority;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "naru-settings-"));
  authority = await makeAuthority(at("authority"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The certificate that a server shows. */
async function certificateOf(host: string): Promise<X509Certificate> {
  const [address, port] = host.split(":");
  const socket = tls.connect({ host: address, port: Number(port), rejectUnauthorized: false });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
    return new X509Certificate(socket.getPeerCertificate().raw);
  } finally {
    socket.destroy();
  }
}

test("skopeo trusts a certificate by certs.d; a renewed one is taken over while requests are under way", async () => {
  await copyFile(authority.server.certPath, at("cert.pem"));
  await copyFile(authority.server.keyPath, at("key.pem"));
  const flags = ["--tls-cert", at("cert.pem"), "--tls-key", at("key.pem")];
  await using registry = await startNaruRegistry({ isTls: true, flags });
  await mkdir(at("certs"), { recursive: true });
  await copyFile(authority.caPath, at("certs/ca.crt"));
  const inspect = (...words: string[]) => run(["skopeo", "list-tags", ...words, `docker://${registry.host}/nothing`]);
  expect((await inspect()).stderr).toContain("certificate");
  expect((await inspect("--cert-dir", at("certs"))).stderr).not.toContain("certificate");

  const before = await certificateOf(registry.host);
  const upload = await registry.request("POST", "/v2/a/blobs/uploads/");
  const location = upload.headers.get("location")!;
  const address = new URL(location, registry.url).href;
  const slow = Bun.spawn(["curl", "-sk", "-T", "-", "-X", "PATCH", "-w", "%{http_code} %header{range}", address], {
    stdin: "pipe",
    stdout: "pipe",
  });
  slow.stdin.write(new Uint8Array(12_000_000));
  await slow.stdin.flush();
  // Not asked for by its address: whoever asks takes the upload over.
  const uploads = join(registry.root, "uploads");
  const arrived = async () => (await stat(join(uploads, (await readdir(uploads))[0]!))).size;
  await eventually(async () => (await arrived()) > 0);
  const next = await makeAuthority(at("next"));
  await copyFile(next.server.keyPath, at("key.pem"));
  // Until the other half comes the pair does not fit: the old certificate stays.
  process.kill(registry.pid, "SIGHUP");
  await eventually(async () => (await registry.logText()).includes("is not the one of the certificate"));
  expect((await certificateOf(registry.host)).fingerprint256).toBe(before.fingerprint256);
  await copyFile(next.server.certPath, at("cert.pem"));
  process.kill(registry.pid, "SIGHUP");
  const shown = () => certificateOf(registry.host).catch(() => before);
  await eventually(async () => (await shown()).fingerprint256 !== before.fingerprint256);
  slow.stdin.write(new Uint8Array(1000));
  await slow.stdin.end();
  expect(await new Response(slow.stdout).text()).toBe("202 0-12000999");
});

test("with a client authority only its clients get in", async () => {
  const { certPath, keyPath } = authority.server;
  const flags = ["--tls-cert", certPath, "--tls-key", keyPath, "--tls-client-ca", authority.caPath];
  await using registry = await startNaruRegistry({ isTls: true, flags });
  const curl = (...words: string[]) =>
    run(["curl", "-s", "--cacert", authority.caPath, ...words, `${registry.url}/v2/`]);
  expect((await curl()).code).not.toBe(0);
  const client = await curl("--cert", authority.client.certPath, "--key", authority.client.keyPath);
  expect(client).toMatchObject({ code: 0, stdout: "{}" });
  const stranger = await makeAuthority(at("stranger"));
  expect((await curl("--cert", stranger.client.certPath, "--key", stranger.client.keyPath)).code).not.toBe(0);
});

test("a self-signed certificate is made on wish, kept, and explained", async () => {
  await using registry = await startNaruRegistry({ isTls: true, flags: ["--tls-self-signed", "localhost,127.0.0.1"] });
  const path = join(registry.root, "tls/certificate.pem");
  const log = await registry.logText();
  expect(log).toContain(`copy ${path} to /etc/docker/certs.d/localhost:${registry.host.split(":")[1]}/ca.crt`);
  const curl = await run(["curl", "-s", "--cacert", path, `${registry.url}/v2/`]);
  expect(curl).toMatchObject({ code: 0, stdout: "{}" });
  const first = (await certificateOf(registry.host)).fingerprint256;
  await registry.kill("SIGTERM");
  await registry.restart();
  expect((await certificateOf(registry.host)).fingerprint256).toBe(first);
});

const REFUSED: [string, string][] = [
  ["acess: {}", "acess is no setting; here are: access, addr, cache, debugAddr, externalUrl"],
  ["addr: [1, 2]", "addr is [1,2]; write a text"],
  ["page: maybe", 'page is "maybe"; write true or false'],
  ["tls: {certificate: a.pem}", "tls needs a certificate and its key (PEM files), or selfSigned"],
  ["tls: {certificate: /no/such, key: /no/such}", "cannot read the TLS certificate /no/such"],
  [
    "access: {rights: x}",
    "access.htpasswd is missing: rights need users; make the file with: htpasswd -B -c FILE USER",
  ],
  ["access: {htpasswd: /no/such}", "cannot read the password file /no/such"],
  ["access: {htpasswd: x, challenge: digest}", 'access.challenge is "digest"; write one of bearer, basic'],
  ["access: {htpasswd: x, tokens: {lifetime: 5s}}", "access.tokens.lifetime"],
  [
    "access: {outsideTokens: {realm: r, service: s, issuer: i}}",
    "access.outsideTokens.rootcertbundle or jwks is missing",
  ],
  ["cache: {upstreams: [{}]}", "cache.upstreams[0].host is missing"],
  ["cache: {upstreams: [{host: 'r:5000'}]}", 'cache.upstreams[0].prefix: "r:5000" cannot be part'],
  ["cache: {upstreams: [{host: a.b}, {host: c.d, prefix: a.b/c}]}", "the prefixes a.b and a.b/c overlap"],
  ["cache: {maxBytes: lots}", 'cache.maxBytes is "lots"; write a size such as 500MB'],
  ["quotas: [{repositories: [a]}]", "quotas[0].maxBytes is missing"],
  ["quotas: {a: 1}", 'quotas is {"a":1}; write a list'],
  ["retention: {rules: [{repositories: ['**']}]}", "retention.rules[0] removes nothing"],
  ["webhooks: [{url: 'ftp://x'}]", 'webhooks[0].url is "ftp://x"; write an http:// or https:// address'],
  ["webhooks: [{url: 'http://x/a'}, {url: 'http://x/b'}]", "two endpoints are called x; give one another name"],
  [
    "webhooks: [{url: 'http://x', actions: [pushed]}]",
    'webhooks[0].actions is "pushed"; write any of push, pull, delete, mount',
  ],
  ["a: 1\nb: [1\nc: 2\n", "line 2: "],
];

test.each(REFUSED)("the configuration %p is refused in words that name the key", async (text, words) => {
  const path = at("refused.yaml");
  await Bun.write(path, text);
  const addr = `127.0.0.1:${await freePort()}`;
  const result = await run([NARU, "registry", "serve", "--config", path, "--root", at("refused"), "--addr", addr]);
  expect(result.code).toBe(1);
  expect(result.stderr).toContain(words);
});

test("flags win over the file; an address that is taken is told", async () => {
  const config = `addr: 192.0.2.1:1\npage: false\ndebugAddr: 127.0.0.1:${await freePort()}\n`;
  await using registry = await startNaruRegistry({ config, flags: ["--page", "yes"] });
  expect((await registry.request("GET", "/")).status).toBe(200);
  for (const flags of [[], ["--tls-self-signed", "localhost"]]) {
    const second = await run([NARU, "registry", "serve", "--addr", registry.host, "--root", at("second"), ...flags]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`cannot listen on ${registry.host}`);
  }
});
