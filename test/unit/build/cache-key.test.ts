import { describe, expect, test } from "bun:test";
import { type InputKey, keyOf, keyParts } from "../../../src/build/solver/cache-key.ts";
import type { CopyAction, ExecOperation, FileOperation } from "../../../src/build/solver/graph.ts";
import { explainDifference } from "../../../src/build/solver/miss-history.ts";

const EXEC: ExecOperation = {
  type: "exec",
  root: undefined,
  args: ["/bin/sh", "-c", "make"],
  env: ["PATH=/bin", "V=1"],
  quietEnv: ["http_proxy=a"],
  cwd: "/",
  user: "",
  hostname: "",
  network: "default",
  security: "sandbox",
  extraHosts: [],
  shmSizeBytes: 0,
  ulimits: [],
  cgroupParent: "",
  mounts: [
    { type: "secret", id: "s", required: true, uid: 0, gid: 0, mode: 0o400, target: "/s", readOnly: true },
    { type: "bind", from: undefined, source: "/a", target: "/b", readOnly: true },
  ],
};
const COPY: CopyAction = { action: "copy", from: undefined, sources: ["/a"], destination: "/b" };
const FILE: FileOperation = { type: "file", root: undefined, actions: [COPY] };

const inputs: InputKey = (_step, use) => (use === "root" ? "base" : "files");
const execKey = (change: Partial<ExecOperation> = {}, input = inputs, clamp?: number) =>
  keyOf(keyParts({ ...EXEC, ...change }, input, clamp));
const copyKey = (change: Partial<CopyAction> = {}, input = inputs) =>
  keyOf(keyParts({ ...FILE, actions: [{ ...COPY, ...change }] }, input, undefined));

describe("cache keys", () => {
  const SAME: [name: string, change: Partial<ExecOperation>][] = [
    ["proxies", { quietEnv: ["http_proxy=b"] }],
    ["limits of the machine", { resources: { memory: 1 }, cgroupParent: "/x" }],
  ];
  for (const [name, change] of SAME) test(`do not depend on ${name}`, () => expect(execKey(change)).toBe(execKey()));

  const OTHER: [name: string, change: Partial<ExecOperation>][] = [
    ["the command", { args: ["/bin/sh", "-c", "make all"] }],
    ["how it is cut into words", { args: ["/bin/sh", "-c make"] }],
    ["variables", { env: ["PATH=/bin", "V=2"] }],
    ["the user", { user: "1" }],
    ["the directory", { cwd: "/x" }],
    ["the network", { network: "none" }],
    ["privileges", { security: "insecure" }],
    ["hosts", { extraHosts: ["a:1.2.3.4"] }],
    ["that a secret is there", { mounts: EXEC.mounts.slice(1) }],
    [
      "where a tree is mounted",
      { mounts: [{ type: "bind", from: undefined, source: "/a", target: "/c", readOnly: true }] },
    ],
  ];
  for (const [name, change] of OTHER) test(`depend on ${name}`, () => expect(execKey(change)).not.toBe(execKey()));

  test("depend on the base, on the files and on SOURCE_DATE_EPOCH", () => {
    expect(execKey({}, (step, use) => (use === "root" ? "other" : inputs(step, use)))).not.toBe(execKey());
    expect(execKey({}, (step, use) => (use === "root" ? inputs(step, use) : "other"))).not.toBe(execKey());
    expect(execKey({}, inputs, 1)).not.toBe(execKey());
    expect(execKey({}, inputs, 1)).not.toBe(execKey({}, inputs, 2));
  });

  test("of a copy stand for content, not for the path it came from", () => {
    expect(copyKey({ sources: ["/elsewhere"] })).toBe(copyKey());
    expect(copyKey({}, () => "changed")).not.toBe(copyKey());
    expect(copyKey({ destination: "/c" })).not.toBe(copyKey());
    expect(copyKey({ owner: "1:1" })).not.toBe(copyKey());
    expect(copyKey({ mode: "600" })).not.toBe(copyKey());
  });
});

describe("explainDifference()", () => {
  const parts = { type: "file", command: "[]", "variable V": "1", "files 0": "x", base: "b" };
  const listings = { "files 0": { "a.js": "1", "b.js": "1" } };
  const CASES: [name: string, now: Record<string, string>, files: Record<string, string>, words: string][] = [
    ["a variable", { "variable V": "2" }, {}, "V is 2, was 1"],
    ["a new variable", { "variable W": "2" }, {}, "W is 2, was not set"],
    ["the instruction", { command: "[1]" }, {}, "the instruction changed"],
    ["what is below", { base: "c" }, {}, "what it stands on changed"],
    ["a file", { "files 0": "y" }, { "a.js": "2", "b.js": "1" }, "a.js changed"],
    [
      "a file that is new, and others",
      { "files 0": "y" },
      { "0.js": "1", "a.js": "2", "b.js": "1" },
      "0.js is new and 1 more",
    ],
    ["a file that is gone", { "files 0": "y" }, { "a.js": "1" }, "b.js is gone"],
    ["one's own change before that of what is below", { base: "c", "variable V": "2" }, {}, "V is 2, was 1"],
    ["nothing", {}, {}, "its cached result is gone"],
  ];
  for (const [name, now, files, words] of CASES) {
    test(`names ${name}`, () => {
      const after = {
        parts: { ...parts, ...now },
        listings: Object.keys(files).length > 0 ? { "files 0": files } : listings,
      };
      expect(explainDifference({ parts, listings }, after)).toBe(words);
    });
  }
});
