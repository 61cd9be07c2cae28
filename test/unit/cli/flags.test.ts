import { describe, expect, test } from "bun:test";
import { aliasOf, bool, bytes, duration, filter, int, list, map, string, uint } from "../../../src/cli/flag-types.ts";
import { type ParseOptions, parseFlags } from "../../../src/cli/flags.ts";

const flags = {
  all: bool("", { short: "a" }),
  count: int("", { short: "c" }),
  env: list("", { short: "e" }),
  every: duration(""),
  filter: filter(""),
  interactive: bool("", { short: "i" }),
  memory: bytes("", { short: "m" }),
  name: string("", { short: "n" }),
  old: { ...aliasOf("name", "string"), deprecated: "use --name instead" },
  proxy: bool("", { initial: true }),
  swap: bytes("", { swap: true }),
  sysctl: map(""),
  weight: uint("", 16),
};

const outcome = (words: string[], options?: ParseOptions) => {
  const { values, changed, args, helpAsked, warnings } = parseFlags(flags, words, options);
  const given = Object.fromEntries([...changed].map((name) => [name, values[name as keyof typeof values]]));
  return { ...given, args, ...(helpAsked && { helpAsked }), ...(warnings.length > 0 && { warnings }) };
};

describe("parseFlags reads", () => {
  const cases: [words: string, outcome: object, options?: ParseOptions][] = [
    ["", { args: [] }],
    ["x -a y", { all: true, args: ["x", "y"] }],
    ["x -a y", { args: ["x", "-a", "y"] }, { interspersed: false }],
    ["-ai x", { all: true, interactive: true, args: ["x"] }],
    ["-aic 5", { all: true, interactive: true, count: 5, args: [] }],
    ["-aic5", { all: true, interactive: true, count: 5, args: [] }],
    ["-c=5", { count: 5, args: [] }],
    ["-c -5", { count: -5, args: [] }],
    ["--count=-5", { count: -5, args: [] }],
    ["--count 0x10", { count: 16, args: [] }],
    ["--count 010", { count: 8, args: [] }],
    ["--proxy=false --all=0", { proxy: false, all: false, args: [] }],
    ["-e A=B=C -eX --env=Y=", { env: ["A=B=C", "X", "Y="], args: [] }],
    ["-- -a", { args: ["-a"] }],
    ["x -- -a", { args: ["x", "-a"] }],
    ["-", { args: ["-"] }],
    ["--name=", { name: "", args: [] }],
    ["--name --all", { name: "--all", args: [] }],
    ["--old x", { name: "x", args: [], warnings: ["Flag --old has been deprecated, use --name instead"] }],
    ["-m 64m --swap -1", { memory: 67108864, swap: -1, args: [] }],
    ["--every 1m30s", { every: 90e9, args: [] }],
    ["--sysctl a=1 --sysctl b --sysctl a=2", { sysctl: { a: "2", b: "" }, args: [] }],
    ["-f Name=x -f name=y -f name=x", { filter: { name: ["x", "y"] }, args: [] }],
    ["--help x", { args: [], helpAsked: true }],
    ["-ah", { all: true, args: [], helpAsked: true, warnings: ["Flag shorthand -h has been deprecated, use --help"] }],
  ];
  for (const [words, expected, options] of cases) {
    test(`${words}${options ? " (not interspersed)" : ""}`, () => {
      expect(outcome(words.split(" ").filter(Boolean), options)).toEqual(expected as ReturnType<typeof outcome>);
    });
  }
});

describe("parseFlags refuses", () => {
  const cases: [words: string, message: string][] = [
    ["--nope", "unknown flag: --nope"],
    ["--nope=1", "unknown flag: --nope"],
    ["-Z", "unknown shorthand flag: 'Z' in -Z"],
    ["-aZi", "unknown shorthand flag: 'Z' in -Zi"],
    ["--=x", "bad flag syntax: --=x"],
    ["---x", "bad flag syntax: ---x"],
    ["--name", "flag needs an argument: --name"],
    ["-an", "flag needs an argument: 'n' in -n"],
    [
      "--all=maybe",
      'invalid argument "maybe" for "-a, --all" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    ["-c x", 'invalid argument "x" for "-c, --count" flag: strconv.ParseInt: parsing "x": invalid syntax'],
    [
      "--weight 70000",
      'invalid argument "70000" for "--weight" flag: strconv.ParseUint: parsing "70000": value out of range',
    ],
    ["-f x", 'invalid argument "x" for "-f, --filter" flag: bad format of filter (expected name=value)'],
    ["-m 5x", 'invalid argument "5x" for "-m, --memory" flag: invalid suffix: \'x\''],
    ["--every 5", 'invalid argument "5" for "--every" flag: time: missing unit in duration "5"'],
  ];
  for (const [words, message] of cases) test(words, () => expect(() => outcome(words.split(" "))).toThrow(message));
});
