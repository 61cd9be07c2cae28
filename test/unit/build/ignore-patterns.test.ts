import { describe, expect, test } from "bun:test";
import { IgnoreMatcher, readIgnoreFile } from "../../../src/lib/ignore-patterns.ts";
import { processorMs } from "../../support/processor-time.ts";

/** Patterns, path, whether it is left out. */
const CASES: [string[], string, boolean][] = [
  [["**"], "file", true],
  [["**"], "d/f", true],
  [["**/"], "d/f", true],
  [["**/**"], "d/f", true],
  [["*"], "a", true],
  [["*"], "a/b", true],
  [["a"], "a", true],
  [["a"], "a/b/c", true],
  [["a"], "ab", false],
  [["a"], "b/a", false],
  [["a/"], "a/b", true],
  [["./a"], "a", true],
  [["a/../b"], "b", true],
  [["A"], "a", false],
  [["**/file2"], "file2", true],
  [["**/file2"], "dir/dir/file2", true],
  [["**/file"], "dirfile", false],
  [["**file"], "dirfile", true],
  [["**.log"], "a/b.log", true],
  // Characters that mean nothing in patterns, but something in expressions.
  [["a-b*"], "a-bc", true],
  [["**/.#*-{x}"], "d/.#y-{x}", true],
  [["dir/**"], "dir/file", true],
  [["dir/**"], "dir", false],
  [["**/dir2/*"], "dir/dir2/file", true],
  [["**/dir2/*"], "dir/dir2/d/file", true],
  [["**/dir2/**"], "dir/dir2/dir2/file", true],
  [["**/file*txt"], "dir/dir/file.txt", true],
  [["**/**/*.txt"], "dir/dir/file.txt", true],
  [["**/**/*.txt"], "dir/file.txt2", false],
  [["**/**/**/*.txt"], "dir/dir/file.txt", true],
  [["a**/*.txt"], "a/file.txt", true],
  [["a/*/c"], "a/b/c", true],
  [["a/*/c"], "a/b/x/c", false],
  [["?"], "a", true],
  [["?"], "ab", false],
  [["a[b-d]e"], "ace", true],
  [["a[^b-d]e"], "aze", true],
  [["a[^b-d]e"], "ace", false],
  [["[]]"], "]", true],
  [["a\\*b"], "a*b", true],
  [["a\\*b"], "axb", false],
  [["a.c"], "abc", false],
  [["(a|b)+"], "(a|b)+", true],
  [["*.md", "!README.md"], "README.md", false],
  [["*.md", "!README.md"], "x.md", true],
  [["!README.md", "*.md"], "README.md", true],
  [["*.md", "!README*.md", "README-secret.md"], "README-secret.md", true],
  [["*", "!src"], "src/a", false],
  [["*", "!src"], "x/src", true],
  [["docs", "!docs/README.md"], "docs/README.md", false],
  [["docs", "!docs/README.md"], "docs/x", true],
  [["**", "!a/b/*.c"], "a/b/x.c", false],
  [["a*a*a*a*a*b"], "aaaaab", true],
  [["a*a*a*a*a*b"], "aaaaac", false],
  [["a*/b*/c*"], "a1/b2/c3", true],
  [["a*/b*/c*"], "a1/b2/x/c3", false],
  [["**/a*/**/b*"], "x/a1/y/z/b", true],
  [["**/a*/**/b*"], "a1/b", true],
  [["**/a*/**/b*"], "xa1/b", false],
  [["ä*"], "äb", true],
  [[], "a", false],
];

describe("excludes()", () => {
  for (const [patterns, path, wanted] of CASES) {
    test(`${JSON.stringify(patterns)} ${wanted ? "leaves out" : "keeps"} ${path}`, () =>
      expect(new IgnoreMatcher(patterns).excludes(path)).toBe(wanted));
  }
});

test("readIgnoreFile() takes comments, blanks, slashes and marks away", () => {
  const text = "\ufeff# c\r\n a \r\n!  /b/../c \n/d/\n\n #x\n*/../y\n/\n!!z\n";
  expect(readIgnoreFile(new TextEncoder().encode(text))).toEqual(["a", "!c", "d", "#x", "y", "/", "!!z"]);
});

test("mayHoldExceptions() tells which excluded directories must be looked into", () => {
  const matcher = new IgnoreMatcher(["*", "!a/b/c", "!d/*.x", "!e"]);
  const directories = ["a", "a/b", "a/b/c", "a/x", "d", "d/y", "e", "f"];
  expect(directories.filter((directory) => matcher.mayHoldExceptions(directory))).toEqual([
    "a",
    "a/b",
    "a/b/c",
    "d",
    "d/y",
    "e",
  ]);
});

for (const pattern of ["!", "[a", "a\\", "[z-a]", `${"x".repeat(5000)}*`]) {
  test(`a pattern that is none is refused: ${pattern.slice(0, 20)}`, () =>
    expect(() => new IgnoreMatcher([pattern])).toThrow(/pattern/));
}

// A fraction of a second; steps that grow with the square of anything would take minutes.
test("100,000 paths are matched in a moment", () => {
  const patterns = ["node_modules", "**/*.log", ".git", "dist/**", "*.tmp", "!keep.tmp", "**/test/*", "docs/[a-z]*.md"];
  const paths = Array.from({ length: 100_000 }, (_, index) => `src/dir${index % 300}/sub${index % 7}/file${index}.ts`);
  const matcher = new IgnoreMatcher(patterns);
  const start = processorMs();
  expect(paths.filter((path) => matcher.excludes(path))).toEqual([]);
  expect(processorMs() - start).toBeLessThan(10_000);
});

test("hostile patterns do not hang", () => {
  const start = processorMs();
  const matcher = new IgnoreMatcher([`${"*a".repeat(50)}b`, `${"**/".repeat(30)}x*y*z`, "*?*?*?*?*?*?c"]);
  expect(matcher.excludes("a".repeat(1000))).toBe(false);
  expect(matcher.excludes("a/".repeat(500))).toBe(false);
  expect(processorMs() - start).toBeLessThan(3000);
});
