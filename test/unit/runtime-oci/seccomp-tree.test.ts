import { describe, expect, test } from "bun:test";
import { asDecisionTree } from "../../../src/runtime/seccomp-tree.ts";
import { type Line, type SystemCall, seccompAnswer, seccompProgram } from "../../support/seccomp-answer.ts";

const ALLOW = 0x7fff0000;
const ERROR = 0x00050001;
const KILL = 0x80000000;
const X86_64 = 0xc000003e;
const I386 = 0x40000003;

const loadNumber: Line = [0x20, 0, 0, 0];
const loadArchitecture: Line = [0x20, 0, 0, 4];
const give = (answer: number): Line => [0x06, 0, 0, answer];

/** As libseccomp writes them: a question for each call, its answer far behind; two calls are asked for an argument. */
function likeLibseccomp(allowed: number[]): Uint8Array {
  const asking: Line[] = [
    [0x15, 0, 3, 56],
    [0x20, 0, 0, 16],
    [0x54, 0, 0, 0x7e020000],
    [0x15, 4, 3, 0],
    [0x15, 0, 2, 135],
    [0x20, 0, 0, 24],
    [0x15, 1, 0, 8],
    give(ERROR),
    give(ALLOW),
  ];
  const questions = allowed.map(
    (number, index): Line => [0x15, allowed.length - index - 1 + asking.length - 1, 0, number],
  );
  const behind = questions.length + asking.length;
  return seccompProgram([
    loadArchitecture,
    [0x15, 1, 0, X86_64],
    [0x05, 0, 0, behind + 3],
    loadNumber,
    [0x35, 0, 1, 0x40000000],
    [0x15, 0, behind, 0xffffffff],
    ...questions,
    ...asking,
    give(KILL),
  ]);
}

/** A program of any shape that the kernel would take: forward jumps within its bounds, an answer at its end. */
function anyProgram(random: () => number): Uint8Array {
  const upTo = (limit: number) => Math.floor(random() * limit);
  const length = 4 + upTo(60);
  const values = [0, 1, 2, 3, 5, 8, 13, 14, 200, X86_64, I386, 0x40000000, 0xffffffff];
  const value = () => values[upTo(values.length)]!;
  const lines = Array.from({ length }, (_, place): Line => {
    const room = Math.min(255, length - place);
    // Most questions are asked of what was loaded first: else most programs would not be understood.
    const kind = random();
    if (kind < 0.06) return random() < 0.7 ? loadNumber : loadArchitecture;
    if (kind < 0.12) return [0x20, 0, 0, 16 + 4 * upTo(4)];
    if (kind < 0.16) return give([ALLOW, ERROR, KILL, 0][upTo(4)]!);
    if (kind < 0.2) return [0x05, 0, 0, upTo(room)];
    const code = [0x15, 0x15, 0x15, 0x25, 0x35][upTo(5)]!;
    return random() < 0.8 ? [code, 0, upTo(Math.min(room, 6)), value()] : [code, upTo(room), upTo(room), value()];
  });
  return seccompProgram([random() < 0.5 ? loadArchitecture : loadNumber, ...lines, give(ALLOW)]);
}

/** Park and Miller's numbers: the same in every run. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

const ARCHITECTURES = [X86_64, I386, 0, 0xc000003d, 0xc000003f, 0xffffffff];
const NUMBERS = [
  0, 1, 2, 3, 4, 5, 8, 9, 12, 13, 14, 15, 56, 135, 199, 200, 201, 0x3fffffff, 0x40000000, 0x40000001, 0xffffffff,
];
const ARGUMENTS = [0, 1, 8, 13, 0x00020000, 0x7e020000, 0xffffffff];
const CALLS: SystemCall[] = ARCHITECTURES.flatMap((architecture) =>
  NUMBERS.flatMap((number) =>
    ARGUMENTS.flatMap((value) =>
      [
        [value, value],
        [value, 0],
      ].map((halves) => ({ architecture, number, rest: Array(7).fill(halves).flat() })),
    ),
  ),
);
const answers = (program: Uint8Array) => CALLS.map((call) => seccompAnswer(program, call));

describe("asDecisionTree", () => {
  test.each([3, 40, 200])("answers as a chain of %d questions does, with fewer", (count) => {
    const program = likeLibseccomp(Array.from({ length: count }, (_, index) => index + Math.floor(index / 7)));
    const tree = asDecisionTree(program);
    expect(answers(tree)).toEqual(answers(program));
    for (let number = 0; number < 500; number++) {
      const call = { architecture: X86_64, number };
      expect(seccompAnswer(tree, call)).toBe(seccompAnswer(program, call));
    }
    if (count > 100) expect(tree.length).toBeLessThan(program.length * 0.7);
  });

  test("branches whose halves are longer than a jump reaches", () => {
    // Every second call: no two neighbours have one answer.
    const lines: Line[] = Array.from({ length: 700 }, (_, index) => [
      [0x15, 0, 1, index * 2] as Line,
      give(index % 3 === 0 ? ALLOW : ERROR + index),
    ]).flat();
    const program = seccompProgram([loadNumber, ...lines, give(KILL)]);
    const padded = seccompProgram([loadNumber, ...Array<Line>(2000).fill([0x15, 0, 0, 7]), ...lines, give(KILL)]);
    for (const each of [program, padded]) {
      const tree = asDecisionTree(each);
      for (let number = 0; number < 1500; number++) {
        const call = { architecture: X86_64, number };
        expect(seccompAnswer(tree, call)).toBe(seccompAnswer(each, call));
      }
    }
    expect(asDecisionTree(padded).length).toBeLessThan(padded.length);
  });

  test("answers as any program does", () => {
    const random = numbersFrom(1);
    let changed = 0;
    for (let round = 0; round < 3000; round++) {
      const program = anyProgram(random);
      const tree = asDecisionTree(program);
      if (tree === program) continue;
      changed++;
      expect(answers(tree)).toEqual(answers(program));
    }
    expect(changed).toBeGreaterThan(500);
  });

  /** Never reached; short programs are left alone in any case. */
  const padding = Array<Line>(40).fill(give(KILL));
  test.each<[string, Line[]]>([
    ["no end", Array<Line>(40).fill(loadNumber)],
    ["a jump out of it", [loadNumber, [0x15, 200, 0, 1], give(ALLOW), ...padding]],
    ["a long jump out of it", [loadNumber, [0x05, 0, 0, 0xffffffff], ...padding]],
    ["a question before anything is loaded", [[0x15, 0, 0, 1], give(ALLOW), ...padding]],
    ["a question about some bits of the number", [loadNumber, [0x45, 1, 0, 8], give(ALLOW), ...padding]],
    ["arithmetic with the number", [loadNumber, [0x54, 0, 0, 8], [0x15, 0, 0, 1], give(ALLOW), ...padding]],
    [
      "a question about two things",
      [loadArchitecture, [0x15, 1, 0, 3], loadNumber, [0x15, 0, 1, 7], give(ALLOW), ...padding],
    ],
  ])("leaves a program alone that has %s", (_, lines) => {
    const program = seccompProgram(lines);
    expect(asDecisionTree(program)).toBe(program);
  });

  test("understands what these programs differ from", () => {
    const program = seccompProgram([loadNumber, [0x15, 1, 0, 8], give(ALLOW), ...padding]);
    expect(answers(asDecisionTree(program))).toEqual(answers(program));
    expect(asDecisionTree(program)).not.toBe(program);
  });

  test.each([0, 4, 324])("leaves %d bytes alone that are no program", (length) => {
    const bytes = new Uint8Array(length);
    expect(asDecisionTree(bytes)).toBe(bytes);
  });
});
