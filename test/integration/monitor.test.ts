/** naru-monitor with a real crun: output, logs, terminals, ends of all kinds, and survival of the daemon. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";
import {
  closeDescriptor,
  openSocketPair,
  receiveWithDescriptors,
  sendBytes,
} from "../../src/linux/descriptor-passing.ts";
import { MonitorConnection } from "../../src/runtime/monitor-connection.ts";
import { findHeldDescriptors } from "../../src/runtime/monitor-descriptors.ts";
import { findExitRecord } from "../../src/runtime/monitor-exit-record.ts";
import { PATIENCE } from "../support/patience.ts";
import { processorMsOf } from "../support/processor-time.ts";
import { BINARY, collector, MonitorFixture, runToEnd, type TestContainer } from "./monitor-fixture.ts";

let fixture: MonitorFixture;
beforeAll(async () => {
  fixture = await MonitorFixture.make();
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

interface LogLine {
  log: string;
  stream: string;
  time: string;
  attrs?: Record<string, string>;
}

async function logLines(path: string): Promise<LogLine[]> {
  const text = await readFile(path, "utf8");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000 * PATIENCE; !(await isTrue()); await Bun.sleep(5)) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
  }
}

async function start(container: TestContainer) {
  const output = collector();
  const connection = await MonitorConnection.spawn(container.options, output);
  const started = await connection.started;
  if (started.kind !== "started") throw new Error(`not started: ${JSON.stringify(started)}`);
  return { output, connection, pid: started.pid };
}

async function flushedSize(connection: MonitorConnection, logPath: string): Promise<boolean> {
  await connection.flushLog();
  return (await stat(logPath)).size > 0;
}

/** A monitor that finds mounts made for it alone: nothing shows on the host. */
async function inOwnMountNamespace(container: TestContainer, prepare: string): Promise<string> {
  const inner = join(container.directory, "prepare");
  await writeFile(inner, `#!/bin/sh\n${prepare} && exec ${BINARY} "$@"\n`, { mode: 0o755 });
  const outer = join(container.directory, "isolate");
  await writeFile(outer, `#!/bin/sh\nexec unshare --mount --propagation private ${inner} "$@"\n`, { mode: 0o755 });
  return outer;
}

describe("start and end", () => {
  test("both streams reach the subscriber, the log and the exit record", async () => {
    const container = await fixture.container({ command: ["sh", "-c", "echo out; echo err >&2; exit 7"] });
    const { output, exited } = await runToEnd(container);
    expect([output.stdout, output.stderr]).toEqual(["out\n", "err\n"]);
    expect(exited).toMatchObject({ code: 7, signal: 0 });
    expect(await findExitRecord(container.directory)).toMatchObject({ kind: "exited", code: 7, at: exited!.at });
    expect((await logLines(container.logPath)).map(({ log, stream }) => [stream, log]).sort()).toEqual([
      ["stderr", "err\n"],
      ["stdout", "out\n"],
    ]);
  });

  test("a killed process exits with 128 + signal", async () => {
    const container = await fixture.container({ command: ["sleep", "60"] });
    const { connection, pid } = await start(container);
    process.kill(pid, "SIGKILL");
    expect(await connection.exited).toMatchObject({ code: 137, signal: 9 });
  });

  test("a command that is not there is a failure of the runtime, told with its code", async () => {
    const container = await fixture.container({ command: ["no-such-command"] });
    const { started, exited } = await runToEnd(container);
    expect(started).toMatchObject({ kind: "failed", runtimeExitCode: 1, message: "crun exited with code 1" });
    expect(exited).toBeUndefined();
    expect(await findExitRecord(container.directory)).toMatchObject({ kind: "failed", runtimeExitCode: 1 });
  });

  test("a runtime that cannot be executed fails with -1 and the reason", async () => {
    const container = await fixture.container({
      command: ["true"],
      options: { runtimeCommand: ["/no/such/runtime", "run"] },
    });
    expect((await runToEnd(container)).started).toEqual({
      kind: "failed",
      runtimeExitCode: -1,
      message: "cannot execute /no/such/runtime: No such file or directory",
    });
  });

  const [kernel = 0, minor = 0] = release().split(".").map(Number);
  const hasSealedMounts = kernel > 5 || (kernel === 5 && minor >= 12);
  test.skipIf(!hasSealedMounts)("the runtime lies where nobody can write to it, and cannot change that", async () => {
    const report = join(fixture.directory, "report");
    // Without the mount the first fails by "Text file busy", and that only as long as the runtime runs.
    const script = `{ (: >/proc/self/exe); mount -o remount,bind,rw none /proc/$$/exe; } 2>"${report}"; exit 3`;
    const runtimeCommand = ["/usr/bin/busybox", "sh", "-c", script];
    const container = await fixture.container({ command: ["true"], options: { runtimeCommand } });
    const connection = await MonitorConnection.spawn(container.options, collector());
    expect(await connection.started).toMatchObject({ kind: "failed", runtimeExitCode: 3 });
    const lines = (await readFile(report, "utf8")).trimEnd().split("\n");
    expect(lines).toEqual([
      expect.stringContaining("Read-only file system"),
      expect.stringContaining("Invalid argument"),
    ]);
  });

  test("a runtime that is a script is run as well", async () => {
    const script = join(fixture.directory, "runtime.sh");
    await writeFile(script, "#!/bin/sh\nexit 4\n", { mode: 0o755 });
    const container = await fixture.container({ command: ["true"], options: { runtimeCommand: [script, "run"] } });
    const connection = await MonitorConnection.spawn(container.options, collector());
    expect(await connection.started).toMatchObject({ kind: "failed", runtimeExitCode: 4 });
  });

  test("a root that cannot be mounted fails with -1 and the reason", async () => {
    const container = await fixture.container({ command: ["true"] });
    container.options.root!.lowerDirs = ["/no/such/layer"];
    expect((await runToEnd(container)).started).toEqual({
      kind: "failed",
      runtimeExitCode: -1,
      message: "cannot open layer /no/such/layer: No such file or directory",
    });
  });

  test("a stranger that holds the pipe delays the news by a moment only", async () => {
    // An executed process whose child lives on in the container.
    const container = await fixture.container({ command: ["sleep", "60"] });
    const main = await start(container);
    const pidFile = join(container.directory, "exec.pid");
    const spec = join(container.directory, "exec.json");
    const command = ["sh", "-c", "sleep 1000 & echo done"];
    await writeFile(spec, JSON.stringify({ args: command, cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } }));
    const output = collector();
    const exec = await MonitorConnection.spawn(
      {
        binaryPath: BINARY,
        pidFile,
        hasStdin: false,
        isSubscribed: true,
        runtimeCommand: fixture.runtime("exec", "--detach", "--process", spec, "--pid-file", pidFile, container.id),
      },
      output,
    );
    expect(await exec.exited).toMatchObject({ code: 0 });
    await output.ended;
    // Though the program in the background still holds the pipes.
    expect(output.stdout).toBe("done\n");
    process.kill(main.pid, "SIGKILL");
    await main.connection.exited;
  });

  test("up to 200 layers are mounted", async () => {
    const layers: string[] = [];
    for (let i = 0; i < 200; i++) {
      const layer = join(fixture.directory, "many", `${i}-${"x".repeat(64)}`);
      await mkdir(layer, { recursive: true });
      await writeFile(join(layer, `file-${i}`), "");
      layers.push(layer);
    }
    const container = await fixture.container({ command: ["ls", "/file-0", "/file-199"] });
    container.options.root!.lowerDirs = [...layers, fixture.layer];
    const { output } = await runToEnd(container);
    expect(output.stdout).toBe("/file-0\n/file-199\n");
  });

  test("the root file system is reachable through the monitor and shows in no mount table of the host", async () => {
    const container = await fixture.container({ command: ["sh", "-c", "echo here > /made; sleep 60"] });
    const { connection, pid } = await start(container);
    const hello = await connection.hello;
    const path = `/proc/${hello!.monitorPid}/fd/${hello!.rootDescriptor}/made`;
    await until("the file is there", () => existsSync(path));
    expect(await readFile(path, "utf8")).toBe("here\n");
    expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(fixture.directory);
    // It leaves its own mount namespace a moment after the start.
    const monitorMounts = () => readFileSync(`/proc/${hello!.monitorPid}/mountinfo`, "utf8");
    await until("the monitor shares the host's mounts", () => !monitorMounts().includes(fixture.directory));
    process.kill(pid, "SIGKILL");
    await connection.exited;
  });
});

test("with keepsPropagation a mount made in a shared bind reaches the host, the root file system does not", async () => {
  const shared = join(fixture.directory, "shared");
  await mkdir(shared);
  const mayMount = ["CAP_SYS_ADMIN"];
  const container = await fixture.container({
    command: ["sh", "-c", "mount -t tmpfs inner /tmp/sub; echo $?; sleep 60"],
    configure: (config) => ({
      ...config,
      process: { ...config.process, capabilities: { bounding: mayMount, effective: mayMount, permitted: mayMount } },
      mounts: [...config.mounts, { destination: "/tmp", type: "bind", source: shared, options: ["rbind", "rshared"] }],
      linux: { ...config.linux, rootfsPropagation: "shared" },
    }),
  });
  container.options.root!.keepsPropagation = true;
  const mounts = `mount -t tmpfs outer ${shared} && mkdir ${shared}/sub && mount --make-shared ${shared}`;
  container.options.binaryPath = await inOwnMountNamespace(container, mounts);
  const { connection, output, pid } = await start(container);
  await until("it is mounted", () => output.stdout !== "");
  const { monitorPid } = (await connection.hello)!;
  const table = await readFile(`/proc/${monitorPid}/mountinfo`, "utf8");
  expect([output.stdout, output.stderr]).toEqual(["0\n", ""]);
  expect(table).toContain(`${shared}/sub `);
  expect(table).toContain(" - tmpfs inner ");
  expect(table).not.toContain(join(container.directory, "root"));
  process.kill(pid, "SIGKILL");
  await connection.exited;
});

describe("stdin and attach", () => {
  test("stdin is passed on with its end, through a window smaller than the data", async () => {
    const container = await fixture.container({ command: ["cat"], stdin: true });
    const { connection, output } = await start(container);
    const data = new Uint8Array(3_000_000).map((_, index) => 97 + (index % 26));
    await connection.writeStdin(data);
    connection.closeStdin();
    expect(await connection.exited).toMatchObject({ code: 0 });
    await output.ended;
    expect(output.stdout).toBe(new TextDecoder().decode(data));
  });

  test("a process that does not read its stdin holds writers back, and lets them go when it closes it", async () => {
    const container = await fixture.container({
      command: ["sh", "-c", "trap go=1 USR1; until [ $go ]; do sleep 0.02; done; exec <&-; sleep 0.3"],
      stdin: true,
    });
    const { connection, pid } = await start(container);
    let isWritten = false;
    const written = connection.writeStdin(new Uint8Array(1_000_000)).then(() => {
      isWritten = true;
    });
    await Bun.sleep(100);
    expect(isWritten).toBe(false);
    // It may not listen yet.
    const telling = setInterval(() => process.kill(pid, "SIGUSR1"), 20);
    await written.finally(() => clearInterval(telling));
    expect(await connection.exited).toMatchObject({ code: 0 });
  });

  test("a process that closes its stdin early costs no processor time", async () => {
    const container = await fixture.container({ command: ["sh", "-c", "exec <&-; exec sleep 1000"], stdin: true });
    let isClosed = false;
    const connection = await MonitorConnection.spawn(container.options, { onStdinClosed: () => (isClosed = true) });
    const started = await connection.started;
    const { monitorPid } = (await connection.hello)!;
    await Bun.sleep(400);
    expect(await processorMsOf(monitorPid)).toBeLessThan(100);
    if (started.kind === "started") process.kill(started.pid, "SIGKILL");
    expect(await connection.exited).toMatchObject({ code: 137 });
    expect(isClosed).toBe(true);
  });

  test("binary output arrives as it is", async () => {
    const container = await fixture.container({ command: ["cat"], stdin: true });
    const data = crypto.getRandomValues(new Uint8Array(50_000));
    const chunks: Uint8Array[] = [];
    const connection = await MonitorConnection.spawn(container.options, {
      onOutput: ({ data }) => void chunks.push(data),
    });
    await connection.writeStdin(data);
    connection.closeStdin();
    await connection.exited;
    await connection.closed;
    expect(Buffer.concat(chunks).equals(data)).toBe(true);
  });

  test("a slow subscriber loses nothing, and does not hold up the news of the end", async () => {
    const container = await fixture.container({ command: ["sh", "-c", "seq 600000; exit 3"] });
    const chunks: Uint8Array[] = [];
    const release = Promise.withResolvers<void>();
    const connection = await MonitorConnection.spawn(container.options, {
      onOutput: ({ data }) => {
        chunks.push(data);
        return release.promise;
      },
    });
    await connection.started;
    await Bun.sleep(300);
    // The window is 1 MiB of the 4 MB: the process is still writing.
    expect(await findExitRecord(container.directory)).toBeUndefined();
    expect((await stat(container.logPath)).size).toBeLessThan(30_000_000);
    release.resolve();
    expect(await connection.exited).toMatchObject({ code: 3 });
    await connection.closed;
    const text = Buffer.concat(chunks).toString();
    expect(text.length).toBe(4_088_895);
    expect(text.endsWith("\n600000\n")).toBe(true);
  });

  test("the end is told while a subscriber still sits on the output", async () => {
    const container = await fixture.container({ command: ["echo", "hi"] });
    const stuck = Promise.withResolvers<void>();
    const connection = await MonitorConnection.spawn(container.options, { onOutput: () => stuck.promise });
    expect(await connection.exited).toMatchObject({ code: 0 });
    stuck.resolve();
  });

  test("subscribe() tells the position in the log from which output follows", async () => {
    const container = await fixture.container({
      command: ["sh", "-c", "echo before; cat"],
      stdin: true,
      options: { isSubscribed: false },
    });
    const { connection, output } = await start(container);
    await until("the log has the line", () => flushedSize(connection, container.logPath));
    const position = await connection.subscribe();
    expect(position).toEqual({
      kind: "subscribed",
      logBytes: (await stat(container.logPath)).size,
      rotations: 0,
    } as never);
    await connection.writeStdin(Buffer.from("after\n"));
    connection.closeStdin();
    await connection.exited;
    await output.ended;
    expect(output.stdout).toBe("after\n");
  });

  test("a terminal: its size, resize, echo, and its end", async () => {
    const container = await fixture.container({
      command: ["sh", "-c", "stty size; read x; stty size; echo got $x; exit 5"],
      tty: true,
      stdin: true,
    });
    const { connection, output } = await start(container);
    expect((await connection.hello)!.hasTerminal).toBe(true);
    await until("the first size is told", () => output.stdout.includes("30 100"));
    connection.resize(50, 132);
    await connection.writeStdin(Buffer.from("hello\n"));
    expect(await connection.exited).toMatchObject({ code: 5 });
    await output.ended;
    expect(output.stdout).toBe("30 100\r\nhello\r\n50 132\r\ngot hello\r\n");
    expect(existsSync(join(container.directory, "console.sock"))).toBe(false);
  });
});

describe("surviving the daemon", () => {
  test("kill -9 of the parent: output goes to the log, a new daemon reconnects and learns the end", async () => {
    const container = await fixture.container({
      // Writes until it is told to end.
      command: ["sh", "-c", "i=0; until read -t 0.01 x; do echo line $i; i=$((i+1)); done; exit 9"],
      stdin: true,
    });
    const parent = Bun.spawn([process.execPath, join(import.meta.dir, "monitor-parent.ts")], {
      stdin: new Blob([JSON.stringify(container.options)]),
      stdout: "pipe",
    });
    for await (const chunk of parent.stdout) if (Buffer.from(chunk).includes("started")) break;
    parent.kill("SIGKILL");
    await parent.exited;
    const before = (await stat(container.logPath)).size;
    await until("the log has grown", async () => (await stat(container.logPath)).size > before);

    const connection = await MonitorConnection.find(container.directory);
    expect(await connection!.started).toMatchObject({ kind: "started" });
    await until("it writes on", async () => (await logLines(container.logPath)).length > 200);
    await connection!.writeStdin(Buffer.from("x\n"));
    expect(await connection!.exited).toMatchObject({ code: 9 });
    await connection!.closed;
    const lines = (await logLines(container.logPath)).map(({ log }) => log);
    expect(lines).toEqual(lines.map((_, index) => `line ${index}\n`));
    expect(await MonitorConnection.find(container.directory)).toBeUndefined();
    expect(existsSync(join(container.directory, "monitor.sock"))).toBe(false);
  });

  test("the monitor ignores the signals that end others", async () => {
    const container = await fixture.container({ command: ["sleep", "60"] });
    const { connection, pid } = await start(container);
    const { monitorPid } = (await connection.hello)!;
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const) process.kill(monitorPid, signal);
    expect(await connection.flushLog()).toMatchObject({ droppedLines: 0 });
    process.kill(pid, "SIGKILL");
    expect(await connection.exited).toMatchObject({ code: 137 });
  });

  test("several connections at once, and a run directory with a long path", async () => {
    const container = await fixture.container({ command: ["cat"], stdin: true });
    const directory = join(container.directory, "d".repeat(120));
    await mkdir(directory);
    container.options.directory = directory;
    const { connection, output } = await start(container);
    const second = collector();
    const other = await MonitorConnection.find(directory, second);
    await other!.subscribe();
    await connection.writeStdin(Buffer.from("a\n"));
    await until("both have it", () => output.stdout === "a\n" && second.stdout === "a\n");
    await other!.writeStdin(Buffer.from("b\n"));
    await until("both have it", () => output.stdout === "a\nb\n" && second.stdout === "a\nb\n");
    connection.close();
    other!.closeStdin();
    expect(await other!.exited).toMatchObject({ code: 0 });
  });

  test("held descriptors come back", async () => {
    const [ours, theirs] = openSocketPair("seqpacket");
    const container = await fixture.container({
      command: ["sh", "-c", "ls /proc/self/fd | tr '\\n' ' '; sleep 60"],
      options: { heldDescriptors: [theirs] },
    });
    const { connection, pid, output } = await start(container);
    closeDescriptor(theirs);
    const [held] = (await findHeldDescriptors(container.directory))!;
    sendBytes(held!, Buffer.from("through"));
    expect(Buffer.from(receiveWithDescriptors(ours)!.bytes).toString()).toBe("through");
    closeDescriptor(held!);
    closeDescriptor(ours);
    await until("the container has listed its descriptors", () => output.stdout !== "");
    expect(output.stdout).toBe("0 1 2 3 "); // 3 is the directory that ls reads
    process.kill(pid, "SIGKILL");
    await connection.exited;
    expect(await findHeldDescriptors(container.directory)).toBeUndefined();
  });
});

describe("the log", () => {
  test("lines over 16 KiB are cut as Docker cuts them; what JSON cannot hold is replaced", async () => {
    const container = await fixture.container({ command: ["cat"], stdin: true });
    const { connection } = await start(container);
    const text = Buffer.concat([
      Buffer.from(`${"a".repeat(16384)}\n${"b".repeat(40000)}\n\n`),
      Buffer.from([0, 8, 9, 12, 13, 27, 127, 0xff, 0xed, 0xa0, 0x80, 0xe2, 0x82, 10]),
      Buffer.from('<>&"\\\u2028 é 안 😀\nno newline at the end'),
    ]);
    await connection.writeStdin(text);
    connection.closeStdin();
    await connection.exited;
    const lines = await logLines(container.logPath);
    expect(lines.map(({ log }) => log.length)).toEqual([16384, 1, 16384, 16384, 7233, 1, 14, 14, 21]);
    expect(new Set(lines.slice(2, 5).map(({ time }) => time)).size).toBe(1);
    expect(lines[0]!.log).toBe("a".repeat(16384));
    expect(lines.at(-1)!.log).toBe("no newline at the end");
    const raw = (await readFile(container.logPath, "utf8")).split("\n");
    expect(raw[6]).toStartWith(
      '{"log":"\\u0000\\u0008\\u0009\\u000c\\r\\u001b\x7f\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\n","stream":"stdout","time":"',
    );
    expect(raw[7]).toStartWith('{"log":"\\u003c\\u003e\\u0026\\"\\\\\\u2028 é 안 😀\\n","stream":"stdout","time":"');
    expect(raw[0]).toMatch(/"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z"\}$/);
  });

  test("it rotates by size, keeps the files asked for, and no line is torn", async () => {
    const container = await fixture.container({ command: ["seq", "100"] });
    container.options.log = { path: container.logPath, maxSizeBytes: 1024, maxFiles: 3, attributes: { tag: "<x>" } };
    await runToEnd(container);
    const names = (await readdir(container.directory)).filter((name) => name.startsWith("json.log")).sort();
    expect(names).toEqual(["json.log", "json.log.1", "json.log.2"]);
    const lines: LogLine[] = [];
    for (const name of names.toReversed()) {
      expect((await stat(join(container.directory, name))).size).toBeLessThanOrEqual(1024);
      lines.push(...(await logLines(join(container.directory, name))));
    }
    const first = Number(lines[0]!.log);
    expect(lines.map(({ log }) => Number(log))).toEqual(
      Array.from({ length: 101 - first }, (_, index) => first + index),
    );
    expect(lines[0]!.attrs).toEqual({ tag: "<x>" });
  });

  test("with one file only it is emptied", async () => {
    const container = await fixture.container({ command: ["seq", "100"] });
    container.options.log = { path: container.logPath, maxSizeBytes: 1024, maxFiles: 1 };
    await runToEnd(container);
    expect((await logLines(container.logPath)).at(-1)!.log).toBe("100\n");
    expect(existsSync(`${container.logPath}.1`)).toBe(false);
  });

  test("reopenLog() goes on in a new file", async () => {
    const container = await fixture.container({ command: ["cat"], stdin: true });
    const { connection } = await start(container);
    await connection.writeStdin(Buffer.from("one\n"));
    await until("it is logged", () => flushedSize(connection, container.logPath));
    await rename(container.logPath, `${container.logPath}.moved`);
    connection.reopenLog();
    await connection.writeStdin(Buffer.from("two\n"));
    connection.closeStdin();
    await connection.exited;
    expect((await logLines(container.logPath)).map(({ log }) => log)).toEqual(["two\n"]);
  });

  test("a full disk costs lines, not the container; logging goes on when there is room", async () => {
    const disk = join(fixture.directory, "disk");
    await mkdir(disk);
    const container = await fixture.container({
      command: ["sh", "-c", "seq 20000; read x; echo after"],
      stdin: true,
    });
    const logPath = join(disk, "json.log");
    container.options.log = { path: logPath, maxSizeBytes: 0, maxFiles: 1 };
    container.options.binaryPath = await inOwnMountNamespace(container, `mount -t tmpfs -o size=64k tmpfs ${disk}`);
    const { connection, output } = await start(container);
    await until("all is said", () => output.stdout.endsWith("\n20000\n"));
    const { droppedLines } = await connection.flushLog();
    expect(droppedLines).toBeGreaterThan(15000);
    const inside = `/proc/${(await connection.hello)!.monitorPid}/root${logPath}`;
    const kept = await logLines(inside);
    expect(kept.length).toBe(20000 - droppedLines);
    await writeFile(inside, "");
    await Bun.sleep(150);
    await connection.writeStdin(Buffer.from("x\n"));
    connection.closeStdin();
    expect(await connection.exited).toMatchObject({ code: 0 });
    await output.ended;
    expect(output.stdout).toEndWith("after\n");
  });

  test("a million short lines flow through, and all are in the log", async () => {
    const container = await fixture.container({ command: ["seq", "1000000"], options: { isSubscribed: false } });
    await runToEnd(container);
    const text = await readFile(container.logPath, "utf8");
    expect(text.split("\n").length).toBe(1_000_001);
    expect(text).toContain('{"log":"1000000\\n"');
  });
});

describe("process 1 and hello", () => {
  test("docker-init passes signals on, buries orphans and exits as its child does", async () => {
    const container = await fixture.container({
      command: [
        "/docker-init",
        "--",
        "sh",
        "-c",
        "(sleep 0.05 &) ; trap 'exit 44' USR1; echo ready; while :; do sleep 0.02; done",
      ],
    });
    await Bun.write(join(container.directory, "upper/docker-init"), Bun.file(BINARY));
    await Bun.spawn(["chmod", "755", join(container.directory, "upper/docker-init")]).exited;
    const { connection, pid, output } = await start(container);
    await until("it listens", () => output.stdout === "ready\n");
    process.kill(pid, "SIGUSR1");
    expect(await connection.exited).toMatchObject({ code: 44 });
  });

  test("docker-init tells a missing command by 127 and a forbidden one by 126", async () => {
    const init = Bun.spawn([BINARY, "init", "--", "/no/such"], { stderr: "pipe" });
    expect(await init.exited).toBe(127);
    expect(await new Response(init.stderr).text()).toBe(
      "docker-init: cannot execute /no/such: No such file or directory\n",
    );
    expect(await Bun.spawn([BINARY, "init", "/etc"], { stderr: "ignore" }).exited).toBe(126);
  });

  test("hello says hello", async () => {
    const text = await new Response(Bun.spawn([BINARY, "hello"]).stdout).text();
    expect(text).toContain("Hello from naru!");
    expect(text).toContain("안녕하세요");
  });
});

test("nothing is left behind", async () => {
  const mounts = await readFile("/proc/self/mountinfo", "utf8");
  expect(mounts).not.toContain(fixture.directory);
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const command = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "");
    expect(command.startsWith(BINARY) && command.includes(fixture.directory)).toBe(false);
  }
});
