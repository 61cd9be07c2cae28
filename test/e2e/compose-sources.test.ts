// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of Compose files look like those of JavaScript
/** Commands of `naru compose` that have to do with sources and images: build, push, pull, run, watch, logs -f. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
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
import { startNaruRegistry } from "../support/naru-registry.ts";

let daemon: TestDaemon;
let root: string;
let folder: string;

const options = (given: RunOptions = {}): RunOptions => ({
  cwd: folder,
  ...given,
  env: { ...daemon.env, TOKEN: "geheim", ...given.env },
});
const naru = (words: string[], given?: RunOptions) => run([NARU, "compose", ...words], options(given));
const write = (path: string, text: string) => Bun.write(join(folder, path), text);

/** Starts a command that goes on; what it writes is gathered in `text`. */
function follow(words: string[]) {
  const child = Bun.spawn([NARU, "compose", ...words], {
    cwd: folder,
    env: { ...process.env, ...daemon.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const told = { text: "" };
  const gather = async (stream: ReadableStream<Uint8Array>) => {
    for await (const bytes of stream) told.text += new TextDecoder().decode(bytes);
  };
  const reading = Promise.all([gather(child.stdout), gather(child.stderr)]);
  return { child, told, ended: () => reading.then(() => child.exited) };
}

beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
  root = await mkdtemp(join(tmpdir(), "naru-compose-sources-"));
});
afterAll(async () => {
  await daemon?.stop();
  if (root) await rm(root, { recursive: true, force: true });
});

async function inFolder(name: string, yaml: string): Promise<void> {
  folder = join(root, name);
  await mkdir(folder, { recursive: true });
  await write("compose.yaml", yaml);
}

describe("build", () => {
  beforeAll(() =>
    inFolder(
      "made",
      `
services:
  web:
    build:
      context: ./web
      args: {LEVEL: "1", OPEN: }
      labels: {own: label}
      secrets: [token]
      tags: ["made-extra:1"]
      additional_contexts: {base: "service:base"}
      extra_hosts: ["elsewhere=10.0.0.9"]
    command: cat /told
  base:
    build: {context: ., dockerfile_inline: "FROM busybox\\nRUN echo base > /base\\n"}
  broken:
    profiles: [broken]
    build: {context: ., dockerfile_inline: "FROM busybox\\nRUN echo about to fail; exit 3\\n"}
  plain: {image: busybox}
secrets: {token: {environment: TOKEN}}
`,
    ),
  );
  beforeAll(async () => {
    await write(
      "web/Dockerfile",
      "FROM base\nARG LEVEL\nARG OPEN\nRUN --mount=type=secret,id=token (cat /base; echo $LEVEL $OPEN; cat /run/secrets/token; grep -c elsewhere /etc/hosts) > /told\n",
    );
  });

  test("the file for bake is docker compose's", async () => {
    const theirs = await run([DOCKER, "compose", "build", "--print"], options({ env: { OPEN: "2" } }));
    const ours = await naru(["build", "--print"], { env: { OPEN: "2" } });
    // docker compose's targets come in any order.
    const lines = (text: string) => text.replaceAll(",\n", "\n").split("\n").sort();
    expect(lines(ours.stdout)).toEqual(lines(theirs.stdout));
  });

  test("makes all images with one display, a service on another's image", async () => {
    const built = await naru(["build", "--build-arg", "LEVEL=3"], { env: { OPEN: "2" } });
    expect(built.code).toBe(0);
    expect(built.stderr).toMatch(/^#\d+ \[base 2\/2\] RUN echo base > \/base$/m);
    expect(built.stderr).toMatch(/^#\d+ \[web internal\] load build definition/m);
    expect(built.stderr).toContain(" made-web  Built\n");
    expect((await naru(["run", "--rm", "-T", "web"])).stdout).toBe("base\n3 2\ngeheim1\n");
    const [image] = JSON.parse((await daemon.naru(["image", "inspect", "made-extra:1"])).stdout) as [
      { Config: { Labels: object }; RepoTags: string[] },
    ];
    expect(image.Config.Labels).toMatchObject({
      own: "label",
      "com.docker.compose.service": "web",
      "com.docker.compose.project": "made",
    });
    expect(image.RepoTags.sort()).toEqual(["made-extra:1", "made-web:latest"]);
  });

  test("what fails is told with its last lines", async () => {
    const { code, stderr } = await naru(["build", "-q", "broken"]);
    expect(code).toBe(1);
    expect(stderr).toContain('target broken: failed to solve: process "/bin/sh -c echo about to fail; exit 3"');
    const loud = await naru(["build", "broken"]);
    expect(loud.stderr).toMatch(/ > \[broken 2\/2\][^\n]*\n\d+\.\d+ about to fail\n/);
  });

  test("--check looks for mistakes and builds nothing; --dry-run tells", async () => {
    await write("web/lint.Dockerfile", "from busybox AS x\nRUN echo\n");
    await write("lint.yaml", "services: {a: {build: {context: ./web, dockerfile: lint.Dockerfile}}}\n");
    const { code, stdout } = await naru(["-f", "lint.yaml", "build", "--check"]);
    expect(code).toBe(1);
    expect(stdout).toContain("FromAsCasing");
    expect((await naru(["--dry-run", "build", "base"])).stdout).toContain("Would build made-base for base");
  });

  test("Ctrl-C ends all builds and leaves nothing", async () => {
    const slow = (name: string) =>
      `${name}: {build: {context: ., dockerfile_inline: "FROM busybox\\nRUN sleep 7654\\n"}}`;
    await write("slow.yaml", `services:\n  ${slow("one")}\n  ${slow("two")}\n`);
    const building = follow(["-f", "slow.yaml", "--progress", "plain", "build", "--no-cache"]);
    const isRunning = () => /\] RUN sleep 7654/.test(building.told.text);
    await eventually(isRunning, 30_000);
    building.child.kill("SIGINT");
    expect(await building.ended()).toBe(130);
    await eventually(async () => !(await run(["ps", "-eo", "args"])).stdout.includes("sleep 7654"));
    expect(building.told.text).toContain("CANCELED");
  });

  test("a builder that there is not, and --no-rm, are refused", async () => {
    expect((await naru(["build", "--builder", "remote", "base"])).stderr).toContain("naru has one builder");
    expect((await naru(["build", "--no-rm"])).stderr).toContain("--no-rm cannot be");
  });
});

describe("push and pull", () => {
  test("what the project builds goes to its registry and comes back", async () => {
    await using registry = await startNaruRegistry();
    const name = `${registry.host}/team/made:1`;
    await inFolder(
      "moved",
      `
services:
  a: {image: "${name}", build: {context: ., dockerfile_inline: "FROM busybox\\nRUN echo 1 > /one\\n"}}
  b: {image: "${registry.host}/team/missing:1", profiles: [missing]}
  kept: {image: "${registry.host}/team/kept:1", pull_policy: never}
`,
    );
    expect((await naru(["build"])).code).toBe(0);
    const pushed = await naru(["--progress", "plain", "push"]);
    expect(pushed.stderr).toContain(" a Pushed\n");
    expect(pushed.stderr).toContain(" kept Skipped\n");
    await daemon.naru(["rmi", name]);
    const pulled = await naru(["--progress", "plain", "pull"]);
    expect(pulled.stderr).toContain(" a Pulled\n");
    expect((await daemon.naru(["image", "inspect", name])).code).toBe(0);
    expect((await naru(["pull", "--policy", "missing", "a"])).stderr).toContain("already present locally");
    expect((await naru(["pull", "--ignore-buildable", "a"])).stderr).toContain("Image can be built");
    const missing = await naru(["pull", "b"]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain("team/missing:1 not found");
    expect((await naru(["--profile", "missing", "pull", "--ignore-pull-failures"])).code).toBe(0);
    const json = await naru(["--progress", "json", "pull", "a"]);
    expect(
      json.stderr
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as object)
        .at(-1),
    ).toMatchObject({ id: "a", text: "Pulled" });
  });
});

describe("publish", () => {
  test("docker compose and naru read each other's projects from a registry", async () => {
    await using registry = await startNaruRegistry({ isTls: true, flags: ["--tls-self-signed", "127.0.0.1"] });
    const certificate = join(registry.root, "tls/certificate.pem");
    const config = join(root, "publish-config");
    await cp(daemon.env.DOCKER_CONFIG!, config, { recursive: true });
    await mkdir(join(config, "certs.d", registry.host), { recursive: true });
    await cp(certificate, join(config, "certs.d", registry.host, "ca.crt"));
    const env = { DOCKER_CONFIG: config, SSL_CERT_FILE: certificate, XDG_CACHE_HOME: join(root, "cache"), HOME: root };
    await inFolder("sent", 'services: {a: {image: busybox, environment: {A: "${LEVEL:-1}"}, command: echo sent}}\n');
    const docker = (words: string[]) => run([DOCKER, "compose", ...words], options({ env }));
    const [ours, theirs] = [`${registry.host}/team/ours:1`, `${registry.host}/team/theirs:1`];
    expect((await naru(["publish", ours], { env })).stderr).toContain("--with-env");
    expect((await naru(["publish", "--with-env", ours], { env })).code).toBe(0);
    expect((await docker(["publish", "-y", "--with-env", theirs])).code).toBe(0);
    const level = { ...env, LEVEL: "5" };
    const wanted = (await naru(["config"], { env: level })).stdout;
    const read = await run([DOCKER, "compose", "-f", `oci://${ours}`, "config"], options({ env: level }));
    expect(read.stdout).toBe(wanted);
    for (const address of [ours, theirs]) {
      expect((await naru(["-f", `oci://${address}`, "config"], { env: level })).stdout).toBe(wanted);
    }
    const missing = await naru(["-f", `oci://${registry.host}/team/nobody:1`, "config"], { env });
    expect(missing.stderr).toContain("manifest unknown");
  });

  test("what would be missing elsewhere is refused or asked about", async () => {
    await inFolder("kept-here", "services: {a: {build: .}}\n");
    expect((await naru(["publish", "127.0.0.1:1/x"])).stderr).toContain("build section only");
    await write("compose.yaml", "services: {a: {image: busybox, volumes: ['./here:/there']}}\n");
    const asked = await naru(["publish", "127.0.0.1:1/x"], { stdin: "n\n" });
    expect(asked.code).toBe(1);
    expect(asked.stdout).toContain("kept-here/here");
    expect((await naru(["--dry-run", "publish", "-y", "127.0.0.1:1/x"])).stdout).toBe(
      "Would publish compose.yaml to 127.0.0.1:1/x\n",
    );
    expect((await naru(["publish", "--app", "127.0.0.1:1/x"])).stderr).toContain("--app is not here");
  });
});

describe("run", () => {
  beforeAll(() =>
    inFolder(
      "single",
      `
services:
  job:
    image: busybox
    entrypoint: [echo]
    command: usual
    restart: always
    environment: {A: "1", B: "1"}
    ports: ["127.0.0.1::80"]
    depends_on: {db: {condition: service_healthy}}
  db:
    image: busybox
    command: sleep 1000
    stop_grace_period: 0s
    healthcheck: {test: ["CMD", "test", "-e", "/tmp"], interval: 1s, start_interval: 100ms, start_period: 10s}
  failing:
    image: busybox
    depends_on: {bad: {condition: service_completed_successfully}}
  bad: {image: busybox, command: sh -c 'echo no luck; exit 4'}
`,
    ),
  );

  test("starts what the service depends on, and takes the command's exit code", async () => {
    const end = await naru(["run", "--rm", "-T", "--entrypoint", "sh", "job", "-c", "exit 9"]);
    expect(end.code).toBe(9);
    expect((await naru(["ps", "--services"])).stdout).toBe("db\n");
    expect((await naru(["ps", "-aq", "job"])).stdout).toBe("");
  });

  test("flags change what the service says", async () => {
    await write("more.env", "C=3\n");
    const script = "echo $A $B $C $D; id -u; pwd; cat /made/compose.yaml | head -1";
    const words = [
      "-e",
      "B=2",
      "-e",
      "D=4",
      "--env-from-file",
      "more.env",
      "-u",
      "1000",
      "-w",
      "/tmp",
      "-v",
      `${folder}:/made:ro`,
    ];
    const end = await naru(["run", "--rm", "-T", ...words, "--entrypoint", "sh -c", "job", script]);
    expect(end.stdout).toBe("1 2 3 4\n1000\n/tmp\n\n");
    const { stdout } = await naru([
      "run",
      "-d",
      "-P",
      "-p",
      "127.0.0.1::81",
      "--name",
      "own-name",
      "-l",
      "x=y",
      "--entrypoint",
      "sleep",
      "job",
      "1000",
    ]);
    const [found] = JSON.parse((await daemon.naru(["inspect", stdout.trim()])).stdout) as [
      {
        Name: string;
        HostConfig: { PortBindings: object; RestartPolicy: { Name: string } };
        Config: { Labels: Record<string, string> };
      },
    ];
    expect(found.Name).toBe("/own-name");
    expect(Object.keys(found.HostConfig.PortBindings).sort()).toEqual(["80/tcp", "81/tcp"]);
    expect(found.HostConfig.RestartPolicy.Name).toBe("no");
    expect(found.Config.Labels).toMatchObject({ x: "y", "com.docker.compose.oneoff": "True" });
  });

  test("standard input goes in, standard error stays apart", async () => {
    const end = await naru(
      ["run", "--rm", "-q", "--no-deps", "--entrypoint", "sh", "job", "-c", "cat; echo wrong >&2"],
      { stdin: "in\n" },
    );
    expect(end).toEqual({ code: 0, stdout: "in\n", stderr: "wrong\n" });
  });

  test("a dependency that fails is told, and nothing is run", async () => {
    const end = await naru(["run", "--rm", "-T", "failing", "echo", "ran"]);
    expect(end.code).toBe(1);
    expect(end.stdout).toBe("");
    expect(end.stderr).toContain("bad");
  });
});

describe("attach", () => {
  test("connects with a service's container and takes its exit code", async () => {
    await inFolder(
      "talk",
      `
services:
  echo: {image: busybox, stdin_open: true, command: "sh -c 'read line; echo got $$line; exit 3'"}
`,
    );
    await naru(["up", "-d"]);
    const end = await naru(["attach", "echo"], { stdin: "hello\n" });
    expect(end).toMatchObject({ code: 3, stdout: "got hello\n" });
    expect((await naru(["attach", "echo"])).stderr).toContain('service "echo" is not running');
  });

  test("exec has a terminal where there is one", async () => {
    await inFolder("terminal", "services: {a: {image: busybox, command: sleep 1000, stop_grace_period: 0s}}\n");
    await naru(["up", "-d"]);
    const atTerminal = (words: string) =>
      run(["script", "-qec", `${NARU} compose exec ${words}`, "/dev/null"], options());
    expect((await atTerminal("a tty")).stdout).toContain("/dev/pts/");
    expect((await atTerminal("-T a tty")).stdout).toContain("not a tty");
    expect((await naru(["exec", "a", "tty"])).stdout).toBe("not a tty\n");
  });
});

describe("logs -f", () => {
  test("follows containers that start later, and ends with the last", async () => {
    await inFolder(
      "told",
      `
services:
  one: {image: busybox, command: sh -c 'echo first; exec sleep 1000', stop_grace_period: 0s}
  two: {image: busybox, command: sh -c 'echo second; exec sleep 1000', stop_grace_period: 0s}
`,
    );
    await naru(["up", "-d", "one"]);
    const { told, ended } = follow(["logs", "-f", "--no-color"]);
    await eventually(() => told.text.includes("first"));
    await naru(["up", "-d"]);
    await eventually(() => told.text.includes("second"));
    await naru(["stop"]);
    expect(await ended()).toBe(0);
    expect(told.text.split("\n").filter(Boolean).sort()).toEqual(["one-1  | first", "two-1  | second"]);
  });
});

describe("watch", () => {
  let watching: ReturnType<typeof follow>;
  const inside = async (...words: string[]) => (await naru(["exec", "-T", "--index", "2", "app", ...words])).stdout;

  beforeAll(async () => {
    await inFolder(
      "watched",
      `
services:
  app:
    build: {context: ., dockerfile_inline: "FROM busybox\\nCOPY level /level\\n"}
    command: sleep 1000
    stop_grace_period: 0s
    scale: 2
    develop:
      watch:
        - {path: ./src, action: sync, target: /app, ignore: ["*.log", "node_modules/"], initial_sync: true}
        - {path: ./conf/app.conf, action: sync+restart, target: /app.conf}
        - {path: ./hooked, action: sync+exec, target: /hooked, exec: {command: sh -c 'echo ran > /ran'}}
        - {path: ./level, action: rebuild}
`,
    );
    await write("level", "1");
    await write("src/early", "early");
    await write("conf/app.conf", "1");
    await write("hooked/a", "1");
    watching = follow(["watch", "--quiet"]);
    await eventually(() => watching.told.text.includes("Watch enabled"), 30_000);
  });
  afterAll(() => watching.child.kill("SIGKILL"));

  test("sync: files, folders made later, what goes away; ignored ones stay out", async () => {
    await write("src/sub/deep/file", "one");
    await write("src/noise.log", "noise");
    await write("src/node_modules/x", "x");
    await eventually(async () => (await inside("cat", "/app/sub/deep/file")) === "one");
    await write("src/sub/deep/file", "two");
    await eventually(async () => (await inside("cat", "/app/sub/deep/file")) === "two");
    await rename(join(folder, "src/sub"), join(folder, "src/moved"));
    await eventually(async () => (await inside("cat", "/app/moved/deep/file")) === "two");
    await eventually(async () => !(await inside("ls", "/app")).includes("sub"));
    expect((await inside("ls", "/app")).trim()).toBe("moved");
  });

  test("sync+restart and sync+exec", async () => {
    const started = async () =>
      (await daemon.naru(["inspect", "--format", "{{.State.StartedAt}}", "watched-app-2"])).stdout;
    const before = await started();
    // As editors do it: a new file in the old one's place.
    await write("conf/.app.conf.new", "2");
    await rename(join(folder, "conf/.app.conf.new"), join(folder, "conf/app.conf"));
    await eventually(async () => (await started()) !== before);
    await eventually(async () => (await inside("cat", "/app.conf")) === "2");
    await write("hooked/a", "2");
    await eventually(async () => (await inside("cat", "/ran")) === "ran\n");
  });

  test("rebuild: a new image, new containers, the old image gone", async () => {
    const images = async () =>
      (await daemon.naru(["images", "-aq", "--filter", "label=com.docker.compose.project=watched"])).stdout;
    await write("level", "2");
    await eventually(async () => (await inside("cat", "/level")) === "2", 30_000);
    await eventually(async () => (await images()).trim().split("\n").length === 1);
    expect(watching.told.text).toContain('service(s) ["app"] successfully built');
  });

  test("what fails is told and the watching goes on; Ctrl-C ends it", async () => {
    await rename(join(folder, "level"), join(folder, "level-away"));
    await eventually(() => watching.told.text.includes("Error: "), 30_000);
    await rename(join(folder, "level-away"), join(folder, "level"));
    await write("src/after", "after");
    await eventually(async () => (await inside("cat", "/app/after")) === "after", 30_000);
    watching.child.kill("SIGINT");
    expect(await watching.ended()).toBe(0);
  });

  test("services without develop.watch, and rules without sense, are refused", async () => {
    await inFolder("unwatched", "services: {a: {image: busybox, command: sleep 1000, stop_grace_period: 0s}}\n");
    expect((await naru(["watch", "--no-up"])).stderr).toContain("give one a develop.watch section");
    await inFolder("wrong", "services: {a: {image: busybox, develop: {watch: [{path: ., action: rebuild}]}}}\n");
    expect((await naru(["watch", "--no-up"])).stderr).toContain("rebuild needs a build section");
  });
});
