/**
 * Makes a decision tree of a compiled seccomp filter. What crun's library compiles asks for one system call after the other,
 * some 200 questions for one that is forbidden or asked for by its arguments; and when a filter is installed, the kernel
 * runs it for every call there is, to remember which are always allowed. A tree needs some eight questions: a container or an
 * executed process starts a millisecond earlier. The answers stay the same for every architecture, number and argument.
 * Pure.
 */
import { CODE, decodeProgram, encodeProgram, type Instruction, OFFSET, plain } from "./bpf-program.ts";

const CONDITIONS = new Set([CODE.JUMP_IF_EQUAL, CODE.JUMP_IF_GREATER, CODE.JUMP_IF_AT_LEAST]);
/** BPF_MAXINSNS of linux/bpf_common.h. */
const MAX_INSTRUCTIONS = 4096;
const MAX_SKIP = 255;
/** Nothing is gained where the questions are that few. */
const SHORT = 24;
const END_OF_VALUES = 2 ** 32;

/** What a program says when it knows the architecture and the number: an answer, or where it begins to ask for arguments. */
type Outcome = { answer: number } | { askingAt: number };
/** From `start` up to the next one's start. */
interface Range<T> {
  start: number;
  outcome: T;
}
/** Outcomes by number. */
type ByNumber = Range<Outcome>[];

class NoTree extends Error {}

/** A program that answers as `program` does; `program` itself where it is short, or has something that is not understood. */
export function asDecisionTree(program: Uint8Array): Uint8Array {
  try {
    const instructions = decodeProgram(program);
    if (instructions === undefined || instructions.length <= SHORT) return program;
    const architectures = merge(outcomesByArchitecture(instructions), (a, b) => isSameList(a, b));
    return encodeProgram(assemble(architectures, instructions));
  } catch (error) {
    if (error instanceof NoTree) return program;
    throw error;
  }
}

// ---- what the program decides ----

type Held = "architecture" | "number" | "argument" | "nothing";
/** What the accumulator may hold at a place, as bits. */
const WAYS: Record<Held, number> = { architecture: 1, number: 2, argument: 4, nothing: 8 };

/** The values that conditions compare with, by what they compare. A condition that compares now this, now that is not understood. */
function comparedValues(program: Instruction[]): Record<"architecture" | "number", Set<number>> {
  const ways = new Uint8Array(program.length);
  const compared = { architecture: new Set<number>(), number: new Set<number>() };
  const reach = (place: number, held: number) => {
    if (place >= program.length) throw new NoTree();
    ways[place]! |= held;
  };
  reach(0, WAYS.nothing);
  program.forEach((instruction, place) => {
    const held = ways[place]!;
    const { code, value } = instruction;
    if (held === 0 || code === CODE.RETURN) return;
    if (code === CODE.LOAD) reach(place + 1, WAYS[heldAfter(value)]);
    else if (code === CODE.JUMP) reach(place + 1 + value, held);
    else {
      if (held === WAYS.architecture) compared.architecture.add(value).add(value + 1);
      else if (held === WAYS.number) compared.number.add(value).add(value + 1);
      else if (held !== WAYS.argument) throw new NoTree();
      const isUnderstood = CONDITIONS.has(code) || (code === CODE.AND && held === WAYS.argument);
      if (!isUnderstood) throw new NoTree();
      reach(place + 1 + instruction.yes, held);
      reach(place + 1 + instruction.no, held);
    }
  });
  return compared;
}

function heldAfter(offset: number): Held {
  if (offset === OFFSET.ARCHITECTURE) return "architecture";
  return offset === OFFSET.NUMBER ? "number" : "argument";
}

function outcomesByArchitecture(program: Instruction[]): Range<ByNumber>[] {
  const compared = comparedValues(program);
  const numbers = starts(compared.number);
  const chains = findChains(program);
  // Between two values that are compared with, all others are answered alike.
  return starts(compared.architecture).map((architecture) => {
    const first = decide(program, chains, architecture, 0);
    const byNumber = first.asksNumber
      ? numbers.map((start) => ({ start, outcome: decide(program, chains, architecture, start).outcome }))
      : [{ start: 0, outcome: first.outcome }];
    return { start: architecture, outcome: merge(byNumber, isSame) };
  });
}

function starts(values: ReadonlySet<number>): number[] {
  return [...new Set([0, ...values])].filter((value) => value < END_OF_VALUES).sort((a, b) => a - b);
}

/** Rows of questions for one value after the other, which are looked up instead of walked through. */
interface Chains {
  /** By place: where its row ends; 0 where no row is. */
  ends: Uint16Array;
  /** The places in rows that ask for a value, in their order. */
  places: ReadonlyMap<number, readonly number[]>;
}

function findChains(program: Instruction[]): Chains {
  const ends = new Uint16Array(program.length + 1);
  const places = new Map<number, number[]>();
  for (let place = program.length - 1; place >= 0; place--) {
    const { code, no, value } = program[place]!;
    if (code !== CODE.JUMP_IF_EQUAL || no !== 0) continue;
    ends[place] = ends[place + 1] || place + 1;
    places.set(value, [place, ...(places.get(value) ?? [])]);
  }
  return { ends, places };
}

function decide(program: Instruction[], { ends, places }: Chains, architecture: number, number: number) {
  let place = 0;
  let value = 0;
  let asksNumber = false;
  for (;;) {
    const instruction = program[place]!;
    const end = ends[place]!;
    if (instruction.code === CODE.RETURN) return { outcome: { answer: instruction.value }, asksNumber };
    if (instruction.code === CODE.LOAD) {
      const held = heldAfter(instruction.value);
      if (held === "argument") return { outcome: { askingAt: place }, asksNumber };
      asksNumber ||= held === "number";
      value = held === "number" ? number : architecture;
      place += 1;
    } else if (instruction.code === CODE.JUMP) place += 1 + instruction.value;
    else if (end > 0) {
      const from = place;
      const match = places.get(value)?.find((candidate) => candidate >= from && candidate < end);
      place = match === undefined ? end : match + 1 + program[match]!.yes;
    } else place += 1 + (holds(instruction, value) ? instruction.yes : instruction.no);
  }
}

function holds({ code, value }: Instruction, held: number): boolean {
  if (code === CODE.JUMP_IF_EQUAL) return held === value;
  return code === CODE.JUMP_IF_GREATER ? held > value : held >= value;
}

/** Neighbours with one outcome become one. */
function merge<T>(ranges: Range<T>[], isAlike: (a: T, b: T) => boolean): Range<T>[] {
  return ranges.filter(({ outcome }, index) => index === 0 || !isAlike(ranges[index - 1]!.outcome, outcome));
}

function isSame(a: Outcome, b: Outcome): boolean {
  if ("answer" in a) return "answer" in b && a.answer === b.answer;
  return "askingAt" in b && a.askingAt === b.askingAt;
}

function isSameList(a: ByNumber, b: ByNumber): boolean {
  const isSameRange = (range: Range<Outcome>, index: number) =>
    range.start === b[index]?.start && isSame(range.outcome, b[index].outcome);
  return a.length === b.length && a.every(isSameRange);
}

// ---- the tree ----

/** Still without the place of what asks for arguments, which comes behind the tree: `askingAt` is where it was. */
type Planned = Instruction & { askingAt?: number };

function assemble(architectures: Range<ByNumber>[], program: Instruction[]): Instruction[] {
  const tree: Planned[] = [
    plain(CODE.LOAD, OFFSET.ARCHITECTURE),
    ...branch(architectures, (byNumber) => [
      ...(byNumber.length > 1 ? [plain(CODE.LOAD, OFFSET.NUMBER)] : []),
      ...branch(byNumber, leaf),
    ]),
  ];
  const asking = reachable(
    program,
    tree.flatMap(({ askingAt }) => askingAt ?? []),
  );
  const places = new Map(asking.map((old, index) => [old, tree.length + index]));
  if (tree.length + asking.length > MAX_INSTRUCTIONS) throw new NoTree();
  const jumps = tree.map(({ askingAt, ...instruction }, index) =>
    askingAt === undefined ? instruction : { ...instruction, value: places.get(askingAt)! - index - 1 },
  );
  return [...jumps, ...asking.map((old) => moved(program[old]!, old, places))];
}

function leaf(outcome: Outcome): Planned[] {
  if ("answer" in outcome) return [plain(CODE.RETURN, outcome.answer)];
  return [{ ...plain(CODE.JUMP, 0), askingAt: outcome.askingAt }];
}

/** Halves the ranges until one is left; the lower half lies first. */
function branch<T>(ranges: Range<T>[], end: (outcome: T) => Planned[]): Planned[] {
  if (ranges.length === 1) return end(ranges[0]!.outcome);
  const half = ranges.length >> 1;
  const [low, high] = [branch(ranges.slice(0, half), end), branch(ranges.slice(half), end)];
  const value = ranges[half]!.start;
  if (low.length <= MAX_SKIP) return [{ code: CODE.JUMP_IF_AT_LEAST, yes: low.length, no: 0, value }, ...low, ...high];
  return [{ code: CODE.JUMP_IF_AT_LEAST, yes: 0, no: 1, value }, plain(CODE.JUMP, low.length), ...low, ...high];
}

/** The places that are reached from some, in their order: what falls through lies next to its follower here too. */
function reachable(program: Instruction[], from: number[]): number[] {
  const isReached = new Set(from);
  for (let place = 0; place < program.length; place++) {
    if (!isReached.has(place)) continue;
    const { code, yes, no, value } = program[place]!;
    if (code === CODE.RETURN) continue;
    if (code === CODE.JUMP) isReached.add(place + 1 + value);
    else isReached.add(place + 1 + yes).add(place + 1 + no);
  }
  return [...isReached].sort((a, b) => a - b);
}

/** Distances only shrink where instructions are left out, so they still have room. */
function moved(instruction: Instruction, old: number, places: ReadonlyMap<number, number>): Instruction {
  const { code, yes, no, value } = instruction;
  const distance = (skip: number) => places.get(old + 1 + skip)! - places.get(old)! - 1;
  if (code === CODE.JUMP) return plain(code, distance(value));
  return CONDITIONS.has(code) ? { code, yes: distance(yes), no: distance(no), value } : instruction;
}
