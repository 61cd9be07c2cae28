/** `naru build` through the built executable: contexts, flags, outputs, progress; beside docker's real builder plugin. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { type ContextFiles, makeContext } from "../support/build-context.ts";
import {
  eventually,
  type Finished,
  importBusybox,
  NARU,
  run,
  startDaemon,
  type TestDaemon,
} from "../support/daemon.ts";
import { startNaruRegistry } from "../support/naru-registry.ts";
import { runningSteps } from "../support/running-steps.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
});
afterAll(() => daemon?.stop());

/** Builds a context of these files. */
async function build(files: ContextFiles, words: string[] = [], env: Record<string, string> = {}): Promise<Finished> {
  await using context = await makeContext(files);
  return await daemon.naru(["build", "--progress", "plain", ...words, "."], { cwd: context.directory, env });
}

async function inImage(image: string, script: string): Promise<string> {
  const result = await daemon.docker(["run", "--rm", image, "sh", "-c", script]);
  expect(result.stderr).toBe("");
  return result.stdout;
}

/** The line that a step printed, not the one that names the step. */
const HAS_BEGUN = /\d begun/;

/** Of no other sleep on this machine. */
const SLEEP = `sleep ${700_000 + process.pid}`;

/** Without what differs from run to run: times, digests, sizes, and the order of steps that run side by side. */
function steps(output: string): string[] {
  const plain = output
    .replace(/\u001b\[[0-9;]*m/g, "")
    .replace(/sha256:[0-9a-f]{64}/g, "<digest>")
    .replace(/(^#\d+) \d+\.\d{3} /gm, "$1 <time> ")
    .replace(/DONE \d+\.\d+s/g, "DONE")
    .replace(/( \d+(\.\d+)?[kM]?B)?( \d+\.\d+s)? done/g, " done")
    .replace(/using (naru|docker) driver/g, "using a driver");
  const blocks = plain.split(/\n{2,}/).map((block) => block.replace(/^#\d+ /gm, "").trim());
  return blocks.filter((block) => block !== "");
}

describe("steps and results", () => {
  const FILES: ContextFiles = {
    a: "hello\n",
    Dockerfile: [
      "FROM busybox AS base",
      "RUN echo out && echo err >&2",
      "COPY a /x/",
      "FROM base",
      "WORKDIR /w",
      'CMD ["cat", "/x/a"]',
      "",
    ].join("\n"),
  };

  test("plain progress tells what docker's plugin tells, of the same daemon", async () => {
    await using context = await makeContext(FILES);
    const words = ["build", "--progress", "plain", "-t", "same", "."];
    const ours = await daemon.naru(words, { cwd: context.directory });
    expect(ours.code).toBe(0);
    await daemon.naru(["builder", "prune", "-af"]);
    const theirs = await daemon.docker(["buildx", ...words], { cwd: context.directory });
    expect(theirs.code).toBe(0);
    const ownName = (text: string) => text.replace("naming to docker.io/library/same:latest", "naming to same");
    const kept = (output: string) => new Set(steps(ownName(output)).map((block) => block.split("\n")[0]));
    for (const name of [
      "[internal] load .dockerignore",
      "[base 2/3] RUN echo out && echo err >&2",
      "[base 3/3] COPY a /x/",
      "exporting to image",
    ]) {
      expect(kept(ours.stderr)).toContain(name);
      expect(kept(theirs.stderr)).toContain(name);
    }
    expect(steps(ours.stderr)).toContain("[base 2/3] RUN echo out && echo err >&2\n<time> out\n<time> err\nDONE");
    expect(steps(theirs.stderr)).toContain("[base 2/3] RUN echo out && echo err >&2\n<time> out\n<time> err\nDONE");
    expect(await inImage("same", "cat /x/a; pwd")).toBe("hello\n/w\n");
  });

  test("a second build comes from the cache and sends nothing; a changed file is named", async () => {
    await using context = await makeContext({ ...FILES, a: "cache\n" });
    const again = () => daemon.naru(["build", "--progress", "plain", "-t", "again", "."], { cwd: context.directory });
    await Bun.sleep(120);
    expect((await again()).code).toBe(0);
    const second = await again();
    expect(second.stderr).toMatch(/COPY a \/x\/\n#\d+ CACHED/);
    expect(second.stderr).not.toMatch(/transferring context: [\d.]+k?B/);
    await context.write({ a: "changed\n" });
    const third = await again();
    expect(third.stderr).toMatch(/COPY a \/x\/\n#\d+ cache miss: .*\ba\b.*changed/);
    expect(await inImage("again", "cat /x/a")).toBe("changed\n");
  });

  test("-q prints the id alone; --iidfile and --metadata-file tell it too", async () => {
    await using context = await makeContext(FILES);
    const words = ["build", "-q", "--iidfile", "id", "--metadata-file", "meta", "-t", "quiet", "."];
    const { stdout, stderr, code } = await daemon.naru(words, { cwd: context.directory });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(await readFile(join(context.directory, "id"), "utf8")).toBe(stdout.trim());
    const metadata = JSON.parse(await readFile(join(context.directory, "meta"), "utf8"));
    expect(metadata["containerimage.digest"]).toStartWith("sha256:");
    expect((await daemon.docker(["inspect", "-f", "{{.Id}}", "quiet"])).stdout).toBe(stdout);
    const quiet = await daemon.naru(["build", "--progress", "quiet", "."], { cwd: context.directory });
    expect(quiet.stdout).toBe(stdout);
    // An archive's image is named by its configuration, as docker's plugin does.
    const archived = ["build", "-q", "--iidfile", "id", "-o", "type=oci,dest=image.tar", "."];
    const archive = await daemon.naru(archived, { cwd: context.directory });
    expect(archive.stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(await readFile(join(context.directory, "id"), "utf8")).toBe(archive.stdout.trim());
  });

  test("rawjson has BuildKit's shape", async () => {
    await using context = await makeContext({ Dockerfile: "FROM busybox\nRUN echo raw\n" });
    const { stderr } = await daemon.naru(["build", "--no-cache", "--progress", "rawjson", "."], {
      cwd: context.directory,
    });
    const messages = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const logs = messages.flatMap(({ logs: found = [] }) => found);
    expect(logs.map(({ data }: { data: string }) => Buffer.from(data, "base64").toString()).join("")).toBe("raw\n");
    const names = messages.flatMap(({ vertexes = [] }) => vertexes.map(({ name }: { name: string }) => name));
    expect(names).toContain("[2/2] RUN echo raw");
  });

  test("on a terminal steps are drawn in place, and colours can be switched off", async () => {
    await using context = await makeContext({ Dockerfile: "FROM busybox\nRUN echo seen; sleep 0.4\n" });
    const script = `stty cols 70 rows 20; cd ${context.directory}; exec ${NARU} build --no-cache .`;
    for (const env of [{}, { NO_COLOR: "1" }] as Record<string, string>[]) {
      const { stdout } = await run(["script", "-qec", script, "/dev/null"], {
        env: { ...daemon.env, TERM: "xterm", ...env },
      });
      expect(stdout).toContain("# seen");
      expect(stdout).toMatch(/\[\+\] Building \d+\.\ds \(\d+\/\d+\) FINISHED +naru:default/);
      expect(stdout.includes("\u001b[34m")).toBe(env.NO_COLOR === undefined);
    }
  });
});

describe("failures", () => {
  test("a failed command shows what it printed last and the lines of the Dockerfile", async () => {
    const { stderr, stdout, code } = await build({ Dockerfile: "FROM busybox\nRUN echo last words; exit 3\n" });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /------\n > \[2\/2\] RUN echo last words; exit 3:\n\d\.\d{3} last words\n------\nDockerfile:2\n-{20}\n {3}1 \| {5}FROM busybox\n {3}2 \| >>> RUN echo last words; exit 3\n/,
    );
    expect(stderr).toEndWith(
      'ERROR: failed to build: failed to solve: process "/bin/sh -c echo last words; exit 3" did not complete successfully: exit code: 3\n',
    );
  });

  const WORDS: [name: string, files: ContextFiles, words: string[], reason: string][] = [
    [
      "an unknown instruction",
      { Dockerfile: "FROM busybox\nRUNN x\n" },
      [],
      "unknown instruction: RUNN (did you mean RUN?)",
    ],
    ["a missing file", { Dockerfile: "FROM busybox\nCOPY nix /\n" }, [], '"/nix": not found'],
    ["a missing Dockerfile", { a: "" }, [], "failed to read dockerfile: open Dockerfile: no such file or directory"],
    ["another builder", { Dockerfile: "FROM busybox\n" }, ["--builder", "other"], 'no builder "other" found'],
    ["an unknown output", { Dockerfile: "FROM busybox\n" }, ["-o", "type=what"], "unknown output type what"],
    ["a push without a name", { Dockerfile: "FROM busybox\n" }, ["--push"], "tag is needed when pushing to registry"],
    [
      "a bad name, before anything is built",
      { Dockerfile: "FROM nix/nowhere\n" },
      ["-t", "Bad/Name"],
      'invalid tag "Bad/Name": invalid reference format',
    ],
    ["a missing secret", { Dockerfile: "FROM busybox\n" }, ["--secret", "id=x,src=nix"], "failed to stat nix"],
    ["a bad cache", { Dockerfile: "FROM busybox\n" }, ["--cache-to", "type=gha"], "type=gha is not supported"],
  ];
  for (const [name, files, words, reason] of WORDS) {
    test(name, async () => {
      const { code, stderr } = await build(files, words);
      expect(code).toBe(1);
      expect(stderr).toContain(reason);
    });
  }

  test("contexts that are none", async () => {
    const missing = await daemon.naru(["build", "/nowhere/at/all"]);
    expect(missing.stderr).toBe(
      'ERROR: failed to build: unable to prepare context: path "/nowhere/at/all" not found\n',
    );
    const twice = await daemon.naru(["build", "-f", "-", "-"], { stdin: "" });
    expect(twice.stderr).toContain("can't use stdin for both build context and dockerfile");
    const bake = await daemon.naru(["buildx", "bake"]);
    expect(bake.stderr).toContain("docker buildx bake");
  });

  test("an interrupt ends the step and leaves nothing", async () => {
    await using context = await makeContext({ Dockerfile: `FROM busybox\nRUN echo begun; ${SLEEP}\n` });
    const child = Bun.spawn([NARU, "build", "--progress", "plain", "."], {
      cwd: context.directory,
      env: { ...process.env, ...daemon.env },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    let output = "";
    const reading = (async () => {
      for await (const chunk of child.stderr) output += Buffer.from(chunk).toString();
    })();
    await eventually(() => HAS_BEGUN.test(output));
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    await reading;
    expect(output).toEndWith("ERROR: failed to build: failed to solve: Canceled: context canceled\n");
    expect(await runningSteps(daemon, SLEEP)).toEqual([]);
  });

  test("a client that is killed ends its build", async () => {
    await using context = await makeContext({ Dockerfile: `FROM busybox\nRUN echo begun; ${SLEEP}\n` });
    const child = Bun.spawn([NARU, "build", "--progress", "plain", "."], {
      cwd: context.directory,
      env: { ...process.env, ...daemon.env },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    let output = "";
    for await (const chunk of child.stderr) {
      output += Buffer.from(chunk).toString();
      if (HAS_BEGUN.test(output)) break;
    }
    expect(await runningSteps(daemon, SLEEP)).not.toEqual([]);
    child.kill("SIGKILL");
    await child.exited;
    await eventually(async () => (await runningSteps(daemon, SLEEP)).length === 0);
  });
});

describe("contexts", () => {
  test("times, modes, links and attributes arrive; owners become root", async () => {
    await using context = await makeContext({
      Dockerfile: "FROM busybox\nCOPY . /c/\n",
      "dir/file": "x",
      run: { mode: 0o4755, text: "#!/bin/sh\n" },
      link: { link: "dir/file" },
    });
    const { directory } = context;
    await run(["ln", join(directory, "dir/file"), join(directory, "second")]);
    const hasAttributes = (await run(["setfattr", "-n", "user.kept", "-v", "yes", join(directory, "run")])).code === 0;
    await utimes(join(directory, "dir/file"), 1_000_000_000, 1_000_000_000);
    await run(["chown", "1234:1234", join(directory, "dir/file")]);
    expect((await daemon.naru(["build", "-q", "-t", "facts", directory])).code).toBe(0);
    expect(await inImage("facts", "stat -c '%Y %u %a %h' /c/dir/file; stat -c %a /c/run; readlink /c/link")).toBe(
      "1000000000 0 644 2\n4755\ndir/file\n",
    );
    if (hasAttributes) {
      const out = join(directory, "../facts-out");
      expect((await daemon.naru(["build", "-q", "-o", `type=tar,dest=${out}`, directory])).code).toBe(0);
      expect((await readFile(out)).includes("SCHILY.xattr.user.kept=yes")).toBe(true);
      await rm(out);
    }
  });

  test("what is ignored does not travel, and what no instruction reads neither", async () => {
    await using context = await makeContext({
      Dockerfile: "FROM busybox\nCOPY src /src\n",
      "src/kept.txt": "k",
      "src/note.md": "n",
      "src/keep.md": "y",
      "src/skip/deep/in.txt": "i",
      "unread/big": new Uint8Array(3_000_000),
      ".dockerignore": "**/*.md\n!src/keep.md\nsrc/skip\n",
    });
    const { stderr } = await daemon.naru(["build", "--progress", "plain", "-t", "ignored", "."], {
      cwd: context.directory,
    });
    expect(await inImage("ignored", "cd /src; find . -type f | sort")).toBe("./keep.md\n./kept.txt\n");
    expect(stderr).toMatch(/transferring context: \d+B/);
    await context.write({ "Dockerfile.dockerignore": "src/kept.txt\n" });
    expect((await daemon.naru(["build", "-q", "-t", "ignored", "."], { cwd: context.directory })).code).toBe(0);
    expect(await inImage("ignored", "cd /src; find . -type f | sort")).toBe(
      "./keep.md\n./note.md\n./skip/deep/in.txt\n",
    );
  });

  test("links are followed inside the context, wildcards are found", async () => {
    const { stderr, code } = await build(
      {
        Dockerfile: "FROM busybox\nCOPY lib/a.txt /a\nCOPY *.cfg /cfg/\n",
        "real/a.txt": "through a link",
        lib: { link: "real" },
        "one.cfg": "1",
        "two.cfg": "2",
        "three.txt": "3",
      },
      ["-t", "links"],
    );
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(await inImage("links", "cat /a; ls /cfg")).toBe("through a linkone.cfg\ntwo.cfg\n");
  });

  test("files come and go between builds", async () => {
    await using context = await makeContext({
      Dockerfile: "FROM busybox\nCOPY tree /tree\n",
      "tree/a": "1",
      "tree/b/c": "2",
    });
    const again = async () => {
      expect((await daemon.naru(["build", "-q", "-t", "moving", "."], { cwd: context.directory })).stderr).toBe("");
      return await inImage("moving", "cd /tree; find . | sort | xargs echo");
    };
    expect(await again()).toBe(". ./a ./b ./b/c\n");
    await rm(join(context.directory, "tree/b"), { recursive: true });
    await context.write({ "tree/b": "now a file", "tree/n/m": "new" });
    expect(await again()).toBe(". ./a ./b ./n ./n/m\n");
    await rm(join(context.directory, "tree/n"), { recursive: true });
    await mkdir(join(context.directory, "tree/n"));
    await chmod(join(context.directory, "tree/n"), 0o700);
    expect(await again()).toBe(". ./a ./b ./n\n");
  });

  test("a Dockerfile or a tar on standard input, a Dockerfile beside a directory", async () => {
    const alone = await daemon.naru(["build", "-q", "-t", "alone", "-"], { stdin: "FROM busybox\nRUN echo 1 >/one\n" });
    expect(alone.code).toBe(0);
    expect(await inImage("alone", "cat /one")).toBe("1\n");
    await using context = await makeContext({
      a: "tarred",
      Dockerfile: "FROM busybox\nCOPY a /a\n",
      other: "FROM busybox\n",
    });
    const { stdout } = await run(["sh", "-c", `tar -C ${context.directory} -cz . | ${NARU} build -q -t tarred -`], {
      env: daemon.env,
    });
    expect(stdout).toStartWith("sha256:");
    expect(await inImage("tarred", "cat /a")).toBe("tarred");
    const beside = await daemon.naru(["build", "-q", "-t", "beside", "-f", "-", context.directory], {
      stdin: "FROM busybox\nCOPY a /beside\n",
    });
    expect(beside.code).toBe(0);
    expect(await inImage("beside", "cat /beside")).toBe("tarred");
    const empty = await daemon.naru(["build", "-"], { stdin: "" });
    expect(empty.stderr).toContain("it is empty");
  });

  test("an archive and a Dockerfile from a URL", async () => {
    await using context = await makeContext({ a: "fetched", Dockerfile: "FROM busybox\nCOPY a /a\n" });
    const tar = Buffer.from(await new Response(Bun.spawn(["tar", "-C", context.directory, "-cz", "."]).stdout).bytes());
    const server = createServer((request, response) => {
      if (request.url === "/context.tar.gz") response.end(tar);
      else if (request.url === "/Dockerfile") response.end("FROM busybox\nRUN echo web >/web\n");
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as { port: number };
      const at = (path: string) => `http://127.0.0.1:${port}${path}`;
      expect((await daemon.naru(["build", "-q", "-t", "fetched", at("/context.tar.gz")])).stderr).toBe("");
      expect(await inImage("fetched", "cat /a")).toBe("fetched");
      expect((await daemon.naru(["build", "-q", "-t", "web", at("/Dockerfile")])).stderr).toBe("");
      expect(
        (await daemon.naru(["build", "-q", "-t", "web2", "-f", at("/Dockerfile"), context.directory])).stderr,
      ).toBe("");
      expect(await inImage("web2", "cat /web")).toBe("web\n");
      expect((await daemon.naru(["build", "-q", at("/nix")])).stderr).toContain("answers 404");
    } finally {
      server.close();
    }
  });

  test("named contexts: a directory, another image", async () => {
    await using more = await makeContext({ "inner/file": "named", ".dockerignore": "left\n", left: "out" });
    await using context = await makeContext({
      Dockerfile: "FROM base\nCOPY --from=more / /more/\nCOPY --from=more inner/file /file\n",
    });
    const words = ["--build-context", `more=${more.directory}`, "--build-context", "base=docker-image://busybox"];
    const { stderr, code } = await daemon.naru(["build", "-q", "-t", "named", ...words, context.directory]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(await inImage("named", "cat /file; ls /more")).toBe("namedinner\n");
  });
});

describe("flags", () => {
  test("arguments from the flag, the environment and docker's proxies; labels, target, hosts", async () => {
    await using settings = await makeContext({
      "config.json": JSON.stringify({ proxies: { default: { httpProxy: "http://proxy:1" } } }),
    });
    const { code, stderr } = await build(
      {
        Dockerfile:
          'FROM busybox AS first\nARG A\nARG B=unset\nRUN echo "$A $B $http_proxy" >/args; cat /etc/hosts >/hosts-seen\nFROM busybox\nRUN false\n',
      },
      [
        "-t",
        "flagged",
        "--target",
        "first",
        "--build-arg",
        "A=1",
        "--build-arg",
        "B",
        "--label",
        "l=v",
        "--add-host",
        "friend:10.1.2.3",
      ],
      { B: "from outside", DOCKER_CONFIG: settings.directory },
    );
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(await inImage("flagged", "cat /args; grep friend /hosts-seen")).toBe(
      "1 from outside http://proxy:1\n10.1.2.3\tfriend\n",
    );
    expect((await daemon.docker(["inspect", "-f", "{{.Config.Labels.l}}", "flagged"])).stdout).toBe("v\n");
  });

  test("secrets from files and variables reach the step that asks, and no image", async () => {
    await using context = await makeContext({
      Dockerfile:
        "FROM busybox\nRUN --mount=type=secret,id=f --mount=type=secret,id=v,env=SEEN sha256sum /run/secrets/f >/sum; echo $SEEN | sha256sum >>/sum\n",
      secret: "of a file\n",
    });
    const words = ["build", "-q", "-t", "secretive", "--secret", "id=f,src=secret", "--secret", "id=v,env=HIDDEN", "."];
    const { stderr } = await daemon.naru(words, { cwd: context.directory, env: { HIDDEN: "of a variable" } });
    expect(stderr).toBe("");
    const sums = ["of a file\n", "of a variable\n"].map((text) => Bun.CryptoHasher.hash("sha256", text, "hex"));
    const seen = await inImage("secretive", "cut -d' ' -f1 /sum; ls /run/secrets 2>/dev/null || true");
    expect(seen.trim().split("\n")).toEqual(sums);
  });

  test("keys are forwarded by an agent", async () => {
    await using context = await makeContext({
      Dockerfile: "FROM busybox\nRUN --mount=type=ssh test -S $SSH_AUTH_SOCK && echo there >/agent\n",
    });
    const key = join(context.directory, "key");
    expect((await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])).code).toBe(0);
    const { stderr } = await daemon.naru(["build", "-q", "-t", "agent", "--ssh", `default=${key}`, context.directory]);
    expect(stderr).toBe("");
    expect(await inImage("agent", "cat /agent")).toBe("there\n");
    const none = await daemon.naru(["build", "--ssh", "default", context.directory], { env: { SSH_AUTH_SOCK: "" } });
    expect(none.stderr).toContain("start an agent");
  });

  test("outputs: a directory, a tar, archives, several at once", async () => {
    await using context = await makeContext({
      Dockerfile: "FROM scratch\nCOPY a b /\n",
      a: "A",
      b: { mode: 0o755, text: "B" },
    });
    const { directory } = context;
    const at = (words: string[]) => daemon.naru(["build", "-q", ...words, "."], { cwd: directory });
    expect((await at(["-o", "out"])).code).toBe(0);
    expect((await readdir(join(directory, "out"))).sort()).toEqual(["a", "b"]);
    expect((await stat(join(directory, "out/b"))).mode & 0o777).toBe(0o755);
    const { stdout } = await run(["sh", "-c", `${NARU} build -q -o - . | tar -t`], { cwd: directory, env: daemon.env });
    expect(stdout.trim().split("\n").sort()).toEqual(["a", "b"]);
    const both = ["-t", "both", "-o", "type=oci,dest=x.oci", "-o", "type=docker,dest=x.docker", "-o", "type=image"];
    expect((await at(both)).stderr).toBe("");
    for (const [file, inside] of [
      ["x.oci", "index.json"],
      ["x.docker", "manifest.json"],
    ] as const) {
      expect((await run(["tar", "-tf", join(directory, file)])).stdout).toContain(inside);
    }
    expect((await daemon.docker(["inspect", "both"])).code).toBe(0);
    expect((await at(["-o", "type=cacheonly"])).stdout).toBe("");
  });

  test("a cache in a directory serves another daemon", async () => {
    await using context = await makeContext({ Dockerfile: "FROM busybox\nRUN date +%N >/when\n" });
    const { directory } = context;
    const cache = join(directory, "cache");
    const built = await daemon.naru(["build", "-q", "--cache-to", `type=local,dest=${cache},mode=max`, directory]);
    expect(built.stderr).toBe("");
    await daemon.naru(["builder", "prune", "-af"]);
    const again = await daemon.naru([
      "build",
      "--progress",
      "plain",
      "--cache-from",
      `type=local,src=${cache}`,
      directory,
    ]);
    expect(again.stderr).toMatch(/RUN date.*\n#\d+ CACHED/);
  });

  test("an OCI layout is written beside what the directory has, and read by tag", async () => {
    await using results = await makeContext({});
    const layout = join(results.directory, "layout");
    const write = (tag: string) =>
      build({ Dockerfile: `FROM scratch\nCOPY f /${tag}\n`, f: tag }, [
        ...["-t", `demo:${tag}`, "-o", `type=oci,tar=false,dest=${layout}`],
      ]);
    for (const tag of ["one", "two"]) expect((await write(tag)).code).toBe(0);
    expect((await readdir(layout)).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
    const read = (tag: string) =>
      build({ Dockerfile: "FROM scratch\nCOPY --from=base / /\n" }, [
        ...["--build-context", `base=oci-layout://${layout}:${tag}`, "-o", join(results.directory, tag)],
      ]);
    for (const tag of ["one", "two"]) {
      expect((await read(tag)).code).toBe(0);
      expect(await readdir(join(results.directory, tag))).toEqual([tag]);
    }
    expect((await read("three")).stderr).toContain(
      "the OCI layout base has no manifest with the tag three in its index.json",
    );
  });

  test("a result is pushed, and a base and a cache pulled, with the login that the client keeps", async () => {
    await using folder = await makeContext({
      htpasswd: `user:${Bun.password.hashSync("secret", { algorithm: "bcrypt", cost: 4 })}\n`,
      Dockerfile: "FROM busybox\nRUN echo pushed >/pushed\n",
    });
    await using registry = await startNaruRegistry({ flags: ["--htpasswd", join(folder.directory, "htpasswd")] });
    const auth = Buffer.from("user:secret").toString("base64");
    await folder.write({
      "with/config.json": JSON.stringify({ auths: { [registry.host]: { auth } } }),
      "without/x": "",
    });
    const at = (config: string, words: string[]) =>
      daemon.naru(["build", ...words, folder.directory], { env: { DOCKER_CONFIG: join(folder.directory, config) } });
    const name = `${registry.host}/team/app:1`;
    const refused = await at("without", ["-t", name, "--push"]);
    expect(refused.stderr).toContain(`failed to push ${name}`);
    const pushed = await at("with", [
      "-t",
      name,
      "--push",
      "--cache-to",
      "type=inline",
      "--metadata-file",
      join(folder.directory, "meta"),
    ]);
    expect({ code: pushed.code, stderr: pushed.code === 0 ? "" : pushed.stderr }).toEqual({ code: 0, stderr: "" });
    const { "containerimage.digest": digest } = JSON.parse(await readFile(join(folder.directory, "meta"), "utf8"));
    const kept = await registry.request("HEAD", "/v2/team/app/manifests/1", {
      headers: { Authorization: `Basic ${auth}`, Accept: "application/vnd.oci.image.manifest.v1+json" },
    });
    expect(kept.headers.get("docker-content-digest")).toBe(digest);
    await daemon.naru(["rmi", "-f", name]);
    await daemon.naru(["builder", "prune", "-af"]);
    const cached = await at("with", ["--progress", "plain", "--cache-from", name]);
    expect(cached.stderr).toMatch(/RUN echo pushed >\/pushed\n#\d+ CACHED/);
    await folder.write({ Dockerfile: `FROM ${name}\nRUN cat /pushed\n` });
    const based = await at("with", ["--progress", "plain"]);
    expect(based.stderr).toMatch(/#\d+ \d\.\d{3} pushed/);
  });

  test("--check and --call tell without building", async () => {
    const files = { Dockerfile: "FROM busybox AS base\nfrom base\nARG X=1\nRUN echo $X\n" };
    const check = await build(files, ["--check"]);
    expect(check.code).toBe(1);
    expect(check.stdout).toStartWith(
      "Check complete, 1 warning has been found!\n\nWARNING: ConsistentInstructionCasing",
    );
    expect((await build({ Dockerfile: "FROM busybox\n" }, ["--check"])).stdout).toBe(
      "Check complete, no warnings found.\n",
    );
    expect((await build(files, ["--call", "targets"])).stdout).toBe("TARGET      DESCRIPTION\nbase\n(default)\n");
    expect((await build(files, ["--call", "outline"])).stdout).toBe("BUILD ARG   VALUE   DESCRIPTION\nX           1\n");
    const json = await build(files, ["--call", "check,format=json"]);
    expect(JSON.parse(json.stdout).warnings[0].ruleName).toBe("ConsistentInstructionCasing");
  });
});

test("du, prune, ls, inspect of the one builder; kept contexts are in the list and go with the rest", async () => {
  await build({ Dockerfile: "FROM busybox\nCOPY . /all\n", data: "d".repeat(5000) });
  const du = await daemon.naru(["buildx", "du"]);
  expect(du.stdout).toMatch(/^ID +RECLAIMABLE +SIZE +LAST ACCESSED\n/);
  expect(du.stdout).toMatch(/^context\w+ +true/m);
  expect((await daemon.naru(["buildx", "du", "--filter", "type=source.local", "--verbose"])).stdout).toContain(
    "source.local",
  );
  expect((await daemon.naru(["buildx", "ls"])).stdout).toMatch(/^default\* +docker/m);
  expect((await daemon.naru(["buildx", "inspect"])).stdout).toContain("Driver: docker");
  expect((await daemon.naru(["buildx", "inspect", "other"])).stderr).toContain("one builder");
  const pruned = await daemon.naru(["buildx", "prune", "-af"]);
  expect(pruned.stdout).toMatch(/\nTotal:\t\d/);
  expect((await daemon.naru(["buildx", "du"])).stdout).toBe("Reclaimable:\t0B\nTotal:\t\t0B\n");
  expect(await readdir(join(daemon.dataRoot, "builder/kept-contexts"))).toEqual([]);
});

test("nonsense on the connection ends it, and nothing else", async () => {
  for (const bytes of [
    [0, 0, 0, 0, 99, 0, 0, 0, 0],
    [0, 0, 0, 2, 0, 0, 0, 0, 0, 0x7b, 0x7d],
    [0xff, 0xff, 0xff, 0xff, 1],
  ]) {
    const closed = Promise.withResolvers<void>();
    const socket = await Bun.connect({
      unix: daemon.socketPath,
      socket: {
        data: () => {},
        close: () => closed.resolve(),
        error: () => closed.resolve(),
        end: () => closed.resolve(),
      },
    });
    socket.write("POST /naru/build HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    socket.write(new Uint8Array(bytes));
    if (bytes.length !== 9) socket.end();
    await closed.promise;
  }
  expect((await build({ Dockerfile: "FROM busybox\n" })).code).toBe(0);
});

test("a daemon that dies is told; the next one builds on", async () => {
  await using context = await makeContext({
    Dockerfile: `FROM busybox\nCOPY a /c\nRUN echo begun; ${SLEEP}\n`,
    a: "1",
  });
  const child = Bun.spawn([NARU, "build", "--progress", "plain", "."], {
    cwd: context.directory,
    env: { ...process.env, ...daemon.env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  let output = "";
  for await (const chunk of child.stderr) {
    output += Buffer.from(chunk).toString();
    if (HAS_BEGUN.test(output)) await daemon.kill();
  }
  expect(await child.exited).toBe(1);
  expect(output).toContain("the connection to the daemon broke during the build");
  await daemon.restart();
  await context.write({ Dockerfile: "FROM busybox\nCOPY a /c\nRUN cat /c\n" });
  const again = await daemon.naru(["build", "--progress", "plain", "."], { cwd: context.directory });
  expect(again.code).toBe(0);
  expect(again.stderr).toMatch(/COPY a \/c\n#\d+ CACHED/);
  await eventually(async () => (await runningSteps(daemon, SLEEP)).length === 0);
});
