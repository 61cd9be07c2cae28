/** Things that break around the daemon: a full disk, processes killed at bad moments, a damaged state file. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, open, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, importBusybox, NARU, run, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { leftovers } from "../support/leftovers.ts";

let scratch: string;
let daemon: TestDaemon | undefined;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-faults-"));
});
afterEach(async () => {
  await daemon?.stop().finally(() => {
    daemon = undefined;
  });
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

async function startWithImage(options: Parameters<typeof startDaemon>[0] = {}): Promise<TestDaemon> {
  daemon = await startDaemon(options);
  await importBusybox(daemon);
  return daemon;
}
const lines = (text: string) => text.split("\n").filter(Boolean);

/** The processes whose parent is `pid`, with their command lines. */
async function childrenOf(pid: number): Promise<{ pid: number; command: string }[]> {
  const pids = lines((await run(["pgrep", "-P", String(pid)])).stdout).map(Number);
  return Promise.all(
    pids.map(async (child) => ({ pid: child, command: await Bun.file(`/proc/${child}/cmdline`).text() })),
  );
}
async function parentOf(pid: number): Promise<number> {
  const stat = await Bun.file(`/proc/${pid}/stat`).text();
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

describe("a full disk", () => {
  /** The data root is a small file system in a mount namespace that outlives the daemon, as long as a process `holder`. */
  const smallDisk = (holder: string) => `#!/bin/sh
for word; do [ "$last" = --data-root ] && root=$word; last=$word; done
if [ ! -s ${holder} ]; then
  mkdir -p "$root"
  unshare -m --propagation private sh -c 'mount -t tmpfs -o size=24m tmpfs "$0" && echo $$ >${holder} && exec sleep 1000' \
    "$root" </dev/null >/dev/null 2>&1 &
  until [ -s ${holder} ]; do sleep 0.02; done
fi
exec nsenter -t "$(cat ${holder})" -m ${NARU} "$@"
`;
  afterEach(async () => {
    const pid = Number(await Bun.file(join(scratch, "holder")).text());
    if (pid > 0) process.kill(pid, "SIGKILL");
  });

  test("is told in clear words, leaves nothing half-made, and is over when there is room again", async () => {
    const executable = join(scratch, "small-disk");
    await writeFile(executable, smallDisk(join(scratch, "holder")), { mode: 0o755 });
    const { docker, api, logText, kill, restart } = await startWithImage({ executable });
    await docker(["run", "-d", "--name", "brief", "busybox", "sleep", "1000"]);
    await docker(["run", "-d", "--name", "chatty", "busybox", "sh", "-c", "while :; do echo line; sleep 0.01; done"]);
    const filled = await docker(["run", "--name", "filler", "busybox", "sh", "-c", "cat /dev/zero >/fill"]);
    expect(filled.stderr).toContain("No space left on device");

    const tar = await run(["bash", "-c", `mkdir -p ${scratch}/t; head -c 4000000 /dev/urandom >${scratch}/t/f`]);
    expect(tar.code).toBe(0);
    const imported = await docker(["import", "-", "more"], {
      stdin: await Bun.$`tar -C ${scratch}/t -c .`.quiet().then(({ stdout }) => stdout),
    });
    expect(imported.code).not.toBe(0);
    expect(imported.stderr).toMatch(/no space left on device/i);
    // A few create requests may still fit into what is left of the last page.
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, i) => docker(["create", "--name", `extra${i}`, "busybox", "true"])),
    );
    for (const { code, stderr } of results) if (code !== 0) expect(stderr).toMatch(/no space left|disk is full/i);
    const known = lines((await docker(["ps", "-a", "--format", "{{.Names}}"])).stdout);
    for (const [i, { code }] of results.entries()) expect(known.includes(`extra${i}`)).toBe(code === 0);

    // A daemon that comes on the full disk starts, and knows what the one before could not write down.
    expect((await docker(["kill", "brief"])).stderr).toBe("");
    const ofBrief = async () =>
      (await docker(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "brief"])).stdout;
    await eventually(async () => (await ofBrief()) === "exited 137\n");
    await kill("SIGKILL");
    await restart();
    expect(await ofBrief()).toBe("exited 137\n");

    expect((await api("GET", "/_ping")).status).toBe(200);
    expect((await docker(["inspect", "-f", "{{.State.Running}}", "chatty"])).stdout).toBe("true\n");
    expect((await docker(["logs", "--tail", "1", "chatty"])).code).toBe(0);
    expect(await logText()).not.toContain("unexpected failure");

    const removed = await docker(["rm", "filler"]);
    expect(removed.stderr).toBe("");
    await eventually(async () => (await docker(["run", "--rm", "busybox", "echo", "room"])).stdout === "room\n");
    const seen = (await docker(["logs", "chatty"])).stdout.length;
    await eventually(async () => (await docker(["logs", "chatty"])).stdout.length > seen);
    expect((await docker(["images", "-q", "more"])).stdout).toBe("");
  });
});

describe("kill -9", () => {
  test("of the daemon in storms of every kind of change: whole records, nothing orphaned", async () => {
    const running = await startWithImage();
    const { docker } = running;
    const archive = join(scratch, "busybox.tar");
    expect((await docker(["save", "-o", archive, "busybox"])).code).toBe(0);
    const storm = (round: number) => [
      ...[0, 1, 2].map((i) => docker(["run", "-d", "--name", `run${round}-${i}`, "busybox", "sleep", "1000"])),
      ...[0, 1].map((i) => docker(["run", "--rm", "--name", `brief${round}-${i}`, "busybox", "true"])),
      docker(["import", archive, `imported${round}`]),
      docker(["load", "-i", archive]),
      docker(["create", "--name", `made${round}`, "-v", `volume${round}:/v`, "busybox"]),
      docker(["network", "create", `net${round}`]),
      ...(round > 0
        ? [docker(["rm", "-f", `run${round - 1}-0`, `made${round - 1}`]), docker(["stop", "-t0", `run${round - 1}-1`])]
        : []),
    ];
    for (let round = 0; round < 8; round++) {
      const commands = storm(round);
      await Bun.sleep(20 + Math.random() * 250);
      await running.kill("SIGKILL");
      await Promise.all(commands);
      await running.restart();
      const ids = lines((await docker(["ps", "-aq", "--no-trunc"])).stdout);
      for (const container of ids.length > 0 ? JSON.parse((await docker(["inspect", ...ids])).stdout) : []) {
        expect(["created", "running", "exited"]).toContain(container.State.Status);
        const isAlive = container.State.Pid > 0 && (await Bun.file(`/proc/${container.State.Pid}/stat`).exists());
        expect(isAlive).toBe(container.State.Running);
      }
      for (const image of lines((await docker(["images", "-q"])).stdout)) {
        const used = await docker(["run", "--rm", image, ...(round % 2 ? ["true"] : ["/bin/true"])]);
        if (used.code !== 0) expect(used.stderr).toContain("executable file not found");
      }
    }
    expect(await running.logText()).not.toContain(" error ");
    const ids = lines((await docker(["ps", "-aq"])).stdout);
    if (ids.length > 0) expect((await docker(["rm", "-f", "-v", ...ids])).stderr).toBe("");
    expect((await docker(["network", "prune", "-f"])).code).toBe(0);
    expect(await readdir(join(running.execRoot, "containers")).catch(() => [])).toEqual([]);
    expect(await readdir(join(running.dataRoot, "containers"))).toEqual([]);
    await running.kill("SIGTERM");
    await eventually(async () => (await leftovers(running)).length === 0).catch(() => {});
    expect(await leftovers(running)).toEqual([]);
  });

  test("of a monitor: its container is over, with 137, and so are its processes", async () => {
    const { docker } = await startWithImage();
    await docker(["run", "-d", "--name", "lost", "busybox", "sh", "-c", "sleep 1000 & sleep 1001 & wait"]);
    const pid = Number((await docker(["inspect", "-f", "{{.State.Pid}}", "lost"])).stdout);
    await eventually(async () => (await childrenOf(pid)).length === 2);
    const processes = [pid, ...(await childrenOf(pid)).map((child) => child.pid)];
    process.kill(await parentOf(pid), "SIGKILL");
    const state = "{{.State.Status}} {{.State.ExitCode}}";
    await eventually(async () => (await docker(["inspect", "-f", state, "lost"])).stdout === "exited 137\n");
    for (const each of processes) await eventually(async () => !(await Bun.file(`/proc/${each}/stat`).exists()));
    expect((await docker(["start", "lost"])).code).toBe(0);
  });

  test("of the namespace server: the next container gets a new one", async () => {
    const running = await startWithImage();
    const server = (await childrenOf(running.pid)).find(({ command }) => command.includes("--serve"));
    process.kill(server!.pid, "SIGKILL");
    for (let i = 0; i < 6; i++) {
      const result = await running.docker(["run", "--rm", "busybox", "ip", "-4", "-o", "addr", "show", "eth0"]);
      expect(result.stdout).toContain("inet ");
    }
  });
});

describe("a damaged state file", () => {
  test("is named, with what to do, and stays as it is", async () => {
    const running = await startWithImage();
    await running.kill("SIGTERM");
    const path = join(running.dataRoot, "state.db");
    const good = await Bun.file(path).bytes();
    const file = await open(path, "r+");
    await file.write(Buffer.alloc(100, "x"), 0, 100, 0);
    await file.close();
    const damaged = await Bun.file(path).bytes();
    const failure = await running.restart().then(
      () => "started",
      (error: Error) => error.message,
    );
    expect(failure).toContain(path);
    expect(failure).toContain("move it away");
    expect(Buffer.from(await Bun.file(path).bytes()).equals(Buffer.from(damaged))).toBe(true);
    await writeFile(path, good);
    await running.restart();
    expect((await running.docker(["run", "--rm", "busybox", "echo", "back"])).stdout).toBe("back\n");
  });
});
