/** What the engine does by itself over time: restart policies, health checks, log rotation, the memory limit, events. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { createConnection } from "node:net";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
});
afterAll(() => daemon?.stop());

const out = async (words: string[]) => (await daemon.docker(words)).stdout.trim();
const inspect = (name: string, format: string) => out(["inspect", "-f", format, name]);
/** Its events so far; "--until 0s" would cut off the second that runs. */
const eventsOf = async (name: string) => {
  const bounds = ["--since", "1h", "--until", (Date.now() / 1000).toFixed(3)];
  return (await out(["events", ...bounds, "--filter", `container=${name}`, "--format", "{{.Action}}"])).split("\n");
};

test("on-failure restarts as often as allowed, each time after a longer pause", async () => {
  await out([
    "run",
    "-d",
    "--name",
    "fails",
    "--restart",
    "on-failure:3",
    "busybox",
    "sh",
    "-c",
    "date +%s.%N; exit 7",
  ]);
  await eventually(async () => (await inspect("fails", "{{.State.Status}} {{.RestartCount}}")) === "exited 3");
  expect(await inspect("fails", "{{.State.ExitCode}}")).toBe("7");
  const stamps = (await out(["logs", "-t", "fails"])).split("\n").map((line) => Date.parse(line.split(" ")[0]!));
  expect(stamps.length).toBe(4);
  const pauses = stamps.slice(1).map((at, index) => at - stamps[index]!);
  // 100 ms, doubled after each run that ends at once.
  for (const [index, least] of [95, 190, 380].entries()) expect(pauses[index]).toBeGreaterThan(least);
});

test("a success ends on-failure; a stop by hand ends always; always starts again after a kill from inside", async () => {
  await out(["run", "-d", "--name", "succeeds", "--restart", "on-failure", "busybox", "true"]);
  await eventually(async () => (await inspect("succeeds", "{{.State.Status}} {{.RestartCount}}")) === "exited 0");
  await out([
    "run",
    "-d",
    "--name",
    "always",
    "--restart",
    "always",
    "busybox",
    "sh",
    "-c",
    "sleep 0.3; kill -9 $$; sleep 1000",
  ]);
  await out(["run", "-d", "--name", "returns", "--restart", "always", "busybox", "sh", "-c", "sleep 0.3"]);
  await eventually(async () => Number(await inspect("returns", "{{.RestartCount}}")) >= 2);
  await out(["stop", "-t", "0", "returns", "always"]);
  await Bun.sleep(700);
  expect(await inspect("returns", "{{.State.Status}}")).toBe("exited");
  expect(await inspect("always", "{{.State.Status}}")).toBe("exited");
});

test("a health check becomes healthy, then unhealthy, with an event at each change and its last outputs kept", async () => {
  const check = [
    "--health-cmd",
    "cat /tmp/ok",
    "--health-interval",
    "100ms",
    "--health-retries",
    "2",
    "--health-timeout",
    "2s",
  ];
  await out(["run", "-d", "--name", "checked", ...check, "busybox", "sleep", "1000"]);
  expect(await inspect("checked", "{{.State.Health.Status}}")).toMatch(/starting|unhealthy/);
  await out(["exec", "checked", "touch", "/tmp/ok"]);
  await eventually(async () => (await inspect("checked", "{{.State.Health.Status}}")) === "healthy");
  expect(await out(["ps", "--filter", "health=healthy", "--format", "{{.Names}} {{.Status}}"])).toMatch(
    /^checked Up .*\(healthy\)$/,
  );
  await out(["exec", "checked", "rm", "/tmp/ok"]);
  await eventually(async () => (await inspect("checked", "{{.State.Health.Status}}")) === "unhealthy");
  const health = JSON.parse(await inspect("checked", "{{json .State.Health}}"));
  expect(health.FailingStreak).toBeGreaterThanOrEqual(2);
  expect(health.Log.length).toBeLessThanOrEqual(5);
  expect(health.Log.at(-1)).toMatchObject({ ExitCode: 1, Output: expect.stringContaining("/tmp/ok") });
  const changes = (await eventsOf("checked")).filter((action) => action.startsWith("health_status"));
  expect(changes.slice(-2)).toEqual(["health_status: healthy", "health_status: unhealthy"]);
});

test("while a container starts it is checked at the start's own interval, and failures do not count", async () => {
  const periods = ["--health-interval", "1h", "--health-start-period", "1h", "--health-start-interval", "100ms"];
  const check = ["--health-cmd", "cat /tmp/ok", "--health-retries", "1", ...periods];
  await out(["run", "-d", "--name", "starting", ...check, "busybox", "sleep", "1000"]);
  await eventually(async () => Number(await inspect("starting", "{{len .State.Health.Log}}")) >= 3);
  expect(await inspect("starting", "{{.State.Health.Status}} {{.State.Health.FailingStreak}}")).toBe("starting 0");
  await out(["exec", "starting", "touch", "/tmp/ok"]);
  await eventually(async () => (await inspect("starting", "{{.State.Health.Status}}")) === "healthy");
});

test("a check that takes too long fails", async () => {
  const check = [
    "--health-cmd",
    "sleep 100",
    "--health-interval",
    "100ms",
    "--health-retries",
    "1",
    "--health-timeout",
    "300ms",
  ];
  await out(["run", "-d", "--name", "slow-check", ...check, "busybox", "sleep", "1000"]);
  await eventually(async () => (await inspect("slow-check", "{{.State.Health.Status}}")) === "unhealthy");
  const last = JSON.parse(await inspect("slow-check", "{{json .State.Health.Log}}")).at(-1);
  expect(last).toMatchObject({ ExitCode: -1, Output: expect.stringContaining("exceeded timeout") });
});

test("logs rotate by size, keep the files asked for, and are read across the files", async () => {
  const options = ["--log-opt", "max-size=20k", "--log-opt", "max-file=3"];
  await out(["run", "--name", "talks", ...options, "busybox", "seq", "1", "2000"]);
  const path = await inspect("talks", "{{.LogPath}}");
  const folder = path.slice(0, path.lastIndexOf("/"));
  const files = (await readdir(folder)).filter((name) => name.includes("-json.log")).sort();
  expect(files.length).toBe(3);
  for (const file of files) expect(Bun.file(`${folder}/${file}`).size).toBeLessThan(21_000);
  const lines = (await out(["logs", "talks"])).split("\n").map(Number);
  expect(lines.at(-1)).toBe(2000);
  expect(lines).toEqual(lines.map((_, index) => lines[0]! + index));
  expect(lines.length).toBeGreaterThan(400);
  expect(await out(["logs", "--tail", "3", "talks"])).toBe("1998\n1999\n2000");
  expect((await out(["logs", "--tail", "400", "talks"])).split("\n").length).toBe(400);
});

test("too much memory ends the container, and it says so", async () => {
  const greedy = [
    "run",
    "--name",
    "greedy",
    "-m",
    "16m",
    "--memory-swap",
    "16m",
    "busybox",
    "sh",
    "-c",
    "x=a; while :; do x=$x$x; done",
  ];
  const result = await daemon.docker(greedy);
  expect(result.code).toBe(137);
  expect(await inspect("greedy", "{{.State.OOMKilled}}")).toBe("true");
  expect(await eventsOf("greedy")).toContain("oom");
});

test("a reader of events that reads nothing holds up nobody", async () => {
  const socket = createConnection(daemon.socketPath);
  socket.write("GET /v1.51/events HTTP/1.1\r\nHost: naru\r\n\r\n");
  socket.pause();
  for (let i = 0; i < 20; i++) expect((await daemon.docker(["run", "--rm", "busybox", "true"])).code).toBe(0);
  socket.destroy();
  expect((await daemon.api("GET", "/_ping")).status).toBe(200);
});

test("rm -f removes a container that restarts all the time, whenever it comes", async () => {
  for (let i = 0; i < 12; i++) {
    const name = `again-${i}`;
    expect((await daemon.docker(["run", "-d", "--restart", "always", "--name", name, "busybox", "true"])).code).toBe(0);
    await Bun.sleep(60 + i * 23);
    expect(await daemon.docker(["rm", "-f", name])).toMatchObject({ code: 0, stderr: "" });
  }
  expect((await daemon.docker(["ps", "-aq", "--filter", "name=again-"])).stdout).toBe("");
});
