import { describe, expect, test } from "bun:test";
import { homedir } from "node:os";
import { join } from "node:path";

/** Of the true home: this one's would be written where it is said to be, and stay there. */
const COMPILED = join(homedir(), ".bun/install/cache/@t@");

/** Where what it prints goes: to us, or into a file. */
interface Streams {
  stdout?: "pipe" | ReturnType<typeof Bun.file>;
  stderr?: "pipe" | ReturnType<typeof Bun.file>;
}

/** Runs the client in a process of its own: what it prints is what users see. */
async function run(calledAs: string, words: string[], { stdout = "pipe", stderr = "pipe" }: Streams = {}) {
  const main = join(import.meta.dir, "../../../src/cli/main.ts");
  const script = `const { runClient } = await import(${JSON.stringify(main)});
process.exitCode = await runClient(${JSON.stringify(calledAs)}, ${JSON.stringify(words)});`;
  const child = Bun.spawn([process.execPath, "-e", script], {
    env: {
      PATH: process.env.PATH,
      HOME: "/nonexistent",
      DOCKER_HOST: "unix:///nonexistent.sock",
      BUN_RUNTIME_TRANSPILER_CACHE_PATH: COMPILED,
    },
    stdin: "ignore",
    stdout,
    stderr,
  });
  const text = (stream: unknown) => (stream instanceof ReadableStream ? new Response(stream).text() : "");
  const [out, error, code] = await Promise.all([text(child.stdout), text(child.stderr), child.exited]);
  return { out, error, code };
}

const HINT = "for more information\n";

describe("as docker, the client says", () => {
  const cases: [words: string, error: string, code: number][] = [
    ["foo", `docker: unknown command: docker foo\n\nRun 'docker --help' ${HINT}`, 1],
    [
      "imagse",
      `docker: unknown command: docker imagse\n\nDid you mean this?\n\timage\n\timages\n\nRun 'docker --help' ${HINT}`,
      1,
    ],
    [
      "container foo",
      `docker: unknown command: docker container foo\n\nUsage:  docker container\n\nRun 'docker container --help' ${HINT}`,
      1,
    ],
    [
      "container --foo",
      `unknown flag: --foo\n\nUsage:  docker container\n\nRun 'docker container --help' ${HINT}`,
      125,
    ],
    [
      "-Z ps",
      `unknown shorthand flag: 'Z' in -Z\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' ${HINT}`,
      125,
    ],
    [
      "-H",
      `flag needs an argument: 'H' in -H\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' ${HINT}`,
      125,
    ],
    ["-l foo ps", "Unable to parse logging level: foo\n", 1],
    ["help foo", "unknown help topic: foo\n", 1],
    [
      "rename a",
      `docker: 'docker rename' requires 2 arguments\n\nUsage:  docker rename CONTAINER NEW_NAME\n\nRun 'docker rename --help' ${HINT}`,
      1,
    ],
    [
      "run",
      `docker: 'docker run' requires at least 1 argument\n\nUsage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nSee 'docker run --help' ${HINT}`,
      1,
    ],
    [
      "run x",
      `docker: Cannot connect to the Docker daemon at unix:///nonexistent.sock. Is the docker daemon running?\n\nRun 'docker run --help' ${HINT}`,
      125,
    ],
    ["run -it x", "the input device is not a TTY\n", 1],
    [
      "start --checkpoint x a",
      `"--checkpoint" is only supported on a Docker daemon with experimental features enabled\n`,
      1,
    ],
    ["kill a", "Cannot connect to the Docker daemon at unix:///nonexistent.sock. Is the docker daemon running?\n", 1],
  ];
  for (const [words, error, code] of cases) {
    test.concurrent(words, async () => {
      expect(await run("docker", words.split(" "))).toEqual({ out: "", error, code });
    });
  }
});

describe("versions", () => {
  test.concurrent("naru --version", async () => {
    expect((await run("naru", ["--version"])).out).toMatch(/^naru version \d+\.\d+\.\d+\n$/);
  });
  test.concurrent("docker --version has the form that scripts read", async () => {
    expect((await run("docker", ["-v"])).out).toMatch(/^Docker version \d+\.\d+\.\d+, build \S+\n$/);
  });
  test.concurrent("a command beside --version is run", async () => {
    expect((await run("docker", ["-v", "help", "foo"])).error).toBe("unknown help topic: foo\n");
  });
});

test("naru names itself and says how to start the daemon", async () => {
  expect((await run("naru", ["kill", "a"])).error).toBe(
    "Cannot connect to the naru daemon at unix:///nonexistent.sock. Is the naru daemon running? Start it as root with: naru daemon\n",
  );
});

describe("on a full disk", () => {
  const full = Bun.file("/dev/full");
  test.concurrent("output that finds no place is a failure in words", async () => {
    const failed = { out: "", error: "write /dev/stdout: no space left on device\n", code: 1 };
    expect(await run("docker", ["help"], { stdout: full })).toEqual(failed);
    expect(await run("docker", ["--version"], { stdout: full })).toEqual(failed);
  });
  test.concurrent("a complaint that finds no place leaves the exit code", async () => {
    expect(await run("docker", ["ps", "--nope"], { stderr: full })).toEqual({ out: "", error: "", code: 125 });
  });
});

describe("help that nobody asked for goes to standard error", () => {
  for (const words of [[], ["container"]]) {
    test.concurrent(["docker", ...words].join(" "), async () => {
      const [bare, asked] = await Promise.all([run("docker", words), run("docker", [...words, "--help"])]);
      expect(asked.out).toStartWith("Usage:  docker ");
      expect(bare).toEqual({ out: "", error: asked.out, code: 0 });
    });
  }
});

test("info needs no daemon for what the client knows", async () => {
  const info = await run("docker", ["info", "--format", "{{.ClientInfo.Context}}"]);
  expect(info).toEqual({ out: "default\n", error: "", code: 0 });
});
