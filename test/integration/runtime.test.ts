/** The container runtime against the kernel: real containers with a busybox root file system. Needs root. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { chmod, copyFile, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MS, mount, unmount } from "../../src/linux/mount.ts";
import type { ContainerConfig, HostConfig } from "../../src/model/container.ts";
import type { ContainerProcess, ExecRequest, ExitStatus, StartRequest } from "../../src/runtime/contract.ts";
import { type CrunRuntime, createCrunRuntime } from "../../src/runtime/crun-runtime.ts";
import { ensureMonitorBinary } from "../../src/runtime/monitor-binary.ts";
import { eventually } from "../support/daemon.ts";

const base = mkdtempSync(join(tmpdir(), "naru-runtime-"));
const image = join(base, "image");
const instance = `test-${process.pid}`;
const APPLETS =
  "sh cat sleep id true false echo env pwd mount ls hostname stat tail head grep kill dd ps touch chmod stty mknod wc";
let runtime: CrunRuntime;
let count = 0;
const live = new Map<string, string>();

beforeAll(async () => {
  await mkdir(join(image, "bin"), { recursive: true });
  for (const name of ["etc", "tmp", "root", "proc", "sys", "dev", "home/ann"]) {
    await mkdir(join(image, name), { recursive: true });
  }
  await copyFile(Bun.which("busybox") ?? "/bin/busybox", join(image, "bin/busybox"));
  await Promise.all(APPLETS.split(" ").map((name) => symlink("busybox", join(image, "bin", name))));
  await writeFile(join(image, "etc/passwd"), "root:x:0:0::/root:/bin/sh\nann:x:1000:1001::/home/ann:/bin/sh\n");
  await writeFile(join(image, "etc/group"), "root:x:0:\nann:x:1001:\nstaff:x:50:ann\naudio:x:29:\n");
  await writeFile(join(image, "bin/garbage"), "no program\n");
  await writeFile(join(image, "bin/plain"), "text");
  await chmod(join(image, "bin/garbage"), 0o755);
  await chmod(join(image, "bin/plain"), 0o644);
  const monitorPath = await ensureMonitorBinary([base]);
  // NARU_TEST_RUNTIME=runc runs the same with the other runtime.
  runtime = await createCrunRuntime({
    execRoot: base,
    monitorPath,
    instance,
    runtimePath: process.env.NARU_TEST_RUNTIME,
  });
});

afterAll(async () => {
  for (const [id, runDir] of live) await runtime.delete(id, runDir).catch(console.error);
  await runtime.removeEmptyCgroupParent();
  await rm(base, { recursive: true, force: true });
});

interface Options {
  config?: ContainerConfig;
  hostConfig?: HostConfig;
  request?: Partial<StartRequest>;
}

interface Started {
  id: string;
  runDir: string;
  process: ContainerProcess;
  /** Decoded output so far. */
  output: { stdout: string; stderr: string; ended: Promise<void> };
  request: StartRequest;
}

async function makeRequest(command: string[], { config, hostConfig, request }: Options = {}) {
  const id = `${"0".repeat(50)}${String(++count).padStart(14, "0")}`;
  const runDir = join(base, "c", id);
  const layer = join(base, "layers", id);
  await mkdir(join(layer, "upper"), { recursive: true });
  await mkdir(join(layer, "work"), { recursive: true });
  const full: StartRequest = {
    id,
    runDir,
    config: { Cmd: command, Env: ["PATH=/bin"], ...config },
    hostConfig: { ...hostConfig },
    root: { lowerDirs: [image], upperDir: join(layer, "upper"), workDir: join(layer, "work") },
    mounts: [],
    hostname: "box",
    domainname: "",
    networkNamespace: undefined,
    log: { path: join(layer, "log"), maxSizeBytes: 0, maxFiles: 1 },
    cgroupPath: `${runtime.cgroupParent}/${id}`,
    ...request,
  };
  return full;
}

function collect() {
  const ended = Promise.withResolvers<void>();
  const output = { stdout: "", stderr: "", ended: ended.promise };
  const onOutput: StartRequest["onOutput"] = {
    onChunk: ({ stream, data }) => {
      output[stream] += new TextDecoder().decode(data);
    },
    onEnd: () => ended.resolve(),
  };
  return { output, onOutput };
}

async function start(command: string[], options: Options = {}): Promise<Started> {
  const { output, onOutput } = collect();
  const request = { ...(await makeRequest(command, options)), onOutput };
  const { id, runDir } = request;
  live.set(id, runDir);
  const process = await runtime.start(request);
  return { id, runDir, process, output, request };
}

async function run(command: string[], options: Options = {}): Promise<ExitStatus & { stdout: string; stderr: string }> {
  const started = await start(command, options);
  const status = await started.process.exited;
  await started.output.ended;
  await remove(started);
  return { ...status, stdout: started.output.stdout, stderr: started.output.stderr };
}

async function remove({ id, runDir }: { id: string; runDir: string }): Promise<void> {
  await runtime.delete(id, runDir);
  live.delete(id);
}

function execRequest({ id, runDir, process, request }: Started, command: string[], more: Partial<ExecRequest> = {}) {
  return {
    containerId: id,
    execId: `${++count}`.padStart(16, "e"),
    runDir,
    containerPid: process.pid,
    command,
    env: ["PATH=/bin"],
    workingDir: "",
    user: "",
    tty: false,
    openStdin: false,
    privileged: false,
    config: request.config,
    hostConfig: request.hostConfig,
    ...more,
  } satisfies ExecRequest;
}

async function exec(container: Started, command: string[], more: Partial<ExecRequest> = {}) {
  const { output, onOutput } = collect();
  const process = await runtime.exec({ ...execRequest(container, command, more), onOutput });
  const status = await process.exited;
  await output.ended;
  return { ...status, stdout: output.stdout, stderr: output.stderr };
}

const parentOf = (pid: number): number =>
  Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
/** Not the runtime, which may be about to end. */
const isMonitor = (pid: number): boolean => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("naru-monitor");
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(1);
}

const cgroupsOf = (id: string): string[] =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => join(line.split(" ")[4] ?? "", runtime.cgroupParent, id))
    .filter((path) => existsSync(path));

describe("start", () => {
  test("gives output, exit code and time, and leaves nothing", async () => {
    const started = await start(["sh", "-c", "echo out; echo err >&2; exit 7"]);
    const status = await started.process.exited;
    await started.output.ended;
    expect(status).toMatchObject({ exitCode: 7, oomKilled: false });
    expect(status.finishedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
    expect(started.output).toMatchObject({ stdout: "out\n", stderr: "err\n" });
    expect(cgroupsOf(started.id).length).toBeGreaterThan(0);
    await remove(started);
    await remove(started);
    expect(cgroupsOf(started.id)).toEqual([]);
    expect(existsSync(started.runDir)).toBe(false);
    expect(existsSync(join(base, runtime.info.name, started.id))).toBe(false);
  });

  test.each([
    [["sh", "-c", "sh -c 'kill -9 $$'; exit $?"], {}, 137, ""],
    [["id"], { config: { User: "ann" } }, 0, "uid=1000(ann) gid=1001(ann) groups=50(staff),1001(ann)\n"],
    [["id", "-G"], { config: { User: "ann:audio" }, hostConfig: { GroupAdd: ["staff", "77"] } }, 0, "29 50 77\n"],
    [["pwd"], { config: { WorkingDir: "/new/place" } }, 0, "/new/place\n"],
    [["hostname"], {}, 0, "box\n"],
    [["cat", "/proc/sys/kernel/domainname"], { request: { domainname: "example.org" } }, 0, "example.org\n"],
    [["sh", "-c", "echo $HOME"], { config: { User: "ann" } }, 0, "/home/ann\n"],
    [["sh", "-c", "touch /x"], { hostConfig: { ReadonlyRootfs: true } }, 1, ""],
    [["sh", "-c", "ulimit -n"], { hostConfig: { Ulimits: [{ Name: "nofile", Soft: 99, Hard: 100 }] } }, 0, "99\n"],
    [
      ["grep", "NoNewPrivs", "/proc/self/status"],
      { hostConfig: { SecurityOpt: ["no-new-privileges"] } },
      0,
      "NoNewPrivs:\t1\n",
    ],
    [["grep", "Seccomp:", "/proc/self/status"], {}, 0, "Seccomp:\t2\n"],
    [
      ["grep", "Seccomp:", "/proc/self/status"],
      { hostConfig: { SecurityOpt: ["seccomp=unconfined"] } },
      0,
      "Seccomp:\t0\n",
    ],
    [["grep", "CapEff", "/proc/self/status"], {}, 0, "CapEff:\t00000000a80425fb\n"],
    [
      ["grep", "CapEff", "/proc/self/status"],
      { hostConfig: { CapDrop: ["all"], CapAdd: ["CHOWN"] } },
      0,
      "CapEff:\t0000000000000001\n",
    ],
    [["sh", "-c", "ps | head -2 | tail -1 | grep -c docker-init"], { hostConfig: { Init: true } }, 0, "1\n"],
    [["sh", "-c", "cat /proc/kcore | head -c 1; echo x > /proc/sysrq-trigger"], {}, 1, ""],
    [["cat", "/proc/self/oom_score_adj"], { hostConfig: { OomScoreAdj: 77 } }, 0, "77\n"],
  ] as [string[], Options, number, string][])("%j with %j", async (command, options, exitCode, stdout) => {
    expect(await run(command, options)).toMatchObject({ exitCode, stdout });
  });

  test("mounts: volumes, read-only ones, tmpfs, shared memory", async () => {
    const source = join(base, "volume");
    await mkdir(source, { recursive: true });
    const mount = { source, readOnly: false, propagation: "", options: [], recursive: true };
    const script = "echo hi > /v/f && cat /ro/f && touch /ro/g; mount | grep -E ' (/t|/dev/shm) '";
    const result = await run(["sh", "-c", script], {
      hostConfig: { ShmSize: 1 << 20 },
      request: {
        mounts: [
          { ...mount, type: "bind", destination: "/v" },
          { ...mount, type: "bind", destination: "/ro", readOnly: true },
          { ...mount, type: "tmpfs", source: "", destination: "/t", options: ["size=1m"] },
        ],
      },
    });
    expect(result.stdout).toStartWith("hi\n");
    expect(result.stderr).toContain("Read-only file system");
    expect(result.stdout).toMatch(/tmpfs on \/t type tmpfs \(rw,nosuid,nodev,noexec,.*size=1024k/);
    expect(result.stdout).toMatch(/shm on \/dev\/shm type tmpfs \(rw,nosuid,nodev,noexec,.*size=1024k/);
  });

  test("slave and shared mounts see what the host mounts later", async () => {
    const source = join(base, "shared");
    await mkdir(join(source, "inner"), { recursive: true });
    const bind = { type: "bind" as const, source, readOnly: false, options: [], recursive: true };
    const isolated = { ...bind, destination: "/p", propagation: "rslave" };
    const refused = await runtime
      .start(await makeRequest(["true"], { request: { mounts: [isolated] } }))
      .catch((e) => e);
    expect(refused.message).toMatch(/^path .*shared is mounted on .* but it is not a shared or slave mount$/);
    mount({ type: "tmpfs", source: "tmpfs", target: source });
    try {
      mount({ type: "", source: "", target: source, flags: MS.SHARED });
      await mkdir(join(source, "inner"));
      await mkdir(join(source, "outer"));
      const mounts = [
        { ...bind, destination: "/slave", propagation: "rslave" },
        { ...bind, destination: "/both", propagation: "rshared" },
        { ...bind, destination: "/private", propagation: "" },
      ];
      const container = await start(["sleep", "1000"], { request: { mounts }, hostConfig: { Privileged: true } });
      mount({ type: "tmpfs", source: "host", target: join(source, "inner") });
      expect((await exec(container, ["mount"])).stdout.match(/^host on .*(?= type)/gm)?.sort()).toEqual([
        "host on /both/inner",
        "host on /slave/inner",
      ]);
      expect(await exec(container, ["mount", "-t", "tmpfs", "guest", "/both/outer"])).toMatchObject({ exitCode: 0 });
      expect(readFileSync("/proc/self/mounts", "utf8")).toContain(`guest ${source}/outer `);
      await remove(container);
    } finally {
      for (const path of [join(source, "outer"), join(source, "inner"), source]) unmount(path);
    }
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(source);
  });

  test("devices that were not given cannot be used", async () => {
    const script = "mknod /tmp/d c 10 235 && cat /tmp/d; cat /dev/mine | head -c 1 | wc -c";
    const Devices = [{ PathOnHost: "/dev/zero", PathInContainer: "/dev/mine", CgroupPermissions: "r" }];
    const { stdout, stderr } = await run(["sh", "-c", script], { hostConfig: { Devices } });
    expect(stdout).toBe("1\n");
    expect(stderr).toBe("cat: can't open '/tmp/d': Operation not permitted\n");
  });

  test("the filter is the same when crun is given a compiled one", async () => {
    // The second container of these gets the program that was compiled for the first.
    const attempt = ["sh", "-c", "mount -t tmpfs x /tmp; hostname other; grep Seccomp_filters /proc/self/status"];
    const hostConfig = { CapAdd: ["SYS_PTRACE"] };
    const [first, second] = [await run(attempt, { hostConfig }), await run(attempt, { hostConfig })];
    expect(second.stderr).toBe(first.stderr);
    expect(second.stderr).toContain("Operation not permitted");
    expect(second.stdout).toBe("Seccomp_filters:\t1\n");
  });

  test("privileged has the host's devices and the daemon's capabilities", async () => {
    const script =
      "ls /dev | grep -c loop; grep -E 'CapEff|Seccomp:' /proc/self/status; mount -t tmpfs x /tmp && echo mounted";
    const { stdout, stderr } = await run(["sh", "-c", script], { hostConfig: { Privileged: true } });
    const own = /^CapBnd:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    expect(stderr).toBe("");
    expect(stdout).toContain(`CapEff:\t${own}\nSeccomp:\t0\nmounted\n`);
  });

  test("stdin, and its end", async () => {
    const { process, output } = await start(["cat"], { config: { OpenStdin: true } });
    await process.writeStdin(new TextEncoder().encode("to the cat\n"));
    process.closeStdin();
    expect((await process.exited).exitCode).toBe(0);
    await output.ended;
    expect(output.stdout).toBe("to the cat\n");
  });

  test("a terminal has the size asked for", async () => {
    const options = { config: { Tty: true }, hostConfig: { ConsoleSize: [33, 99] as [number, number] } };
    expect((await run(["stty", "size"], options)).stdout).toBe("33 99\r\n");
  });
});

describe("a start that fails", () => {
  const prefix =
    "failed to create task for container: failed to create shim task: OCI runtime create failed: crun create failed: ";
  const process = `${prefix}unable to start container process: error during container init: `;
  const bind = { type: "bind" as const, readOnly: false, propagation: "", options: [], recursive: true };
  test.each([
    [["nosuch"], {}, "invalid", `${process}exec: "nosuch": executable file not found in $PATH`],
    [["/nosuch"], {}, "invalid", `${process}exec: "/nosuch": stat /nosuch: no such file or directory`],
    [["/bin/plain"], {}, "invalid", `${process}exec: "/bin/plain": permission denied`],
    [["/etc"], {}, "invalid", `${process}exec: "/etc": is a directory: permission denied`],
    [["true"], { config: { User: "bob" } }, "internal", "unable to find user bob: no matching entries in passwd file"],
    [
      ["true"],
      { config: { User: "0:bobs" } },
      "internal",
      "unable to find group bobs: no matching entries in group file",
    ],
    [
      ["true"],
      { config: { WorkingDir: "/etc/group" } },
      "invalid",
      /chdir to cwd \("\/etc\/group"\) .* not a directory/,
    ],
    [
      ["true"],
      { hostConfig: { Sysctls: { "kernel.foo": "1" } } },
      "internal",
      `${prefix}sysctl "kernel.foo" is not in a separate kernel namespace`,
    ],
    [
      ["true"],
      { hostConfig: { Devices: [{ PathOnHost: "/nosuch", PathInContainer: "", CgroupPermissions: "" }] } },
      "internal",
      /adding custom device "\/nosuch": no such file/,
    ],
    [
      ["true"],
      { request: { mounts: [{ ...bind, source: "/etc", destination: "/etc/passwd" }] } },
      "invalid",
      /error mounting "\/etc" to rootfs at "\/etc\/passwd": .*not a directory: Are you trying/,
    ],
    [["true"], { hostConfig: { SecurityOpt: ["seccomp=nonsense"] } }, "internal", /^Decoding seccomp profile failed: /],
    [[], {}, "invalid", "no command specified"],
  ] as [string[], Options, string, string | RegExp][])("%j with %j", async (command, options, kind, message) => {
    const request = await makeRequest(command, options);
    const error = await runtime.start(request).catch((thrown) => thrown);
    expect(error).toMatchObject({
      kind,
      message: typeof message === "string" ? message : expect.stringMatching(message),
    });
    expect(existsSync(request.runDir)).toBe(false);
    expect(cgroupsOf(request.id)).toEqual([]);
    // What the runtime complained about is not the container's output.
    if (request.log.path && existsSync(request.log.path)) expect(readFileSync(request.log.path, "utf8")).toBe("");
  });

  test("a file that is no program ends with 255 and says so", async () => {
    expect(await run(["garbage"])).toMatchObject({
      exitCode: 255,
      stderr: expect.stringContaining("Exec format error"),
    });
  });
});

describe("exec", () => {
  test("shares the container and its confinement", async () => {
    const container = await start(["sleep", "1000"], { hostConfig: { CapDrop: ["KILL"] } });
    const status = await exec(container, ["grep", "-E", "CapEff|Seccomp:", "/proc/self/status"]);
    expect(status).toMatchObject({ exitCode: 0, stdout: "CapEff:\t00000000a80425db\nSeccomp:\t2\n" });
    expect(await exec(container, ["id", "-un"], { user: "ann" })).toMatchObject({ stdout: "ann\n" });
    expect(
      await exec(container, ["sh", "-c", "pwd; echo $A; exit 3"], { workingDir: "/tmp", env: ["PATH=/bin", "A=b"] }),
    ).toMatchObject({
      exitCode: 3,
      stdout: "/tmp\nb\n",
    });
    expect(await exec(container, ["stty", "size"], { tty: true, consoleSize: [10, 20] })).toMatchObject({
      stdout: "10 20\r\n",
    });
    const own = /^CapBnd:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    const privileged = await exec(container, ["grep", "CapEff", "/proc/self/status"], { privileged: true });
    expect(privileged.stdout).toBe(`CapEff:\t${own}\n`);
    expect(await exec(container, ["garbage"])).toMatchObject({ exitCode: 255 });
    await remove(container);
  });

  test("failures speak Docker's words", async () => {
    const container = await start(["sleep", "1000"]);
    const prefix = "OCI runtime exec failed: exec failed: unable to start container process: ";
    const failures: [string[], Partial<ExecRequest>, string, string][] = [
      [["nosuch"], {}, "invalid", `${prefix}exec: "nosuch": executable file not found in $PATH`],
      [["/bin/plain"], {}, "invalid", `${prefix}exec: "/bin/plain": permission denied`],
      [
        ["true"],
        { workingDir: "/no" },
        "invalid",
        `${prefix}chdir to cwd ("/no") set in config.json failed: no such file or directory`,
      ],
      [
        ["true"],
        { workingDir: "no" },
        "internal",
        "OCI runtime exec failed: exec failed: Cwd must be an absolute path",
      ],
      [["true"], { user: "bob" }, "internal", "unable to find user bob: no matching entries in passwd file"],
    ];
    for (const [command, more, kind, message] of failures) {
      const error = await runtime.exec(execRequest(container, command, more)).catch((thrown) => thrown);
      expect(error).toMatchObject({ kind, message });
    }
    const { id: containerId, process } = container;
    const check = (user: string) => runtime.checkExecUser({ containerId, containerPid: process.pid, user });
    await check("ann:staff");
    const message = "unable to find user bob: no matching entries in passwd file";
    expect(await check("bob").catch((thrown) => thrown)).toMatchObject({ kind: "invalid", message });
    await remove(container);
    expect(await check("ann").catch((thrown) => thrown)).toMatchObject({ kind: "conflict" });
  });
});

describe("a running container", () => {
  test("is signalled, paused and continued", async () => {
    const container = await start(["sh", "-c", "trap 'exit 4' TERM; echo ready; while :; do sleep 0.01; done"]);
    await until(() => container.output.stdout === "ready\n");
    await runtime.pause(container.id);
    const pids = await runtime.listPids(container.id);
    expect(pids).toContain(container.process.pid);
    const states = pids.map((pid) => /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    expect(new Set(states)).toEqual(new Set(["D"]));
    await runtime.resume(container.id);
    await runtime.kill(container.id, container.runDir, 15);
    expect(await container.process.exited).toMatchObject({ exitCode: 4 });
    await runtime.kill(container.id, container.runDir, 15);
    await remove(container);
  });

  test("dies of SIGKILL also while it is paused", async () => {
    const container = await start(["sleep", "1000"]);
    await runtime.pause(container.id);
    await runtime.kill(container.id, container.runDir, 9);
    expect(await container.process.exited).toMatchObject({ exitCode: 137, oomKilled: false });
    await remove(container);
  });

  test("takes new limits", async () => {
    const MiB = 1 << 20;
    const container = await start(["sleep", "1000"], {
      hostConfig: { Memory: 32 * MiB, NanoCpus: 5e8, PidsLimit: 20 },
    });
    expect((await runtime.readStats(container.id)).memory.limit).toBe(32 * MiB);
    await runtime.update(container.id, { Memory: 128 * MiB, MemorySwap: 256 * MiB, PidsLimit: 30, CpuShares: 99 });
    await runtime.update(container.id, { Memory: 16 * MiB, MemorySwap: 16 * MiB });
    await runtime.update(container.id, { Memory: 64 * MiB, MemorySwap: -1 });
    const stats = await runtime.readStats(container.id);
    expect(stats).toMatchObject({ memory: { limit: 64 * MiB }, pids: { current: 1, limit: 30 } });
    expect(stats.memory.usage).toBeGreaterThan(0);
    expect(stats.cpu.totalNs).toBeGreaterThan(0);
    const error = await runtime.update(container.id, { CpusetCpus: "4000" }).catch((thrown) => thrown);
    expect(error.message).toContain("cannot set cpuset.cpus to 4000");
    await remove(container);
  });

  test("tells that memory ran out", async () => {
    const limits = { Memory: 8 << 20, MemorySwap: 8 << 20 };
    const status = await run(["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"], { hostConfig: limits });
    expect(status).toMatchObject({ exitCode: 137, oomKilled: true });
  });

  test("is removed together with what it started", async () => {
    const container = await start(["sh", "-c", "sleep 1000 & sleep 1000 & wait"]);
    await remove(container);
    expect(await container.process.exited).toMatchObject({ exitCode: 137 });
    expect(cgroupsOf(container.id)).toEqual([]);
  });
});

describe("a daemon that comes back", () => {
  const secondDaemon = async () =>
    createCrunRuntime({ execRoot: base, monitorPath: await ensureMonitorBinary([base]), instance });

  test("finds the live process", async () => {
    const container = await start(["sh", "-c", "read line; echo got $line; exit 5"], { config: { OpenStdin: true } });
    const other = await secondDaemon();
    const found = await other.reconnect(container.id, container.runDir);
    if (!found || !("pid" in found)) throw new Error("not found");
    expect(found.pid).toBe(container.process.pid);
    const { output, onOutput } = collect();
    found.subscribe(onOutput!.onChunk, onOutput!.onEnd);
    await found.writeStdin(new TextEncoder().encode("it\n"));
    expect(await found.exited).toMatchObject({ exitCode: 5 });
    await output.ended;
    expect(output.stdout).toBe("got it\n");
    await other.delete(container.id, container.runDir);
    expect(cgroupsOf(container.id)).toEqual([]);
    live.delete(container.id);
  });

  test("knows what is paused", async () => {
    const container = await start(["sleep", "1000"]);
    await runtime.pause(container.id);
    const other = await secondDaemon();
    const found = await other.reconnect(container.id, container.runDir);
    await other.kill(container.id, container.runDir, 9);
    if (!found || !("pid" in found)) throw new Error("not found");
    expect(await found.exited).toMatchObject({ exitCode: 137 });
    await other.delete(container.id, container.runDir);
    live.delete(container.id);
  });

  test("kills a container whose monitor is gone", async () => {
    const container = await start(["sleep", "1000"]);
    await until(() => isMonitor(parentOf(container.process.pid)));
    process.kill(parentOf(container.process.pid), "SIGKILL");
    expect(await container.process.exited).toMatchObject({ exitCode: 137, oomKilled: false });
    const other = await secondDaemon();
    expect(await other.reconnect(container.id, container.runDir)).toMatchObject({ exitCode: 137 });
    await remove(container);
    expect(cgroupsOf(container.id)).toEqual([]);
  });

  test("finds the record of one that has ended, and nothing of one that never was", async () => {
    const container = await start(["sh", "-c", "exit 6"]);
    await container.process.exited;
    await Bun.sleep(50);
    const other = await secondDaemon();
    expect(await other.reconnect(container.id, container.runDir)).toMatchObject({ exitCode: 6, oomKilled: false });
    await other.delete(container.id, container.runDir);
    expect(cgroupsOf(container.id)).toEqual([]);
    expect(await other.reconnect(container.id, container.runDir)).toBeUndefined();
    live.delete(container.id);
  });
});

test("what a daemon left that was killed while a seccomp filter was compiled is swept away", async () => {
  if (runtime.info.name !== "crun") return;
  const directory = join(base, "seccomp/compiler");
  const bundle = join(directory, "bundle");
  await mkdir(join(bundle, "rootfs"), { recursive: true });
  const config = {
    ociVersion: "1.0.2",
    process: { user: { uid: 0, gid: 0 }, args: ["/bin/sh"], env: [], cwd: "/" },
    root: { path: image },
    mounts: [{ destination: "/dev", type: "tmpfs", source: "tmpfs" }],
    linux: { namespaces: [{ type: "mount" }] },
  };
  await writeFile(join(bundle, "config.json"), JSON.stringify(config));
  const words = ["--cgroup-manager=disabled", "--root", join(directory, "state"), "create", "--bundle", bundle];
  const created = Bun.spawn([runtime.info.path, ...words, "seccomp"], { stdio: ["ignore", "ignore", "inherit"] });
  expect(await created.exited).toBe(0);
  const { pid } = JSON.parse(readFileSync(join(directory, "state/seccomp/status"), "utf8"));
  expect(existsSync(`/proc/${pid}/root`)).toBe(true);
  await runtime.sweep(new Set(live.keys()));
  expect(existsSync(directory)).toBe(false);
  await eventually(async () => !existsSync(`/proc/${pid}/root`));
});
