/** Between naru daemons and a naru registry only changed chunks travel; everybody sees the same blobs. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CountingProxy, startCountingProxy } from "../support/counting-proxy.ts";
import { type Finished, run, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { type NaruRegistry, startNaruRegistry } from "../support/naru-registry.ts";

const MEGABYTE = 1024 * 1024;
const FILES = 200;

let scratch: string;
let registry: NaruRegistry;
let proxy: CountingProxy;
let here: TestDaemon;
let there: TestDaemon;
let name: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-chunks-"));
  registry = await startNaruRegistry();
  proxy = await startCountingProxy(registry.host);
  [here, there] = await Promise.all([startDaemon(), startDaemon()]);
  name = `${proxy.host}/team/data`;
  await makeTree();
  await importTree("1");
  await writeFile(join(scratch, "tree/part-100"), pageOfText(100, "changed"));
  await importTree("2");
});
afterAll(async () => {
  await here?.stop();
  await there?.stop();
  await proxy?.[Symbol.asyncDispose]();
  await registry?.stop();
  await rm(scratch, { recursive: true, force: true });
});

/** Half of it is random, half is text: 1 MB a file. */
function pageOfText(index: number, word: string): Uint8Array {
  const page = new Uint8Array(MEGABYTE);
  const random = page.subarray(0, MEGABYTE / 2);
  for (let i = 0; i < random.length; i += 65536) crypto.getRandomValues(random.subarray(i, i + 65536));
  const text = new TextEncoder().encode(`file ${index} is ${word}\n`);
  for (let at = MEGABYTE / 2; at + text.length < MEGABYTE; at += text.length) page.set(text, at);
  return page;
}

async function makeTree(): Promise<void> {
  await mkdir(join(scratch, "tree"));
  for (let i = 0; i < FILES; i++) await writeFile(join(scratch, `tree/part-${i}`), pageOfText(i, "as it was"));
}

async function importTree(tag: string): Promise<void> {
  const archive = join(scratch, `${tag}.tar`);
  ok(await run(["tar", "-C", join(scratch, "tree"), "-cf", archive, "."]));
  ok(await here.docker(["import", archive, `${name}:${tag}`]));
  await rm(archive);
}

function ok(finished: Finished): Finished {
  expect(finished).toMatchObject({ code: 0 });
  return finished;
}

const digestOf = async (daemon: TestDaemon, tag: string) =>
  ok(await daemon.docker(["image", "inspect", "-f", "{{.Id}}", `${name}:${tag}`])).stdout.trim();

test("the first push and pull move the whole layer", async () => {
  proxy.reset();
  ok(await here.docker(["push", `${name}:1`]));
  expect(proxy.sent).toBeGreaterThan(100 * MEGABYTE);
  ok(await there.docker(["pull", `${name}:1`]));
  expect(proxy.received).toBeGreaterThan(100 * MEGABYTE);
});

test("after a change of one file in 200 MB, push and pull move well under 1 MB", async () => {
  // The changed file has 0.5 MB of random bytes, which no way of sending makes smaller.
  const leastBytes = MEGABYTE / 2;
  proxy.reset();
  ok(await here.docker(["push", `${name}:2`]));
  const pushed = proxy.sent + proxy.received;
  proxy.reset();
  ok(await there.docker(["pull", `${name}:2`]));
  const pulled = proxy.sent + proxy.received;
  expect({ pushed: pushed - leastBytes, pulled: pulled - leastBytes }).toSatisfy(
    (bytes) => bytes.pushed < 0.75 * MEGABYTE && bytes.pulled < 0.75 * MEGABYTE,
  );
  expect(await digestOf(there, "2")).toBe(await digestOf(here, "2"));
});

test("other clients get the same bytes", async () => {
  const target = join(scratch, "copy");
  ok(await run(["skopeo", "copy", "--src-tls-verify=false", `docker://${name}:2`, `dir:${target}`]));
  const manifest = await Bun.file(join(target, "manifest.json")).bytes();
  expect(`sha256:${new Bun.CryptoHasher("sha256").update(manifest).digest("hex")}`).toBe(await digestOf(here, "2"));
});

test("a list that lies costs the push nothing but the saving", async () => {
  const upload = await registry.request("POST", "/v2/team/data/blobs/uploads/");
  const session = upload.headers.get("location")!;
  const lies: [string, string | Uint8Array<ArrayBuffer>][] = [
    ["application/vnd.naru.blob-edit.v1", "Xnonsense"],
    ["application/vnd.naru.blob-edit.v1", new Uint8Array([0x43, ...new Array(48).fill(7)])],
  ];
  for (const [type, body] of lies) {
    const reply = await registry.request("PATCH", new URL(session, registry.url).pathname, {
      headers: { "Content-Type": type },
      body,
    });
    expect(reply.status).toBeGreaterThanOrEqual(400);
    expect(reply.status).toBeLessThan(500);
  }
  const list = await registry.request("POST", "/v2/team/data/_naru/chunks", { body: "no list" });
  expect(list.status).toBe(400);
});

test("a blob of another repository is neither named nor copied", async () => {
  const manifest = await registry.request("GET", "/v2/team/data/manifests/1");
  const { layers } = (await manifest.json()) as { layers: { digest: string }[] };
  const digest = layers[0]!.digest;
  expect((await registry.request("GET", `/v2/team/data/_naru/chunks/${digest}`)).status).toBe(200);
  expect((await registry.request("GET", `/v2/other/_naru/chunks/${digest}`)).status).toBe(404);
  const upload = await registry.request("POST", "/v2/other/blobs/uploads/");
  const copy = Buffer.concat([
    Buffer.from("C"),
    Buffer.from(digest.slice(7), "hex"),
    Buffer.alloc(15),
    Buffer.from([9]),
  ]);
  const reply = await registry.request("PATCH", new URL(upload.headers.get("location")!, registry.url).pathname, {
    headers: { "Content-Type": "application/vnd.naru.blob-edit.v1" },
    body: copy,
  });
  expect(reply.status).toBe(404);
});
