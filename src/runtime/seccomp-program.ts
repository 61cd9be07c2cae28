/**
 * What is put before a compiled seccomp filter so that system calls which are younger than the compiler behave as with
 * Docker's own runtime: what the filter says of them holds, though libseccomp does not know their names, and those that
 * are younger than the filter fail with ENOSYS: programs then use older ones, and would take EPERM for an answer.
 * Pure.
 */
import { CODE, encodeProgram, type Instruction, OFFSET, plain } from "./bpf-program.ts";
import type { SeccompFilter } from "./oci-spec.ts";

/** Since Linux 5.1 a new system call has one number on all processors. Those from 6.5 on, by number. */
const YOUNG_CALLS = new Map(
  `451 cachestat 452 fchmodat2 453 map_shadow_stack 454 futex_wake 455 futex_wait 456 futex_requeue 457 statmount
  458 listmount 459 lsm_get_self_attr 460 lsm_set_self_attr 461 lsm_list_modules 462 mseal 463 setxattrat
  464 getxattrat 465 listxattrat 466 removexattrat 467 open_tree_attr 468 file_getattr 469 file_setattr`
    .match(/\d+ \w+/g)!
    .map((entry) => entry.split(" "))
    .map(([number, name]) => [name!, Number(number)] as const),
);
/** What every compiler that is in use knows. */
const KNOWN_TO_ALL = 450;
/** Beyond lie the numbers that only one processor or ABI has: x32's, ARM's own. */
const END_OF_COMMON = 0x1000;

/** linux/audit.h */
const AUDIT_ARCHITECTURES: Record<string, number> = {
  SCMP_ARCH_X86_64: 0xc000003e,
  SCMP_ARCH_X86: 0x40000003,
  SCMP_ARCH_AARCH64: 0xc00000b7,
  SCMP_ARCH_ARM: 0x40000028,
  SCMP_ARCH_RISCV64: 0xc00000f3,
  SCMP_ARCH_PPC64LE: 0xc0000015,
  SCMP_ARCH_S390X: 0x80000016,
  SCMP_ARCH_S390: 0x16,
};

/** What the kernel takes for an answer: linux/seccomp.h. */
const ANSWERS: Record<string, number> = {
  SCMP_ACT_ALLOW: 0x7fff0000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
};
const EPERM = 1;
const ENOSYS = 38;

/** A jump names its target by word, or how many instructions are skipped when its condition does not hold. */
interface Planned {
  code: number;
  value: number;
  target?: Target;
  skipUnless?: number;
}
type Target = "number" | "program";

/** The program with what goes before it; the program itself where there is nothing to add. */
export function withYoungCalls(program: Uint8Array, filter: SeccompFilter): Uint8Array {
  const architectures = (filter.architectures ?? []).map((name) => AUDIT_ARCHITECTURES[name]);
  const known = [...new Set(architectures)].filter((architecture) => architecture !== undefined);
  if (known.length === 0) return program;
  const preamble = assemble(known, filter);
  const joined = new Uint8Array(preamble.length + program.length);
  joined.set(preamble);
  joined.set(program, preamble.length);
  return joined;
}

function assemble(architectures: number[], filter: SeccompFilter): Uint8Array {
  const start: Planned[] = [
    { code: CODE.LOAD, value: OFFSET.ARCHITECTURE },
    ...architectures.map((value) => ({ code: CODE.JUMP_IF_EQUAL, value, target: "number" as const })),
    { code: CODE.JUMP, value: 0, target: "program" },
  ];
  const number: Planned[] = [
    { code: CODE.LOAD, value: OFFSET.NUMBER },
    { code: CODE.JUMP_IF_AT_LEAST, value: END_OF_COMMON, target: "program" },
    ...refuseUnknown(filter),
    ...decidedCalls(filter).flatMap(([value, answer]) => [
      { code: CODE.JUMP_IF_EQUAL, value, skipUnless: 1 },
      { code: CODE.RETURN, value: answer },
    ]),
  ];
  return encode([...start, ...number], { number: start.length, program: start.length + number.length });
}

/** For a filter that forbids what it does not name. */
function refuseUnknown({ defaultAction, syscalls }: SeccompFilter): Planned[] {
  if (!/^SCMP_ACT_(ERRNO|KILL|TRAP)/.test(defaultAction)) return [];
  const named = syscalls.flatMap(({ names }) => names.map((name) => YOUNG_CALLS.get(name) ?? 0));
  return [
    { code: CODE.JUMP_IF_GREATER, value: Math.max(KNOWN_TO_ALL, ...named), skipUnless: 1 },
    { code: CODE.RETURN, value: ANSWERS.SCMP_ACT_ERRNO! | ENOSYS },
  ];
}

/** Young calls of which one rule speaks, whatever their arguments are, and what is answered to them. */
function decidedCalls({ syscalls }: SeccompFilter): [number: number, answer: number][] {
  return [...YOUNG_CALLS].flatMap(([name, number]): [number, number][] => {
    const [rule, ...others] = syscalls.filter(({ names }) => names.includes(name));
    if (rule === undefined || rule.args?.length || others.some(({ action }) => action !== rule.action)) return [];
    const answer = ANSWERS[rule.action];
    if (answer === undefined) return [];
    return [[number, rule.action === "SCMP_ACT_ERRNO" ? answer | (rule.errnoRet ?? EPERM) : answer]];
  });
}

function encode(instructions: Planned[], places: Record<Target, number>): Uint8Array {
  return encodeProgram(
    instructions.map(({ code, value, target, skipUnless = 0 }, index): Instruction => {
      const distance = target === undefined ? 0 : places[target] - index - 1;
      // An unconditional jump has its distance in the value, a conditional one in a byte.
      if (code === CODE.JUMP) return plain(code, distance);
      return { code, yes: distance, no: skipUnless, value };
    }),
  );
}
