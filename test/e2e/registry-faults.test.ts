/** The registry when something goes wrong: killed servers, dead connections, a full disk, hostile requests. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, NARU, run } from "../support/daemon.ts";
import {
  blob,
  DistributionClient,
  failure,
  freshBlob,
  imageManifest,
  type TestBlob,
} from "../support/distribution-client.ts";
import { type NaruRegistry, startNaruRegistry } from "../support/naru-registry.ts";

let registry: NaruRegistry;
let client: DistributionClient;

beforeAll(async () => {
  registry = await startNaruRegistry();
  client = new DistributionClient(registry.url);
});
afterAll(() => registry?.stop());

/** A request as bytes, so that it can be cut off or malformed. */
async function connect(host: string): Promise<net.Socket> {
  const [address, port] = host.split(":");
  const socket = net.connect(Number(port), address);
  socket.on("error", () => {});
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return socket;
}

/** What comes back until the server closes or says no more for a moment; nothing when it says nothing for so long. */
async function answerOf(socket: net.Socket, patienceMs = 30_000): Promise<string> {
  let text = "";
  await new Promise<void>((resolve) => {
    let timer = setTimeout(resolve, patienceMs);
    socket.on("data", (data) => {
      text += data.toString("latin1");
      clearTimeout(timer);
      timer = setTimeout(resolve, 100);
    });
    socket.once("close", () => resolve());
  });
  socket.destroy();
  return text;
}

async function rangeOf(at: DistributionClient, address: string): Promise<number | undefined> {
  const state = await at.send("GET", address);
  if (state.status !== 204) return undefined;
  const end = Number(state.headers.get("range")!.split("-")[1]);
  return end === 0 ? 0 : end + 1;
}

/** Whether the other end has read all that was written here: no kernel holds any of it back. */
async function isAllRead({ localPort = 0, remotePort = 0 }: net.Socket): Promise<boolean> {
  const ports = [localPort, remotePort].map((port) => `:${port.toString(16).toUpperCase().padStart(4, "0")} `);
  const connections = (await Bun.file("/proc/net/tcp").text()).split("\n");
  const ends = connections.filter((line) => ports.every((port) => line.includes(port)));
  return ends.length === 2 && ends.every((line) => line.includes(" 00000000:00000000 "));
}

async function isWhole(at: DistributionClient, name: string, { digest }: TestBlob): Promise<boolean | undefined> {
  const response = await at.send("GET", `/v2/${name}/blobs/${digest}`);
  if (response.status === 404) return undefined;
  const hex = createHash("sha256")
    .update(new Uint8Array(await response.arrayBuffer()))
    .digest("hex");
  return `sha256:${hex}` === digest;
}

test("an upload whose server is killed goes on where it was, as often as that happens", async () => {
  await using killed = await startNaruRegistry();
  const at = new DistributionClient(killed.url);
  const layer = freshBlob(24_000_000);
  const address = await at.begin("killed");
  let lost = 0;
  for (let round = 0; round < 8; round++) {
    const offset = (await rangeOf(at, address))!;
    expect(offset).toBeGreaterThanOrEqual(lost);
    lost = offset;
    const socket = await connect(killed.host);
    const rest = layer.bytes.subarray(offset);
    socket.write(
      `PATCH ${address} HTTP/1.1\r\nHost: x\r\nContent-Length: ${rest.length}\r\nContent-Range: ${offset}-${layer.size - 1}\r\n\r\n`,
    );
    socket.write(rest.subarray(0, 200_000 + round * 400_000));
    await Bun.sleep(5 + round * 15);
    await killed.kill("SIGKILL");
    socket.destroy();
    await killed.restart();
  }
  const offset = (await rangeOf(at, address))!;
  expect(offset).toBeGreaterThan(0);
  const patched = await at.patch(address, layer.bytes.subarray(offset), {
    "Content-Range": `${offset}-${layer.size - 1}`,
  });
  expect(patched.status).toBe(202);
  expect((await at.put(address, layer.digest)).status).toBe(201);
  expect(await isWhole(at, "killed", layer)).toBe(true);
});

test("a server killed around the end of an upload has the blob whole or not at all", async () => {
  await using killed = await startNaruRegistry();
  const at = new DistributionClient(killed.url);
  const seen = { whole: 0, resumed: 0 };
  for (let round = 0; round < 14; round++) {
    const layer = freshBlob(3_000_000);
    const address = await at.begin("end");
    await at.patch(address, layer.bytes);
    const putting = at.put(address, layer.digest).catch(() => undefined);
    await Bun.sleep(round / 2);
    await killed.kill("SIGKILL");
    const answered = (await putting)?.status;
    await killed.restart();
    const whole = await isWhole(at, "end", layer);
    expect(whole).not.toBe(false);
    if (answered === 201) expect(whole).toBe(true);
    if (whole === true) {
      seen.whole += 1;
      continue;
    }
    // Either the upload is still there, or its content already lies in its place and only the link is missing.
    seen.resumed += 1;
    if ((await rangeOf(at, address)) === layer.size) expect((await at.put(address, layer.digest)).status).toBe(201);
    else await at.pushBlob("end", layer);
    expect(await isWhole(at, "end", layer)).toBe(true);
  }
  expect(seen.whole + seen.resumed).toBe(14);
});

test("a client that is cut off finds what arrived, and goes on", async () => {
  const layer = freshBlob(1_000_000);
  const address = await client.begin("cut");
  const socket = await connect(registry.host);
  socket.write(`PATCH ${address} HTTP/1.1\r\nHost: x\r\nContent-Length: ${layer.size}\r\n\r\n`);
  await new Promise((resolve) => socket.write(layer.bytes.subarray(0, 600_000), resolve));
  await eventually(() => isAllRead(socket));
  socket.destroy();
  await eventually(async () => (await rangeOf(client, address)) === 600_000);
  expect((await client.put(address, layer.digest, layer.bytes.subarray(600_000))).status).toBe(201);
  expect(await isWhole(client, "cut", layer)).toBe(true);
});

test("a client that comes back takes over from its own dead connection", async () => {
  const layer = freshBlob(500_000);
  const address = await client.begin("back");
  const dead = await connect(registry.host);
  dead.write(`PATCH ${address} HTTP/1.1\r\nHost: x\r\nContent-Length: ${layer.size}\r\n\r\n`);
  dead.write(layer.bytes.subarray(0, 100_000));
  await eventually(() => isAllRead(dead));
  // The first connection is open still; it only says nothing any more.
  const rest = await client.patch(address, layer.bytes.subarray(100_000), { "Content-Range": "100000-499999" });
  expect(rest.status).toBe(202);
  expect((await client.put(address, layer.digest)).status).toBe(201);
  expect(await isWhole(client, "back", layer)).toBe(true);
  dead.destroy();
});

test("slow uploads hold nobody up", async () => {
  const sockets = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const address = await client.begin("slow");
      const socket = await connect(registry.host);
      socket.write(`PATCH ${address} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx`);
      return socket;
    }),
  );
  // None of them ever ends by itself.
  await client.pushImage("quick", "x");
  for (const socket of sockets) socket.destroy();
});

test("memory stays flat, however much is under way", async () => {
  await using busy = await startNaruRegistry({ flags: ["--fsync", "never"] });
  const at = new DistributionClient(busy.url);
  const layers = Array.from({ length: 6 }, () => freshBlob(60_000_000));
  await Promise.all(layers.map((layer) => at.pushBlob("flat", layer)));
  // Readers that take nothing: what they do not read must not wait in memory.
  const stalled = await Promise.all(
    layers.map(async ({ digest }) => {
      const socket = await connect(busy.host);
      socket.pause();
      socket.write(`GET /v2/flat/blobs/${digest} HTTP/1.1\r\nHost: x\r\n\r\n`);
      return socket;
    }),
  );
  for (const layer of layers) expect(await isWhole(at, "flat", layer)).toBe(true);
  for (const socket of stalled) socket.destroy();
  const peakKilobytes = Number(/VmHWM:\s+(\d+)/.exec(await Bun.file(`/proc/${busy.pid}/status`).text())![1]);
  // 360 MB went in and out.
  expect(peakKilobytes).toBeLessThan(220_000);
});

test("a full disk is told, kills nothing, and works again when there is room", async () => {
  const root = await mkdtemp(join(tmpdir(), "naru-full-"));
  const mounted = await run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", root]);
  expect([mounted.code, mounted.stderr]).toEqual([0, ""]);
  try {
    await using full = await startNaruRegistry({ root });
    const at = new DistributionClient(full.url);
    const { image } = await at.pushImage("full", "first", [freshBlob(5_000_000)]);
    const address = await at.begin("full");
    const layer = freshBlob(9_000_000);
    const refused = await at.patch(address, layer.bytes);
    const { errors } = (await refused.json()) as { errors: { code: string; message: string }[] };
    expect([refused.status, errors[0]!.code]).toEqual([503, "UNAVAILABLE"]);
    expect(errors[0]!.message).toMatch(/disk is full.*naru registry gc/);
    expect((await at.send("GET", `/v2/full/manifests/${image.digest}`)).status).toBe(200);
    await at.send("DELETE", `/v2/full/manifests/${image.digest}`);
    await Bun.sleep(20);
    const report = await at.send("POST", "/v2/_naru/collection?grace=0s&upload-age=0s");
    expect(report.status).toBe(200);
    await at.pushBlob("full", layer);
    expect(await isWhole(at, "full", layer)).toBe(true);
    await full.kill("SIGTERM");
  } finally {
    await run(["umount", "-l", root]);
    await rm(root, { recursive: true, force: true });
  }
});

test("names and addresses that want out of the root get nowhere", async () => {
  const beside = join(registry.root, "..");
  const before = await readdir(beside);
  const up = "..%2f".repeat(6);
  const double = "%252e%252e%252f".repeat(4);
  for (const target of [
    "/v2/../../../../etc/passwd",
    `/v2/${up}etc/manifests/passwd`,
    `/v2/x/manifests/${up}etc%2fpasswd`,
    `/v2/x/blobs/${up}etc%2fpasswd`,
    `/v2/x/blobs/sha256:${up}etc%2fpasswd`,
    `/v2/x/blobs/uploads/${up}root.lock`,
    `/v2/${double}etc/tags/list`,
    "/v2/a@b/tags/list",
    "/v2/x/blobs/uploads/%00",
    "/v2/%ff%fe/tags/list",
    `/v2/${"a".repeat(300)}/tags/list`,
    `/v2/x/manifests/${"a".repeat(3000)}`,
    "/v2/x/referrers/sha256:..",
    "/v2/_naru/repositories/..",
  ]) {
    for (const method of ["GET", "PUT", "DELETE", "PATCH"]) {
      const socket = await connect(registry.host);
      socket.write(`${method} ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      const answer = await answerOf(socket);
      expect([method, target, answer.slice(0, 12)]).toEqual([method, target, expect.stringMatching(/^HTTP\/1.1 4/)]);
      expect(answer).not.toContain("root:x:0");
    }
  }
  for (const name of ["../x", "X", "a//b", "a/", "-a", "a..b", "a__b_", "_catalog"]) {
    const response = await client.send("POST", `/v2/${encodeURIComponent(name)}/blobs/uploads/`);
    expect([name, response.status]).toEqual([name, 400]);
  }
  expect(await readdir(beside)).toEqual(before);
  // An upload's id of another repository.
  const address = await client.begin("mine");
  const stolen = address.replace("/mine/", "/theirs/");
  expect(await failure(await client.patch(stolen, "x"))).toEqual([404, "BLOB_UPLOAD_UNKNOWN"]);
});

test("malformed and oversized requests are refused, and the next one works", async () => {
  const digest = blob("x").digest;
  const requests = [
    "GET /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "NONSENSE\r\n\r\n",
    "GET /v2/ HTTP/9.9\r\n\r\n",
    `GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(200_000)}\r\n\r\n`,
    "PATCH /v2/x/blobs/uploads/1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    `GET /v2/x/blobs/${digest} HTTP/1.1\r\nHost: x\r\nRange: bytes=-99999999999999999999\r\nConnection: close\r\n\r\n`,
    `GET /v2/x/blobs/${digest} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0,1-1,${"2-2,".repeat(5000)}\r\nConnection: close\r\n\r\n`,
  ];
  for (const text of requests) {
    const socket = await connect(registry.host);
    socket.write(text);
    const answer = await answerOf(socket, 1500);
    expect([text.slice(0, 60), answer]).toEqual([text.slice(0, 60), expect.stringMatching(/^(HTTP\/1.1 [45]|$)/)]);
  }
  // A manifest that never ends.
  const socket = await connect(registry.host);
  socket.write("PUT /v2/x/manifests/y HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const chunk = `10000\r\n${" ".repeat(65536)}\r\n`;
  for (let i = 0; i < 80; i++) socket.write(chunk);
  expect(await answerOf(socket)).toMatch(/^HTTP\/1.1 413/);
  expect((await client.send("GET", "/v2/")).status).toBe(200);
  expect(await registry.logText()).not.toContain("unexpected");
});

test("a download whose reader goes away, or whose blob goes, harms nobody", async () => {
  const layer = freshBlob(20_000_000);
  await client.pushBlob("leave", layer);
  for (let i = 0; i < 20; i++) {
    const socket = await connect(registry.host);
    socket.write(`GET /v2/leave/blobs/${layer.digest} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await Bun.sleep(2);
    socket.destroy();
  }
  const reading = await client.send("GET", `/v2/leave/blobs/${layer.digest}`);
  await client.send("DELETE", `/v2/leave/blobs/${layer.digest}`);
  await Bun.sleep(5);
  await client.send("POST", "/v2/_naru/collection?grace=0s");
  expect((await reading.arrayBuffer()).byteLength).toBe(layer.size);
});

test("SIGTERM lets an upload end and takes no new connections", async () => {
  const ending = await startNaruRegistry();
  try {
    const at = new DistributionClient(ending.url);
    const layer = freshBlob(400_000);
    const address = await at.begin("ending");
    const socket = await connect(ending.host);
    socket.write(
      `PUT ${address}?digest=${layer.digest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${layer.size}\r\n\r\n`,
    );
    socket.write(layer.bytes.subarray(0, 1000));
    await eventually(() => isAllRead(socket));
    const exited = ending.kill("SIGTERM");
    await eventually(() =>
      connect(ending.host).then(
        (another) => {
          another.destroy();
          return false;
        },
        () => true,
      ),
    );
    socket.write(layer.bytes.subarray(1000));
    expect(await answerOf(socket)).toMatch(/^HTTP\/1.1 201/);
    expect(await exited).toBe(0);
    expect(await ending.logText()).toContain("the registry has ended");
    await ending.restart();
    expect(await isWhole(at, "ending", layer)).toBe(true);
  } finally {
    await ending.stop();
  }
});

test("a second server on the same root, a taken address and a later layout are told in words", async () => {
  const serve = (...flags: string[]) => run([NARU, "registry", "serve", ...flags], { timeoutMs: 10_000 });
  const same = await serve("--addr", "127.0.0.1:0", "--root", registry.root);
  expect([same.code, same.stderr]).toEqual([1, expect.stringContaining("another registry server uses")]);
  const directory = await mkdtemp(join(tmpdir(), "naru-later-"));
  try {
    const taken = await serve("--addr", registry.host, "--root", join(directory, "a"));
    expect([taken.code, taken.stderr]).toEqual([1, expect.stringContaining(`cannot listen on ${registry.host}`)]);
    await mkdir(join(directory, "b"));
    await writeFile(join(directory, "b/layout"), '{"version":99}');
    const later = await serve("--addr", "127.0.0.1:0", "--root", join(directory, "b"));
    expect([later.code, later.stderr]).toEqual([1, expect.stringContaining("use a newer naru")]);
    for (const flags of [
      ["--addr", "nonsense"],
      ["--fsync", "perhaps"],
      ["--gc-interval", "x"],
      ["--nonsense"],
      ["word"],
    ]) {
      const wrong = await serve(...flags);
      expect([flags, wrong.code, wrong.stderr]).toEqual([flags, 1, expect.stringContaining("naru registry serve: ")]);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test("a kill at any moment of a push leaves nothing that answers wrongly", async () => {
  await using killed = await startNaruRegistry();
  const at = new DistributionClient(killed.url);
  for (let round = 0; round < 10; round++) {
    const layers = [freshBlob(200_000), freshBlob(100)];
    const config = blob(JSON.stringify({ os: "linux", round }));
    const image = imageManifest(config, layers);
    const pushing = (async () => {
      for (const content of [...layers, config]) await at.pushBlob("push", content);
      return (await at.putManifest("push", "latest", image)).status;
    })().catch(() => undefined);
    await Bun.sleep(3 + round * 3);
    await killed.kill("SIGKILL");
    const answered = await pushing;
    await killed.restart();
    const found = await at.send("GET", `/v2/push/manifests/${image.digest}`);
    if (answered === 201) expect(found.status).toBe(200);
    if (found.status === 200)
      for (const content of [...layers, config]) expect(await isWhole(at, "push", content)).toBe(true);
    const tagged = await at.send("GET", "/v2/push/manifests/latest");
    if (tagged.status !== 200) continue;
    for (const { digest } of ((await tagged.json()) as { layers: TestBlob[] }).layers) {
      expect((await at.send("HEAD", `/v2/push/blobs/${digest}`)).status).toBe(200);
    }
  }
});
