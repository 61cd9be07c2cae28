/** Ingress through the built executable: hosts, paths, TLS by SNI, WebSockets, streaming bodies, retry, status. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { startCluster, type TestClusterDaemon } from "../support/cluster.ts";
import { freePort } from "../support/free-port.ts";
import { PATIENCE } from "../support/patience.ts";

let cluster: TestClusterDaemon;
let http: number;
let https: number;
let refusing: number;
const backends: Bun.Server<undefined>[] = [];

beforeAll(async () => {
  http = await freePort();
  https = await freePort();
  refusing = await freePort();
  cluster = await startCluster([
    "--cluster-ingress-http",
    `127.0.0.1:${http}`,
    "--cluster-ingress-https",
    `127.0.0.1:${https}`,
  ]);
  backends.push(backend("one"), backend("two"));
  for (const [name, ...ports] of [
    ["one", backends[0]!.port],
    ["two", backends[1]!.port],
    ["flaky", refusing, backends[0]!.port],
  ] as const) {
    await apply(...service(name, ports as number[]));
  }
  for (const name of ["one", "two"]) await makeSecret(name);
  await apply({
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: { name: "shop" },
    spec: {
      defaultBackend: to("two"),
      tls: [
        { hosts: ["one.test"], secretName: "tls-one" },
        { hosts: ["*.two.test"], secretName: "tls-two" },
      ],
      rules: [
        { host: "one.test", http: { paths: [{ path: "/", pathType: "Prefix", backend: to("one") }] } },
        { host: "flaky.test", http: { paths: [{ path: "/", pathType: "Prefix", backend: to("flaky") }] } },
        { host: "empty.test", http: { paths: [{ path: "/", pathType: "Prefix", backend: to("nothing") }] } },
      ],
    },
  });
  const { stderr, code } = await cluster.kubectl([
    "wait",
    "ingress/shop",
    "--for=jsonpath={.status.loadBalancer.ingress[0].ip}",
    "--timeout=60s",
  ]);
  expect(code, stderr).toBe(0);
});
afterAll(async () => {
  for (const each of backends) await each.stop(true);
  await cluster?.[Symbol.asyncDispose]();
});

const to = (name: string) => ({ service: { name, port: { name: "web" } } });

/** Tells what it was asked; /echo gives the body back, /socket is a WebSocket. */
function backend(name: string): Bun.Server<undefined> {
  return Bun.serve({
    port: 0,
    hostname: "0.0.0.0",
    async fetch(request, server) {
      const { pathname } = new URL(request.url);
      if (pathname === "/socket") return server.upgrade(request) ? undefined : new Response("no", { status: 426 });
      if (pathname === "/echo") {
        const hash = createHash("sha256").update(Buffer.from(await request.arrayBuffer()));
        return new Response(hash.digest("hex"));
      }
      if (pathname === "/denied") return new Response("no entry", { status: 403 });
      const headers = new Headers([
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
      ]);
      return Response.json({ name, path: pathname, headers: Object.fromEntries(request.headers) }, { headers });
    },
    websocket: {
      message(socket, data) {
        socket.send(`${name} heard ${data}`);
      },
    },
  });
}

/** An address of this machine that pods may have too: loopback ones are refused in slices. */
function ownAddress(): string {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return own.find(({ family, internal }) => family === "IPv4" && !internal)!.address;
}

function service(name: string, ports: number[]): object[] {
  const slices = ports.map((port, at) => ({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: `${name}-${at}`, labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    endpoints: [{ addresses: [ownAddress()], conditions: { ready: true } }],
    ports: [{ name: "web", port }],
  }));
  const spec = { ports: [{ name: "web", port: 80 }] };
  return [{ apiVersion: "v1", kind: "Service", metadata: { name }, spec }, ...slices];
}

async function apply(...objects: object[]): Promise<void> {
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
  const { code, stderr } = await cluster.kubectl(["apply", "-f", "-"], list);
  expect(code, stderr).toBe(0);
}

async function makeSecret(name: string): Promise<void> {
  const at = join(cluster.daemon.root, name);
  const words = `req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ${at}.key -out ${at}.crt -subj /CN=${name}-cert`;
  expect(await Bun.spawn(["openssl", ...words.split(" ")], { stderr: "ignore" }).exited).toBe(0);
  const made = ["create", "secret", "tls", `tls-${name}`, "--cert", `${at}.crt`, "--key", `${at}.key`];
  expect((await cluster.kubectl(made)).code).toBe(0);
}

async function curl(...words: string[]): Promise<string> {
  const child = Bun.spawn(["curl", "-sS", "--max-time", String(20 * PATIENCE), ...words], { stderr: "pipe" });
  const [text, fault] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect(await child.exited, fault).toBe(0);
  return text;
}
const ask = (host: string, path: string, ...words: string[]) =>
  curl("-H", `Host: ${host}`, ...words, `http://127.0.0.1:${http}${path}`);

test("hosts and the default backend, and what the backend is told of the client", async () => {
  const one = JSON.parse(await ask("one.test", "/a/b?c=d", "-H", "X-Forwarded-For: 6.6.6.6"));
  expect(one).toMatchObject({ name: "one", path: "/a/b" });
  expect(one.headers).toMatchObject({
    host: "one.test",
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-proto": "http",
    "x-forwarded-host": "one.test",
  });
  expect(JSON.parse(await ask("nobody.test", "/")).name).toBe("two");
  const head = await ask("one.test", "/", "-i");
  expect(head).toContain("a=1");
  expect(head).toContain("b=2");
});

test("a service without endpoints answers 503, with words", async () => {
  expect(await ask("empty.test", "/", "-i")).toMatch(/503[\s\S]*no ready endpoint/);
});

test("a refused connection goes on to the next endpoint, with the whole body", async () => {
  const body = randomBytes(100_000);
  const file = join(cluster.daemon.root, "body");
  await writeFile(file, body);
  const digest = createHash("sha256").update(body).digest("hex");
  for (let at = 0; at < 4; at++) expect(await ask("flaky.test", "/echo", "--data-binary", `@${file}`)).toBe(digest);
});

test("large bodies pass, also chunked ones; a backend's refusal too", async () => {
  const body = randomBytes(8 * 1024 * 1024);
  const file = join(cluster.daemon.root, "large");
  await writeFile(file, body);
  const digest = createHash("sha256").update(body).digest("hex");
  expect(await ask("one.test", "/echo", "-T", file)).toBe(digest);
  expect(await ask("one.test", "/echo", "-T", file, "-H", "Transfer-Encoding: chunked")).toBe(digest);
  expect(await ask("one.test", "/denied", "-i")).toMatch(/403[\s\S]*no entry/);
});

test("the certificate is the one of the host that the client names", async () => {
  for (const [host, subject] of [
    ["one.test", "one-cert"],
    ["x.two.test", "two-cert"],
  ] as const) {
    const child = Bun.spawn(["openssl", "s_client", "-connect", `127.0.0.1:${https}`, "-servername", host], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
    });
    expect(await new Response(child.stdout).text()).toContain(subject);
    await child.exited;
  }
  const told = await curl("-k", "--resolve", `one.test:${https}:127.0.0.1`, `https://one.test:${https}/`);
  expect(JSON.parse(told).headers).toMatchObject({
    "x-forwarded-proto": "https",
    "x-forwarded-port": String(https),
    host: `one.test:${https}`,
  });
});

test("WebSockets pass both ways, over TLS too; a refused one gets the backend's answer", async () => {
  for (const [url, options] of [
    [`ws://127.0.0.1:${http}/socket`, { headers: { Host: "one.test" } }],
    [`wss://127.0.0.1:${https}/socket`, { headers: { Host: "one.test" }, tls: { rejectUnauthorized: false } }],
  ] as const) {
    const socket = new WebSocket(url, options as never);
    const heard = await new Promise((resolve, reject) => {
      socket.onopen = () => socket.send("hello");
      socket.onmessage = ({ data }) => resolve(data);
      socket.onerror = () => reject(new Error(`no WebSocket at ${url}`));
    });
    socket.close();
    expect(heard).toBe("one heard hello");
  }
  const upgrade = ["-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13"];
  expect(await ask("one.test", "/denied", "-i", ...upgrade)).toMatch(/403[\s\S]*no entry/);
});

test("the class naru is the default; a rule that goes is served no more", async () => {
  const shown = await cluster.kubectl(["get", "ingress", "shop", "-o", "wide"]);
  expect(shown.stdout).toMatch(/shop\s+naru\s+one\.test/);
  const extra = { host: "extra.test", http: { paths: [{ path: "/x", pathType: "Exact", backend: to("one") }] } };
  const object = {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: { name: "extra" },
    spec: { rules: [extra] },
  };
  await apply(object);
  const answers = async () => (JSON.parse(await ask("extra.test", "/x")) as { name: string }).name;
  const until = async (name: string) => {
    const deadline = Date.now() + 20_000 * PATIENCE;
    while ((await answers()) !== name && Date.now() < deadline) await Bun.sleep(30);
    expect(await answers()).toBe(name);
  };
  await until("one");
  expect((await cluster.kubectl(["delete", "ingress", "extra"])).code).toBe(0);
  await until("two");
});
