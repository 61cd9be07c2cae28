/** Containers, their logs and exit codes survive the daemon: kill -9 at awkward moments, restart, upgrade, reboot. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { exists, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { eventually, importBusybox, NARU, startDaemon, type TestDaemon } from "../support/daemon.ts";

let daemon: TestDaemon;
beforeEach(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
});
afterEach(() => daemon?.stop());

const out = async (words: string[]) => (await daemon.docker(words)).stdout.trim();
const state = (name: string) => out(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}", name]);
const sh = (script: string) => ["busybox", "sh", "-c", script];

/** Starts a container that waits for leaveWithoutDaemon() before it does this. */
async function runWaiting(options: string[], script = "exit 0"): Promise<void> {
  const folder = join(daemon.root, "told");
  await mkdir(folder, { recursive: true });
  await out([
    "run",
    "-d",
    "-v",
    `${folder}:/told`,
    ...options,
    ...sh(`until [ -e /told/go ]; do sleep 0.05; done; ${script}`),
  ]);
}

/** Kills the daemon, and lets these waiting containers end while it is dead. */
async function leaveWithoutDaemon(...names: string[]): Promise<void> {
  const pids = (await out(["inspect", "-f", "{{.State.Pid}}", ...names])).split("\n");
  await daemon.kill("SIGKILL");
  await Bun.write(join(daemon.root, "told/go"), "");
  for (const pid of pids) await eventually(async () => !(await exists(`/proc/${pid}`)));
}

test("a running container goes on while the daemon is dead, and its log has no gap", async () => {
  await out(["run", "-d", "--name", "counter", ...sh("i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done")]);
  const pid = await out(["inspect", "-f", "{{.State.Pid}}", "counter"]);
  await daemon.kill("SIGKILL");
  await Bun.sleep(600);
  await daemon.restart();
  expect(await state("counter")).toBe("running 0 0");
  expect(await out(["inspect", "-f", "{{.State.Pid}}", "counter"])).toBe(pid);
  const counted = async () => (await out(["logs", "counter"])).split("\n").map(Number);
  await eventually(async () => (await counted()).length > 12);
  const lines = await counted();
  expect(lines).toEqual(lines.map((_, index) => index));
  expect((await daemon.docker(["exec", "counter", "echo", "hi"])).stdout).toBe("hi\n");
  expect((await daemon.docker(["stop", "-t", "0", "counter"])).code).toBe(0);
  expect(await state("counter")).toBe("exited 137 0");
});

test("an exit while the daemon is dead is known afterwards, with its code and time", async () => {
  await runWaiting(["--name", "brief"], "echo last words; exit 7");
  await leaveWithoutDaemon("brief");
  await Bun.sleep(300);
  const restartedAt = Date.now();
  await daemon.restart();
  expect(await state("brief")).toBe("exited 7 0");
  expect(await out(["logs", "brief"])).toBe("last words");
  expect(await out(["wait", "brief"])).toBe("7");
  const finishedAt = Date.parse(await out(["inspect", "-f", "{{.State.FinishedAt}}", "brief"]));
  expect(finishedAt).toBeLessThan(restartedAt);
});

test("restart policies apply to what ended while the daemon was dead", async () => {
  await runWaiting(["--restart", "always", "--name", "always"]);
  await runWaiting(["--restart", "no", "--name", "never"]);
  await leaveWithoutDaemon("always", "never");
  await daemon.restart();
  expect(await state("never")).toBe("exited 0 0");
  await eventually(async () => Number((await state("always")).split(" ")[2]) >= 1);
});

test("an auto-removed container that ended while the daemon was dead is gone", async () => {
  await runWaiting(["--rm", "--name", "gone"]);
  await leaveWithoutDaemon("gone");
  await daemon.restart();
  await eventually(async () => (await out(["ps", "-aq"])) === "");
});

test("networks, ports and volumes of a running container survive", async () => {
  await out(["network", "create", "front"]);
  await out([
    "run",
    "-d",
    "--name",
    "web",
    "--network",
    "front",
    "-p",
    "127.0.0.1::80",
    "-v",
    "kept:/var/www",
    ...sh("echo page >/var/www/index.html; httpd -f -h /var/www"),
  ]);
  const port = (await out(["port", "web", "80"])).split(":").pop();
  const ask = () => fetch(`http://127.0.0.1:${port}/`).then((r) => r.text());
  await eventually(async () => (await ask().catch(() => "")) === "page\n");
  await daemon.kill("SIGKILL");
  expect(await ask()).toBe("page\n");
  await daemon.restart();
  expect(await ask()).toBe("page\n");
  const asked = await daemon.docker(["run", "--rm", "--network", "front", "busybox", "wget", "-qO-", "http://web/"]);
  expect(asked.stdout).toBe("page\n");
  await out(["rm", "-f", "web"]);
  expect(await ask().catch(() => "refused")).toBe("refused");
});

test("kill -9 of the daemon while containers are being created and started leaves only whole records", async () => {
  for (let round = 0; round < 4; round++) {
    const storm = Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        daemon.docker(["run", "-d", "--name", `s${round}-${i}`, ...sh("sleep 1000")]),
      ),
    );
    await Bun.sleep(30 + round * 45);
    await daemon.kill("SIGKILL");
    await storm;
    await daemon.restart();
    const names = (await out(["ps", "-a", "--format", "{{.Names}}"])).split("\n").filter(Boolean);
    for (const name of names) {
      const inspected = await daemon.docker(["inspect", name]);
      expect(inspected.code).toBe(0);
      expect(["created", "running", "exited"]).toContain(JSON.parse(inspected.stdout)[0].State.Status);
    }
    if (names.length > 0) expect((await daemon.docker(["rm", "-f", ...names])).code).toBe(0);
  }
  expect(await out(["ps", "-aq"])).toBe("");
});

test("after a reboot (no process, no run directory) restart policies decide", async () => {
  await out(["run", "-d", "--restart", "unless-stopped", "--name", "up", ...sh("sleep 1000")]);
  await out(["run", "-d", "--restart", "unless-stopped", "--name", "stopped", ...sh("sleep 1000")]);
  await out(["stop", "-t", "0", "stopped"]);
  await out(["run", "-d", "--name", "plain", ...sh("sleep 1000")]);
  const pids = (await out(["inspect", "-f", "{{.State.Pid}}", "up", "plain"])).split("\n").map(Number);
  const monitors = await Promise.all(pids.map(parentOf));
  await daemon.kill("SIGKILL");
  for (const pid of [...monitors, ...pids]) process.kill(pid, "SIGKILL");
  await Bun.sleep(200);
  await Bun.$`umount -l ${daemon.execRoot}/netns/* 2>/dev/null`.nothrow().quiet();
  await rm(join(daemon.execRoot, "containers"), { recursive: true, force: true });
  await daemon.restart();
  await eventually(async () => (await state("up")).startsWith("running"));
  expect((await state("plain")).split(" ")[0]).toBe("exited");
  expect((await state("stopped")).split(" ")[0]).toBe("exited");
});

test("a second daemon on the same data root is refused in clear words", async () => {
  const second = Bun.spawn(
    [
      NARU,
      "daemon",
      "-H",
      `unix://${daemon.root}/second.sock`,
      "--data-root",
      daemon.dataRoot,
      "--exec-root",
      `${daemon.root}/exec2`,
    ],
    { stderr: "pipe", stdout: "pipe" },
  );
  const text = (await new Response(second.stderr).text()) + (await new Response(second.stdout).text());
  expect(await second.exited).not.toBe(0);
  expect(text).toContain(daemon.dataRoot);
  expect(text).toMatch(/in use|another|already/);
});

/** The parent's pid of a process: for a container's init, its monitor. */
async function parentOf(pid: number): Promise<number> {
  const stat = await Bun.file(`/proc/${pid}/stat`).text();
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}
