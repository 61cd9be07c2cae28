/** Commands of `naru compose` that stay with containers: run, attach, exec at a terminal, logs -f, watch. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { ComposeFolders } from "../support/compose-folders.ts";
import { eventually, NARU, run } from "../support/daemon.ts";

let project: ComposeFolders;
beforeAll(async () => {
  project = await ComposeFolders.open();
});
afterAll(() => project?.stop());

describe("run", () => {
  beforeAll(() =>
    project.use(
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
    const end = await project.naru(["run", "--rm", "-T", "--entrypoint", "sh", "job", "-c", "exit 9"]);
    expect(end.code).toBe(9);
    expect((await project.naru(["ps", "--services"])).stdout).toBe("db\n");
    expect((await project.naru(["ps", "-aq", "job"])).stdout).toBe("");
  });

  test("flags change what the service says", async () => {
    await project.write("more.env", "C=3\n");
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
      `${project.folder}:/made:ro`,
    ];
    const end = await project.naru(["run", "--rm", "-T", ...words, "--entrypoint", "sh -c", "job", script]);
    expect(end.stdout).toBe("1 2 3 4\n1000\n/tmp\n\n");
    const { stdout } = await project.naru([
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
    const [found] = JSON.parse((await project.daemon.naru(["inspect", stdout.trim()])).stdout) as [
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
    const end = await project.naru(
      ["run", "--rm", "-q", "--no-deps", "--entrypoint", "sh", "job", "-c", "cat; echo wrong >&2"],
      { stdin: "in\n" },
    );
    expect(end).toEqual({ code: 0, stdout: "in\n", stderr: "wrong\n" });
  });

  test("a dependency that fails is told, and nothing is run", async () => {
    const end = await project.naru(["run", "--rm", "-T", "failing", "echo", "ran"]);
    expect(end.code).toBe(1);
    expect(end.stdout).toBe("");
    expect(end.stderr).toContain("bad");
  });
});

describe("attach", () => {
  test("connects with a service's container and takes its exit code", async () => {
    await project.use(
      "talk",
      `
services:
  echo: {image: busybox, stdin_open: true, command: "sh -c 'read line; echo got $$line; exit 3'"}
`,
    );
    await project.naru(["up", "-d"]);
    const end = await project.naru(["attach", "echo"], { stdin: "hello\n" });
    expect(end).toMatchObject({ code: 3, stdout: "got hello\n" });
    expect((await project.naru(["attach", "echo"])).stderr).toContain('service "echo" is not running');
  });

  test("exec has a terminal where there is one", async () => {
    await project.use("terminal", "services: {a: {image: busybox, command: sleep 1000, stop_grace_period: 0s}}\n");
    await project.naru(["up", "-d"]);
    const atTerminal = (words: string) =>
      run(["script", "-qec", `${NARU} compose exec ${words}`, "/dev/null"], project.options());
    expect((await atTerminal("a tty")).stdout).toContain("/dev/pts/");
    expect((await atTerminal("-T a tty")).stdout).toContain("not a tty");
    expect((await project.naru(["exec", "a", "tty"])).stdout).toBe("not a tty\n");
  });
});

describe("logs -f", () => {
  test("follows containers that start later, and ends with the last", async () => {
    await project.use(
      "told",
      `
services:
  one: {image: busybox, command: sh -c 'echo first; exec sleep 1000', stop_grace_period: 0s}
  two: {image: busybox, command: sh -c 'echo second; exec sleep 1000', stop_grace_period: 0s}
`,
    );
    await project.naru(["up", "-d", "one"]);
    const { told, ended } = project.follow(["logs", "-f", "--no-color"]);
    await eventually(() => told.text.includes("first"));
    await project.naru(["up", "-d"]);
    await eventually(() => told.text.includes("second"));
    await project.naru(["stop"]);
    expect(await ended()).toBe(0);
    expect(told.text.split("\n").filter(Boolean).sort()).toEqual(["one-1  | first", "two-1  | second"]);
  });
});

describe("up --menu", () => {
  test("keys switch watching, mark a line and detach", async () => {
    await project.use(
      "menu",
      `
services:
  app:
    image: busybox
    command: sh -c 'echo started; exec sleep 1000'
    stop_grace_period: 0s
    develop: {watch: [{path: ./src, action: sync, target: /app}]}
`,
    );
    await project.write("src/one", "1");
    const child = Bun.spawn(["script", "-qec", `${NARU} compose up --menu`, "/dev/null"], {
      cwd: project.folder,
      env: { ...process.env, ...project.daemon.env, NO_COLOR: "1" },
      stdin: "pipe",
      stdout: "pipe",
    });
    let screen = "";
    const reading = (async () => {
      for await (const bytes of child.stdout) screen += new TextDecoder().decode(bytes);
    })();
    const press = (key: string) => {
      child.stdin.write(key);
      child.stdin.flush();
    };
    try {
      await eventually(() => screen.includes("w Enable Watch   d Detach"), 30_000);
      await eventually(() => screen.includes("app-1  | started"), 30_000);
      press("w");
      await eventually(() => screen.includes("Watch enabled") && screen.includes("w Disable Watch"), 30_000);
      await project.write("src/two", "2");
      const inside = () => project.naru(["exec", "-T", "app", "cat", "/app/two"]);
      await eventually(async () => (await inside()).stdout === "2", 30_000);
      press("w");
      await eventually(() => screen.includes("Watch disabled"), 30_000);
      press("d");
      await reading;
      expect(await child.exited).toBe(0);
    } finally {
      child.kill("SIGKILL");
    }
    expect((await project.naru(["ps", "--services"])).stdout).toBe("app\n");
  });
});

describe("watch", () => {
  let watching: ReturnType<ComposeFolders["follow"]>;
  const inside = async (...words: string[]) =>
    (await project.naru(["exec", "-T", "--index", "2", "app", ...words])).stdout;

  beforeAll(async () => {
    await project.use(
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
    await project.write("level", "1");
    await project.write("src/early", "early");
    await project.write("conf/app.conf", "1");
    await project.write("hooked/a", "1");
    watching = project.follow(["watch", "--quiet"]);
    await eventually(() => watching.told.text.includes("Watch enabled"), 30_000);
  });
  afterAll(() => watching.child.kill("SIGKILL"));

  test("sync: files, folders made later, what goes away; ignored ones stay out", async () => {
    await project.write("src/sub/deep/file", "one");
    await project.write("src/noise.log", "noise");
    await project.write("src/node_modules/x", "x");
    await eventually(async () => (await inside("cat", "/app/sub/deep/file")) === "one");
    await project.write("src/sub/deep/file", "two");
    await eventually(async () => (await inside("cat", "/app/sub/deep/file")) === "two");
    await rename(join(project.folder, "src/sub"), join(project.folder, "src/moved"));
    await eventually(async () => (await inside("cat", "/app/moved/deep/file")) === "two");
    await eventually(async () => !(await inside("ls", "/app")).includes("sub"));
    expect((await inside("ls", "/app")).trim()).toBe("moved");
  });

  test("sync+restart and sync+exec", async () => {
    const started = async () =>
      (await project.daemon.naru(["inspect", "--format", "{{.State.StartedAt}}", "watched-app-2"])).stdout;
    const before = await started();
    // As editors do it: a new file in the old one's place.
    await project.write("conf/.app.conf.new", "2");
    await rename(join(project.folder, "conf/.app.conf.new"), join(project.folder, "conf/app.conf"));
    await eventually(async () => (await started()) !== before);
    await eventually(async () => (await inside("cat", "/app.conf")) === "2");
    await project.write("hooked/a", "2");
    await eventually(async () => (await inside("cat", "/ran")) === "ran\n");
  });

  test("rebuild: a new image, new containers, the old image gone", async () => {
    const images = async () =>
      (await project.daemon.naru(["images", "-aq", "--filter", "label=com.docker.compose.project=watched"])).stdout;
    await project.write("level", "2");
    await eventually(async () => (await inside("cat", "/level")) === "2", 30_000);
    await eventually(async () => (await images()).trim().split("\n").length === 1);
    expect(watching.told.text).toContain('service(s) ["app"] successfully built');
  });

  test("what fails is told and the watching goes on; Ctrl-C ends it", async () => {
    await rename(join(project.folder, "level"), join(project.folder, "level-away"));
    await eventually(() => watching.told.text.includes("Error: "), 30_000);
    await rename(join(project.folder, "level-away"), join(project.folder, "level"));
    await project.write("src/after", "after");
    await eventually(async () => (await inside("cat", "/app/after")) === "after", 30_000);
    watching.child.kill("SIGINT");
    expect(await watching.ended()).toBe(0);
  });

  test("services without develop.watch, and rules without sense, are refused", async () => {
    await project.use("unwatched", "services: {a: {image: busybox, command: sleep 1000, stop_grace_period: 0s}}\n");
    const refusal = "none of the selected services is configured for watch: give one a develop.watch section\n";
    expect((await project.naru(["watch", "--no-up"])).stderr).toBe(refusal);
    const up = await project.naru(["up", "--watch"]);
    expect([up.code, up.stderr.split("Attached to a-1\n").at(-1)]).toEqual([1, refusal]);
    await project.use("wrong", "services: {a: {image: busybox, develop: {watch: [{path: ., action: rebuild}]}}}\n");
    expect((await project.naru(["watch", "--no-up"])).stderr).toContain("rebuild needs a build section");
  });
});
