/**
 * The projects of examples/compose: brought up, asked over HTTP, scaled, changed, brought down. Their images are built from the
 * distribution's packages, which takes minutes: `npm run test:projects` does it, the whole suite only reads them.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually, NARU, PROJECT, run, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { ensureDebian } from "../support/debian-base.ts";
import { freePort } from "../support/free-port.ts";

const ALL = process.env.NARU_TEST_PROJECTS === "all";
const PROJECTS = ["guestbook", "wordpress", "nginx-backends", "java-database"];
const PATIENCE_MS = 60_000;
const MINUTES = 60_000;

let daemon: TestDaemon;
let port = 0;
let running: string | undefined;
beforeAll(async () => {
  if (!ALL) return;
  daemon = await startDaemon();
  await ensureDebian(daemon);
}, 10 * MINUTES);
afterEach(async () => {
  if (running !== undefined) await compose(running, ["down", "-v", "-t", "1"]).catch(() => {});
  running = undefined;
});
afterAll(() => daemon?.stop(), MINUTES);

test.each(PROJECTS)("%s is read, drawn and turned into Kubernetes objects", async (name) => {
  const read = (...words: string[]) =>
    run([NARU, "compose", ...words], { cwd: join(PROJECT, "examples/compose", name) });
  const [services, picture, objects] = await Promise.all([
    read("config", "--services"),
    read("graph"),
    read("kube", "--format", "json"),
  ]);
  const names = services.stdout.split("\n").filter(Boolean);
  for (const service of names) expect(picture.stdout).toMatch(new RegExp(`│ ${service}(?: ×\\S+)? +│|│ ${service} +├`));
  const { items } = JSON.parse(objects.stdout) as { items: { kind: string; metadata: { name: string } }[] };
  const workloads = items.filter(({ kind }) => ["Deployment", "Job", "CronJob"].includes(kind));
  expect(workloads.map(({ metadata }) => metadata.name).sort()).toEqual(names);
});

/** A command that must succeed, in the project's folder. */
async function compose(name: string, words: string[], env: Record<string, string> = {}): Promise<string> {
  running = name;
  const options = { cwd: join(PROJECT, "examples/compose", name), timeoutMs: 8 * MINUTES };
  const { code, stdout, stderr } = await daemon.naru(["compose", ...words], {
    ...options,
    env: { PORT: String(port), ...env },
  });
  if (code !== 0) throw new Error(`compose ${words.join(" ")}: ${stderr.slice(-3000)}`);
  return stdout;
}

/** Brings it up on a port of its own; resolves when it answers there. */
async function bringUp(name: string, path: string): Promise<string> {
  port = await freePort();
  await compose(name, ["up", "-d"]);
  const base = `http://127.0.0.1:${port}`;
  await answers(`${base}${path}`);
  return base;
}
const ask = (url: string, init: RequestInit = {}) =>
  fetch(url, { keepalive: false, signal: AbortSignal.timeout(20_000), ...init });
const answers = (url: string) =>
  eventually(
    () =>
      ask(url).then(
        (reply) => reply.ok,
        () => false,
      ),
    PATIENCE_MS,
  );
const text = async (url: string) => await (await ask(url)).text();
const form = (url: string, fields: Record<string, string>) =>
  ask(url, { method: "POST", body: new URLSearchParams(fields), redirect: "manual" });
const runningOf = async (name: string, service: string) =>
  (await compose(name, ["ps", "-q", service])).split("\n").filter(Boolean);

/** Nothing of the project is left. */
async function takeDown(folder: string, name = folder): Promise<void> {
  await compose(folder, ["down", "-v"]);
  for (const kind of ["container", "network", "volume"]) {
    const { stdout } = await daemon.docker([kind, "ls", "-q", "--filter", `label=com.docker.compose.project=${name}`]);
    expect(stdout).toBe("");
  }
}

test.skipIf(!ALL)(
  "nginx-backends: both answer behind the proxy; one is scaled, one goes, and comes back changed",
  async () => {
    const base = await bringUp("nginx-backends", "/");
    const colours = async () => {
      const seen = new Set<string>();
      for (let call = 0; call < 8; call++) {
        seen.add(((await (await ask(`${base}/x?y`)).json()) as { colour: string }).colour);
      }
      return [...seen].sort().join();
    };
    expect(await colours()).toBe("blue,green");
    expect(await (await ask(`${base}/x?y`)).json()).toMatchObject({ asked: "/x?y", by: expect.stringMatching(/\d/) });
    await compose("nginx-backends", ["stop", "blue"]);
    expect(await colours()).toBe("green");
    await compose("nginx-backends", ["up", "-d", "--scale", "green=2"]);
    expect(await runningOf("nginx-backends", "green")).toHaveLength(2);
    await eventually(async () => (await colours()) === "blue,green", PATIENCE_MS);
    // A change that touches the proxy alone.
    const plan = await compose("nginx-backends", ["up", "--dry-run"], { PORT: String(await freePort()) });
    expect(plan).toMatch(/re(?:create|place) +Container nginx-backends-proxy-1 +its configuration changed/);
    expect(plan).toMatch(/keep +Container nginx-backends-blue-1/);
    await takeDown("nginx-backends");
  },
  8 * MINUTES,
);

test.skipIf(!ALL)(
  "guestbook: signed, counted, scaled behind one port, updated with no call lost, tidied by its schedule",
  async () => {
    const base = await bringUp("guestbook", "/health");
    expect(await text(base)).toContain("<h1>Welcome</h1><p>Visit 1, served by");
    expect((await form(`${base}/messages`, { author: "Ann", words: "<hello>" })).status).toBe(303);
    expect((await form(`${base}/messages`, { author: "", words: "x" })).status).toBe(400);
    expect(await (await ask(`${base}/messages`)).json()).toEqual([{ author: "Ann", words: "<hello>" }]);
    await compose("guestbook", ["up", "-d", "--wait", "--scale", "web=3"]);
    const hosts = new Set<string>();
    const seesAll = async () =>
      hosts.add(((await (await ask(`${base}/health`)).json()) as { host: string }).host).size === 3;
    await eventually(seesAll, PATIENCE_MS);

    let isOver = false;
    const visits = (async () => {
      let count = 0;
      for (; !isOver; count++) expect((await ask(base)).status).toBe(200);
      return count;
    })();
    await compose("guestbook", ["up", "-d", "--wait"], { GREETING: "Hello again" });
    isOver = true;
    expect(await visits).toBeGreaterThan(0);
    const page = await text(base);
    expect(page).toContain("Hello again");
    expect(page).toContain("<b>Ann</b>: &lt;hello&gt;");

    await compose("guestbook", ["schedule", "run", "tidy"]);
    const isTidied = async () => (await compose("guestbook", ["schedule", "history", "tidy"])).includes("succeeded");
    await eventually(isTidied, PATIENCE_MS);
    expect(await compose("guestbook", ["logs", "tidy"])).toContain("DELETE 0");
    // What was written outlives its containers.
    await compose("guestbook", ["down"]);
    await compose("guestbook", ["up", "-d"]);
    await answers(`${base}/health`);
    expect(await (await ask(`${base}/messages`)).json()).toEqual([{ author: "Ann", words: "<hello>" }]);
    await takeDown("guestbook");
  },
  15 * MINUTES,
);

test.skipIf(!ALL)(
  "java-database: the table is made first; items add up; a changed setting keeps the stock",
  async () => {
    const base = await bringUp("java-database", "/health");
    expect(await (await ask(`${base}/items`)).json()).toEqual({ shop: "Corner shop", items: {} });
    expect((await form(`${base}/items`, { name: "tea & milk", count: "3" })).status).toBe(201);
    expect((await form(`${base}/items`, { name: "tea & milk" })).status).toBe(201);
    expect((await form(`${base}/items`, { name: "tea", count: "many" })).status).toBe(400);
    await compose("java-database", ["up", "-d", "--wait", "--scale", "app=2"]);
    expect(await runningOf("java-database", "app")).toHaveLength(2);
    await compose("java-database", ["up", "-d"], { SHOP: "Ann's" });
    await answers(`${base}/health`);
    expect(await (await ask(`${base}/items`)).json()).toEqual({ shop: "Ann's", items: { "tea & milk": 4 } });
    await compose("java-database", ["stop", "postgres"]);
    expect((await ask(`${base}/items`)).status).toBe(503);
    await compose("java-database", ["start", "postgres"]);
    await answers(`${base}/items`);
    await takeDown("java-database", "inventory");
  },
  15 * MINUTES,
);

test.skipIf(!ALL)(
  "wordpress: installed over HTTP, a post is written and read, two sites serve it, the database is written down",
  async () => {
    const base = await bringUp("wordpress", "/wp-admin/install.php");
    const password = "a long enough password";
    const installed = await form(`${base}/wp-admin/install.php?step=2`, {
      ...{ weblog_title: "Ferry news", user_name: "ann", admin_password: password, admin_password2: password },
      ...{ admin_email: "ann@example.org", pw_weak: "1", blog_public: "0", language: "" },
    });
    expect(await installed.text()).toContain("Success!");
    expect(await text(base)).toContain("Ferry news");
    expect(await (await ask(`${base}/?rest_route=/wp/v2/posts`)).json()).toMatchObject([{ slug: "hello-world" }]);
    await compose("wordpress", ["up", "-d", "--wait", "--scale", "site=2"]);
    expect(await runningOf("wordpress", "site")).toHaveLength(2);
    for (let call = 0; call < 6; call++) expect(await text(base)).toContain("Ferry news");
    await compose("wordpress", ["schedule", "run", "backup"]);
    const isKept = async () => (await compose("wordpress", ["schedule", "history", "backup"])).includes("succeeded");
    await eventually(isKept, PATIENCE_MS);
    expect(await compose("wordpress", ["logs", "backup"])).toMatch(/\d+ \d\.sql/);
    await compose("wordpress", ["up", "-d"], { MEMORY_LIMIT: "96M" });
    await answers(base);
    expect(await text(base)).toContain("Ferry news");
    await takeDown("wordpress");
  },
  15 * MINUTES,
);
