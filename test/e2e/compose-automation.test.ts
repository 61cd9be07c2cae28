/** Scheduled runs and scaling of Compose projects, which the daemon does while no client runs. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { AutomationStatus } from "../../src/compose/automation/contract.ts";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";

const PATIENCE_MS = 30_000;

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
});
afterAll(() => daemon?.stop());

/** Writes the project and runs a command on it. */
async function compose(name: string, file: string, ...words: string[]) {
  const folder = join(daemon.root, name);
  await mkdir(folder, { recursive: true });
  await Bun.write(join(folder, "compose.yaml"), file);
  return await daemon.naru(["compose", ...words], { cwd: folder });
}
async function succeed(name: string, file: string, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await compose(name, file, ...words);
  if (code !== 0) throw new Error(`compose ${words.join(" ")}: ${stderr}`);
  return stdout;
}

async function status(project: string): Promise<AutomationStatus> {
  return (await (await daemon.api("GET", `/naru/compose?project=${project}`)).json()) as AutomationStatus;
}
const runsOf = async (project: string, service: string) =>
  (await status(project)).schedules.find((one) => one.service === service)!.runs;
const lines = (text: string) => text.split("\n").filter(Boolean);

test("a scheduled service runs at its times, over a restart of the daemon, until down", async () => {
  const file = `
services:
  web: { image: busybox, command: sleep 1000, stop_signal: KILL }
  job:
    image: busybox
    command: ["sh", "-c", "cat /config; exit 4"]
    configs: [{ source: words, target: /config }]
    x-naru-schedule: { cron: "@every 1s", history: 3 }
  daily: { image: busybox, command: "echo now", x-naru-schedule: { cron: "0 3 * * *", timezone: Asia/Seoul } }
configs: { words: { content: "from the config\\n" } }
`;
  await succeed("jobs", file, "up", "-d");
  // Made, and not started.
  const states = await succeed("jobs", file, "ps", "-a", "--format", "{{.Service}} {{.State}}");
  expect(lines(states)).toContain("daily created");
  await eventually(async () => (await runsOf("jobs", "job")).filter((run) => run.endedAt).length >= 2, PATIENCE_MS);
  expect(await runsOf("jobs", "job")).toContainEqual(expect.objectContaining({ outcome: "failed", exitCode: 4 }));
  expect(await succeed("jobs", file, "logs", "--no-log-prefix", "job")).toStartWith(
    "from the config\nfrom the config\n",
  );
  // An `up` with nothing to change starts nothing.
  expect(await succeed("jobs", file, "up", "--dry-run")).toContain("it runs at its times (0 3 * * * Asia/Seoul)");
  expect((await compose("jobs", file, "up", "-d")).stderr).not.toContain("Starting");

  const table = lines(await succeed("jobs", file, "schedule"));
  expect(table[0]).toMatch(/^PROJECT +SERVICE +SCHEDULE +TIME ZONE +NEXT +LAST$/);
  expect(table[1]).toMatch(/^jobs +daily +0 3 \* \* \* +Asia\/Seoul +in .* +none yet$/);
  expect(table[2]).toMatch(/^jobs +job +@every 1s +UTC +in .* ago$/);

  await daemon.kill();
  await daemon.restart();
  const restartedAt = new Date().toISOString();
  await eventually(
    async () => (await runsOf("jobs", "job")).some(({ at, endedAt }) => endedAt && at > restartedAt),
    PATIENCE_MS,
  );
  expect((await runsOf("jobs", "job")).length).toBeLessThanOrEqual(3);

  await succeed("jobs", file, "schedule", "run", "daily");
  await eventually(async () => (await runsOf("jobs", "daily")).at(-1)?.outcome === "succeeded", PATIENCE_MS);
  const history = lines(await succeed("jobs", file, "schedule", "history", "daily"));
  expect(history).toHaveLength(2);
  expect(history[1]).toMatch(/^\d{4}-.*Z +\d+\.\ds +succeeded/);
  const unknown = await compose("jobs", file, "schedule", "run", "web");
  expect([unknown.code, unknown.stderr]).toEqual([
    1,
    expect.stringContaining("web of project jobs has no schedule here"),
  ]);

  // A project that was stopped as a whole stays so.
  await succeed("jobs", file, "stop");
  // A run that was about to begin may still do so.
  const quietFrom = new Date(Date.now() + 1000).toISOString();
  await eventually(() => Date.now() > Date.parse(quietFrom) + 1500, PATIENCE_MS);
  expect((await runsOf("jobs", "job")).filter(({ at }) => at > quietFrom)).toEqual([]);
  // Commands over all services leave them to their times too.
  for (const command of ["start", "restart"]) {
    const { code, stderr } = await compose("jobs", file, command);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("daily")]);
  }
  await succeed("jobs", file, "down");
  expect(await status("jobs")).toEqual({ schedules: [], autoscales: [] });
});

test.concurrent("a run that goes on is not started twice, or replaced, and is stopped when it takes too long", async () => {
  const job = (keys: string) =>
    `{ image: busybox, command: sleep 1000, stop_signal: KILL, x-naru-schedule: { cron: "@every 1s", ${keys} } }`;
  const file = `services:
  patient: ${job("overlap: skip")}
  eager: ${job("overlap: replace")}
  short: ${job("timeout: 1s")}
`;
  await succeed("overlap", file, "up", "-d");
  const has = async (service: string, wanted: object) =>
    (await runsOf("overlap", service)).some((run) => Bun.deepMatch(wanted, run));
  await eventually(() => has("patient", { outcome: "missed", reason: "the run before still goes on" }), PATIENCE_MS);
  await eventually(() => has("eager", { outcome: "replaced" }), PATIENCE_MS);
  await eventually(() => has("short", { outcome: "timed out", exitCode: 137 }), PATIENCE_MS);
  // Also when another client takes the project down.
  await daemon.docker(["compose", "-p", "overlap", "down"]);
  await eventually(async () => (await status("overlap")).schedules.length === 0, PATIENCE_MS);
});

test.concurrent("replicas follow requests: connections are spread, none is lost, and they go again", async () => {
  const port = await freePort();
  const file = `services:
  web:
    image: busybox
    command: ["sh", "-c", "trap 'kill %1; exit' TERM; hostname >/www/index.html; httpd -f -p 80 -h /www & wait"]
    tmpfs: /www
    ports: ["${port}:80"]
    x-naru-autoscale: { min: 1, max: 3, target: { requests: 1 }, interval: 1s, down_after: 3s }
`;
  await succeed("scaled", file, "up", "-d");
  const ask = async () => {
    const reply = await fetch(`http://127.0.0.1:${port}/`, { keepalive: false, signal: AbortSignal.timeout(20_000) });
    return (await reply.text()).trim();
  };
  await eventually(() => ask().then(Boolean, () => false), PATIENCE_MS);
  let isOver = false;
  const names = new Set<string>();
  const load = (async () => {
    for (; !isOver; await Bun.sleep(20)) names.add(await ask());
  })();
  const autoscale = async () => (await status("scaled")).autoscales[0]!;
  await eventually(async () => (await autoscale()).replicas === 3, PATIENCE_MS);
  names.clear();
  await eventually(() => names.size === 3, PATIENCE_MS);
  // Whoever calls `up` meanwhile leaves them be.
  await succeed("scaled", file, "up", "-d");
  expect(lines(await succeed("scaled", file, "ps", "-q"))).toHaveLength(3);
  expect(lines(await succeed("scaled", file, "autoscale"))[1]).toMatch(
    /^scaled +web +3 +1 to 3 +.* requests\/s a replica/,
  );
  isOver = true;
  await load;

  await eventually(async () => (await autoscale()).replicas === 1, PATIENCE_MS);
  expect(await ask()).not.toBe("");
  const changes = lines(await succeed("scaled", file, "autoscale", "history", "web", "--format", "json")).map((line) =>
    JSON.parse(line),
  );
  expect(changes.at(-1)).toMatchObject({ from: 1 });
  expect(changes[0]).toMatchObject({ to: 1, reason: expect.stringContaining("wanted 1 requests/s") });
  await succeed("scaled", file, "down");
  expect((await status("scaled")).autoscales).toEqual([]);
});

test.concurrent("replicas follow the processor and memory", async () => {
  const scaling = (target: string) => `x-naru-autoscale: { max: 2, target: { ${target} }, interval: 1s }`;
  const file = `services:
  busy: { image: busybox, command: ["sh", "-c", "while :; do :; done"], cpus: 0.2, ${scaling("cpu: 30%")}, stop_signal: KILL }
  idle: { image: busybox, command: sleep 1000, ${scaling("cpu: 90%")}, stop_signal: KILL }
  large:
    image: busybox
    command: ["sh", "-c", "head -c 20000000 /dev/zero >/dev/shm/data; sleep 1000"]
    stop_signal: KILL
    ${scaling("memory: 10M")}
`;
  await succeed("load", file, "up", "-d");
  const replicas = async () =>
    Object.fromEntries((await status("load")).autoscales.map(({ service, replicas: count }) => [service, count]));
  await eventually(async () => Bun.deepEquals(await replicas(), { busy: 2, idle: 1, large: 2 }), PATIENCE_MS);
  await succeed("load", file, "down");
});

test("keys that make no sense are refused with their place", async () => {
  const { code, stderr } = await compose("wrong", "services: { a: { image: i, x-naru-scedule: '@daily' } }", "config");
  expect(code).toBe(1);
  const words = "services.a: unknown key 'x-naru-scedule', did you mean 'x-naru-schedule'?";
  expect(stderr).toStartWith(words);
  expect(stderr).toEndWith("/wrong/compose.yaml, line 1, column 13)\n");
});
