// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
import { describe, expect, test } from "bun:test";
import { BuildFailure } from "../../../src/build/contract.ts";
import type { Instruction } from "../../../src/build/dockerfile/ast.ts";
import { asBuildFailure } from "../../../src/build/dockerfile/excerpt.ts";
import { parseDockerfile } from "../../../src/build/dockerfile/instruction-parser.ts";
import { parseRunMount } from "../../../src/build/dockerfile/run-mount.ts";
import { sourceExcerpt } from "../../../src/lib/source-excerpt.ts";
import { processorMs } from "../../support/processor-time.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const parse = (text: string) => parseDockerfile(bytes(text));

/** The only instruction of a stage, without what every one has. */
function instruction(text: string): Record<string, unknown> {
  const [first] = parse(`FROM x\n${text}`).stages[0]!.instructions;
  const { range: _, comments: __, keyword: ___, text: ____, ...rest } = first as Instruction & { kind: string };
  return rest;
}

const shell = (...words: string[]) => ({ form: "shell", arguments: words, heredocs: [] });
const exec = (...words: string[]) => ({ form: "exec", arguments: words, heredocs: [] });

/** Every form of every instruction: text and what it says. */
const FORMS: [string, object][] = [
  ["CMD a b", { kind: "CMD", command: shell("a b") }],
  ['CMD ["a", "b c"]', { kind: "CMD", command: exec("a", "b c") }],
  ["CMD", { kind: "CMD", command: shell() }],
  ["CMD []", { kind: "CMD", command: exec() }],
  ["CMD ['a']", { kind: "CMD", command: shell("['a']") }],
  ['CMD ["a"] b', { kind: "CMD", command: shell('["a"] b') }],
  ["ENTRYPOINT a", { kind: "ENTRYPOINT", command: shell("a") }],
  ['SHELL ["a", "-c"]', { kind: "SHELL", shell: ["a", "-c"] }],
  ["USER  a b ", { kind: "USER", user: "a b" }],
  ["WORKDIR /a b", { kind: "WORKDIR", path: "/a b" }],
  ["STOPSIGNAL 9", { kind: "STOPSIGNAL", signal: "9" }],
  ["MAINTAINER a <b>", { kind: "MAINTAINER", maintainer: "a <b>" }],
  ["EXPOSE 80 43/udp", { kind: "EXPOSE", ports: ["43/udp", "80"] }],
  ["VOLUME /a /b", { kind: "VOLUME", paths: ["/a", "/b"] }],
  ['VOLUME ["/a b"]', { kind: "VOLUME", paths: ["/a b"] }],
  ["ONBUILD run a", { kind: "ONBUILD", trigger: "run a" }],
  [
    "ENV a=b \"c d\"='e f' g=h\\ i",
    {
      kind: "ENV",
      pairs: [
        { key: "a", value: "b", legacy: false },
        { key: '"c d"', value: "'e f'", legacy: false },
        { key: "g", value: "h\\ i", legacy: false },
      ],
    },
  ],
  ["ENV a b  c", { kind: "ENV", pairs: [{ key: "a", value: "b  c", legacy: true }] }],
  ["LABEL a=", { kind: "LABEL", pairs: [{ key: "a", value: "", legacy: false }] }],
  [
    "ARG a b= c='d e'",
    {
      kind: "ARG",
      args: [
        { name: "a", value: undefined, description: "" },
        { name: "b", value: "", description: "" },
        { name: "c", value: "'d e'", description: "" },
      ],
    },
  ],
  ["HEALTHCHECK NONE", { kind: "HEALTHCHECK", health: { Test: ["NONE"] }, isShell: false }],
  [
    "HEALTHCHECK --interval=1.5s --retries=2 cmd a b",
    { kind: "HEALTHCHECK", health: { Test: ["CMD-SHELL", "a b"], Interval: 1.5e9, Retries: 2 }, isShell: true },
  ],
];

describe("an instruction says", () => {
  for (const [text, wanted] of FORMS) test(text, () => expect(instruction(text)).toEqual(wanted as never));
});

test.each(["name=a.b/c=d,required", "a.b/c=d,required=1", "required,a.b/c=d"])("RUN has its flags: %s", (device) => {
  const flags = "--mount=type=cache,target=/c --mount=target=/d --network=none --security=insecure";
  expect(instruction(`RUN ${flags} --device=${device} make`)).toMatchObject({
    kind: "RUN",
    mounts: ["type=cache,target=/c", "target=/d"],
    network: "none",
    security: "insecure",
    devices: [{ name: "a.b/c=d", required: true }],
    command: shell("make"),
  });
});

test("COPY has its flags, also in quotes", () => {
  const flags = '--from=b --chown=1:2 --chmod=u=rw,go=r --link --parents --exclude="a b" --exclude=*.md';
  expect(instruction(`COPY ${flags} x y /z/`)).toMatchObject({
    ...{ kind: "COPY", from: "b", chown: "1:2", chmod: "u=rw,go=r", link: true, parents: true },
    ...{ excludes: ["a b", "*.md"], sources: ["x", "y"], destination: "/z/" },
  });
});

test("ADD has its flags", () => {
  const flags = "--checksum=sha256:00 --keep-git-dir --unpack=false --link=false";
  expect(instruction(`ADD ${flags} ["a b", "/c d"]`)).toMatchObject({
    ...{ kind: "ADD", checksum: "sha256:00", keepGitDir: true, unpack: false, link: false },
    ...{ sources: ["a b"], destination: "/c d" },
  });
});

test("-- ends the flags", () => {
  expect(instruction("RUN --network=none -- --x")).toMatchObject({ network: "none", command: shell("--x") });
});

test("FROM has platform, base and name", () => {
  const { stages, globalArgs } = parse("ARG a\n# builder makes it\nFROM --platform=$P a:b as Builder\nFROM Builder");
  expect(globalArgs[0]!.args[0]!.name).toBe("a");
  expect(stages[0]).toMatchObject({
    ...{ base: "a:b", platform: "$P", name: "builder", writtenName: "Builder", description: "makes it" },
    ...{ range: { start: { line: 3 }, end: { line: 3 } } },
  });
  expect(stages[1]).toMatchObject({ base: "Builder", name: "" });
});

test("here-documents: several, chomped, quoted, with a number; words that only look like one", () => {
  const text = [
    "FROM x",
    "COPY <<A <<-\"B\" 3<<'D' /x/",
    ...["1", "A", "\t2", "\tB", "$3", "D"],
    'RUN cat <<<word && echo "<<EOF" \\<<EOF $((1<<2))',
    "RUN <<EOF",
    "EOF",
  ];
  const [copy, run, empty] = parse(text.join("\n")).stages[0]!.instructions;
  expect(copy).toMatchObject({
    inlineFiles: [
      { path: "A", content: "1\n", expand: true },
      { path: "B", content: "2\n", expand: false },
      { path: "D", content: "$3\n", expand: false },
    ],
  });
  expect(run).toMatchObject({ command: shell('cat <<<word && echo "<<EOF" \\<<EOF $((1<<2))') });
  expect(empty).toMatchObject({ command: { heredocs: [{ name: "EOF", content: "" }] } });
});

test("lines: continuations over comments and empty lines, both line ends, directives", () => {
  const text = "# escape=`\r\n#check=skip=all\r\nFROM x\r\nRUN a `\r\n  # c\r\n\r\n  b `  \r\n  c\r\nENV p=c:\\d\r\n";
  const { parsed, stages } = parse(text);
  expect(parsed.escape).toBe("`");
  expect(parsed.directives.map(({ name, value }) => [name, value])).toEqual([
    ["escape", "`"],
    ["check", "skip=all"],
  ]);
  expect(parsed.emptyContinuations).toHaveLength(1);
  expect(stages[0]!.instructions[0]).toMatchObject({
    text: "RUN a   b   c",
    range: { start: { line: 4 }, end: { line: 8 } },
  });
});

const expandNothing = (text: string) => text;
const MOUNTS: [string, object][] = [
  ["target=/x", { type: "bind", target: "/x", readOnly: true }],
  ["dst=/x,rw", { readOnly: false }],
  ["destination=/x,readwrite=false", { readOnly: true }],
  ["type=bind,src=a,target=/x,readonly=false,from=b", { source: "a", from: "b", readOnly: false }],
  ["TYPE=Cache,target=/x", { type: "cache", readOnly: false }],
  [
    "type=cache,id=a,target=/x,sharing=LOCKED,ro,mode=0700,uid=1,gid=2",
    { sharing: "locked", mode: 0o700, uid: 1, gid: 2 },
  ],
  ["type=tmpfs,target=/x,size=1.5k", { type: "tmpfs", sizeBytes: 1536, readOnly: false }],
  ["type=secret,id=a,env=B,required", { id: "a", env: "B", required: true }],
  ["type=ssh,required=false", { type: "ssh", required: false }],
  ['type=bind,"target=/a,b"', { target: "/a,b" }],
];

describe("a mount says", () => {
  for (const [text, wanted] of MOUNTS)
    test(text, () => expect(parseRunMount(text, expandNothing)).toMatchObject(wanted));
});

test("a mistake is drawn with its neighbours and a caret", () => {
  const text = "FROM x\nRUN a \\\n && b\nCOPY --chwn=1 a b\nRUN c\n";
  const failure = failureOf(text);
  expect(failure.message).toBe("dockerfile parse error on line 4: unknown flag: --chwn (did you mean chown?)");
  expect(sourceExcerpt(failure.place!)).toBe(
    [
      "Dockerfile:4",
      "--------------------",
      "   2 |     RUN a \\",
      "   3 |      && b",
      "   4 | >>> COPY --chwn=1 a b",
      "     |          ^^^^^^",
      "   5 |     RUN c",
      "   6 |",
      "--------------------",
      "",
    ].join("\n"),
  );
});

function failureOf(text: string): BuildFailure {
  try {
    parse(text);
  } catch (error) {
    const failure = asBuildFailure(error, "Dockerfile", bytes(text));
    if (failure instanceof BuildFailure) return failure;
  }
  throw new Error("the Dockerfile is good");
}

test("a caret stands under the word in a continued instruction, and behind tabs", () => {
  const failure = failureOf("FROM x\nCOPY a \\\n\tb \\\n\t--\nHEALTHCHECK \\\n\tFOO x\n");
  expect(failure.place!.caret).toEqual({ line: 6, column: 1, length: 3 });
  expect(sourceExcerpt(failure.place!)).toContain("   6 | >>> \tFOO x\n     |     \t^^^\n");
});

/** Each must end, with a result or a mistake, in a moment. */
const HOSTILE: Record<string, string> = {
  "continuations without end": `FROM x\nRUN a ${"\\\n".repeat(200_000)}`,
  "a million empty continued lines": `FROM x\nRUN a \\\n${"\n".repeat(1_000_000)}`,
  "many heredocs": `FROM x\nRUN ${"<<A ".repeat(15_000)}\n${"A\n".repeat(15_000)}`,
  "a heredoc of a hundred thousand lines": `FROM x\nRUN <<A\n${"x\n".repeat(100_000)}A\n`,
  "many stages on each other": `FROM x AS s0\n${Array.from({ length: 5000 }, (_, i) => `FROM s${i} AS s${i + 1}`).join("\n")}`,
  escapes: `FROM x\nENV a=${"\\".repeat(60_000)}`,
  quotes: `FROM x\nENV a=${"'\"".repeat(30_000)}`,
  "nested ONBUILD": `FROM x\n${"ONBUILD ".repeat(8000)}RUN a`,
  "nested JSON": `FROM x\nRUN ${"[".repeat(60_000)}`,
  "an unknown word of 60,000 letters": `FROM x\n${"R".repeat(60_000)} a`,
  blanks: `FROM x\nRUN${" ".repeat(60_000)}a\\${" ".repeat(60_000)}\nb`,
  binary: String.fromCharCode(...Array.from({ length: 5000 }, (_, i) => i % 256)),
};

describe("the parser does not hang on", () => {
  for (const [name, text] of Object.entries(HOSTILE)) {
    test(name, () => {
      const start = processorMs();
      try {
        parse(text);
      } catch (error) {
        expect(error).toHaveProperty("kind", "invalid");
      }
      expect(processorMs() - start).toBeLessThan(3000);
    });
  }
});
