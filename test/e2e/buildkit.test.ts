/** `docker buildx build`, `bake` and `docker compose build` by the real clients: what they print, what they make. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { solveRequest } from "../../src/build/buildkit/messages.ts";
import { makeContext } from "../support/build-context.ts";
import { GraphMaker } from "../support/build-graph.ts";
import { openBuilder } from "../support/buildkit-client.ts";
import { importBusybox, type RunOptions, run, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { startDebianRegistry } from "../support/debian-registry.ts";

let daemon: TestDaemon;
let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-buildkit-"));
  daemon = await startDaemon();
  await importBusybox(daemon);
});
afterAll(async () => {
  await daemon?.stop();
  await rm(scratch, { recursive: true, force: true });
});

const plain = ["buildx", "build", "--progress", "plain"];

/** A build from a directory of these files. */
async function build(files: Parameters<typeof makeContext>[0], words: string[] = [], options: RunOptions = {}) {
  await using context = await makeContext(files);
  return await daemon.docker([...plain, ...words, context.directory], options);
}

/** Steps as the client prints them, without numbers of steps and times. */
function steps(stderr: string): string[] {
  return stderr.split("\n").flatMap((line) => /^#\d+ (\[.*|exporting.*|transferring .*|CACHED)$/.exec(line)?.[1] ?? []);
}

async function imageSays(image: string, ...words: string[]): Promise<string> {
  const { stdout, stderr } = await daemon.docker(["run", "--rm", image, ...words]);
  return stdout + stderr;
}

describe("progress", () => {
  test("a build tells its files' transfers, its steps and its image; the second one comes from the cache", async () => {
    await using context = await makeContext({ Dockerfile: "FROM busybox\nCOPY a /\nRUN cat /a\n", a: "hello\n" });
    const first = await daemon.docker([...plain, "-t", "demo", context.directory]);
    expect(first.code).toBe(0);
    const shown = steps(first.stderr).map((line) =>
      line.replace(/@sha256:\w+/, "").replace(/ [\d.]+s( done)?$| done$/, ""),
    );
    for (const line of [
      "[internal] load build definition from Dockerfile",
      "[internal] load .dockerignore",
      "transferring context: 2B",
      "[internal] load metadata for docker.io/library/busybox:latest",
      "[1/3] FROM docker.io/library/busybox:latest",
      "[internal] load build context",
      "[2/3] COPY a /",
      "[3/3] RUN cat /a",
      "exporting to image",
    ])
      expect(shown).toContain(line);
    expect(shown.filter((line) => /^transferring dockerfile: \d+B$/.test(line)).length).toBeGreaterThan(0);
    expect(first.stderr).toMatch(/\n#\d+ \d+\.\d+ hello\n/);
    const second = await daemon.docker([...plain, "-t", "demo", context.directory]);
    expect(second.stderr).toMatch(/\[3\/3\] RUN cat \/a\n#\d+ CACHED/);
    // Unchanged files do not travel again, and the same inputs give the same image.
    const images = [first, second].map(({ stderr }) => /writing image (sha256:\w+)/.exec(stderr)?.[1]);
    expect(images[0]).toBe(images[1]!);
    expect(await imageSays("demo", "cat", "/a")).toBe("hello\n");
  });

  test("a failed step is told with its lines and no name of a status", async () => {
    const { code, stderr } = await build({ Dockerfile: "FROM busybox\nRUN echo so && exit 3\n" });
    expect(code).toBe(1);
    expect(stderr).toContain(">>> RUN echo so && exit 3");
    expect(stderr).toContain(
      'ERROR: failed to build: failed to solve: process "/bin/sh -c echo so && exit 3" did not complete successfully: exit code: 3',
    );
  });

  test("much output arrives whole before the end", async () => {
    const line = "x".repeat(99);
    const { code, stderr } = await build({ Dockerfile: `FROM busybox\nRUN yes ${line} | head -n 40000\n` }, [
      "--no-cache",
    ]);
    expect(code).toBe(0);
    expect(stderr.split("\n").filter((each) => each.endsWith(` ${line}`)).length).toBe(40_000);
  });

  test("what is missing is told in one line", async () => {
    const missing = await build({ a: "" }, ["-f", "nope"]);
    expect(missing.code).toBe(1);
    const target = await build({ Dockerfile: "FROM busybox\n" }, ["--target", "zz"]);
    expect(target.stderr).toContain('failed to solve: target stage "zz" could not be found');
    const secret = await build({
      Dockerfile: "FROM busybox\nRUN --mount=type=secret,id=s,required cat /run/secrets/s\n",
    });
    expect(secret.stderr).toContain("failed to solve: secret s: not found");
    expect(await daemon.logText()).not.toContain("in an unexpected way");
  });
});

describe("contexts", () => {
  test("a Dockerfile and a tar on standard input", async () => {
    const alone = await daemon.docker([...plain, "-t", "alone", "-"], { stdin: "FROM busybox\nRUN echo x > /x\n" });
    expect(alone.code).toBe(0);
    expect(await imageSays("alone", "cat", "/x")).toBe("x\n");
    await using context = await makeContext({
      Dockerfile: "FROM busybox\nCOPY . /d\n",
      f: "tarred\n",
      ".dockerignore": "no\n",
      no: "",
    });
    const tar = await Bun.$`tar -C ${context.directory} -c .`.quiet();
    for (const stdin of [tar.stdout, gzipSync(tar.stdout)]) {
      expect((await daemon.docker([...plain, "-t", "tarred", "-"], { stdin })).code).toBe(0);
      expect(await imageSays("tarred", "sh", "-c", "ls /d; cat /d/f")).toBe("Dockerfile\nf\ntarred\n");
    }
    const own = await daemon.docker([...plain, "-t", "own", "-f", "-", context.directory], {
      stdin: "FROM busybox\nCOPY f /own\n",
    });
    expect(own.code).toBe(0);
    expect(await imageSays("own", "cat", "/own")).toBe("tarred\n");
  });

  test("git repositories and URLs, as main and as named contexts", async () => {
    await using files = await makeContext({
      Dockerfile: "FROM busybox\nCOPY f /f\n",
      f: "root\n",
      "sub/Dockerfile": "FROM busybox\nCOPY f /f\n",
      "sub/f": "sub\n",
    });
    const work = files.directory;
    const git = (...words: string[]) => run(["git", "-C", work, "-c", "user.email=a@b", "-c", "user.name=n", ...words]);
    await git("init", "-q", "-b", "main");
    await git("add", ".");
    expect((await git("commit", "-qm", "one")).code).toBe(0);
    await run(["git", "clone", "-q", "--bare", work, join(scratch, "repo.git")]);
    await run(["git", "-C", join(scratch, "repo.git"), "update-server-info"]);
    await run(["tar", "-C", work, "-czf", join(scratch, "ctx.tgz"), "Dockerfile", "f"]);
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async ({ url }) => {
        const file = Bun.file(join(scratch, decodeURIComponent(new URL(url).pathname)));
        return (await file.exists()) ? new Response(file) : new Response("", { status: 404 });
      },
    });
    const base = `http://127.0.0.1:${server.port}`;
    for (const [address, said] of [
      [`${base}/repo.git`, "root\n"],
      [`${base}/repo.git#main:sub`, "sub\n"],
      [`${base}/ctx.tgz`, "root\n"],
    ] as const) {
      const { code, stderr } = await daemon.docker([...plain, "-t", "remote", address]);
      expect({ address, code, stderr: code === 0 ? "" : stderr }).toEqual({ address, code: 0, stderr: "" });
      expect(await imageSays("remote", "cat", "/f")).toBe(said);
    }
    const kept = ["--build-arg", "BUILDKIT_CONTEXT_KEEP_GIT_DIR=1", "-o", join(scratch, "kept"), "-f", "-"];
    const stdin = "FROM scratch\nCOPY .git/HEAD f /\n";
    expect((await daemon.docker([...plain, ...kept, `${base}/repo.git`], { stdin })).code).toBe(0);
    expect((await readdir(join(scratch, "kept"))).sort()).toEqual(["HEAD", "f"]);
    const named = await build({ Dockerfile: "FROM busybox\nCOPY --from=other /sub/f /z\n" }, [
      "--build-context",
      `other=${base}/repo.git`,
      "-t",
      "named",
    ]);
    expect(named.code).toBe(0);
    expect(await imageSays("named", "cat", "/z")).toBe("sub\n");
    const wrong = await daemon.docker([...plain, `${base}/repo.git#nope`]);
    expect(wrong.stderr).toContain("repository does not contain ref nope");
  });

  test("named contexts of the client's and images; names and patterns that are no ASCII; hard links", async () => {
    await using other = await makeContext({ f: "other\n", skip: "", ".dockerignore": "skip\n" });
    const { code, stderr } = await build(
      {
        "real.Dockerfile": 'FROM base\nCOPY --from=o . /o\nCOPY ["dïr x", "/d"]\n',
        Dockerfile: { link: "real.Dockerfile" },
        "dïr x/ü": "u",
        "dïr x/ä.log": "",
        ".dockerignore": "**/ä*\n",
      },
      ["--build-context", `o=${other.directory}`, "--build-context", "base=docker-image://busybox", "-t", "mixed"],
    );
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(stderr).toContain("[context o] load from client");
    expect(await imageSays("mixed", "sh", "-c", "cd /o && echo *; cd /d && for f in *; do cat $f; done")).toBe("f\nu");
  });
});

describe("outputs and options", () => {
  test("directory, tar and archive at once; metadata and image id files; labels, annotations", async () => {
    const out = (name: string) => join(scratch, name);
    const several = await build({ Dockerfile: "FROM scratch\nCOPY f /d/f\n", f: "out\n" }, [
      ...[
        "-o",
        out("dir"),
        "-o",
        `type=tar,dest=${out("t.tar")}`,
        "-o",
        `type=docker,dest=${out("d.tar")},name=arch:1`,
      ],
      ...["-o", `type=oci,dest=${out("o.tar")}`, "--metadata-file", out("meta.json")],
    ]);
    expect({ code: several.code, stderr: several.code === 0 ? "" : several.stderr }).toEqual({ code: 0, stderr: "" });
    expect(await Bun.file(out("dir/d/f")).text()).toBe("out\n");
    expect((await run(["tar", "-tf", out("t.tar")])).stdout).toContain("d/f");
    expect((await run(["tar", "-tf", out("o.tar")])).stdout).toContain("oci-layout");
    expect((await daemon.docker(["load", "-i", out("d.tar")])).stdout).toContain("arch:1");
    const meta = (await Bun.file(out("meta.json")).json()) as Record<string, unknown>;
    expect(Object.keys(meta)).toEqual(expect.arrayContaining(["buildx.build.ref", "containerimage.digest"]));
    const named = await build({ Dockerfile: "FROM busybox\n" }, [
      ...["-t", "labelled", "--label", "a=b", "--annotation", "org.x=1", "--iidfile", out("iid")],
    ]);
    expect(named.code).toBe(0);
    const labels = await daemon.docker(["image", "inspect", "labelled", "--format", "{{json .Config.Labels}}"]);
    expect(labels.stdout).toBe('{"a":"b"}\n');
    expect(await Bun.file(out("iid")).text()).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  test("files attest themselves when that was asked for; settings that would be ignored are refused", async () => {
    const files = { Dockerfile: "FROM scratch\nCOPY f /f\n", f: "" };
    const out = join(scratch, "attested");
    expect((await build(files, ["-o", out])).code).toBe(0);
    expect(await readdir(out)).toEqual(["f"]);
    expect((await build(files, ["-o", out, "--sbom", "true", "--provenance", "mode=max,version=v0.2"])).code).toBe(0);
    expect((await readdir(out)).sort()).toEqual(["f", "provenance.json", "sbom.spdx.json"]);
    const { predicate } = (await Bun.file(join(out, "provenance.json")).json()) as { predicate: { buildType: string } };
    expect(predicate.buildType).toBe("https://mobyproject.org/buildkit@v1");
    for (const [output, words] of [
      ["type=image,push-by-digest=true", "push-by-digest=true of the exporter moby is not supported: give the image"],
      ["type=image,name=x,store=false", "store=false of the exporter moby is not supported"],
      [
        "type=local,dest=x,zz=1",
        "the setting zz=1 of the exporter local is not supported: the builder does not know it",
      ],
    ] as const) {
      expect((await build(files, ["-o", output])).stderr).toContain(words);
    }
  });

  test("secrets, an SSH agent, hosts, shared memory and limits reach the steps", async () => {
    const agent = (await run(["sh", "-c", "ssh-agent -s"])).stdout;
    const socket = /SSH_AUTH_SOCK=([^;]+)/.exec(agent)?.[1] ?? "";
    const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(agent)?.[1]);
    try {
      const { code, stderr } = await build(
        {
          Dockerfile:
            "FROM busybox\nRUN --mount=type=secret,id=e,env=E --mount=type=secret,id=f --mount=type=ssh " +
            "echo e=$E f=$(cat /run/secrets/f); test -S $SSH_AUTH_SOCK && echo agent; cat /etc/hosts; ulimit -n; df -m /dev/shm\n",
          f: "file",
        },
        [
          ...["--secret", "id=e,env=HUSH", "--secret", `id=f,src=${await file("secret", "filed")}`, "--ssh", "default"],
          ...["--add-host", "a.b:1.2.3.4", "--shm-size", "32m", "--ulimit", "nofile=100:200", "--network", "none"],
        ],
        { env: { HUSH: "hushed", SSH_AUTH_SOCK: socket } },
      );
      expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
      for (const text of ["e=hushed f=filed", " agent\n", "1.2.3.4\ta.b", " 100\n"]) expect(stderr).toContain(text);
      expect(stderr).toMatch(/\s32\s+0\s+32\s+0% \/dev\/shm/);
    } finally {
      process.kill(pid);
    }
  });

  test("checks, outlines and targets as text and JSON", async () => {
    const files = { Dockerfile: "# what it is\nARG A=1\nFROM busybox AS one\nFROM one as two\nRUN echo $A\n" };
    const check = await build(files, ["--call", "check"]);
    expect(check.stdout + check.stderr).toContain("FromAsCasing");
    const targets = await build(files, ["--call", "targets,format=json"]);
    expect(JSON.parse(targets.stdout).targets.map(({ name }: { name: string }) => name)).toEqual(["one", "two"]);
    const outline = await build(files, ["--call", "outline", "--target", "two"]);
    expect(outline.code).toBe(0);
  });

  test("a push with the client's login, a cache in the registry", async () => {
    await using registry = await startDebianRegistry({ users: { me: "pw" } });
    const config = join(scratch, "login");
    await run(["cp", "-r", daemon.env.DOCKER_CONFIG!, config]);
    await writeFile(
      join(config, "config.json"),
      JSON.stringify({ auths: { [registry.host]: { auth: btoa("me:pw") } } }),
    );
    const files = { Dockerfile: "FROM busybox\nRUN date +%N > /now\n" };
    const words = [
      "--cache-to",
      `type=registry,ref=${registry.host}/c:1,mode=max`,
      "--push",
      "-t",
      `${registry.host}/p:1`,
    ];
    const pushed = await build(files, words, { env: { DOCKER_CONFIG: config } });
    expect({ code: pushed.code, stderr: pushed.code === 0 ? "" : pushed.stderr }).toEqual({ code: 0, stderr: "" });
    expect((await daemon.docker(["buildx", "prune", "-af"])).code).toBe(0);
    const again = await build(files, ["--cache-from", `type=registry,ref=${registry.host}/c:1`], {
      env: { DOCKER_CONFIG: config },
    });
    expect(again.stderr).toMatch(/RUN date \+%N > \/now\n#\d+ CACHED/);
    const attested = async (...flags: string[]) => {
      const login = { env: { DOCKER_CONFIG: config } };
      expect((await build(files, ["--push", "-t", `${registry.host}/p:2`, ...flags], login)).code).toBe(0);
      const format = '{"digest":{{json .Manifest.Digest}},"provenance":{{json .Provenance}},"sbom":{{json .SBOM}}}';
      const words = ["buildx", "imagetools", "inspect", `${registry.host}/p:2`, "--format", format];
      const { stdout } = await daemon.docker(words, login);
      return JSON.parse(stdout) as {
        digest: string;
        provenance: { SLSA?: { runDetails: { metadata: object }; buildType: string; buildConfig: object } };
        sbom: { SPDX?: { SPDXID: string } };
      };
    };
    // What nobody asked for is there, and does not make two images of the same inputs.
    const unasked = await attested();
    expect(Object.keys(unasked.provenance.SLSA!.runDetails.metadata)).toEqual(["buildkit_completeness"]);
    expect((await attested()).digest).toBe(unasked.digest);
    const whole = await attested("--provenance", "mode=max,version=v0.2", "--sbom", "true");
    expect(whole.provenance.SLSA!.buildType).toBe("https://mobyproject.org/buildkit@v1");
    expect(Object.keys(whole.provenance.SLSA!.buildConfig)).toEqual(["digestMapping", "llbDefinition"]);
    expect(whole.sbom.SPDX!.SPDXID).toBe("SPDXRef-DOCUMENT");
    expect((await attested("--provenance", "false")).provenance).toEqual({});
    const refused = await build(files, ["--push", "-t", `${registry.host}/p:1`]);
    expect(refused.code).toBe(1);
  });
});

describe("directories of the client's that hold blobs", () => {
  const files = {
    Dockerfile:
      "FROM busybox AS one\nRUN cat /proc/sys/kernel/random/uuid >/u\nFROM busybox\nCOPY --from=one /u /u\nRUN echo x >/x\n",
  };
  const idOf = async (image: string) =>
    (await daemon.docker(["image", "inspect", image, "--format", "{{.Id}}"])).stdout.trim();

  test("a cache: what was pruned comes back from it, with the very same image", async () => {
    const cache = join(scratch, "cache");
    const exported = await build(files, ["-t", "from-cache", "--cache-to", `type=local,dest=${cache},mode=max,tag=t`]);
    expect({ code: exported.code, stderr: exported.code === 0 ? "" : exported.stderr }).toEqual({
      code: 0,
      stderr: "",
    });
    const index = (await Bun.file(join(cache, "index.json")).json()) as { manifests: { annotations: object }[] };
    expect(index.manifests.map(({ annotations }) => annotations)).toEqual([
      { "org.opencontainers.image.ref.name": "t" },
    ]);
    const id = await idOf("from-cache");
    await daemon.docker(["rmi", "from-cache"]);
    await daemon.docker(["builder", "prune", "-af"]);
    const imported = await build(files, ["-t", "from-cache", "--cache-from", `type=local,src=${cache},tag=t`]);
    expect(imported.stderr).toMatch(/RUN cat \/proc\/sys\/kernel\/random\/uuid >\/u\n#\d+ CACHED/);
    expect(await idOf("from-cache")).toBe(id);
  });

  test("an OCI layout: written blob by blob, read as a context by tag and by digest", async () => {
    const layout = join(scratch, "layout");
    const written = await build(files, [
      ...["-o", `type=oci,tar=false,dest=${layout},name=demo/layout:1,compression=zstd,force-compression=true`],
      ...["--annotation", "a=b", "--annotation", "index,manifest-descriptor[linux/amd64]:c=d"],
    ]);
    expect({ code: written.code, stderr: written.code === 0 ? "" : written.stderr }).toEqual({ code: 0, stderr: "" });
    const index = (await Bun.file(join(layout, "index.json")).json()) as { manifests: { digest: string }[] };
    const blob = async (digest: string) =>
      (await Bun.file(join(layout, "blobs", digest.replace(":", "/"))).json()) as {
        annotations: object;
        manifests: { digest: string; annotations: object }[];
        layers: { mediaType: string }[];
      };
    const whole = await blob(index.manifests[0]!.digest);
    expect([whole.annotations, whole.manifests[0]!.annotations]).toEqual([{ c: "d" }, { c: "d" }]);
    const { annotations, layers } = await blob(whole.manifests[0]!.digest);
    expect(annotations).toEqual({ a: "b" });
    const zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
    expect(layers.map(({ mediaType }) => mediaType)).toEqual([zstd, zstd, zstd]);
    const before = (await daemon.docker(["images", "-aq"])).stdout;
    const words = (context: string) => ["--build-context", `base=oci-layout://${context}`, "-o", join(scratch, "got")];
    for (const context of [`${layout}:1`, `${layout}@${index.manifests[0]!.digest}`]) {
      const read = await build({ Dockerfile: "FROM base\nRUN cat /x >/y\n" }, words(context));
      expect({ code: read.code, stderr: read.code === 0 ? "" : read.stderr }).toEqual({ code: 0, stderr: "" });
      expect(await Bun.file(join(scratch, "got/y")).text()).toBe("x\n");
    }
    // The image was here for the build alone.
    expect((await daemon.docker(["images", "-aq"])).stdout).toBe(before);
  });
});

describe("bake and compose", () => {
  const files = {
    "docker-bake.json": JSON.stringify({
      group: { default: { targets: ["app", "lib", "lib2"] } },
      target: {
        base: { context: "a", output: ["type=cacheonly"] },
        lib: { context: "a", tags: ["bk-lib"] },
        lib2: { context: "a", args: { V: "two" }, tags: ["bk-lib:two"] },
        app: { context: "b", contexts: { base: "target:base" }, tags: ["bk-app"] },
      },
    }),
    "a/Dockerfile": "FROM busybox\nARG V=none\nENV BASED=yes\nRUN echo $V > /v\nCOPY x /x\n",
    "a/x": "ax\n",
    "b/Dockerfile": 'FROM base\nRUN echo $BASED > /app\nCOPY --from=base /x /x2\nCMD ["cat", "/v", "/app", "/x2"]\n',
    "compose.yaml":
      "name: bkcomp\nservices:\n  web:\n    build: ./a\n    command: cat /v\n  app:\n    build:\n      context: ./b\n" +
      "      additional_contexts:\n        base: service:web\n",
  };

  test("several targets at once, one built on another's result", async () => {
    await using context = await makeContext(files);
    const baked = await daemon.docker(["buildx", "bake", "--progress", "plain"], { cwd: context.directory });
    expect({ code: baked.code, stderr: baked.code === 0 ? "" : baked.stderr }).toEqual({ code: 0, stderr: "" });
    expect(await imageSays("bk-app")).toBe("none\nyes\nax\n");
    expect(await imageSays("bk-lib:two", "cat", "/v")).toBe("two\n");
  });

  test("files and directories from a repository, which the client reads through a graph of its own", async () => {
    await using context = await makeContext(files);
    const work = context.directory;
    const git = (...words: string[]) => run(["git", "-C", work, "-c", "user.email=a@b", "-c", "user.name=n", ...words]);
    await git("init", "-q", "-b", "main");
    await git("add", ".");
    await git("commit", "-qm", "one");
    await git("update-server-info");
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async ({ url }) => {
        const file = Bun.file(join(work, decodeURIComponent(new URL(url).pathname)));
        return (await file.exists()) ? new Response(file) : new Response("", { status: 404 });
      },
    });
    const address = `http://127.0.0.1:${server.port}/.git#main`;
    const words = ["buildx", "bake", "--progress", "plain", "--set", "app.tags=bk-remote", address, "app"];
    const baked = await daemon.docker(words);
    expect({ code: baked.code, stderr: baked.code === 0 ? "" : baked.stderr }).toEqual({ code: 0, stderr: "" });
    expect(await imageSays("bk-remote")).toBe("none\nyes\nax\n");
  });

  test("a client's own graph: processes, files, merged and subtracted roots", async () => {
    const graph = new GraphMaker();
    const base = graph.image("busybox");
    const made = graph.run("echo from a process >/p", [], base);
    const added = graph.add({ diff: { lower: { input: 0 }, upper: { input: 1 } } }, base, made);
    const mkfile = { path: "/f", mode: 0o600, data: Buffer.from("a file\n") };
    const actions = [
      { input: -1, secondaryInput: -1, output: -1, mkfile },
      { input: 0, secondaryInput: -1, output: 0, symlink: { oldpath: "f", newpath: "/l" } },
    ];
    const written = graph.add({ file: { actions } });
    const merged = graph.add({ merge: { inputs: [{ input: 0 }, { input: 1 }] } }, added, written);
    const result = graph.run("cat /m/p /m/l >/all; ls /m >>/all", ["/m"], base, merged);
    const client = await openBuilder(daemon);
    try {
      const Exporters = [{ Type: "image", Attrs: { name: "own-graph" } }];
      const request = { Ref: crypto.randomUUID(), Definition: graph.definition(result), Exporters };
      const signal = AbortSignal.timeout(30_000);
      await client.unary("/moby.buildkit.v1.Control/Solve", solveRequest.encode(request), signal);
    } finally {
      client.close();
    }
    expect(await imageSays("own-graph", "/bin/cat", "/all")).toBe("from a process\na file\nf\nl\np\n");
  });

  test("compose builds and starts what it built", async () => {
    await using context = await makeContext(files);
    const up = await daemon.docker(["compose", "up", "--build"], { cwd: context.directory });
    expect(up.stdout).toContain("app-1  | yes");
    expect((await daemon.docker(["compose", "down", "--rmi", "local"], { cwd: context.directory })).code).toBe(0);
  });
});

describe("the builder's state", () => {
  test("history: logs, materials, attachments, an export; it outlives the daemon", async () => {
    const history = (...words: string[]) => daemon.docker(["buildx", "history", ...words]);
    await build({ Dockerfile: "FROM busybox\nRUN echo forgotten && exit 3\n" });
    await build({ Dockerfile: "FROM busybox\nRUN echo remembered\n" }, ["--label", "a=b"]);
    const listed = async () =>
      (await history("ls", "--format", "{{.Ref}} {{.Status}}")).stdout.split("\n").filter(Boolean).slice(0, 2);
    const before = await listed();
    expect(before.map((line) => line.split(" ")[1])).toEqual(["Completed", "Error"]);
    await daemon.kill("SIGTERM");
    await daemon.restart();
    expect(await listed()).toEqual(before);
    const logs = await history("logs");
    expect(logs.stdout + logs.stderr).toMatch(/\n#\d+ \[2\/2\] RUN echo remembered\n#\d+ \d+\.\d+ remembered\n/);
    const { stdout } = await history("inspect", "--format", "json");
    const { Ref, Status, Materials, Labels, Attachments } = JSON.parse(stdout) as Record<string, unknown>;
    expect({ Status, Labels }).toEqual({ Status: "completed", Labels: [{ Name: "a", Value: "b" }] });
    expect(Materials).toEqual([
      { URI: "pkg:docker/busybox@latest?platform=linux%2Famd64", Digests: [expect.stringMatching(/^sha256:/)] },
    ]);
    const [{ Type: type }] = Attachments as [{ Type: string }];
    const provenance = JSON.parse((await history("inspect", "attachment", "--type", type, String(Ref))).stdout);
    expect(provenance.buildType).toBe("https://mobyproject.org/buildkit@v1");
    const failed = await history("inspect", "^1");
    expect(failed.stdout).toContain(">>> RUN echo forgotten && exit 3");
    const bundle = join(scratch, "history.tar");
    expect((await history("export", "--all", "-o", bundle)).code).toBe(0);
    expect((await run(["tar", "-tzf", bundle])).stdout).toContain("oci-layout");
    expect((await history("rm", "--all")).code).toBe(0);
    expect(await listed()).toEqual([]);
    expect(await readdir(join(daemon.dataRoot, "builder/history"))).toEqual([]);
  });

  test("the cache's rows and their filters", async () => {
    const contexts = await daemon.docker(["buildx", "du", "--filter", "type=source.local"]);
    expect(contexts.stdout).toContain("RECLAIMABLE");
    const pruned = await daemon.docker(["buildx", "prune", "-f", "--filter", "type=source.local"]);
    expect(pruned.stdout).toContain("Total:");
    const left = await daemon.docker(["buildx", "du", "--verbose", "--filter", "type=source.local"]);
    expect(left.stdout).not.toContain("source.local");
    const limits = ["--reserved-space", "1kb", "--max-used-space", "1mb", "--min-free-space", "1kb"];
    expect((await daemon.docker(["buildx", "prune", "-f", ...limits])).stdout).toContain("Total:");
    const builder = await daemon.docker(["buildx", "inspect", "--bootstrap"]);
    expect(builder.stdout).toContain("linux/amd64");
    expect(builder.stdout).toMatch(
      /GC Policy rule#0:\n All: +false\n Filters: +type==source.local\n Keep Duration: +48h0m0s/,
    );
    expect((await daemon.docker(["buildx", "ls"])).stdout).toContain("running");
  });
});

async function file(name: string, text: string): Promise<string> {
  const path = join(scratch, name);
  await writeFile(path, text);
  return path;
}
