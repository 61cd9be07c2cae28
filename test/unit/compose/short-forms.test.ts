import { expect, test } from "bun:test";
import { parseEnvFile } from "../../../src/compose/env-file.ts";
import { portsOf } from "../../../src/compose/ports.ts";
import { shellWords } from "../../../src/compose/shell-words.ts";
import { mountOf } from "../../../src/compose/volumes.ts";

test.each([
  ["80", [{ target: 80 }]],
  ["8080:80/udp", [{ target: 80, published: "8080", protocol: "udp" }]],
  [
    "[::1]:1-2:3-4",
    [
      { host_ip: "::1", target: 3, published: "1" },
      { host_ip: "::1", target: 4, published: "2" },
    ],
  ],
  ["5000-5010:80", [{ target: 80, published: "5000-5010" }]],
])("the port %s", (text, wanted) => {
  expect(portsOf(text)).toMatchObject(wanted);
});

test.each(["a:b", "99999", "1-3:1-2", "80/foo", "x:80:80", "3-1"])("the port %s is refused", (text) => {
  expect(() => portsOf(text)).toThrow();
});

test.each([
  ["/anon", { type: "volume", target: "/anon" }],
  ["vol:/d/:ro", { type: "volume", source: "vol", target: "/d", read_only: true }],
  ["C:\\x:/y", { type: "bind", source: "C:\\x", target: "/y" }],
])("the mount %s", (text, wanted) => {
  expect(mountOf(text)).toMatchObject(wanted);
});

/** As docker compose 2.40 splits them. */
test.each<[string, string[]]>([
  ["a 'b c' \"d \\\" e\" f\\ g ''", ["a", "b c", 'd " e', "f g", ""]],
  ["a && b", ["a"]],
  ["a;b", ["a"]],
  ["a|b", ["a"]],
  ["a 2>x", ["a"]],
  ["ab2>x", ["ab2"]],
  ["2>x", []],
  ["a 'b&c' \"x;y\" \\; d", ["a", "b&c", "x;y", ";", "d"]],
  ["a $(b; c) d", ["a", "$(b; c)", "d"]],
  ['a $(b "c d") e', ["a", '$(b "c d")', "e"]],
  ['"a$(b "c d" e)"', ["a$(b c", "d e)"]],
  ["a `b; c` d", ["a", "`b; c`", "d"]],
  ['`a "b c"` d', ["`a b c`", "d"]],
  ["a $" + "{X;Y} b", ["a", "$" + "{X"]],
  ["'a\\b' \"a\\tb\"", ["a\\b", "atb"]],
])("words of the command line %j", (line, words) => {
  expect(shellWords(line)).toEqual(words);
});

test.each(["'a", 'a "b', "a (b) c", "a $(b", "a `b", "a\\"])("no command line: %j", (line) => {
  expect(() => shellWords(line)).toThrow("invalid command line string");
});

test("an env file that ends inside of quotes is refused with its line", () => {
  expect(() =>
    parseEnvFile(
      "A=1\nB='x\n",
      "f",
      () => undefined,
      () => {},
    ),
  ).toThrow("line 2");
});
