/** What copies take from a tree and how it is digested: wildcards, patterns, links, what counts and what does not. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StatCache } from "../../../src/build/solver/stat-cache.ts";
import { digestSelection } from "../../../src/build/solver/tree-digest.ts";
import { SelectedTree, type Selection } from "../../../src/build/solver/tree-selection.ts";

let root: string;
const FILES = ["a", "b.txt", "dir/c.txt", "dir/deep/d.txt", "dir/deep/e.log", "other/f", "[x]", "b\\ck"];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "naru-selection-"));
  for (const name of FILES) {
    await mkdir(join(root, name, ".."), { recursive: true });
    await writeFile(join(root, name), name);
  }
  await symlink("dir/deep", join(root, "link"));
  await symlink("/dir", join(root, "absolute"));
  await symlink("../../../../etc/passwd", join(root, "out"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const selection = (sources: string[], more: Partial<Selection> = {}): Selection => ({
  root,
  sources,
  exclude: [],
  rootExclude: [],
  keepsParents: false,
  allowsNoMatch: false,
  ...more,
});

/** "parents:name path", and what is below. */
function taken(sources: string[], more: Partial<Selection> = {}): string[] {
  const tree = new SelectedTree(selection(sources, more));
  try {
    return tree.items().flatMap((item) => {
      const entries = [...tree.walk(item)].flat().map(({ relative }) => relative);
      return [`${item.parents}:${item.name} ${item.path}`, ...entries.filter(Boolean).map((path) => `  ${path}`)];
    });
  } finally {
    tree.close();
  }
}

describe("SelectedTree", () => {
  const CASES: [name: string, sources: string[], more: Partial<Selection>, found: string[]][] = [
    ["a file", ["a"], {}, [":a a"]],
    [
      "a directory's content, parents first",
      ["/dir/"],
      {},
      [":dir dir", "  c.txt", "  deep", "  deep/d.txt", "  deep/e.log"],
    ],
    ["a wildcard in one component only", ["*.txt"], {}, [":b.txt b.txt"]],
    ["wildcards in several", ["d*/*/?.log"], {}, [":e.log dir/deep/e.log"]],
    ["an escaped wildcard", ["\\[x\\]"], {}, [":[x] [x]"]],
    ["a class of characters", ["[a-b]"], {}, [":a a"]],
    ["a link under its own name, by what it leads to", ["link"], {}, [":link dir/deep", "  d.txt", "  e.log"]],
    ["an absolute link, inside the root", ["absolute/c.txt"], {}, [":c.txt dir/c.txt"]],
    ["nothing for a pattern that may fit nothing", ["*.none"], { allowsNoMatch: true }, []],
    ["no excluded files", ["dir"], { exclude: ["**/*.log"] }, [":dir dir", "  c.txt", "  deep", "  deep/d.txt"]],
    ["no ignored directory", ["/"], { rootExclude: ["dir", "other", "*"] }, [": "]],
    [
      "exceptions in an ignored directory, with the directories on their way",
      ["dir"],
      { rootExclude: ["dir/deep", "!dir/deep/d.txt"] },
      [":dir dir", "  c.txt", "  deep", "  deep/d.txt"],
    ],
    ["parents that are kept", ["dir/deep/d.txt"], { keepsParents: true }, ["dir/deep:d.txt dir/deep/d.txt"]],
    ["parents from the point on", ["dir/./deep/d.txt"], { keepsParents: true }, ["deep:d.txt dir/deep/d.txt"]],
    ["any number of directories", ["**/d.txt"], { keepsParents: true }, ["dir/deep:d.txt dir/deep/d.txt"]],
  ];
  for (const [name, sources, more, found] of CASES)
    test(`takes ${name}`, () => expect(taken(sources, more)).toEqual(found));

  const MISSING: [name: string, source: string, more?: Partial<Selection>][] = [
    ["what is not there", "nope"],
    ["what a link outside leads to", "out"],
    ["what lies below a file", "a/b"],
    ["what is ignored", "a", { rootExclude: ["a"] }],
    ["a pattern that fits nothing", "*.none"],
  ];
  for (const [name, source, more] of MISSING) {
    test(`does not find ${name}`, () => expect(() => taken([source], more)).toThrow(`"/${source}": not found`));
  }

  test("climbs no higher than the root", () => expect(taken(["../../a"])).toEqual([":a a"]));
});

describe("digestSelection()", () => {
  const never = new AbortController().signal;
  const digest = async (
    sources: string[],
    options: { ignoresOwner?: boolean; ignoresMode?: boolean } = {},
    cachePath?: string,
  ) => {
    const cache = await StatCache.load(cachePath);
    const whole = { ignoresOwner: false, ignoresMode: false, ...options };
    const found = await digestSelection(selection(sources), whole, cache, never);
    if (cachePath) await cache.save(cachePath);
    return found.digest;
  };

  test("depends on names, contents and permissions; not on times", async () => {
    const first = await digest(["dir"]);
    await utimes(join(root, "dir/c.txt"), 1, 1);
    expect(await digest(["dir"])).toBe(first);
    await chmod(join(root, "dir/c.txt"), 0o600);
    expect(await digest(["dir"])).not.toBe(first);
    expect(await digest(["dir"], { ignoresMode: true })).toBe(await digest(["dir"], { ignoresMode: true }));
    await chmod(join(root, "dir/c.txt"), 0o644);
    expect(await digest(["dir"])).toBe(first);
    await writeFile(join(root, "dir/c.txt"), "changed");
    expect(await digest(["dir"])).not.toBe(first);
  });

  test("a file's name counts, that of a directory whose content is copied does not", async () => {
    await writeFile(join(root, "same"), "a");
    expect(await digest(["same"])).not.toBe(await digest(["a"]));
    await mkdir(join(root, "one"), { recursive: true });
    await mkdir(join(root, "two"), { recursive: true });
    for (const name of ["one", "two"]) await writeFile(join(root, name, "x"), "x");
    expect(await digest(["one"])).toBe(await digest(["two"]));
  });

  test("remembers by file status, and finds every change all the same", async () => {
    const path = join(root, "..", `stat-${process.pid}`);
    try {
      const plain = await digest(["dir"]);
      await Bun.sleep(60);
      expect([await digest(["dir"], {}, path), await digest(["dir"], {}, path)]).toEqual([plain, plain]);
      const size = Bun.file(path).size;
      expect(size).toBeGreaterThan(0);
      // Same size, same time of modification: only the time of change tells.
      await writeFile(join(root, "dir/deep/d.txt"), "dir/deep/D.txt");
      await utimes(join(root, "dir/deep/d.txt"), 5, 5);
      const changed = await digest(["dir"], {}, path);
      expect(changed).not.toBe(plain);
      expect(changed).toBe(await digest(["dir"]));
      await writeFile(join(root, "dir/0-first"), "new");
      expect(await digest(["dir"], {}, path)).toBe(await digest(["dir"]));
      await Bun.write(path, "damaged");
      expect(await digest(["dir"], {}, path)).toBe(await digest(["dir"]));
    } finally {
      await rm(path, { force: true });
    }
  });
});
