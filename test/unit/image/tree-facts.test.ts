import { expect, test } from "bun:test";
import { TarReader } from "../../../src/image/tar-reader.ts";
import { TreeFacts } from "../../../src/image/verify/tree-facts.ts";
import { type TestEntry, tarOf } from "../../support/tar-building.ts";

function factsOf(entries: TestEntry[]): TreeFacts {
  const facts = new TreeFacts();
  const reader = new TarReader(facts);
  reader.push(tarOf(entries));
  reader.finish();
  return facts;
}

const LAYER: TestEntry[] = [
  { path: "etc/", type: "directory", mode: 0o755 },
  { path: "etc/file", content: "text" },
  { path: "etc/same", type: "hardlink", linkPath: "etc/file" },
  { path: "etc/link", type: "symlink", linkPath: "file" },
  { path: "etc/.wh.gone", content: "" },
];
const change = (path: string, entry: Partial<TestEntry>) =>
  LAYER.map((old) => (old.path === path ? { ...old, ...entry } : old));

test.each<[string, TestEntry[], string[]]>([
  ["nothing", LAYER, []],
  ["content", change("etc/file", { content: "TEXT" }), ["/etc/file has other content", "/etc/same has other content"]],
  ["owner", change("etc/link", { uid: 5 }), ["/etc/link has the owner 5:0 instead of 0:0"]],
  ["permissions", change("etc/", { mode: 0o700 }), ["/etc has the mode 700 instead of 755"]],
  ["target", change("etc/link", { linkPath: "other" }), ["/etc/link has the target other instead of file"]],
  [
    "time",
    change("etc/link", { modifiedAt: { seconds: 1, nanoseconds: 5 } }),
    ["/etc/link has the time 1.000000005 instead of 1700000000.000000000"],
  ],
  ["missing", LAYER.filter(({ path }) => path !== "etc/link"), ["/etc/link is missing"]],
  ["more", [...LAYER, { path: "etc/new", content: "" }], ["/etc/new is not in the layer"]],
  ["whiteout", LAYER.filter(({ path }) => !path.includes(".wh.")), ["/etc/gone is not hidden"]],
])("difference: %s", (_, files, expected) => {
  expect(factsOf(LAYER).differences(factsOf(files))).toEqual(expected);
});

test("directories that the layer does not tell of, and what it replaced, are no differences", () => {
  const layer = factsOf([
    { path: "a/b/file", content: "1" },
    { path: "x/", type: "directory" },
    { path: "x/inside", content: "2" },
    { path: "x", type: "symlink", linkPath: "a" },
    { path: ".wh.again", content: "" },
    { path: "again", content: "3" },
  ]);
  const files = factsOf([
    { path: "./", type: "directory" },
    { path: "a/", type: "directory" },
    { path: "a/b/", type: "directory" },
    { path: "a/b/file", content: "1" },
    { path: "again", content: "3" },
    { path: "x", type: "symlink", linkPath: "a" },
  ]);
  expect(layer.differences(files)).toEqual([]);
});
