/** An upgrade: containers that another build's daemon and monitor started are taken over by this build's daemon. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, importBusybox, NARU, startDaemon, type TestDaemon } from "../support/daemon.ts";

let scratch: string;
let daemon: TestDaemon;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-upgrade-"));
  const other = join(scratch, "other-naru");
  await Bun.write(other, await withAnotherMonitor(NARU));
  await chmod(other, 0o755);
  daemon = await startDaemon({ executable: other });
  await importBusybox(daemon);
});
afterAll(async () => {
  await daemon?.stop();
  await rm(scratch, { recursive: true, force: true });
});

/** The executable with one word of its embedded C program changed: another build, whose monitor has another content. */
async function withAnotherMonitor(executable: string): Promise<Uint8Array> {
  const bytes = Buffer.from(await Bun.file(executable).arrayBuffer());
  const word = Buffer.from("Hello from naru");
  const at = bytes.indexOf(word);
  expect(at).toBeGreaterThan(0);
  bytes.write("HELLO from naru", at);
  return bytes;
}

const out = async (words: string[]) => (await daemon.docker(words)).stdout.trim();
const monitorOf = async (name: string) => {
  const pid = await out(["inspect", "-f", "{{.State.Pid}}", name]);
  const stat = await Bun.file(`/proc/${pid}/stat`).text();
  const parent = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
  return (await import("node:fs/promises")).readlink(`/proc/${parent}/exe`);
};

test("logs, exec, attach, stop and exit codes work across the change of builds", async () => {
  const script = "i=0; while read line; do echo got $line; [ $line = end ] && exit 9; done";
  await out(["create", "-i", "--name", "talks", "busybox", "sh", "-c", script]);
  await out(["start", "talks"]);
  await out([
    "run",
    "-d",
    "--name",
    "sleeps",
    "--stop-timeout",
    "1000",
    "-p",
    "127.0.0.1::80",
    "busybox",
    "sh",
    "-c",
    "echo up; exec httpd -f -h /var/www",
  ]);
  const oldMonitor = await monitorOf("talks");
  await daemon.kill("SIGKILL");
  await daemon.restart(NARU);
  await out(["run", "-d", "--name", "fresh", "busybox", "sleep", "1000"]);
  expect(await monitorOf("talks")).toBe(oldMonitor);
  expect(await monitorOf("fresh")).not.toBe(oldMonitor);

  const attached = await daemon.docker(["attach", "talks"], { stdin: "first\nend\n" });
  expect(attached).toMatchObject({ code: 9, stdout: "got first\ngot end\n" });
  expect(await out(["logs", "talks"])).toBe("got first\ngot end");
  expect(await out(["exec", "sleeps", "echo", "inside"])).toBe("inside");
  expect(await out(["logs", "sleeps"])).toBe("up");
  // It takes no notice of SIGTERM.
  await out(["stop", "-t", "1", "sleeps"]);
  await eventually(async () => (await out(["inspect", "-f", "{{.State.ExitCode}}", "sleeps"])) === "137");
});
