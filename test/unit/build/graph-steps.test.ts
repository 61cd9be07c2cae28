/** Graphs of clients as the solver's steps: what becomes of each kind of operation, and what is refused. */
import { describe, expect, test } from "bun:test";
import { stepOfGraph } from "../../../src/build/buildkit/graph-steps.ts";
import type { Operation, Step } from "../../../src/build/solver/graph.ts";
import { GraphMaker } from "../../support/build-graph.ts";
import { TestServices, testContext } from "../../support/planning.ts";

const NO_INPUT = -1;

function stepOf(
  make: (graph: GraphMaker) => Parameters<GraphMaker["definition"]>,
  entitlements = ["network.host", "security.insecure"],
): Promise<Step | undefined> {
  const graph = new GraphMaker();
  return stepOfGraph(graph.definition(...make(graph)), {
    services: new TestServices(),
    entitlements,
    local: (name) => Promise.resolve(testContext(name)),
    result: () => Promise.resolve(undefined),
  });
}

async function operationOf<Type extends Operation["type"]>(
  type: Type,
  make: Parameters<typeof stepOf>[0],
): Promise<Extract<Operation, { type: Type }>> {
  const step = await stepOf(make);
  expect(step?.operation.type).toBe(type);
  return step!.operation as Extract<Operation, { type: Type }>;
}

const action = (change: object) => ({ input: 0, secondaryInput: NO_INPUT, output: 0, ...change });
const source = (identifier: string, attrs: Record<string, string> = {}) => ({ source: { identifier, attrs } });

describe("sources", () => {
  test("an image for a platform", async () => {
    const { image } = await operationOf("image", (graph) => [graph.image("busybox:latest")]);
    expect(image.name).toBe("docker.io/library/busybox:latest");
  });

  test.each([
    [
      "a repository",
      source("git://host/r.git#v1:sub", { "git.fullurl": "https://host/r.git", "git.keepgitdir": "true" }),
      { type: "git", remote: "https://host/r.git", ref: "v1", subdir: "sub", keepGitDir: true },
    ],
    [
      "a download",
      source("https://host/a/b.tgz", { "http.checksum": `sha256:${"a".repeat(64)}` }),
      { type: "http", url: "https://host/a/b.tgz", filename: "b.tgz", checksum: `sha256:${"a".repeat(64)}` },
    ],
  ])("%s", async (_, operation, expected) => {
    const step = await stepOf((graph) => [graph.add(operation)]);
    expect(step?.operation as object).toEqual(expected);
  });

  test("a directory of the client's is copied, so that others can stand on it", async () => {
    const attrs = { "local.followpaths": '["a"]', "local.excludepatterns": '["b"]' };
    const { actions } = await operationOf("file", (graph) => [graph.add(source("local://src", attrs))]);
    expect(actions).toMatchObject([
      { action: "copy", from: { operation: { type: "local", include: ["a"], exclude: ["b"] } }, destination: "/" },
    ]);
  });
});

describe("operations", () => {
  test("a chain of actions is one layer; a copy may take from an action before it", async () => {
    const actions = [
      action({ input: NO_INPUT, mkdir: { path: "/d", mode: 0o700 }, output: NO_INPUT }),
      action({
        input: 0,
        mkfile: { path: "/d/f", mode: 0o600, data: Buffer.from("x"), owner: { user: { byID: 5 } } },
        output: NO_INPUT,
      }),
      action({ input: 1, secondaryInput: 0, copy: { src: "/d", dest: "/e/", mode: -1 }, output: 0 }),
    ];
    const { root, actions: made } = await operationOf("file", (graph) => [graph.add({ file: { actions } })]);
    expect(root).toBeUndefined();
    expect(made).toMatchObject([
      { action: "mkdir", path: "/d", mode: 0o700 },
      { action: "mkfile", path: "/d/f", mode: "0600", owner: "5" },
      { action: "copy", sources: ["//./d"], destination: "/e/", keepsParents: true },
    ]);
  });

  test.each([
    [true, "/a[1]*"],
    [false, "/a\\[1\\]\\*"],
  ])("a copy by pattern: %p", async (allowWildcard, expected) => {
    const copy = { src: "/a[1]*", dest: "/e", mode: -1, allowWildcard };
    const actions = [action({ input: NO_INPUT, copy })];
    const { actions: made } = await operationOf("file", (graph) => [graph.add({ file: { actions } })]);
    expect(made).toMatchObject([{ action: "copy", sources: [expected] }]);
  });

  test("a process with mounts of every kind", async () => {
    const mounts = [
      { input: 0, dest: "/", output: 0 },
      { input: 0, dest: "/b", output: NO_INPUT, readonly: true, selector: "/bin" },
      { input: NO_INPUT, dest: "/c", output: NO_INPUT, mountType: 3, cacheOpt: { ID: "cc", sharing: 2 } },
      { input: NO_INPUT, dest: "/t", output: NO_INPUT, mountType: 4, TmpfsOpt: { size: 9 } },
      { input: NO_INPUT, dest: "/s", output: NO_INPUT, mountType: 1, secretOpt: { ID: "id", mode: 0o444 } },
      { input: NO_INPUT, dest: "/a", output: NO_INPUT, mountType: 2, SSHOpt: { optional: true } },
    ];
    const meta = { args: ["true"], env: ["A=b"], cwd: "/w", user: "u", extraHosts: [{ Host: "h", IP: "1.2.3.4" }] };
    const exec = { meta, mounts, network: 2, security: 1, secretenv: [{ ID: "e", name: "E" }] };
    const operation = await operationOf("exec", (graph) => [graph.add({ exec }, graph.image("busybox"))]);
    expect(operation).toMatchObject({ args: ["true"], cwd: "/w", network: "none", security: "insecure" });
    expect(operation).toMatchObject({ extraHosts: ["h:1.2.3.4"], secretEnv: [{ id: "e", name: "E", required: true }] });
    expect(operation.mounts).toMatchObject([
      { type: "bind", target: "/b", source: "/bin", readOnly: true },
      { type: "cache", target: "/c", id: "cc", sharing: "locked" },
      { type: "tmpfs", target: "/t", sizeBytes: 9 },
      { type: "secret", target: "/s", id: "id", mode: 0o444, required: true },
      { type: "ssh", target: "/a", id: "default", mode: 0o600, required: false },
    ]);
  });

  test("merged and compared roots", async () => {
    const merged = await operationOf("merge", (graph) => {
      const inputs = [{ input: 0 }, { input: 1 }];
      return [graph.add({ merge: { inputs } }, graph.image("busybox"), graph.add(source("local://a")))];
    });
    expect(merged.roots.map((root) => root?.operation.type)).toEqual(["image", "file"]);
    const diff = await operationOf("diff", (graph) => {
      const base = graph.image("busybox");
      return [graph.add({ diff: { lower: { input: 0 }, upper: { input: 1 } } }, base, graph.run("x", [], base))];
    });
    expect([diff.lower?.operation.type, diff.upper?.operation.type]).toEqual(["image", "exec"]);
  });
});

test.each<[string, object, RegExp]>([
  ["an unknown source", source("blob://x"), /the source blob:\/\/x of a client's build graph is not supported/],
  ["a build inside the build", { build: { builder: 0 } }, /of a kind that naru does not have \(build\)/],
  [
    "a pattern",
    { file: { actions: [action({ input: NO_INPUT, rm: { path: "/a*", allowWildcard: true } })] } },
    /removing by pattern in a client's build graph is not supported/,
  ],
  ["a time", { file: { actions: [action({ input: NO_INPUT, mkdir: { path: "/", timestamp: 5 } })] } }, /a time in a/],
  ["another result", { exec: { meta: {}, mounts: [{ dest: "/", output: 1 }] } }, /a result of a process/],
  [
    "a name that leads out",
    source("https://h/a", { "http.filename": "../../etc/x" }),
    /"..\/..\/etc\/x" is no name for/,
  ],
  ["no address", source("https://["), /"https:\/\/\[" is no address of a download/],
  ["no list", source("local://a", { "local.followpaths": "a" }), /a is no list of patterns in JSON/],
  ["a list of others", source("local://a", { "local.followpaths": "[1]" }), /\[1\] is no list of patterns/],
  [
    "an action on what comes later",
    { file: { actions: [action({ input: 1, mkdir: { path: "/d" } })] } },
    /an action of the build graph has no input 1/,
  ],
  [
    "replacing a directory",
    { file: { actions: [action({ input: NO_INPUT, copy: { alwaysReplaceExistingDestPaths: true } })] } },
    /replacing a directory by what is copied in a client's build graph is not supported/,
  ],
  ["an input that is not there", { merge: { inputs: [{ input: 3 }] } }, /has no input 3/],
])("%s is refused", async (_, operation, words) => {
  await expect(stepOf((graph) => [graph.add(operation)])).rejects.toThrow(words);
});

test.each([
  ["network.host", { network: 1 }],
  ["security.insecure", { security: 1 }],
])("a process needs leave for %s, as one of a Dockerfile does", async (name, wish) => {
  const make = (graph: GraphMaker): Parameters<GraphMaker["definition"]> => [
    graph.add({ exec: { meta: { args: ["true"] }, mounts: [{ input: -1, dest: "/", output: 0 }], ...wish } }),
  ];
  expect((await stepOf(make, [name]))?.operation.type).toBe("exec");
  await expect(stepOf(make, ["device"])).rejects.toThrow(`${name} is not allowed: allow it with --allow ${name}`);
});

test("graphs without a result, and such that lack an operation", async () => {
  await expect(stepOf(() => [])).rejects.toThrow("the build graph has no result");
  await expect(stepOf(() => [{ digest: "sha256:0", index: 0 }])).rejects.toThrow("lacks its operation sha256:0");
});
