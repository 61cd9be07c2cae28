/** Log drivers and their options, through the real docker client: rotation, compression, the mode non-blocking, attributes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { eventually, importBusybox, run, startDaemon, type TestDaemon } from "../support/daemon.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
});
afterAll(() => daemon?.stop());

const COUNT = ["sh", "-c", "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; done"];
const options = (...texts: string[]) => texts.flatMap((text) => ["--log-opt", text]);
const numbers = (text: string) => [...text.matchAll(/^line (\d+)$/gm)].map((match) => Number(match[1]));
const consecutive = (last: number, count: number) => Array.from({ length: count }, (_, i) => last - count + 1 + i);

async function inspect(name: string) {
  return JSON.parse((await daemon.docker(["inspect", name])).stdout)[0];
}
/** Every file of a container's log under its directory, sorted. */
async function logFiles(id: string, folder = ""): Promise<string[]> {
  const names = await readdir(join(daemon.dataRoot, "containers", id, folder));
  return names.filter((name) => /\.log/.test(name)).sort();
}

describe("compressed rotation", () => {
  test.each([
    ["json-file", "", ["compress=true"]],
    ["local", "local-logs", []],
  ])("%s: older files are gzipped and read like the others", async (driver, folder, more) => {
    const name = `packed-${driver}`;
    const limits = options("max-size=20k", "max-file=4", ...more);
    const done = await daemon.docker(["run", "--name", name, "--log-driver", driver, ...limits, "busybox", ...COUNT]);
    expect(done).toMatchObject({ code: 0, stderr: "" });
    const { Id: id, HostConfig, LogPath } = await inspect(name);
    expect(HostConfig.LogConfig.Type).toBe(driver);
    expect(LogPath === "").toBe(driver === "local");
    const base = driver === "local" ? "container.log" : `${id}-json.log`;
    await eventually(
      async () =>
        (await logFiles(id, folder)).join() ===
        [base, ".1.gz", ".2.gz", ".3.gz"].map((s, i) => (i === 0 ? s : base + s)).join(),
    );
    const packed = await readFile(join(daemon.dataRoot, "containers", id, folder, `${base}.2.gz`));
    expect(gunzipSync(packed).length).toBeLessThanOrEqual(20_000);

    const all = numbers((await daemon.docker(["logs", name])).stdout);
    expect(all.length).toBeGreaterThan(600);
    expect(all).toEqual(consecutive(3000, all.length));
    for (const count of [1, 10, all.length - 5]) {
      const tail = numbers((await daemon.docker(["logs", "--tail", String(count), name])).stdout);
      expect(tail).toEqual(consecutive(3000, count));
    }
    expect(numbers((await daemon.docker(["logs", "-f", name])).stdout)).toEqual(all);
  });

  test("a slow follower loses nothing while files are rotated and compressed behind it", async () => {
    const limits = options("max-size=20k", "max-file=50", "compress=true");
    const slowly = [
      "sh",
      "-c",
      "i=0; while [ $i -lt 6000 ]; do i=$((i+1)); echo line $i; [ $((i%300)) = 0 ] && sleep 0.1; done",
    ];
    await daemon.docker(["run", "-d", "--name", "followed", ...limits, "busybox", ...slowly]);
    const script = `"$0" logs -f followed | while read -r a b; do echo "$a $b"; case $b in *00) sleep 0.03;; esac; done`;
    const client = join(import.meta.dir, "../../.cache/clients/usr/bin/docker");
    const seen = await run(["bash", "-c", script, client], { env: daemon.env });
    expect(numbers(seen.stdout)).toEqual(consecutive(6000, 6000));
  });

  test("what cannot be read is told at the start in docker's words", async () => {
    for (const [driver, opts, words] of [
      ["json-file", ["compress=x"], 'strconv.ParseBool: parsing "x": invalid syntax'],
      [
        "json-file",
        ["compress=true", "max-size=10k"],
        "compress cannot be true when max-file is less than 2 or max-size is not set",
      ],
      ["json-file", ["max-size=0"], "max-size must be a positive number"],
      ["json-file", ["max-size=1k", "max-file=-1"], "max-file cannot be less than 1"],
      [
        "json-file",
        ["tag={{.Nonsense}}"],
        `template: log-tag:1:2: executing "log-tag" at <.Nonsense>: can't evaluate field Nonsense in type *logger.Info`,
      ],
      ["local", ["max-file=1"], "compression cannot be enabled when max file count is 1"],
      ["local", ["max-size=x"], "invalid value for max-size: x: invalid size: 'x'"],
      ["local", ["compress=x"], 'error reading compress log option: strconv.ParseBool: parsing "x": invalid syntax'],
    ] as const) {
      const started = await daemon.docker([
        "run",
        "--rm",
        "--log-driver",
        driver,
        ...options(...opts),
        "busybox",
        "true",
      ]);
      expect(started.code).toBe(125);
      expect(started.stderr).toContain(
        `failed to create task for container: failed to initialize logging driver: ${words}`,
      );
    }
    for (const [driver, opts, words] of [
      ["local", ["tag=a"], "unknown log opt 'tag' for log driver local"],
      ["json-file", ["mode=x"], "logger: logging mode not supported: x"],
      [
        "json-file",
        ["max-buffer-size=1m"],
        "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
      ],
      [
        "json-file",
        ["mode=non-blocking", "max-buffer-size=x"],
        "error parsing option max-buffer-size: invalid size: 'x'",
      ],
      ["syslog", [], "naru does not have the log driver 'syslog': use json-file, local or none"],
      ["nonsense", [], 'error looking up logging plugin nonsense: plugin "nonsense" not found'],
    ] as const) {
      const created = await daemon.docker(["create", "--log-driver", driver, ...options(...opts), "busybox", "true"]);
      expect(created.code).toBe(1);
      expect(created.stderr).toContain(words);
    }
  });
});

test("labels, variables and the tag stand beside each line and are shown by --details", async () => {
  const chosen = options("labels=team", "env=STAGE", "labels-regex=^x-", "tag={{.Name}}/{{.ImageName}}/{{.ID}}");
  const given = ["--label", "team=a b", "--label", "x-y=z", "--label", "other=o", "-e", "STAGE=test"];
  await daemon.docker(["run", "--name", "tagged", ...given, ...chosen, "busybox", "echo", "hi"]);
  const { Id, LogPath } = await inspect("tagged");
  const tag = `tagged/busybox/${Id.slice(0, 12)}`;
  const line = JSON.parse((await readFile(LogPath, "utf8")).split("\n")[0]!);
  expect(line.attrs).toEqual({ STAGE: "test", tag, team: "a b", "x-y": "z" });
  const details = await daemon.docker(["logs", "--details", "tagged"]);
  expect(details.stdout).toBe(`STAGE=test,tag=${tag.replaceAll("/", "%2F")},team=a+b,x-y=z hi\n`);
});

describe("mode non-blocking", () => {
  /** The process that writes this container's log, beside its monitor. */
  async function writerOf(name: string): Promise<number> {
    const pid = (await inspect(name)).State.Pid;
    const monitor = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /s, "").split(" ")[1];
    const children = (await run(["pgrep", "-P", String(monitor), "-x", "naru-log"])).stdout.trim();
    return Number(children);
  }

  test("a disk that stalls never stalls the container: what fits into the buffer is kept, the rest is lost", async () => {
    const settings = options("mode=non-blocking", "max-buffer-size=64k");
    const script =
      "while [ ! -e /go ]; do sleep 0.05; done; yes 'a line of some length, many times over' | head -n 200000; touch /done; sleep 1000";
    await daemon.docker([
      "run",
      "-d",
      "--name",
      "stalled",
      ...settings,
      "busybox",
      "sh",
      "-c",
      `echo first; ${script}`,
    ]);
    await eventually(async () => (await daemon.docker(["logs", "stalled"])).stdout === "first\n");
    const writer = await writerOf("stalled");
    expect(writer).toBeGreaterThan(1);
    process.kill(writer, "SIGSTOP");
    try {
      await daemon.docker(["exec", "stalled", "touch", "/go"]);
      await eventually(
        async () => (await daemon.docker(["exec", "stalled", "test", "-e", "/done"])).code === 0,
        20_000,
      );
    } finally {
      process.kill(writer, "SIGCONT");
    }
    await eventually(async () => (await daemon.docker(["logs", "stalled"])).stdout.length > 10_000);
    const kept = (await daemon.docker(["logs", "stalled"])).stdout.split("\n").filter(Boolean);
    expect(kept.length).toBeLessThan(200_000);
    expect(kept[0]).toBe("first");
    await eventually(async () => {
      // Until the buffer is empty again a line may still be lost.
      await daemon.docker(["exec", "stalled", "sh", "-c", "echo after >/proc/1/fd/1"]);
      return (await daemon.docker(["logs", "--tail", "1", "stalled"])).stdout === "after\n";
    });
    await daemon.docker(["rm", "-f", "stalled"]);
    await eventually(
      async () =>
        !(await stat(`/proc/${writer}`).then(
          () => true,
          () => false,
        )),
    );
  });

  test("with a disk that works every line arrives, in order, and the end comes after them", async () => {
    const settings = options("mode=non-blocking", "max-buffer-size=8m", "max-size=50k", "max-file=9", "compress=true");
    await daemon.docker(["run", "--name", "queued", ...settings, "busybox", ...COUNT]);
    expect(numbers((await daemon.docker(["logs", "queued"])).stdout)).toEqual(consecutive(3000, 3000));
  });
});
