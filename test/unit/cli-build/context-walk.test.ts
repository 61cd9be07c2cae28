/** Which files of a context travel, in which order, and when its mark changes. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ContextWalk, type WalkOptions } from "../../../src/cli/build/context-walk.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "naru-walk-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), path);
  }
}
const paths = (options: WalkOptions = {}) => new ContextWalk(root, options).list().map(({ path }) => path);

test("a directory's content follows it, names are in the order of their bytes", () => {
  write("a/x", "a.b", "a/é", "a/\u{1f600}", "a/\uffee", "B");
  expect(paths()).toEqual(["B", "a", "a/x", "a/é", "a/\uffee", "a/\u{1f600}", "a.b"]);
});

describe("what is left out", () => {
  const CASES: [options: WalkOptions, expected: string[]][] = [
    [{ exclude: ["src/b"] }, ["other", "src", "src/a", "src/c", "src/c/d", "top"]],
    [{ exclude: ["src", "!src/c/d"] }, ["other", "src", "src/c", "src/c/d", "top"]],
    [{ exclude: ["*", "!top"] }, ["top"]],
    [{ include: ["src/a", "top"] }, ["src", "src/a", "top"]],
    [{ include: ["src/*"] }, ["src", "src/a", "src/b", "src/c", "src/c/d"]],
    [{ include: ["s*/c"] }, ["src", "src/c", "src/c/d"]],
    [{ include: ["**/d"] }, ["other", "src", "src/a", "src/b", "src/c", "src/c/d", "top"]],
    [{ include: ["src"], exclude: ["**/c"] }, ["src", "src/a", "src/b"]],
    [{ include: ["nothing/here"] }, []],
  ];
  for (const [options, expected] of CASES) {
    test(JSON.stringify(options), () => {
      write("src/a", "src/b", "src/c/d", "top", "other");
      expect(paths(options)).toEqual(expected);
    });
  }
});

test("links that lead to what is included travel with what they lead to; circles end", () => {
  write("real/deep/file");
  symlinkSync("real", join(root, "lib"));
  symlinkSync("/real/deep", join(root, "absolute"));
  symlinkSync("circle", join(root, "circle"));
  expect(paths({ include: ["lib/deep/file"] })).toEqual(["lib", "real", "real/deep", "real/deep/file"]);
  expect(paths({ include: ["absolute"] })).toEqual(["absolute", "real", "real/deep", "real/deep/file"]);
  expect(paths({ include: ["circle"] })).toEqual(["circle"]);
  expect(paths({ include: ["../../../etc"] })).toEqual([]);
});

test("of several names of a file the first in the list has the content", () => {
  write("z/first");
  linkSync(join(root, "z/first"), join(root, "zz"));
  const list = new ContextWalk(root, {}).list();
  expect(list.map(({ path, linkname, size }) => [path, linkname, size])).toEqual([
    ["z", "", 0],
    ["z/first", "", 7],
    ["zz", "z/first", 0],
  ]);
});

describe("the mark", () => {
  const mark = (options: WalkOptions = {}) => new ContextWalk(root, options).mark();
  const settled = async () => {
    await Bun.sleep(80);
    const found = mark();
    expect(found).toBeString();
    return found;
  };

  const CHANGES: [name: string, change: () => void][] = [
    ["another content of the same length", () => writeFileSync(join(root, "d/a"), "D/A")],
    ["other permissions", () => chmodSync(join(root, "d/a"), 0o600)],
    ["a new file", () => write("d/new")],
    ["a file less", () => rmSync(join(root, "d/a"))],
    ["another name", () => renameSync(join(root, "d/a"), join(root, "d/b"))],
    [
      "another target",
      () => {
        rmSync(join(root, "link"));
        symlinkSync("e", join(root, "link"));
      },
    ],
  ];
  for (const [name, change] of CHANGES) {
    test(`changes with ${name}`, async () => {
      write("d/a", "e");
      symlinkSync("d", join(root, "link"));
      const before = await settled();
      expect(mark()).toBe(before!);
      change();
      expect(await settled()).not.toBe(before);
    });
  }

  test("is none while a file is younger than the clock's tick, and differs by what is left out", async () => {
    write("a", "b");
    expect(mark()).toBeUndefined();
    const all = await settled();
    expect(mark({ exclude: ["b"] })).not.toBe(all);
  });
});
