/** Layers put together without a mount: what overlayfs would show, and nothing from outside the image. */
import { describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ImageTree } from "../../../src/sbom/image-tree.ts";
import { isRoot } from "../../support/image-fixture.ts";
import { type LayerFiles, layerTrees } from "../../support/layer-trees.ts";

async function seen(...layers: LayerFiles[]): Promise<Record<string, string>> {
  await using trees = await layerTrees(...layers);
  const tree = ImageTree.open(trees.layers);
  try {
    const entries = [...tree.files()].map((file) => [file.path, tree.readFile(file, 1000)!.toString()]);
    return Object.fromEntries(entries);
  } finally {
    tree.close();
  }
}

test("the newest layer's file counts; directories are merged; the order is that of paths", async () => {
  const files = await seen({ "b/one": "1", a: "1" }, { "b/two": "2", a: "2" });
  expect(files).toEqual({ a: "2", "b/one": "1", "b/two": "2" });
  expect(Object.keys(files)).toEqual(["a", "b/one", "b/two"]);
});

test("a file in the place of a directory, and the other way round", async () => {
  expect(await seen({ "x/a": "1" }, { x: "2" })).toEqual({ x: "2" });
  expect(await seen({ x: "1" }, { "x/a": "2" })).toEqual({ "x/a": "2" });
});

describe.skipIf(!isRoot)("what a layer removed", () => {
  test("whiteouts of files and directories", async () => {
    const below = { a: "1", "b/c": "1", d: "1" };
    expect(await seen(below, { a: "whiteout", b: "whiteout" })).toEqual({ d: "1" });
    expect(await seen(below, { b: "whiteout" }, { "b/new": "3" })).toEqual({ a: "1", "b/new": "3", d: "1" });
  });

  test("an opaque directory hides what lies below it", async () => {
    expect(await seen({ "b/old": "1", "b/sub/old": "1" }, { "b/.opaque": "", "b/new": "2" })).toEqual({ "b/new": "2" });
  });
});

describe("links", () => {
  async function find(path: string, ...layers: LayerFiles[]): Promise<string | undefined> {
    await using trees = await layerTrees(...layers);
    const tree = ImageTree.open(trees.layers);
    try {
      const file = tree.findFile(path);
      return file && tree.readFile(file, 1000)!.toString();
    } finally {
      tree.close();
    }
  }

  test.each([
    ["relative, in a directory", "usr/lib/os", { "usr/lib/os": { link: "../share/os" }, "usr/share/os": "x" }, "x"],
    ["absolute means the image's root", "etc/os", { "etc/os": { link: "/usr/os" }, "usr/os": "x" }, "x"],
    ["of a directory on the way", "lib/db", { lib: { link: "usr/lib" }, "usr/lib/db": "x" }, "x"],
    ["more dots than there are directories", "os", { os: { link: "../../../../real" }, real: "x" }, "x"],
    ["to itself", "os", { os: { link: "os" } }, undefined],
    ["in a circle", "a/x", { a: { link: "b" }, b: { link: "a" } }, undefined],
    ["to nothing", "os", { os: { link: "nowhere" } }, undefined],
    ["to a directory", "os", { os: { link: "dir" }, "dir/": "" }, undefined],
    ["through a file", "file/x", { file: "x" }, undefined],
  ] as [string, string, LayerFiles, string | undefined][])("%s", async (_, path, files, expected) => {
    expect(await find(path, files)).toBe(expected);
  });

  test("a link's target may lie in an older layer", async () => {
    expect(await find("etc/os", { "usr/os": "old" }, { "etc/os": { link: "/usr/os" } })).toBe("old");
  });

  test("no link leads out of the image", async () => {
    const outside = await mkdtemp(join(tmpdir(), "naru-secret-"));
    await writeFile(join(outside, "secret"), "secret");
    try {
      const files = { a: { link: join(outside, "secret") }, d: { link: outside } };
      expect(await find("a", files)).toBeUndefined();
      expect(await find("d/secret", files)).toBeUndefined();
      expect(await seen(files)).toEqual({});
    } finally {
      await rm(outside, { recursive: true });
    }
  });
});

test("directories that lie too deep are passed over and named; large files are not read", async () => {
  await using trees = await layerTrees({ big: "x".repeat(2000) });
  let deep = trees.layers[0]!;
  for (let level = 0; level < 220; level += 1) deep = join(deep, "d");
  await mkdir(deep, { recursive: true });
  await writeFile(join(deep, "file"), "x");
  const tree = ImageTree.open(trees.layers);
  try {
    expect(tree.skipped).toHaveLength(1);
    expect([...tree.files()].map(({ path }) => path)).toEqual(["big"]);
    expect(tree.readFile(tree.findFile("big")!, 1000)).toBeUndefined();
  } finally {
    tree.close();
  }
});
