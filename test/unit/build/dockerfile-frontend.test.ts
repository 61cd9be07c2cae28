// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
import { describe, expect, test } from "bun:test";
import type { BuildRequest } from "../../../src/build/contract.ts";
import { planDockerfile } from "../../../src/build/frontend/dockerfile-frontend.ts";
import type { BuildPlan, ExecOperation, FileOperation, Operation, Step } from "../../../src/build/solver/graph.ts";
import { stepDigest, stepInputs } from "../../../src/build/solver/step-digest.ts";
import { parseGitSource } from "../../../src/lib/git-address.ts";
import { TestServices, testContext, testRequest } from "../../support/planning.ts";
import { processorMs } from "../../support/processor-time.ts";

const plan = (text: string, changes: Partial<BuildRequest> = {}, services = new TestServices()) =>
  planDockerfile(testRequest(text, changes), services);

/** All steps of a plan, each after what it stands on. */
function stepsOf({ targets }: BuildPlan): Step[] {
  const found = new Set<Step>();
  const visit = (step: Step) => {
    if (found.has(step)) return;
    for (const input of stepInputs(step)) visit(input);
    found.add(step);
  };
  for (const { root } of targets) if (root) visit(root);
  return [...found];
}

function operationsOf<Type extends Operation["type"]>(made: BuildPlan, type: Type) {
  const operations = stepsOf(made).map(({ operation }) => operation);
  return operations.filter((operation) => operation.type === type) as Extract<Operation, { type: Type }>[];
}

const names = (made: BuildPlan) => stepsOf(made).map(({ show }) => show.name);

describe("what is read from the context", () => {
  const cases: [string, string[] | undefined][] = [
    ["COPY a b/ /x/", ["a", "b"]],
    ["COPY *.txt dir/*.md /x/", ["*.txt", "dir/*.md"]],
    ["COPY . /x", undefined],
    ["COPY a /x\nCOPY ../../b /x\nRUN --mount=source=c/d,target=/m true", ["a", "b", "c/d"]],
    ["RUN --mount=target=/m true", undefined],
    ["ADD https://example.invalid/f a /x/", ["a"]],
    ["COPY --parents a/./b/*.c /x/", ["a/b/*.c"]],
    ["COPY --from=busybox a /x", []],
    ["COPY <<A /x\nA", []],
  ];
  for (const [text, wanted] of cases) {
    test(text, async () => {
      const locals = operationsOf(await plan(`FROM busybox\n${text}\n`), "local");
      expect(locals.length).toBe(wanted?.length === 0 ? 0 : 1);
      if (locals.length > 0) expect(locals[0]!.include).toEqual(wanted as string[]);
    });
  }

  test("the context is one step for all stages and platforms, with the patterns of .dockerignore", async () => {
    const made = await plan("FROM busybox AS a\nCOPY x /\nFROM busybox\nCOPY y /\nCOPY --from=a /x /z", {
      platforms: [
        { os: "linux", architecture: "amd64" },
        { os: "linux", architecture: "arm64" },
      ],
      ignoreFile: { name: ".dockerignore", text: new TextEncoder().encode("*.o\n!a.o\n") },
    });
    const locals = operationsOf(made, "local");
    expect(locals).toHaveLength(1);
    expect(locals[0]).toMatchObject({ include: ["x", "y"], exclude: ["*.o", "!a.o"] });
  });

  test("stages that are not needed read nothing", async () => {
    const made = await plan("FROM busybox AS unused\nCOPY secret /\nFROM nowhere AS other\nFROM busybox\nCOPY x /");
    expect(operationsOf(made, "local")[0]!.include).toEqual(["x"]);
  });

  test("without a context a clear word says so", async () => {
    await expect(plan("FROM busybox\nCOPY a /", { context: undefined })).rejects.toThrow(/there is no build context/);
  });
});

describe("copies", () => {
  const actionsOf = async (text: string) => {
    const files = operationsOf(await plan(`FROM busybox\nWORKDIR /w\n${text}`), "file") as FileOperation[];
    return files.at(-1)!.actions;
  };
  const cases: [string, object[]][] = [
    ["COPY a .", [{ sources: ["/a"], destination: "/w/" }]],
    ["COPY a b", [{ sources: ["/a"], destination: "/w/b" }]],
    ["COPY a/ ../c/", [{ sources: ["/a"], destination: "/c/" }]],
    ["COPY a b /c", [{ destination: "/c/" }, { destination: "/c/" }]],
    ["COPY a* /c/", [{ sources: ["/a*"], allowsNoMatch: true }]],
    ["COPY --chown=1:2 --chmod=u=rw --exclude=*.o a /", [{ owner: "1:2", mode: "u=rw", exclude: ["*.o"] }]],
    ["COPY --parents x/./y/z /", [{ sources: ["/x/./y/z"], keepsParents: true }]],
    ["ADD a.tar /", [{ unpacks: true }]],
    ["ADD https://example.invalid/p/q%20r?s /d/", [{ sources: ["/q r"], destination: "/d/" }]],
    ["ADD https://example.invalid/r.git#v1:sub /d", [{ sources: ["/"], destination: "/d/" }]],
    ["COPY <<A /d/\nx\nA", [{ action: "mkfile", path: "/d/", name: "A", data: new TextEncoder().encode("x\n") }]],
  ];
  for (const [text, wanted] of cases) {
    test(text, async () => expect(await actionsOf(text)).toMatchObject(wanted));
  }

  test("without --unpack=false only files of contexts are unpacked", async () => {
    const [file] = await actionsOf("ADD --unpack=false a.tar /");
    expect(file).not.toHaveProperty("unpacks");
    const [url] = await actionsOf("ADD https://example.invalid/a.tar /");
    expect(url).not.toHaveProperty("unpacks");
    expect(await actionsOf("ADD --unpack=true https://example.invalid/a.tar /")).toMatchObject([{ unpacks: true }]);
  });

  test("--link stands on nothing, but names of users need the stage's accounts", async () => {
    const linked = await plan("FROM busybox\nCOPY --link --chown=1 a /");
    const [merge] = operationsOf(linked, "merge");
    expect(merge!.roots[1]!.operation).toMatchObject({ type: "file", root: undefined });
    expect(operationsOf(await plan("FROM busybox\nCOPY --link --chown=user a /"), "merge")).toEqual([]);
  });
});

describe("RUN", () => {
  const execOf = async (text: string, changes: Partial<BuildRequest> = {}) =>
    operationsOf(await plan(`FROM busybox\n${text}`, changes), "exec").at(-1)! as ExecOperation;

  test("sees the stage's environment, directory and user", async () => {
    const exec = await execOf("ENV a=1\nARG b=2\nARG c\nWORKDIR /w\nUSER 5\nRUN x");
    expect(exec.env.slice(1)).toEqual(["a=1", "b=2"]);
    expect(exec).toMatchObject({ cwd: "/w", user: "5", args: ["/bin/sh", "-c", "x"], hostname: "buildkitsandbox" });
  });

  test("gets proxies in both spellings, outside of its key", async () => {
    const exec = await execOf("RUN x", { buildArgs: { http_proxy: "p", ALL_PROXY: "q" } });
    expect(exec.quietEnv).toEqual(["HTTP_PROXY=p", "http_proxy=p", "ALL_PROXY=q", "all_proxy=q"]);
    expect(exec.env.join()).not.toContain("roxy");
  });

  test("mounts of every kind", async () => {
    const text = [
      "RUN --mount=type=cache,target=c,sharing=locked,uid=1",
      "--mount=type=bind,from=busybox,source=/bin,target=/b,rw --mount=type=tmpfs,target=/t,size=2k",
      "--mount=type=secret,id=s --mount=type=secret,id=e,env=E --mount=type=ssh,mode=0666 x",
    ];
    const { mounts, secretEnv } = await execOf(`WORKDIR /w\n${text.join(" ")}`);
    expect(mounts).toMatchObject([
      {
        type: "cache",
        id: "/c",
        target: "/w/c",
        sharing: "locked",
        uid: 1,
        mode: 0o755,
        from: undefined,
        readOnly: false,
      },
      { type: "bind", source: "/bin", target: "/b", readOnly: false },
      { type: "tmpfs", target: "/t", sizeBytes: 2048 },
      { type: "secret", id: "s", target: "/run/secrets/s", mode: 0o400, required: false },
      { type: "ssh", id: "default", target: "/run/buildkit/ssh_agent.5", mode: 0o666 },
    ]);
    expect(secretEnv).toEqual([{ name: "E", id: "e", required: false }]);
  });

  test("asks for what the client must allow", async () => {
    const host = execOf("RUN --network=host x");
    await expect(host).rejects.toThrow("network.host is not allowed: allow it with --allow network.host");
    expect((await execOf("RUN --network=host x", { entitlements: ["network.host"] })).network).toBe("host");
    const ofBuild = { networkMode: "host", entitlements: ["network.host"] };
    expect((await execOf("RUN x", ofBuild)).network).toBe("host");
    await expect(execOf("RUN x", { ...ofBuild, entitlements: [] })).rejects.toThrow("network.host is not allowed");
    expect((await execOf("RUN --network=none x", { ...ofBuild, entitlements: [] })).network).toBe("none");
    await expect(execOf("RUN --security=insecure x")).rejects.toThrow("security.insecure is not allowed");
    await expect(execOf("RUN --device=name=a,required x")).rejects.toThrow(/a is required, but naru gives no devices/);
    expect(await execOf("RUN --device=a x")).toMatchObject({ args: ["/bin/sh", "-c", "x"] });
  });
});

describe("platforms", () => {
  const arm = { os: "linux", architecture: "arm64", variant: "v8" };

  test("several are named in every step, with what a stage compiles for", async () => {
    const text =
      "FROM --platform=$BUILDPLATFORM busybox AS b\nARG TARGETARCH\nRUN make $TARGETARCH\nFROM busybox\nCOPY --from=b /x /";
    const made = await plan(text, { platforms: [{ os: "linux", architecture: "s390x" }, arm] });
    expect(names(made)).toContain(
      `[linux/${process.arch === "x64" ? "amd64" : process.arch}->s390x b 2/2] RUN make s390x`,
    );
    expect(names(made)).toContain("[linux/arm64 stage-1 2/2] COPY --from=b /x /");
    expect(made.targets.map(({ platform }) => platform.architecture)).toEqual(["s390x", "arm64"]);
  });

  test("the image gets the wanted platform; one that was not wanted is the base's", async () => {
    const wanted = await plan("FROM scratch\nCOPY a /", {
      platforms: [{ os: "linux", architecture: "arm", variant: "v6" }],
    });
    expect(wanted.targets[0]!.image).toMatchObject({ architecture: "arm", variant: "v6" });
    const services = new TestServices({ "docker.io/library/other:latest": { architecture: "riscv64" } });
    const implied = await plan("FROM other\nRUN x", {}, services);
    expect(implied.targets[0]!.platform).toEqual({ os: "linux", architecture: "riscv64" });
    expect(implied.warnings.map(({ rule }) => rule)).toEqual(["InvalidBaseImagePlatform"]);
  });
});

describe("named contexts", () => {
  test("an image takes the place of a stage, whose instructions then do not run", async () => {
    const made = await plan("FROM nowhere AS base\nRUN never\nFROM base\nRUN x", {
      namedContexts: { base: "docker-image://busybox" },
    });
    expect(names(made)).toEqual(["[context base] busybox", "[stage-1 1/1] RUN x"]);
  });

  test("files take the place of an image; its .dockerignore counts, and only what is read is sent", async () => {
    const source = testContext("src");
    const services = new TestServices({}, { "src:.dockerignore": "*.o\n" });
    const made = await plan(
      "FROM busybox\nCOPY --from=registry.invalid/a/b:1 /x/y /",
      { namedContexts: { "registry.invalid/a/b:1": source } },
      services,
    );
    expect(operationsOf(made, "local")[0]).toMatchObject({ context: source, include: ["x/y"], exclude: ["*.o"] });
  });

  test("names are compared as images are, and one for the platform goes first", async () => {
    const services = new TestServices({ "docker.io/library/b:1": {} });
    const contexts = { "docker.io/library/debian:latest": "docker-image://b:1" };
    await plan("FROM debian", { namedContexts: contexts }, services);
    expect(services.asked).toEqual(["docker.io/library/b:1"]);
  });

  test("repositories and archives", async () => {
    const contexts = { r: "https://example.invalid/r.git#main:sub", a: "https://example.invalid/a.tgz" };
    const made = await plan("FROM busybox\nCOPY --from=r x /\nCOPY --from=a y /", { namedContexts: contexts });
    expect(operationsOf(made, "git")[0]).toMatchObject({
      remote: "https://example.invalid/r.git",
      ref: "main",
      subdir: "sub",
    });
    expect(operationsOf(made, "http")[0]).toMatchObject({ url: "https://example.invalid/a.tgz" });
  });

  test("what is not read is refused", async () => {
    const refused = (source: string) => plan("FROM x", { namedContexts: { x: source } });
    await expect(refused("oci-layout:///x")).rejects.toThrow(/unsupported context source oci-layout for x/);
    await expect(refused("foo://x")).rejects.toThrow(/unsupported context source foo for x/);
  });
});

describe("triggers of an image", () => {
  const images = {
    "docker.io/library/base:latest": { config: { OnBuild: ["RUN echo one", "COPY --from=busybox /a /b", "ENV c=d"] } },
  };

  test("run before the stage's own instructions and are not passed on", async () => {
    const made = await plan("FROM base\nRUN echo own", {}, new TestServices(images));
    expect(names(made).filter((name) => name.startsWith("["))).toEqual([
      "[1/5] FROM docker.io/library/base:latest",
      "[2/5] ONBUILD RUN echo one",
      "[3/5] ONBUILD COPY --from=busybox /a /b",
      "[4/5] RUN echo own",
    ]);
    expect(made.targets[0]!.image.config).toMatchObject({ OnBuild: null, Env: expect.arrayContaining(["c=d"]) });
  });

  test("mistakes in them stand at the FROM", async () => {
    const bad = { "docker.io/library/base:latest": { config: { OnBuild: ["RUNN x"] } } };
    const failure = plan("FROM busybox\nFROM base", {}, new TestServices(bad));
    await expect(failure).rejects.toMatchObject({
      message: "unknown instruction: RUNN (did you mean RUN?)",
      place: { ranges: [{ start: { line: 2 } }], caret: { line: 2, column: 5, length: 4 } },
    });
  });

  test("a hundred thousand of them end", async () => {
    const many = { "docker.io/library/base:latest": { config: { OnBuild: new Array(20_000).fill("ENV a=b") } } };
    const made = await plan("FROM base", {}, new TestServices(many));
    expect(made.targets[0]!.history).toHaveLength(20_000);
  });
});

describe("planning does not hang on", () => {
  const many = (count: number, line: (index: number) => string) =>
    Array.from({ length: count }, (_, i) => line(i)).join("\n");
  const cases: Record<string, string> = {
    "thousands of steps": `FROM busybox\n${many(3000, (i) => `RUN echo ${i}`)}`,
    "thousands of stages": `FROM busybox AS s0\n${many(2000, (i) => `FROM s${i} AS s${i + 1}\nCOPY --from=s${i} a /`)}`,
    "all ports, again and again": `FROM busybox\nEXPOSE ${"1-65535 ".repeat(6000)}`,
    "thousands of variables": `FROM busybox\n${many(1500, (i) => `ENV A${i}=$A${i - 1}x`)}`,
  };
  for (const [name, text] of Object.entries(cases)) {
    test(name, async () => {
      const start = processorMs();
      try {
        const root = (await plan(text)).targets[0]!.root!;
        expect(stepDigest(root)).toStartWith("sha256:");
      } catch (error) {
        expect(error).toHaveProperty("kind", "invalid");
      }
      expect(processorMs() - start).toBeLessThan(5000);
    });
  }
});

describe("the syntax line", () => {
  const good = [
    "docker/dockerfile:1",
    "docker/dockerfile",
    "docker/dockerfile:1.7-labs",
    `docker/dockerfile:1@sha256:${"a".repeat(64)}`,
  ];
  for (const line of [...good, "docker/dockerfile-upstream:master", "mirror.invalid:5000/docker/dockerfile:1"]) {
    test(`${line} is built in`, async () =>
      expect(await plan(`# syntax = ${line}\nFROM busybox`)).toEqual(await plan("# none\nFROM busybox")));
  }
  for (const text of [
    "# syntax=foo/bar:1\nFROM x",
    "#!/x\n# syntax=foo/bar:1\nFROM x",
    "// syntax=foo/bar:1",
    '{"syntax": "foo/bar:1"}',
  ]) {
    test(`${text.replace(/\n/g, "⏎")} is refused`, async () =>
      expect(plan(text)).rejects.toThrow("the frontend foo/bar:1 is a program in an image and is not run"));
  }
  test("a build argument goes before it", async () => {
    await expect(plan("FROM busybox", { buildArgs: { BUILDKIT_SYNTAX: "foo/bar" } })).rejects.toThrow(
      "remove BUILDKIT_SYNTAX",
    );
    const changes = { buildArgs: { BUILDKIT_SYNTAX: "docker/dockerfile:1" } };
    expect(await plan("# syntax=foo/bar\nFROM busybox", changes)).toEqual(await plan("# none\nFROM busybox", changes));
  });
});

test("the same Dockerfile makes the same graph; other texts, other digests", async () => {
  const text = "FROM busybox\nARG v\nRUN echo $v\nCOPY a /\n";
  const digest = async (changes: Partial<BuildRequest>) => stepDigest((await plan(text, changes)).targets[0]!.root!);
  expect(await digest({})).toBe(await digest({}));
  expect(await digest({ buildArgs: { v: "1" } })).not.toBe(await digest({}));
  expect(await digest({ buildArgs: { HTTP_PROXY: "p" } })).not.toBe(undefined as never);
});

test("labels, cache wishes, times and materials of the request", async () => {
  const made = await plan("FROM busybox AS a\nRUN x\nFROM a AS b\nRUN y\nADD https://example.invalid/f /", {
    labels: { z: "1" },
    noCacheStages: ["B"],
    buildArgs: { SOURCE_DATE_EPOCH: "17" },
  });
  expect(made.targets[0]!.image.config.Labels).toEqual({ z: "1" });
  expect(
    stepsOf(made)
      .filter((step) => step.ignoresCache)
      .map(({ show }) => show.name.split("] ")[1]),
  ).toEqual(["RUN y", "ADD https://example.invalid/f /"]);
  expect(made.sourceDateEpoch).toBe(17);
  expect(made.materials.map(({ uri }) => uri)).toEqual([
    "https://example.invalid/f",
    expect.stringMatching(/^pkg:docker\/busybox@latest\?platform=linux%2F/),
  ]);
});

test("warnings are told as they are found, also when the plan then fails", async () => {
  const services = new TestServices();
  await expect(plan("FROM busybox AS A\nMAINTAINER x\nRUNN x", {}, services)).rejects.toThrow("unknown instruction");
  expect(services.warned).toEqual(["StageNameCasing", "MaintainerDeprecated"]);
});

test("every instruction that runs is told, with its place and slot", async () => {
  const made = await plan("FROM busybox\nENV a=b\nRUN x\n");
  expect(made.instructions.map(({ text, range, step }) => [text, range.start.line, step?.show.slot])).toEqual([
    ["FROM busybox", 1, undefined],
    ["ENV a=b", 2, undefined],
    ["RUN x", 3, "/1"],
  ]);
});

test("an image that is not there is told at its line, with the name that may have been meant", async () => {
  await expect(plan("FROM busybox AS builder\nFROM buildr")).rejects.toMatchObject({
    kind: "not-found",
    message: expect.stringMatching(
      /^buildr: failed to resolve source metadata for docker.io\/library\/buildr:latest: .*\(did you mean builder\?\)$/,
    ),
    place: { file: "Dockerfile", ranges: [{ start: { line: 2 } }], caret: { line: 2, column: 5, length: 6 } },
  });
});

describe("addresses of repositories", () => {
  const cases: [string, object | undefined][] = [
    ["https://h/a/b.git", { remote: "https://h/a/b.git" }],
    ["https://h/a/b.git#v1:dir", { remote: "https://h/a/b.git", ref: "v1", subdir: "dir" }],
    ["https://h/a/b.git#:dir", { remote: "https://h/a/b.git", subdir: "dir" }],
    ["git@h:a/b.git#main", { remote: "git@h:a/b.git", ref: "main" }],
    ["ssh://git@h/a", { remote: "ssh://git@h/a" }],
    ["git://h/a", { remote: "git://h/a" }],
    [
      "https://h/a.git?tag=v1&subdir=d&keep-git-dir=1&submodules=false",
      { remote: "https://h/a.git", ref: "refs/tags/v1", subdir: "d", keepGitDir: true, submodules: false },
    ],
    ["https://h/a/b", undefined],
    ["https://h/a.git.zip", undefined],
    ["a.git", undefined],
    ["./git@h", undefined],
  ];
  for (const [text, wanted] of cases) {
    test(text, () =>
      wanted ? expect(parseGitSource(text)).toEqual(wanted as never) : expect(parseGitSource(text)).toBeUndefined(),
    );
  }
});
