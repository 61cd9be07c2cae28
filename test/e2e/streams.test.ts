/** attach, exec, logs, stdin and terminals through the real docker client and naru's. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecInspect } from "../../src/model/container.ts";
import { DOCKER, eventually, importBusybox, NARU, startDaemon, type TestDaemon } from "../support/daemon.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
});
afterAll(() => daemon?.stop());

/** Runs a client on a pseudo terminal; `type` sends keys, `screen` is all that was printed. */
function onTerminal(client: "docker" | "naru", words: string[], columns = 80, rows = 24) {
  let screen = "";
  const child = Bun.spawn([client === "docker" ? DOCKER : NARU, ...words], {
    env: { ...process.env, ...daemon.env, TERM: "xterm" },
    terminal: {
      cols: columns,
      rows,
      data: (_terminal, bytes) => {
        screen += new TextDecoder().decode(bytes);
      },
    },
  });
  return {
    child,
    type: (keys: string) => child.terminal?.write(keys),
    resize: (newColumns: number, newRows: number) => child.terminal?.resize(newColumns, newRows),
    get screen() {
      return screen;
    },
    shows: (text: string | RegExp) =>
      eventually(() => (typeof text === "string" ? screen.includes(text) : text.test(screen))).catch(() => {
        throw new Error(`the terminal never showed ${text}; it shows:\n${screen}`);
      }),
  };
}

for (const client of ["docker", "naru"] as const) {
  const ask = async (...words: string[]) => daemon[client](words);
  describe(client, () => {
    test("run -it: a terminal with its size, resize, exit code", async () => {
      const t = onTerminal(client, ["run", "--rm", "-it", "busybox", "sh"], 90, 30);
      await t.shows("# ");
      t.type("stty size; tty\r");
      await t.shows(/30 90\r\n\/dev\/pts\/0/);
      t.resize(100, 40);
      t.type("until stty size | grep '^40.100'; do sleep 0.1; done\r");
      await t.shows("40 100");
      t.type("exit 5\r");
      expect(await t.child.exited).toBe(5);
    });

    test("detach keys leave the container running; attach comes back; several at once", async () => {
      const name = `keys-${client}`;
      const t = onTerminal(client, ["run", "-it", "--name", name, "busybox", "sh"]);
      await t.shows("# ");
      t.type("\x10\x11");
      expect(await t.child.exited).toBe(0);
      expect((await ask("inspect", "-f", "{{.State.Running}}", name)).stdout).toBe("true\n");
      const a = onTerminal(client, ["attach", name]);
      const b = onTerminal(client, ["attach", "--detach-keys", "ctrl-x", name]);
      // What is said before a client is there it does not show.
      await eventually(async () => {
        a.type("echo to-$((40+2))\r");
        await Bun.sleep(100);
        return [a, b].every(({ screen }) => screen.includes("to-42"));
      });
      b.type("\x18");
      // The client says "read escape sequence" and ends with 1, as the real one does on docker.
      expect(await b.child.exited).toBe(1);
      a.type("exit 3\r");
      expect(await a.child.exited).toBe(3);
      await ask("rm", name);
    });

    test("exec: output, exit codes, environment, user, working directory, stdin, terminal", async () => {
      const name = `exec-${client}`;
      await ask("run", "-d", "--name", name, "-e", "FROM_RUN=r", "busybox", "sleep", "1000");
      const sh = ["sh", "-c", "echo $FROM_RUN $FROM_EXEC $(pwd) $(id -u); echo err >&2; exit 9"];
      const result = await ask("exec", "-e", "FROM_EXEC=e", "-u", "1000", "-w", "/tmp", name, ...sh);
      expect(result).toEqual({ code: 9, stdout: "r e /tmp 1000\n", stderr: "err\n" });
      expect((await ask("exec", name, "nosuchcommand")).code).toBe(127);
      expect((await ask("exec", name, "/etc/passwd")).code).toBe(126);
      const piped = await daemon[client](["exec", "-i", name, "cat"], { stdin: "through\n" });
      expect(piped.stdout).toBe("through\n");
      const t = onTerminal(client, ["exec", "-it", name, "sh"], 70, 20);
      await t.shows("# ");
      t.type("stty size; exit 4\r");
      await t.shows("20 70");
      expect(await t.child.exited).toBe(4);
      const detached = await ask("exec", "-d", name, "touch", "/tmp/made");
      expect(detached).toEqual({ code: 0, stdout: "", stderr: "" });
      await eventually(async () => (await ask("exec", name, "ls", "/tmp")).stdout.includes("made"));
      await ask("rm", "-f", name);
    });

    test("logs: streams, tail, since, until, timestamps, follow", async () => {
      const name = `logs-${client}`;
      await ask(
        "run",
        "--name",
        name,
        "busybox",
        "sh",
        "-c",
        "for i in 1 2 3 4 5; do echo o$i; echo e$i >&2; sleep 0.02; done",
      );
      const all = await ask("logs", name);
      expect(all.stdout).toBe("o1\no2\no3\no4\no5\n");
      expect(all.stderr).toBe("e1\ne2\ne3\ne4\ne5\n");
      const tail = await ask("logs", "--tail", "2", name);
      // Which of the two pipes is read first is not promised.
      expect((tail.stdout + tail.stderr).trimEnd().split("\n")).toHaveLength(2);
      const stamped = (await ask("logs", "-t", name)).stdout.split("\n")[2]!;
      expect(stamped).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z o3$/);
      const since = await ask("logs", "--since", stamped.split(" ")[0]!, name);
      expect(since.stdout).toBe("o3\no4\no5\n");
      const until = await ask("logs", "--until", stamped.split(" ")[0]!, name);
      expect(until.stdout).toMatch(/^o1\no2\n(o3\n)?$/);
      expect((await ask("logs", "--tail", "0", name)).stdout).toBe("");
      const followed = `follow-${client}`;
      await ask("run", "-d", "--name", followed, "busybox", "sh", "-c", "for i in 1 2 3; do echo f$i; sleep 0.2; done");
      expect((await ask("logs", "-f", followed)).stdout).toBe("f1\nf2\nf3\n");
      expect((await ask("logs", "--tail", "2", followed)).stdout).toBe("f2\nf3\n");
      await ask("rm", name, followed);
    });

    test("long lines, binary bytes and much output arrive unharmed", async () => {
      const script = "head -c 300000 /dev/zero | tr '\\0' x; echo; printf '\\000\\377\\n'; seq 1 200000";
      const child = Bun.spawn([client === "docker" ? DOCKER : NARU, "run", "--rm", "busybox", "sh", "-c", script], {
        env: { ...process.env, ...daemon.env },
        stdout: "pipe",
      });
      const bytes = await new Response(child.stdout).bytes();
      const expected =
        300_001 + 3 + Array.from({ length: 200_000 }, (_, i) => String(i + 1).length + 1).reduce((a, b) => a + b);
      expect(bytes.length).toBe(expected);
      expect([...bytes.subarray(300_001, 300_004)]).toEqual([0, 255, 10]);
    });

    test("Ctrl-C reaches the process of run without -t", async () => {
      const child = Bun.spawn(
        [
          client === "docker" ? DOCKER : NARU,
          "run",
          "--rm",
          "busybox",
          "sh",
          "-c",
          "trap 'echo caught; exit 6' INT; echo ready; while :; do sleep 0.05; done",
        ],
        { env: { ...process.env, ...daemon.env }, stdout: "pipe", stderr: "pipe" },
      );
      const reader = child.stdout.getReader();
      expect(new TextDecoder().decode((await reader.read()).value)).toBe("ready\n");
      child.kill("SIGINT");
      expect(new TextDecoder().decode((await reader.read()).value)).toBe("caught\n");
      expect(await child.exited).toBe(6);
    });

    test("wait, events and cp", async () => {
      const name = `misc-${client}`;
      await ask("create", "--name", name, "busybox", "sh", "-c", "cat /root/in; exit 3");
      const copied = await daemon[client](["cp", "-", `${name}:/root`], { stdin: await tarOf("in", "copied in\n") });
      expect(copied.code).toBe(0);
      await ask("start", name);
      expect((await ask("wait", name)).stdout).toBe("3\n");
      expect((await ask("logs", name)).stdout).toBe("copied in\n");
      // docker's client cuts "0s" to a whole second: what happened in the present one lies behind it.
      await Bun.sleep(1000);
      const events = await ask(
        "events",
        "--since",
        "1h",
        "--until",
        "0s",
        "--filter",
        `container=${name}`,
        "--format",
        "{{.Action}}",
      );
      expect(events.stdout.split("\n").filter((a) => ["create", "start", "die"].includes(a))).toEqual([
        "create",
        "start",
        "die",
      ]);
      const back = await ask("cp", `${name}:/root/in`, "-");
      expect(back.stdout).toContain("copied in");
      await ask("rm", name);
    });

    test("cp from a running container: its files and volumes, nothing else that is mounted there", async () => {
      const name = `root-${client}`;
      await ask("run", "-d", "--name", name, "--tmpfs", "/scratch", "-v", "/data", "busybox", "sleep", "1000");
      await ask("exec", name, "sh", "-c", "echo live >/root/made; echo inside >/data/file; touch /scratch/hidden");
      await using root = new AsyncDisposableStack();
      const target = await mkdtemp(join(tmpdir(), "naru-cp-"));
      root.defer(() => rm(target, { recursive: true, force: true }));
      expect(await ask("cp", "-q", `${name}:/`, join(target, "all"))).toMatchObject({ code: 0, stderr: "" });
      const names = async (path: string) => await readdir(join(target, "all", path));
      expect(await names("proc")).toEqual([]);
      expect(await names("sys")).toEqual([]);
      expect(await names("scratch")).toEqual([]);
      expect(await names("dev")).not.toContain("null");
      expect(await readFile(join(target, "all/root/made"), "utf8")).toBe("live\n");
      expect(await readFile(join(target, "all/data/file"), "utf8")).toBe("inside\n");
      expect(await readFile(join(target, "all/etc/hosts"), "utf8")).toContain("localhost");
      const status = await daemon[client](["cp", `${name}:/proc/1/status`, "-"]);
      expect(status.code).toBe(1);
      expect(status.stderr).toContain(`Could not find the file /proc/1/status in container ${name}`);
      await daemon[client](["cp", "-", `${name}:/data`], { stdin: await tarOf("in", "copied in\n") });
      expect((await ask("exec", name, "cat", "/data/in")).stdout).toBe("copied in\n");
      await ask("rm", "-f", "-v", name);
    });
  });
}

async function tarOf(name: string, text: string): Promise<Uint8Array> {
  return new Bun.Archive({ [name]: text }).bytes();
}

test("a client whose connection breaks leaves no process that waits for its input", async () => {
  const { stdout } = await daemon.docker(["run", "-d", "busybox", "sleep", "1000"]);
  const request = { Cmd: ["cat"], AttachStdin: true, AttachStdout: true };
  const { Id } = (await (await daemon.api("POST", `/containers/${stdout.trim()}/exec`, request)).json()) as {
    Id: string;
  };
  const isRunning = async () => ((await (await daemon.api("GET", `/exec/${Id}/json`)).json()) as ExecInspect).Running;
  const body = JSON.stringify({ Detach: false, Tty: false });
  const head = `POST /exec/${Id}/start HTTP/1.1\r\nHost: naru\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n`;
  const client = await Bun.connect({ unix: daemon.socketPath, socket: { data() {} } });
  // What it leaves unread makes its end a reset.
  client.pause();
  client.write(`${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await eventually(isRunning);
  client.terminate();
  await eventually(async () => !(await isRunning()));
  await daemon.docker(["rm", "-f", stdout.trim()]);
});
