/** What naru's registry does by rule: retention, quotas, webhooks, metrics. */
import { expect, test } from "bun:test";
import { rename } from "node:fs/promises";
import { MEDIA } from "../../src/model/media-types.ts";
import { eventually, NARU, run } from "../support/daemon.ts";
import { startDebianRegistry } from "../support/debian-registry.ts";
import { freePort } from "../support/free-port.ts";
import { type NaruRegistry, startNaruRegistry } from "../support/naru-registry.ts";
import { blobOf, digestOf, pushImage, sourceOf, testRepository } from "../support/registry-content.ts";

// biome-ignore lint/suspicious/noExplicitAny: answers of several shapes
const jsonOf = async (response: Response | Promise<Response>): Promise<any> => (await response).json();
const tagsOf = async (registry: NaruRegistry, name: string) =>
  (await jsonOf(registry.request("GET", `/v2/${name}/tags/list`))).tags;
const image = (registry: NaruRegistry, name: string, tag: string, seed: number, more = {}) =>
  pushImage(testRepository(registry.host, name), tag, { layer: blobOf(2000, seed).bytes, ...more });

test("retention tells what would go and why, removes it with what belongs to it, and nothing that an index needs", async () => {
  const debugAddr = `127.0.0.1:${await freePort()}`;
  const config = `
debugAddr: ${debugAddr}
retention:
  rules:
    - {repositories: ["team/**"], tags: ["v*"], keepNewest: 2}
    - {repositories: ["team/**"], tags: ["ci-*"], keepYounger: 30d}
    - {repositories: ["team/**"], untagged: 0s}
`;
  await using registry = await startNaruRegistry({ config });
  const repository = testRepository(registry.host, "team/app");
  const versions = [];
  for (const [i, tag] of ["v1", "v2", "v3", "v4"].entries()) {
    versions.push(await image(registry, "team/app", tag, i + 1));
    await Bun.sleep(15);
  }
  const signature = await image(registry, "team/app", "", 50, {
    subject: versions[0],
    artifactType: "application/vnd.test.signature",
  });
  const kept = await image(registry, "team/app", "", 51, {
    subject: versions[3],
    artifactType: "application/vnd.test.signature",
  });
  const child = await image(registry, "team/app", "", 60);
  const index = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.index, manifests: [child] });
  await repository.pushManifest("ci-1", { mediaType: MEDIA.index, bytes: new TextEncoder().encode(index) });
  const lonely = await image(registry, "team/app", "", 70);
  await image(registry, "other/app", "v1", 1);

  const plan = await (await fetch(`http://${debugAddr}/retention`)).text();
  expect(plan.split("\n").map((line) => line.replace(/sha256:\w{64}/, (digest) => digest.slice(0, 19)))).toEqual([
    "team/app:v1  number 4 by age, of which 2 stay (retention.rules[0])",
    "team/app:v2  number 3 by age, of which 2 stay (retention.rules[0])",
    ...[
      `team/app@${versions[0]!.digest.slice(0, 19)}  its last tag goes (v1)`,
      `team/app@${versions[1]!.digest.slice(0, 19)}  its last tag goes (v2)`,
      `team/app@${lonely.digest.slice(0, 19)}  no tag names it`,
    ].sort((a, b) => (a.slice(9, 28) < b.slice(9, 28) ? -1 : 1)),
    `team/app@${signature.digest.slice(0, 19)}  belongs to ${versions[0]!.digest.slice(0, 19)}, which goes`,
    "6 would be removed",
    "",
  ]);
  expect(await tagsOf(registry, "team/app")).toEqual(["ci-1", "v1", "v2", "v3", "v4"]);

  const naru = (...words: string[]) => run([NARU, "registry", "retention", ...words, registry.host]);
  expect((await naru("--dry-run")).stdout).toBe(plan);
  expect(await tagsOf(registry, "team/app")).toContain("v1");
  expect((await naru()).stdout).toBe(plan.replace("6 would be removed", "6 removed"));
  expect(await tagsOf(registry, "team/app")).toEqual(["ci-1", "v3", "v4"]);
  const status = async (digest: string) => (await registry.request("HEAD", `/v2/team/app/manifests/${digest}`)).status;
  for (const gone of [versions[0]!, versions[1]!, signature, lonely]) expect(await status(gone.digest)).toBe(404);
  for (const here of [versions[2]!, versions[3]!, kept, child]) expect(await status(here.digest)).toBe(200);
  expect(await tagsOf(registry, "other/app")).toEqual(["v1"]);
  expect(await (await fetch(`http://${debugAddr}/retention`)).text()).toBe("nothing would be removed\n");
  expect((await naru()).stdout).toBe("0 removed\n");
  expect(await (await fetch(`http://${debugAddr}/metrics`)).text()).toContain(
    'naru_registry_retention_removed_total{what="tag"} 2',
  );
});

test("retention runs by itself", async () => {
  const config = `retention: {every: 1s, rules: [{repositories: ["**"], keepNewest: 1}]}\n`;
  await using registry = await startNaruRegistry({ config });
  await image(registry, "app", "v1", 1);
  await Bun.sleep(15);
  await image(registry, "app", "v2", 2);
  await eventually(async () => (await tagsOf(registry, "app")).join() === "v2");
  // The line follows the removal; the tag is gone a moment before.
  await eventually(async () => (await registry.logText()).includes("removed by rule"));
});

test("quotas stop an upload at the byte that is too much, count shared blobs once, and free what is deleted", async () => {
  const config = `
quotas:
  - {repositories: ["small/**"], maxBytes: 100kB, per: namespace}
  - {repositories: ["**"], maxBytes: 1MB}
`;
  await using registry = await startNaruRegistry({ config });
  const small = testRepository(registry.host, "small/app");
  const first = await pushImage(small, "v1", { layer: blobOf(60_000, 1).bytes });
  // The same layer in another image costs only a manifest.
  const { bytes } = await small.fetchManifest("v1");
  const annotated = { ...JSON.parse(new TextDecoder().decode(bytes)), annotations: { again: "yes" } };
  const again = new TextEncoder().encode(JSON.stringify(annotated));
  await small.pushManifest("v2", { mediaType: MEDIA.manifest, bytes: again });
  const tooMuch = pushImage(testRepository(registry.host, "small/other"), "v1", { layer: blobOf(60_000, 2).bytes });
  await expect(tooMuch).rejects.toThrow(/quota exceeded: the namespace small may hold 102 kB and holds 6\d\.\d kB/);
  // In pieces, and mounted from elsewhere, it counts too.
  await pushImage(testRepository(registry.host, "large/app"), "v1", { layer: blobOf(200_000, 3).bytes });
  const digest = digestOf(blobOf(200_000, 3).bytes);
  const mount = await registry.request("POST", `/v2/small/app/blobs/uploads/?mount=${digest}&from=large/app`);
  expect(mount.status).toBe(403);
  expect((await jsonOf(mount)).errors[0].code).toBe("DENIED");
  const upload = await registry.request("POST", "/v2/small/app/blobs/uploads/");
  const location = new URL(upload.headers.get("location")!, registry.url);
  const patch = (bytes: number) =>
    registry.request("PATCH", location.pathname, {
      body: new Blob([blobOf(bytes, 9).bytes as Uint8Array<ArrayBuffer>]),
    });
  expect((await patch(30_000)).status).toBe(202);
  expect((await patch(30_000)).status).toBe(403);
  await registry.request("DELETE", location.pathname);
  // Both find room when they begin, and only one when they end.
  const pause = Promise.withResolvers<void>();
  const slowly = async (seed: number) => {
    const { bytes, descriptor } = blobOf(35_000, seed);
    const begun = await registry.request("POST", "/v2/small/app/blobs/uploads/");
    const address = new URL(begun.headers.get("location")!, registry.url).pathname;
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(bytes.subarray(0, 10));
        await pause.promise;
        controller.enqueue(bytes.subarray(10));
        controller.close();
      },
    });
    const sent = await registry.request("PATCH", address, { body });
    if (sent.status !== 202) return sent.status;
    return (await registry.request("PUT", `${address}?digest=${descriptor.digest}`)).status;
  };
  const both = [slowly(11), slowly(12)];
  await Bun.sleep(100);
  pause.resolve();
  expect((await Promise.all(both)).sort()).toEqual([201, 403]);
  const whole = testRepository(registry.host, "large/more");
  await expect(pushImage(whole, "v1", { layer: blobOf(900_000, 4).bytes })).rejects.toThrow("this registry may hold");
  const metrics = await (await registry.request("GET", "/metrics")).text();
  expect(Number(/quota_used_bytes\{repositories="\*\*"\} (\d+)/.exec(metrics)![1])).toBeGreaterThan(260_000);

  await testRepository(registry.host, "small/app").deleteManifest(first.digest);
  const second = (await small.resolve("v2")).digest;
  await small.deleteManifest(second);
  await pushImage(testRepository(registry.host, "small/other"), "v1", { layer: blobOf(60_000, 2).bytes });
});

interface Received {
  events: {
    id: string;
    action: string;
    target: Record<string, unknown>;
    actor: { name?: string };
    request: Record<string, unknown>;
  }[];
  headers: Headers;
}

function startReceiver(answer: () => Response | Promise<Response>, port = 0) {
  const received: Received[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    async fetch(request) {
      const { events } = (await request.json()) as Received;
      const response = await answer();
      if (response.ok) received.push({ events, headers: request.headers });
      return response;
    },
  });
  return { received, port: server.port!, [Symbol.asyncDispose]: () => server.stop(true) };
}

test("webhooks send what docker-registry sends, to the endpoints that want it", async () => {
  await using all = startReceiver(() => new Response(null, { status: 200 }));
  await using deletions = startReceiver(() => new Response(null, { status: 202 }));
  const config = `
externalUrl: https://registry.example
webhooks:
  - {name: all, url: "http://127.0.0.1:${all.port}/hook", headers: {Authorization: Bearer xyz}, ignoreMediaTypes: [application/octet-stream]}
  - {name: deletions, url: "http://127.0.0.1:${deletions.port}", actions: [delete], repositories: ["team/**"]}
`;
  await using registry = await startNaruRegistry({ config });
  const pushed = await image(registry, "team/app", "v1", 1);
  await registry.request("GET", "/v2/team/app/manifests/v1");
  await registry.request("DELETE", `/v2/team/app/manifests/${pushed.digest}`);
  await eventually(() => deletions.received.length === 1);
  await eventually(() => all.received.flatMap(({ events }) => events).length === 3);
  const events = all.received.flatMap((one) => one.events);
  expect(events.map(({ action }) => action)).toEqual(["push", "pull", "delete"]);
  expect(events[0]!.target).toEqual({
    mediaType: MEDIA.manifest,
    size: pushed.size,
    length: pushed.size,
    digest: pushed.digest,
    repository: "team/app",
    url: `https://registry.example/v2/team/app/manifests/${pushed.digest}`,
    tag: "v1",
  });
  expect(all.received[0]!.headers.get("authorization")).toBe("Bearer xyz");
  expect(all.received[0]!.headers.get("content-type")).toBe("application/vnd.docker.distribution.events.v1+json");

  // The fields of Debian's registry, of the same push, are all there.
  await using theirs = startReceiver(() => new Response(null, { status: 200 }));
  await using debian = await startDebianRegistry({ webhook: `http://127.0.0.1:${theirs.port}` });
  await pushImage(testRepository(debian.host, "team/app"), "v1", { layer: blobOf(2000, 1).bytes });
  await eventually(() =>
    theirs.received.flatMap((one) => one.events).some(({ target }) => target.mediaType === MEDIA.manifest),
  );
  const their = theirs.received.flatMap((one) => one.events).find(({ target }) => target.mediaType === MEDIA.manifest)!;
  const keys = (value: object) => Object.keys(value).sort();
  expect(keys(events[0]!)).toEqual(expect.arrayContaining(keys(their)));
  for (const part of ["target", "request", "source"] as const) {
    const ours = (events[0] as unknown as Record<string, object>)[part]!;
    const missing = keys((their as unknown as Record<string, object>)[part]!).filter((key) => !(key in ours));
    expect(missing).toEqual([]);
  }
});

test("events wait for an endpoint that is down, through a kill, in order, and arrive once it is there", async () => {
  const port = await freePort();
  const config = `webhooks: [{name: late, url: "http://127.0.0.1:${port}", actions: [push], ignoreMediaTypes: [application/octet-stream]}]\n`;
  await using registry = await startNaruRegistry({ config });
  for (let i = 1; i <= 5; i++) await image(registry, "app", `v${i}`, i);
  await eventually(async () => (await registry.logText()).includes("a webhook fails; its events wait"));
  const metrics = await (await registry.request("GET", "/metrics")).text();
  expect(metrics).toContain('naru_registry_webhook_waiting{endpoint="late"} 5');
  expect(metrics).toContain('naru_registry_webhook_up{endpoint="late"} 0');
  await registry.kill("SIGKILL");
  await registry.restart();
  await image(registry, "app", "v6", 6);
  let refusals = 2;
  await using receiver = startReceiver(() => new Response(null, { status: refusals-- > 0 ? 500 : 200 }), port);
  await eventually(() => receiver.received.flatMap(({ events }) => events).length === 6, 20_000);
  const events = receiver.received.flatMap((one) => one.events);
  expect(events.map(({ target }) => target.tag)).toEqual(["v1", "v2", "v3", "v4", "v5", "v6"]);
  expect(new Set(events.map(({ id }) => id)).size).toBe(6);
  await eventually(async () => {
    const text = await (await registry.request("GET", "/metrics")).text();
    return text.includes('naru_registry_webhook_waiting{endpoint="late"} 0');
  });
});

test("metrics count requests, bytes and events; health says whether the storage answers", async () => {
  await using registry = await startNaruRegistry();
  const repository = testRepository(registry.host, "app");
  const { bytes, descriptor } = blobOf(5000, 7);
  await repository.pushBlob({ digest: descriptor.digest, size: 5000 }, sourceOf(bytes));
  await pushImage(repository, "v1", { layer: bytes });
  await registry.request("GET", `/v2/app/blobs/${descriptor.digest}`);
  const text = await (await registry.request("GET", "/metrics")).text();
  expect(text).toMatch(/^naru_registry_http_requests_total\{method="GET",route="blob",status="200"\} 1$/m);
  expect(text).toMatch(/^naru_registry_http_sent_bytes_total\{route="blob"\} 5000$/m);
  expect(text).toMatch(/^naru_registry_events_total\{action="push"\} [1-9]/m);
  expect(text).toMatch(
    /^naru_registry_http_request_duration_seconds_bucket\{method="GET",route="blob",le="\+Inf"\} 1$/m,
  );
  expect(Number(/^naru_registry_storage_bytes (\d+)$/m.exec(text)![1])).toBeGreaterThan(5000);
  expect(await jsonOf(registry.request("GET", "/healthz"))).toEqual({ status: "ok" });
  // The disk went away.
  await rename(registry.root, `${registry.root}.away`);
  expect((await registry.request("GET", "/healthz")).status).toBe(503);
  await rename(`${registry.root}.away`, registry.root);
  expect((await registry.request("GET", "/healthz")).status).toBe(200);
});
