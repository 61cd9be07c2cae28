/** The applications of examples/: built by the real docker client, run, asked over HTTP, stopped. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually, PROJECT, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { ensureDebian } from "../support/debian-base.ts";

const EXAMPLES = ["java-web", "node-api", "python-web", "static-site", "c-scratch"];
const VERSION = "7.8.9";
const BUILD_MS = 280_000;

let daemon: TestDaemon;

/** A client's command that must succeed; what it prints. */
const docker = async (...words: string[]) => (await ended(...words)).stdout.trim();

async function ended(...words: string[]) {
  // Attestations tell when a build ran, so no two are the same.
  const env = { BUILDX_NO_DEFAULT_ATTESTATIONS: "1" };
  const { code, stdout, stderr } = await daemon.docker(words, { timeoutMs: BUILD_MS, env });
  if (code !== 0) throw new Error(`docker ${words.join(" ")}: ${stderr.slice(-2000)}${stdout.slice(-2000)}`);
  return { stdout, stderr };
}

/** Each with caches of its own, so that none waits for another's packages. */
const build = (example: string, how: string) => {
  const args = [`VERSION=${VERSION}`, `BUILDKIT_CACHE_MOUNT_NS=${example}`].flatMap((arg) => ["--build-arg", arg]);
  return ended("build", "--progress", how, "-t", example, ...args, join(PROJECT, "examples", example));
};

/** Starts the example; its port on this machine. */
async function start(name: string, port: number, ...options: string[]): Promise<string> {
  await docker("run", "-d", "--name", name, "-p", `127.0.0.1:0:${port}`, ...options, name);
  const address = (await docker("port", name, String(port))).split("\n")[0]!;
  const base = `http://${address}`;
  await eventually(
    () =>
      fetch(`${base}/health`).then(
        (reply) => reply.ok,
        () => false,
      ),
    60_000,
  );
  return base;
}

const post = (url: string, body: unknown) =>
  fetch(url, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });

/** Stops it as an orchestrator does; its exit code and last words. */
async function stop(name: string): Promise<{ code: number; log: string }> {
  await docker("stop", "-t", "20", name);
  const code = Number(await docker("inspect", "-f", "{{.State.ExitCode}}", name));
  const { stdout, stderr } = await daemon.docker(["logs", name]);
  return { code, log: stdout + stderr };
}

const isHealthy = async (name: string) =>
  (await docker("inspect", "-f", "{{.State.Health.Status}}", name)) === "healthy";

beforeAll(async () => {
  daemon = await startDaemon();
  await ensureDebian(daemon);
  await Promise.all(EXAMPLES.map((example) => build(example, "quiet")));
}, 600_000);
afterAll(() => daemon?.stop());

test("built again, every image is the same one, from the cache", async () => {
  const ids = () => Promise.all(EXAMPLES.map((example) => docker("image", "inspect", "-f", "{{.Id}}", example)));
  const before = await ids();
  const told = await Promise.all(EXAMPLES.map((example) => build(example, "plain")));
  expect(await ids()).toEqual(before);
  for (const { stderr } of told) {
    const steps = [...stderr.matchAll(/^#(\d+) \[[^\]]+\] (?:RUN|COPY|ADD) /gm)].map(([, step]) => step);
    const cached = [...stderr.matchAll(/^#(\d+) CACHED$/gm)].map(([, step]) => step);
    expect(steps).not.toEqual([]);
    expect(cached).toEqual(expect.arrayContaining(steps));
  }
});

describe("java-web", () => {
  test("pages, JSON, health, version; notes outlive the container; it stops in order", async () => {
    const base = await start("java-web", 8080, "-v", "java-notes:/data");
    expect(await (await fetch(`${base}/version`)).json()).toMatchObject({
      version: VERSION,
      java: expect.stringMatching(/^17/),
    });
    expect(await (await fetch(base)).text()).toContain("No notes yet");
    const added = await post(`${base}/api/notes`, { text: "<first> ä" });
    expect([added.status, added.headers.get("location")]).toEqual([201, "/api/notes/1"]);
    const form = await fetch(base, { method: "POST", body: new URLSearchParams({ text: "second" }) });
    expect(await form.text()).toContain("&lt;first&gt; ä");
    expect((await fetch(`${base}/api/notes/2`, { method: "DELETE" })).status).toBe(204);
    expect((await post(`${base}/api/notes`, {})).status).toBe(400);
    await eventually(() => isHealthy("java-web"), 30_000);
    // 143: the JVM's own word for a stop that was asked for.
    expect(await stop("java-web")).toMatchObject({ code: 143, log: expect.stringContaining("stopping\nstopped\n") });

    await docker("rm", "java-web");
    const again = await start("java-web", 8080, "-v", "java-notes:/data");
    expect(await (await fetch(`${again}/api/notes`)).json()).toMatchObject([{ id: 1, text: "<first> ä" }]);
    await docker("rm", "-f", "java-web");
  });

  test("the image has no compiler and runs as a user of its own", async () => {
    const script = "command -v javac || echo none; id -un; test -w /data && echo writable";
    expect(await docker("run", "--rm", "--entrypoint", "sh", "java-web", "-c", script)).toBe("none\nnotes\nwritable");
    const config = JSON.parse(await docker("image", "inspect", "-f", "{{json .Config}}", "java-web"));
    expect(config.Cmd ?? null).toBeNull();
    expect(config).toMatchObject({
      ...{ User: "notes", Volumes: { "/data": {} }, ExposedPorts: { "8080/tcp": {} } },
      ...{ Entrypoint: ["java", "-jar", "/app/notes.jar"] },
      Labels: { "org.opencontainers.image.version": VERSION },
      Healthcheck: { Interval: 5e9, StartInterval: 2e8 },
    });
  });
});

test("node-api: a job's way; it stops in order", async () => {
  const base = await start("node-api", 3000);
  expect(await (await post(`${base}/jobs`, { title: "paint" })).json()).toMatchObject({ id: 1, state: "waiting" });
  expect(await (await post(`${base}/jobs/next`, {})).json()).toMatchObject({ state: "running" });
  expect(await (await post(`${base}/jobs/1/done`, {})).json()).toMatchObject({ state: "done" });
  expect((await post(`${base}/jobs/1/done`, {})).status).toBe(400);
  expect(await (await fetch(`${base}/version`)).json()).toMatchObject({ version: VERSION });
  expect(await docker("exec", "node-api", "sh", "-c", "ls /app; id -u")).toBe(
    "board.js\npackage.json\nserver.js\n1000",
  );
  expect(await stop("node-api")).toMatchObject({ code: 0, log: expect.stringContaining("stopping\nstopped\n") });
});

test("python-web: links are kept, followed and counted; it stops in order", async () => {
  const base = await start("python-web", 8000);
  const url = "https://example.org/a?b=c";
  const { name } = (await (await post(`${base}/api/links`, { url })).json()) as { name: string };
  const followed = await fetch(`${base}/${name}`, { redirect: "manual" });
  expect([followed.status, followed.headers.get("location")]).toEqual([302, url]);
  expect(await (await fetch(`${base}/api/links`)).json()).toEqual([{ name, url, hits: 1 }]);
  expect((await post(`${base}/api/links`, { url: "nonsense" })).status).toBe(400);
  expect(await (await fetch(base)).text()).toContain("https://example.org/a?b=c");
  await eventually(() => isHealthy("python-web"), 30_000);
  expect((await stop("python-web")).code).toBe(0);
});

test("static-site: pages, packed when the visitor can unpack them; it stops in order", async () => {
  const base = await start("static-site", 80);
  const page = await fetch(base);
  expect(page.headers.get("content-encoding")).toBe("gzip");
  expect(await page.text()).toContain(`Built as <code>${VERSION}</code>`);
  const plain = await fetch(`${base}/style.css`, { headers: { "Accept-Encoding": "identity" } });
  expect([plain.headers.get("content-type"), plain.headers.get("content-encoding")]).toEqual(["text/css", null]);
  expect(await (await fetch(`${base}/history`)).text()).toContain("First lit in 1871");
  expect((await fetch(`${base}/nothing`)).status).toBe(404);
  const { code, log } = await stop("static-site");
  expect(code).toBe(0);
  expect(log).toContain('"GET /history HTTP/1.1" 200');
});

test("c-scratch: one file that tells the time; it stops in order", async () => {
  const base = await start("c-scratch", 8080);
  expect(await (await fetch(base)).text()).toMatch(/^Visitor 1, it is \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n$/);
  expect(await (await fetch(base)).text()).toContain("Visitor 2,");
  expect(await (await fetch(`${base}/version`)).json()).toEqual({ version: VERSION });
  expect(await stop("c-scratch")).toMatchObject({ code: 0, log: expect.stringContaining("stopped after 2 visits") });
  const image = JSON.parse(await docker("image", "inspect", "-f", "{{json .}}", "c-scratch"));
  expect(image.RootFS.Layers).toHaveLength(1);
  expect(image.Size).toBeLessThan(3_000_000);
});
