/** What the commands of `naru compose` print, beside docker compose on the same daemon and the same project. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DOCKER,
  eventually,
  importBusybox,
  NARU,
  type RunOptions,
  run,
  startDaemon,
  type TestDaemon,
} from "../support/daemon.ts";

let daemon: TestDaemon;
let root: string;
let folder: string;

const PROJECT = `
name: shop
services:
  web:
    image: busybox
    command: sh -c 'echo hello web; echo complaint >&2; exec sleep 1000'
    init: true
    stop_grace_period: 0s
    ports: ["127.0.0.1::80"]
    environment: {A: "1"}
    depends_on: [db]
  db:
    image: busybox
    command: sh -c 'echo start; exec sleep 1000'
    stop_grace_period: 0s
    volumes: [data:/data]
    scale: 2
  once:
    image: busybox
    command: "true"
  tool:
    image: busybox
    profiles: [tools]
volumes: {data: {}}
`;

const options = (given: RunOptions = {}): RunOptions => ({
  cwd: folder,
  ...given,
  env: { ...daemon.env, ...given.env },
});
const real = (words: string[], given?: RunOptions) => run([DOCKER, "compose", ...words], options(given));
const naru = (words: string[], given?: RunOptions) => run([NARU, "compose", ...words], options(given));

beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
  root = await mkdtemp(join(tmpdir(), "naru-compose-commands-"));
  folder = join(root, "shop");
  await mkdir(folder);
  await Bun.write(join(folder, "compose.yaml"), PROJECT);
  const up = await real(["up", "-d"]);
  expect(up.stderr).toContain("Container shop-web-1  Started");
  await eventually(async () => (await naru(["ps", "-aq", "--status", "exited"])).stdout !== "");
});
afterAll(async () => {
  await daemon?.stop();
  if (root) await rm(root, { recursive: true, force: true });
});

/** Words of which both must print the same and end with the same code. */
const SAME: [string, string[]][] = [
  ["ps", ["ps", "--format", "table {{.Name}}\t{{.Service}}\t{{.Image}}\t{{.Command}}\t{{.State}}\t{{.Ports}}"]],
  ["ps -a", ["ps", "-a", "--format", "{{.Name}} {{.ExitCode}} {{.Health}} {{.Publishers}} {{.Project}} {{.Names}}"]],
  ["ps -q", ["ps", "-q"]],
  ["ps --services", ["ps", "--services", "-a"]],
  ["ps of one service", ["ps", "db", "--format", "{{.Name}}"]],
  ["ps --status", ["ps", "--status", "exited", "--format", "{{.Name}}"]],
  ["ps --filter", ["ps", "--filter", "status=running", "--format", "{{.Name}}"]],
  ["ps of a service that is not there", ["ps", "nope"]],
  ["ps of no project", ["-p", "nobody", "ps"]],
  ["ls", ["ls"]],
  ["ls -a", ["ls", "-a"]],
  ["ls as JSON", ["ls", "-a", "--format", "json"]],
  ["ls --filter", ["ls", "--filter", "name=nobody", "-q"]],
  ["images -q", ["images", "-q", "web"]],
  ["port", ["port", "web", "80"]],
  ["volumes", ["volumes"]],
  ["volumes of a service", ["volumes", "-q", "web"]],
  ["volumes by a template", ["volumes", "--format", "{{.Name}} {{.Driver}} {{.Scope}}"]],
  ["exec", ["exec", "-T", "web", "echo", "hi"]],
  ["exec with an exit code", ["exec", "-T", "web", "sh", "-c", "exit 7"]],
  [
    "exec with user, folder and variable",
    ["exec", "-T", "-u", "1000", "-w", "/tmp", "-e", "B=2", "web", "sh", "-c", "id -u; pwd; echo $A $B"],
  ],
  ["exec in another container", ["exec", "-T", "--index", "2", "db", "hostname"]],
  ["exec in a container that is not there", ["exec", "-T", "--index", "9", "db", "true"]],
  ["exec in a service that is not there", ["exec", "-T", "nope", "true"]],
  ["logs of one container", ["logs", "--no-color", "--index", "1", "db"]],
  ["logs without names", ["logs", "--no-log-prefix", "--tail", "1", "once", "web"]],
  ["logs of a service that is not there", ["logs", "nope"]],
  ["build --print", ["build", "--print"]],
  ["config --services", ["config", "--images", "web"]],
];
test.each(SAME)("%s", async (_, words) => {
  const [theirs, ours] = await Promise.all([real(words), naru(words)]);
  expect({ code: ours.code, stdout: ours.stdout }).toEqual({ code: theirs.code, stdout: theirs.stdout });
  if (theirs.code !== 0) expect(ours.stderr.trim()).toBe(theirs.stderr.trim());
});

test("ps as JSON has docker compose's keys and values", async () => {
  const words = ["ps", "-a", "--format", "json"];
  const [theirs, ours] = await Promise.all([real(words), naru(words)]);
  const read = (text: string) => {
    const rows = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    // Times move on between the two, and docker compose's labels come in any order.
    return rows.map(({ RunningFor, Status, Labels, ...rest }) => ({
      ...rest,
      Labels: String(Labels).split(",").sort(),
    }));
  };
  expect(read(ours.stdout)).toEqual(read(theirs.stdout));
});

test("images shows what docker compose shows", async () => {
  const [theirs, ours] = await Promise.all([real(["images"]), naru(["images"])]);
  // The last column tells how long ago.
  const columns = (text: string) =>
    text.split("\n").map((line) => line.slice(0, line.search(/\S+ seconds? ago|Less than|CREATED/)));
  expect(columns(ours.stdout)).toEqual(columns(theirs.stdout));
});

test("top shows service, number and processes", async () => {
  const words = ["top", "web"];
  const [theirs, ours] = await Promise.all([real(words), naru(words)]);
  const columns = (text: string) => text.split("\n").map((line) => line.split(/\s+/).filter((_, index) => index !== 5));
  expect(columns(ours.stdout)).toEqual(columns(theirs.stdout));
});

test("stats shows the project's containers only", async () => {
  const { stdout } = await naru(["stats", "--no-stream", "--format", "{{.Name}}"]);
  expect(stdout.trim().split("\n").sort()).toEqual(["shop-db-1", "shop-db-2", "shop-web-1"]);
});

test("logs of several containers stand in the order of their times, names in one column", async () => {
  const { stdout } = await naru(["logs", "-t", "--no-color"]);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => /^(\S+) +\| (\S+) (.*)$/.exec(line)!);
  expect(lines.map(([, name]) => name).sort()).toEqual(["db-1", "db-2", "web-1", "web-1"]);
  const times = lines.map(([, , time]) => time!);
  expect(times).toEqual([...times].sort());
  expect(
    new Set(
      stdout
        .trim()
        .split("\n")
        .map((line) => line.indexOf("|")),
    ).size,
  ).toBe(1);
});

test("logs -f follows containers that start later, and ends when none runs", async () => {
  const child = Bun.spawn([NARU, "compose", "logs", "-f", "--no-color", "once"], {
    cwd: folder,
    env: { ...process.env, ...daemon.env },
    stdout: "pipe",
    stderr: "pipe",
  });
  // `once` has ended, so there is nothing to follow.
  expect(await child.exited).toBe(0);
});

test("exec hands standard input on", async () => {
  const { stdout } = await naru(["exec", "-T", "web", "cat"], { stdin: "through\n" });
  expect(stdout).toBe("through\n");
});

test("cp brings files into all containers of a service and out of one", async () => {
  await Bun.write(join(folder, "note"), "a note");
  expect((await naru(["cp", "note", "db:/tmp/note"])).code).toBe(0);
  for (const index of ["1", "2"]) {
    expect((await naru(["exec", "-T", "--index", index, "db", "cat", "/tmp/note"])).stdout).toBe("a note");
  }
  expect((await naru(["cp", "--index", "2", "db:/tmp/note", "back"])).code).toBe(0);
  expect(await Bun.file(join(folder, "back")).text()).toBe("a note");
  const piped = await naru(["cp", "-", "db:/tmp"], { stdin: new Uint8Array(1024) });
  expect(piped.stderr).toContain("add --index");
});

test("export and commit take the container of that number", async () => {
  const tar = await naru(["export", "--index", "2", "-o", join(root, "db.tar"), "db"]);
  expect(tar.code).toBe(0);
  expect((await run(["tar", "-tf", join(root, "db.tar")])).stdout).toContain("bin/busybox");
  const image = await naru(["commit", "-m", "kept", "web", "shop-kept"]);
  expect(image.stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
  expect((await naru(["--dry-run", "commit", "web", "other"])).stdout).toContain("shop-web-1");
});

test("events are told as lines and as JSON", async () => {
  const since = String(Math.floor(Date.now() / 1000));
  await naru(["exec", "-T", "web", "true"]);
  const until = String(Math.floor(Date.now() / 1000) + 1);
  const line = await naru(["events", "--since", since, "--until", until, "web"]);
  expect(line.stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} container exec_create: true /m);
  const json = await naru(["events", "--json", "--since", since, "--until", until]);
  const all = json.stdout
    .trim()
    .split("\n")
    .map((each) => JSON.parse(each) as Record<string, unknown>);
  const first = all.find(({ action, service }) => service === "web" && String(action).startsWith("exec_create")) ?? {};
  expect(Object.keys(first)).toEqual(["action", "attributes", "id", "service", "time", "type"]);
  expect(first.service).toBe("web");
  expect(JSON.stringify(first.attributes)).not.toContain("com.docker.compose");
});

test("port says what is published when it is another", async () => {
  const { code, stderr } = await naru(["port", "web", "81"]);
  expect(code).toBe(1);
  expect(stderr).toBe("no port 81/tcp for container shop-web-1: published are 80/tcp\n");
});

describe("by docker's names", () => {
  test("docker-compose", async () => {
    const link = join(root, "docker-compose");
    await symlink(NARU, link);
    expect((await run([link, "version", "--short"], options())).stdout).toBe("2.40.3\n");
    expect((await run([link, "ps", "-q", "web"], options())).stdout).toBe((await real(["ps", "-q", "web"])).stdout);
    // No daemon under this name.
    expect((await run([link, "daemon"], options())).stderr).toContain('unknown docker command: "compose daemon"');
  });

  test("docker's plugin, ended with docker when there is no terminal", async () => {
    const config = join(root, "config");
    await mkdir(join(config, "cli-plugins"), { recursive: true });
    await symlink(NARU, join(config, "cli-plugins/docker-compose"));
    const env = { DOCKER_CONFIG: config };
    const ours = (words: string[]) => run([DOCKER, ...words], options({ env }));
    expect((await ours(["compose", "version"])).stdout).toContain("naru");
    expect((await ours(["--context", "default", "compose", "ps", "-q"])).stdout).toBe(
      (await real(["ps", "-q"])).stdout,
    );
    expect((await ours(["compose", "exec", "-T", "web", "sh", "-c", "exit 7"])).code).toBe(7);
    const docker = Bun.spawn([DOCKER, "compose", "logs", "-f", "--no-color"], {
      cwd: folder,
      env: { ...process.env, ...daemon.env, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
    });
    // Ends only when docker and its plugin, which holds the other end too, have ended.
    const reader = docker.stdout.getReader();
    expect((await reader.read()).done).toBe(false);
    docker.kill("SIGINT");
    while (!(await reader.read()).done);
    await docker.exited;
  });
});

describe("refused in clear words", () => {
  const REFUSED: [string, string[], string][] = [
    ["an unknown command", ["pss"], 'unknown docker command: "compose pss"'],
    ["an unknown flag", ["ps", "--foo"], "unknown flag: --foo"],
    ["too few words", ["exec", "web"], "requires at least 2 arguments"],
    ["alpha", ["alpha", "viz"], "is not here: "],
    ["bridge", ["bridge", "convert"], "compose kube"],
    ["a format that there is not", ["ls", "--format", "xml"], "use table or json"],
    ["a value of --ansi", ["--ansi", "maybe", "ps"], "must be one of never, always, auto"],
    ["an unknown filter", ["ps", "--filter", "x=y"], "unknown filter x"],
  ];
  test.each(REFUSED)("%s", async (_, words, text) => {
    const { code, stderr } = await naru(words);
    expect(code).toBe(1);
    expect(stderr).toContain(text);
  });
});
