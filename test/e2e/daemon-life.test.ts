/** Signals to the daemon, what it leaves on the machine, the usual docker socket, proxies, reload. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { copyFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DOCKER, eventually, importBusybox, NARU, run, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { leftovers } from "../support/leftovers.ts";

let scratch: string;
const started: TestDaemon[] = [];
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-life-"));
});
afterEach(async () => {
  for (const daemon of started.splice(0).reverse()) await daemon.stop();
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

async function start(...options: Parameters<typeof startDaemon>): Promise<TestDaemon> {
  const daemon = await startDaemon(...options);
  started.push(daemon);
  return daemon;
}
/** The executable behind a few words of shell, which end with `exec … "$@"`. */
async function wrapped(name: string, script: string): Promise<string> {
  const path = join(scratch, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}
const hasEnded = async ({ pid }: TestDaemon) =>
  !(await Bun.file(`/proc/${pid}/cmdline`)
    .text()
    .catch(() => ""));

test("SIGTERM with nothing running leaves the machine as it was", async () => {
  const daemon = await start();
  await importBusybox(daemon);
  await daemon.docker(["network", "create", "front"]);
  await Promise.all(
    Array.from({ length: 4 }, () =>
      daemon.docker(["run", "--rm", "--network", "front", "-P", "--expose", "80", "busybox", "true"]),
    ),
  );
  expect(await leftovers(daemon)).not.toEqual([]);
  await daemon.kill("SIGTERM");
  await eventually(async () => (await leftovers(daemon)).length === 0);
});

test("on ext4 the folders of containers lie apart: one that comes and goes does not slow the next", async () => {
  const { dataRoot, execRoot, root } = await start();
  const kind = (await run(["stat", "-f", "-c", "%T", root])).stdout.trim();
  const folders = ["containers", "layers"].map((name) => join(dataRoot, name));
  const runtime = (await readdir(execRoot)).find((name) => ["crun", "runc"].includes(name))!;
  folders.push(...["containers", "pods", runtime].map((name) => join(execRoot, name)));
  const marks = (await run(["lsattr", "-d", ...folders])).stdout.trimEnd().split("\n");
  if (kind === "ext2/ext3") expect(marks.filter((line) => line.split(" ")[0]!.includes("T"))).toHaveLength(5);
  else expect((await run(["ls", "-d", ...folders])).code).toBe(0);
});

test("what a killed daemon has left is removed by the next one on the same roots", async () => {
  const daemon = await start();
  await importBusybox(daemon);
  const runs = Array.from({ length: 6 }, () => daemon.docker(["run", "--rm", "busybox", "sleep", "0.1"]));
  await Bun.sleep(150);
  await daemon.kill("SIGKILL");
  await Promise.all(runs);
  await Bun.sleep(200);
  await daemon.restart();
  const ids = (await daemon.docker(["ps", "-aq"])).stdout.split("\n").filter(Boolean);
  if (ids.length > 0) await daemon.docker(["rm", "-f", ...ids]);
  await daemon.kill("SIGTERM");
  await eventually(async () => (await leftovers(daemon)).length === 0);
});

test("Ctrl-C, which reaches the whole process group, ends the daemon in order", async () => {
  const daemon = await start({ executable: await wrapped("session", `exec setsid ${NARU} "$@"`) });
  await importBusybox(daemon);
  await daemon.docker(["run", "-d", "--name", "stays", "busybox", "sleep", "1000"]);
  process.kill(-daemon.pid, "SIGINT");
  await eventually(() => hasEnded(daemon));
  expect(await daemon.logText()).toContain("the daemon has ended");
  await daemon.restart();
  expect((await daemon.docker(["inspect", "-f", "{{.State.Status}}", "stays"])).stdout).toBe("running\n");
  await daemon.docker(["rm", "-f", "stays"]);
  process.kill(-daemon.pid, "SIGINT");
  await eventually(() => hasEnded(daemon));
  await eventually(async () => (await leftovers(daemon)).length === 0);
});

test("SIGUSR1 writes what the daemon is doing into the log; it and its like end nothing", async () => {
  const daemon = await start();
  const waiting = daemon.api("GET", "/events?until=99999999999");
  for (const signal of ["SIGUSR2", "SIGALRM", "SIGUSR1"] as const) process.kill(daemon.pid, signal);
  await eventually(async () => {
    if ((await daemon.logText()).includes('requests="[\\"GET /events?until=99999999999\\"]"')) return true;
    process.kill(daemon.pid, "SIGUSR1");
    return false;
  });
  expect(await (await daemon.api("GET", "/_ping")).text()).toBe("OK");
  await (await waiting).body?.cancel();
});

test("a second SIGTERM does not cut the end in half", async () => {
  const daemon = await start();
  await importBusybox(daemon);
  process.kill(daemon.pid, "SIGTERM");
  await daemon.kill("SIGTERM");
  expect(await daemon.logText()).toContain("the daemon has ended");
  expect(await leftovers(daemon)).toEqual([]);
});

test("with --live-restore=false containers end with the daemon; policies bring back what was not stopped by hand", async () => {
  const daemon = await start({ flags: ["--live-restore=false"] });
  await importBusybox(daemon);
  const trap = 'trap "exit 3" TERM; echo up; while :; do sleep 0.05; done';
  for (const [name, policy] of [
    ["kept", "unless-stopped"],
    ["plain", "no"],
  ] as const) {
    await daemon.docker(["run", "-d", "--name", name, "--restart", policy, "busybox", "sh", "-c", trap]);
    await eventually(async () => (await daemon.docker(["logs", name])).stdout === "up\n");
  }
  expect((await daemon.docker(["info", "--format", "{{.LiveRestoreEnabled}}"])).stdout).toBe("false\n");
  await daemon.kill("SIGTERM");
  expect(await daemon.logText()).toContain("the daemon and its containers have ended");
  await daemon.restart();
  const state = async (name: string) =>
    (await daemon.docker(["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name])).stdout;
  expect(await state("plain")).toBe("exited 3\n");
  await eventually(async () => (await state("kept")) === "running 0\n");
  await eventually(async () => (await daemon.docker(["logs", "kept"])).stdout === "up\nup\n");
});

test("--docker-socket serves the usual path when it is free, and leaves it to whoever has it", async () => {
  // A mount namespace with a /run of its own: the machine's path stays out of it.
  const own = 'exec unshare -m --propagation private sh -c \'mount -t tmpfs tmpfs /run; exec "$0" "$@"\'';
  const first = await start({
    executable: await wrapped("own-run", `${own} ${NARU} "$@"`),
    flags: ["--docker-socket"],
  });
  const usual = `unix:///proc/${first.pid}/root/run/docker.sock`;
  const idBehind = async (host: string) => (await run([DOCKER, "-H", host, "info", "-f", "{{.ID}}"])).stdout;
  const firstId = await idBehind(first.host);
  expect(firstId).toMatch(/^\S+\n$/);
  expect(await idBehind(usual)).toBe(firstId);

  const beside = `exec nsenter -t ${first.pid} -m ${NARU} "$@"`;
  const second = await start({ executable: await wrapped("beside", beside), flags: ["--docker-socket"] });
  // Told a moment after the first answer.
  await eventually(async () => (await second.logText()).includes("another process listens there"));
  expect(await idBehind(usual)).toBe(firstId);
  await second.kill("SIGTERM");
  expect(await idBehind(usual)).toBe(firstId);
});

test("proxies come from the environment, and the configuration file goes before it", async () => {
  const env = { HTTP_PROXY: "http://env:1", HTTPS_PROXY: "http://user:secret@env:2", NO_PROXY: "a.example" };
  const show = async ({ docker }: TestDaemon) =>
    (await docker(["info", "-f", "{{.HTTPProxy}} {{.HTTPSProxy}} {{.NoProxy}}"])).stdout.trim();
  expect(await show(await start({ env }))).toBe("http://env:1 http://xxxxx:xxxxx@env:2 a.example");
  const file = join(scratch, "proxies.json");
  await writeFile(file, JSON.stringify({ proxies: { "http-proxy": "http://file:1" } }));
  const fromFile = await show(await start({ env, flags: ["--config-file", file] }));
  expect(fromFile).toBe("http://file:1 http://xxxxx:xxxxx@env:2 a.example");
});

test("SIGHUP reads the configuration file again; a broken one changes nothing", async () => {
  const file = join(scratch, "reload.json");
  const write = (config: object | string) =>
    writeFile(file, typeof config === "string" ? config : JSON.stringify(config));
  await write({ labels: ["stage=one"] });
  const daemon = await start({ flags: ["--config-file", file] });
  const labels = async () => (await daemon.docker(["info", "-f", "{{.Labels}} {{.Debug}}"])).stdout.trim();
  expect(await labels()).toBe("[stage=one] false");
  await write({
    labels: ["stage=two"],
    debug: true,
    "default-shm-size": "7m",
    features: { buildkit: false },
    mtu: 1400,
  });
  const since = String(Math.floor(Date.now() / 1000));
  process.kill(daemon.pid, "SIGHUP");
  await eventually(async () => (await labels()) === "[stage=two] true");
  // The event of docker 28, which tells what is taken over. "Until now" is the last whole second.
  const told = async () =>
    await daemon.docker([
      ...["events", "--since", since, "--until", "0s", "--filter", "type=daemon"],
      ...["--format", "{{.Action}} {{.Actor.Attributes.labels}} {{index .Actor.Attributes `default-shm-size`}}"],
    ]);
  await eventually(async () => (await told()).stdout === `reload ["stage=two"] ${7 << 20}\n`);
  expect((await daemon.api("GET", "/_ping")).headers.get("builder-version")).toBe("1");
  await eventually(async () => (await daemon.logText()).includes('next start only waiting="[\\"mtu\\"]"'));
  await write("{");
  process.kill(daemon.pid, "SIGHUP");
  await eventually(async () => (await daemon.logText()).includes("reload refused"));
  expect(await labels()).toBe("[stage=two] true");
});

/** Bytes of the executable's file (`path`), as far as a process has them in memory and has not made them its own by writing. */
async function fileBytes(pid: number, path: string): Promise<number> {
  let counts = false;
  let bytes = 0;
  for (const line of (await Bun.file(`/proc/${pid}/smaps`).text()).split("\n")) {
    const [first = "", size] = line.split(/\s+/);
    if (/^[0-9a-f]+-[0-9a-f]+$/.test(first)) counts = line.includes(` ${path}`);
    else if (counts && first === "Rss:") bytes += Number(size) * 1024;
    else if (counts && first === "Anonymous:") bytes -= Number(size) * 1024;
  }
  return bytes;
}

test("a quiet daemon lets go of what it has read of its file, also of one that was replaced, and works on", async () => {
  const executable = join(scratch, "naru-to-replace");
  await copyFile(NARU, executable);
  const daemon = await start({ executable });
  await rm(executable);
  await importBusybox(daemon);
  for (let round = 0; round < 3; round++) {
    expect((await daemon.docker(["run", "--rm", "busybox", "echo", "here"])).stdout).toBe("here\n");
    const busy = await fileBytes(daemon.pid, executable);
    expect(busy).toBeGreaterThan(4e6);
    await eventually(async () => (await fileBytes(daemon.pid, executable)) < busy * 0.8);
    // Code, constants and scripts are read anew: also those of a part that was not used before, and of a worker.
    const exported = await run(["sh", "-c", `"${NARU}" save busybox | tar -t | grep -cx manifest.json`], {
      env: { DOCKER_HOST: daemon.host },
    });
    expect(exported.stdout.trim()).toBe("1");
  }
});
