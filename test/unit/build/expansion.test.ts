// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
import { describe, expect, test } from "bun:test";
import { expand } from "../../../src/build/dockerfile/expansion.ts";
import { processorMs } from "../../support/processor-time.ts";

const VARIABLES = new Map(
  Object.entries({ v: "foo/bar/baz.tar.gz", e: "", a: "aXbXc", n: "1\n2", s: "x y  z", ünï: "u" }),
);

/** Text, expected result; `escape` is the backslash unless told. */
const TEXTS: [string, string][] = [
  ["", ""],
  ["plain", "plain"],
  ["$v", "foo/bar/baz.tar.gz"],
  ["${v}x", "foo/bar/baz.tar.gzx"],
  ["$", "$"],
  ["$ x", "$ x"],
  ["a$", "a$"],
  ["$1x", "x"],
  ["$?x", "x"],
  ["$ünï", "u"],
  ["$v-x", "foo/bar/baz.tar.gz-x"],
  ["\\$v", "$v"],
  ["\\\\$e", "\\"],
  ["a\\", "a"],
  ["'$v'", "$v"],
  ["'a\\'", "a\\"],
  ['"$e$e"', ""],
  ['"a\\"b\\$c\\d\\\\"', 'a"b$c\\d\\'],
  ["${u:-d}${u-d}${e:-d}${e-d}", "ddd"],
  ["${u:+d}${u+d}${e:+d}${e+d}${a:+d}", "dd"],
  ["${u:-${e:-$a}}", "aXbXc"],
  ["${u:-'q $a'}", "q $a"],
  ['${u:-"q $a"}', "q aXbXc"],
  ["${u:-a\\}b}", "a}b"],
  ["${a?no}${e?no}", "aXbXc"],
  ["${v#*/}", "bar/baz.tar.gz"],
  ["${v##*/}", "baz.tar.gz"],
  ["${v%.*}", "foo/bar/baz.tar"],
  ["${v%%.*}", "foo/bar/baz"],
  ["${v#???}", "/bar/baz.tar.gz"],
  ["${v#nope}", "foo/bar/baz.tar.gz"],
  ["${v%nope}", "foo/bar/baz.tar.gz"],
  ["${v##*}", ""],
  ["${v#\\*}", "foo/bar/baz.tar.gz"],
  ["${n#*2}", "1\n2"],
  ["${a/X/-}", "a-bXc"],
  ["${a//X/-}", "a-b-c"],
  ["${a//X/}", "abc"],
  ["${a/?X/}", "bXc"],
  ["${a//*/q}", "q"],
  ["${v//\\//_}", "foo_bar_baz.tar.gz"],
  ["${v/ba?/$e}", "foo//baz.tar.gz"],
  ["${u/a/b}", ""],
  ["${u#a}", ""],
];

describe("expand() gives", () => {
  for (const [text, wanted] of TEXTS) {
    test(`${text} -> ${wanted}`, () => expect(expand(text, VARIABLES, { escape: "\\" }).text).toBe(wanted));
  }
});

const WORDS: [string, string[]][] = [
  ["a b\tc", ["a", "b", "c"]],
  ["  a  ", ["a"]],
  ["$s q", ["x", "y", "z", "q"]],
  ['"$s" q', ["x y  z", "q"]],
  ["'a b'c d", ["a bc", "d"]],
  ["a\\ b c", ["a b", "c"]],
  ["a$s", ["ax", "y", "z"]],
  ["$e", []],
  ["''", []],
];

describe("expand() cuts", () => {
  for (const [text, wanted] of WORDS) {
    test(`${text} -> ${JSON.stringify(wanted)}`, () =>
      expect(expand(text, VARIABLES, { escape: "\\" }).words).toEqual(wanted));
  }
});

test("expand() takes the backtick as escape, and then the backslash means nothing", () => {
  expect(expand("`$v \\$a", VARIABLES, { escape: "`" }).text).toBe("$v \\aXbXc");
});

test("expand() keeps quotes, escapes and what has no value when asked to", () => {
  const options = { escape: "\\", keepsQuotes: true, keepsEscapes: true, keepsUnset: true } as const;
  const text = "\"a\" 'b' \\c $u ${u} ${u:-x} ${u#p} ${u/p/r} $e";
  expect(expand(text, VARIABLES, options).text).toBe("\"a\" 'b' \\c $u ${u} ${u:-x} ${u#p} ${u/p/r} ");
});

test("expand() tells which variables it used and missed", () => {
  const { used, missing } = expand("$a ${u:-$e} $q", VARIABLES, { escape: "\\" });
  expect([...used]).toEqual(["a", "e"]);
  expect([...missing]).toEqual(["u", "q"]);
});

/** Each must end, with a result or an error, in a moment. */
const HOSTILE: Record<string, string> = {
  "deep nesting": "${a:-".repeat(20_000),
  "deep nesting, closed": `${"${u:-".repeat(5000)}x${"}".repeat(5000)}`,
  "a pattern that expressions take exponential time for": `\${big#${"*a".repeat(40)}b}`,
  "the same, from the end": `\${big%%${"a*".repeat(40)}b}`,
  "the same, everywhere": `\${big//${"*a".repeat(20)}b/x}`,
  "a replacement at every place": "${big//?/yy}",
  "a huge word": "x".repeat(2_000_000),
  "many variables": "$a".repeat(200_000),
  "a pattern of a megabyte": `\${a#${"x".repeat(1_000_000)}}`,
};

describe("expand() does not hang on", () => {
  const variables = new Map([...VARIABLES, ["big", "a".repeat(20_000)]]);
  for (const [name, text] of Object.entries(HOSTILE)) {
    test(name, () => {
      const start = processorMs();
      try {
        expand(text, variables, { escape: "\\" });
      } catch (error) {
        expect((error as Error).message).toContain("failed to process");
      }
      expect(processorMs() - start).toBeLessThan(3000);
    });
  }
});
