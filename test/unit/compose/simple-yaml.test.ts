/** The quick reader of simple files gives what the whole parser gives, or nothing. */
import { describe, expect, test } from "bun:test";
import { parseComposeDocuments, type Value } from "../../../src/compose/document.ts";
import { parseSimpleYaml } from "../../../src/compose/simple-yaml.ts";

const wholeTree = (text: string): Value | undefined => {
  try {
    return parseComposeDocuments(text, "file")[0]!.tree;
  } catch {
    return undefined;
  }
};

describe("parseSimpleYaml()", () => {
  const READ = [
    "a: b",
    "# first\na: 1 # one\n\n# last\nb: '#no'\n",
    'services:\n  web:\n    image: busybox:1\n    ports: ["80:80", 81]\n    command: sh -c "a # b"\n  db: {image: x, environment: {A: \'1\', B: }}\n',
    "a:\n- x\n- y: 1\n  z: 2\n- {k: [v, 'w']}\nb:\n  - -x\n  - http://a/b\n",
    "a: ~\nb:\nc: ''\nd: 010\ne: 1.10\nf: yes\ng: 0x1f\nh: [ a, b, ]\n",
    "'a b': c\n\"d\": e\nf: h#i\n",
    "a:\n    b:\n        c: d\n    e: f\n",
    "a: {b: c} # d\ne: ['f'] # g\n",
    "a:\n  [b, c]\nd:\n  'e'\n",
  ];
  test.each(READ)("%j is read, as the whole parser reads it", (text) => {
    const tree = parseSimpleYaml(text);
    expect(tree).toBeDefined();
    expect(JSON.stringify(tree)).toBe(JSON.stringify(wholeTree(text)));
  });

  const LEFT = [
    "",
    "- a",
    "a",
    "a: &x 1\nb: *x",
    "a: !reset []",
    "a: |\n  b\n",
    "a: >-\n  b\n",
    'a: "\\n"',
    "a: b\n c",
    "a:\n  b\n  c",
    "a: 1\na: 2",
    "a: {b: 1, b: 2}",
    "a: [b",
    "a: {b}",
    "a: [b: c]",
    "a: b: c",
    "a: b:",
    "a: [x]: y",
    "a: 'b' c",
    "a: \tb",
    "a: b\r\nc: d",
    "---\na: b",
    "a: b\n...",
    "%YAML 1.2\n---\na: b",
    "<<: {a: b}",
    "? a\n: b",
    "a: @b",
    "a: - b",
    "- - a",
    "a:\n- - b",
    "a:\n b: 1\n  c: 2",
    " a: 1\nb: 2",
    "a: \u0085",
    "\ufeffa: b",
    `a: ${"[".repeat(1000)}${"]".repeat(1000)}`,
  ];
  test.each(LEFT)("%j is left to the whole parser", (text) => {
    expect(parseSimpleYaml(text)).toBeUndefined();
  });

  test("random texts: never anything else than the whole parser says", () => {
    const pieces = [
      ...[
        "a",
        "1",
        "~",
        "''",
        "'it''s'",
        '"q"',
        "#c",
        " #c",
        "a#b",
        "a:b",
        "a: b",
        ":",
        ": ",
        "- ",
        "-",
        "-x",
        "{",
        "}",
        "[",
        "]",
      ],
      ...[
        ", ",
        ",",
        "{a: b}",
        "{a: [1, 'x']}",
        "[]",
        "{a: }",
        "{a}",
        "[a: b]",
        '{"a":1}',
        "?",
        "&x",
        "*x",
        "!t",
        "|",
        ">",
        "<<",
      ],
      ...[
        "$A",
        "@",
        "%",
        "a  b",
        "é",
        "\\",
        "...",
        "---",
        "a:",
        "  ",
        "- a: b",
        "'a': b",
        "a : b",
        "{ a: b }",
        "[a #b]",
        "[':', ',']",
      ],
    ];
    // A generator of its own, so that a failure comes again (Numerical Recipes' constants).
    let state = 20261121;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const piece = () => pieces[random(pieces.length)]!;
    let read = 0;
    for (let round = 0; round < 4000; round++) {
      let indent = 0;
      const lines = Array.from({ length: 1 + random(6) }, (_, line) => {
        indent = Math.max(0, indent + [2, 0, -2, 0, 1, -1][random(6)]!);
        const start = [`k${line}: `, `k${line}:`, "- ", ""][random(4)]!;
        return " ".repeat(indent) + start + (start.endsWith(":") ? "" : piece()) + (random(8) === 0 ? piece() : "");
      });
      const text = lines.join("\n");
      const tree = parseSimpleYaml(text);
      if (tree === undefined) continue;
      read++;
      expect([text, JSON.stringify(tree)]).toEqual([text, JSON.stringify(wholeTree(text))]);
    }
    expect(read).toBeGreaterThan(100);
  });
});
