import { describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { endianness, tmpdir } from "node:os";
import { join } from "node:path";
import type { SeccompFilter } from "../../../src/runtime/oci-spec.ts";
import { SeccompCache } from "../../../src/runtime/seccomp-cache.ts";
import { withYoungCalls } from "../../../src/runtime/seccomp-program.ts";
import { asDecisionTree } from "../../../src/runtime/seccomp-tree.ts";
import { seccompAnswer } from "../../support/seccomp-answer.ts";

const X86_64 = 0xc000003e;
const I386 = 0x40000003;
const ARM = 0x40000028;
const ALLOW = 0x7fff0000;
const NO_SUCH_CALL = 0x00050000 + 38;
/** What stands for the compiled program: one instruction that answers this. */
const COMPILED = 0x00050000 + 1;
const compiled = new Uint8Array(8);
const isLittle = endianness() === "LE";
new DataView(compiled.buffer).setUint16(0, 0x06, isLittle);
new DataView(compiled.buffer).setUint32(4, COMPILED, isLittle);

const answer = (program: Uint8Array, architecture: number, number: number) =>
  seccompAnswer(program, { architecture, number });

const rule = (name: string, rest: object = {}) => ({ names: ["read", name], action: "SCMP_ACT_ALLOW", ...rest });
const forbidden = (name: string, rest: object = {}) => rule(name, { action: "SCMP_ACT_ERRNO", ...rest });
const filter = (change: Partial<SeccompFilter> = {}): SeccompFilter => ({
  defaultAction: "SCMP_ACT_ERRNO",
  architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  syscalls: [rule("mseal"), rule("statmount"), rule("removexattrat")],
  ...change,
});
const args = [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }];

describe("withYoungCalls", () => {
  test.each<[string, number, number, number]>([
    ["an old call is the program's matter", X86_64, 0, COMPILED],
    ["an allowed one", X86_64, 462, ALLOW],
    ["an allowed one of the 32-bit ABI", I386, 457, ALLOW],
    ["the youngest that the filter allows", X86_64, 466, ALLOW],
    ["one that the filter does not allow", X86_64, 458, COMPILED],
    ["one that is younger than the filter", X86_64, 467, NO_SUCH_CALL],
    ["one that no kernel has yet", I386, 4095, NO_SUCH_CALL],
    ["one of x32", X86_64, 0x40000000 + 462, COMPILED],
    ["one of an architecture that the filter does not name", ARM, 462, COMPILED],
  ])("%s", (_, architecture, number, expected) => {
    expect(answer(withYoungCalls(compiled, filter()), architecture, number)).toBe(expected);
  });

  test.each<[string, Partial<SeccompFilter>, number, number]>([
    ["a filter of old names only", { syscalls: [rule("open")] }, 451, NO_SUCH_CALL],
    ["a call of which two rules speak", { syscalls: [rule("mseal"), forbidden("mseal")] }, 462, COMPILED],
    ["one that is allowed for some arguments", { syscalls: [rule("mseal", { args })] }, 462, COMPILED],
    ["one that is forbidden", { syscalls: [forbidden("mseal")] }, 462, 0x00050001],
    ["one that is forbidden in other words", { syscalls: [forbidden("mseal", { errnoRet: 5 })] }, 462, 0x00050005],
    ["a deadly one", { syscalls: [forbidden("mseal", { action: "SCMP_ACT_KILL_PROCESS" })] }, 462, 0x80000000],
    [
      "one that is told to a listener",
      { syscalls: [forbidden("mseal", { action: "SCMP_ACT_NOTIFY" })] },
      462,
      COMPILED,
    ],
    [
      "a filter that allows the rest",
      { defaultAction: "SCMP_ACT_ALLOW", syscalls: [forbidden("mseal")] },
      462,
      0x00050001,
    ],
    ["its rest", { defaultAction: "SCMP_ACT_ALLOW" }, 467, COMPILED],
    ["a filter that logs the rest", { defaultAction: "SCMP_ACT_LOG" }, 467, COMPILED],
    ["a filter that kills", { defaultAction: "SCMP_ACT_KILL_PROCESS" }, 467, NO_SUCH_CALL],
  ])("%s", (_, change, number, expected) => {
    expect(answer(withYoungCalls(compiled, filter(change)), X86_64, number)).toBe(expected);
  });

  test.each<[string, Partial<SeccompFilter>]>([
    ["names no architecture", { architectures: undefined }],
    ["is for processors whose numbers differ", { architectures: ["SCMP_ARCH_MIPS64"] }],
  ])("leaves a filter alone that %s", (_, change) => {
    expect(withYoungCalls(compiled, filter(change))).toBe(compiled);
  });
});

describe("SeccompCache", () => {
  test("compiles a filter once, for all who ask at the same time and for the next daemon", async () => {
    const directory = await mkdtemp(join(tmpdir(), "naru-seccomp-"));
    try {
      let compilations = 0;
      const compiler = {
        compile: async () => {
          compilations++;
          return compiled;
        },
      };
      const cache = new SeccompCache(directory, "1", compiler);
      const [first, second] = await Promise.all([cache.choose(filter()), cache.choose(filter())]);
      expect(second).toEqual(first!);
      expect(first).toEqual({
        filter: { ...filter(), syscalls: [] },
        annotations: {
          "run.oci.seccomp_bpf_data": Buffer.from(asDecisionTree(withYoungCalls(compiled, filter()))).toString(
            "base64",
          ),
        },
      });
      expect(await new SeccompCache(directory, "1", compiler).choose(filter())).toEqual(first!);
      expect(compilations).toBe(1);
      await new SeccompCache(directory, "2", compiler).choose(filter());
      expect(compilations).toBe(2);
      expect(await readdir(directory)).toHaveLength(2);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  test("gives the rules themselves where there is no program, and asks again the next time", async () => {
    let compilations = 0;
    const compiler = {
      compile: async () => {
        compilations++;
        throw new Error("unknown action");
      },
    };
    const cache = new SeccompCache("/nonexistent", "1", compiler);
    expect(await cache.choose(filter())).toEqual({ filter: filter() });
    expect(await cache.choose(filter())).toEqual({ filter: filter() });
    expect(compilations).toBe(2);
    const listening = filter({ listenerPath: "/run/listener" });
    expect(await cache.choose(listening)).toEqual({ filter: listening });
    expect(compilations).toBe(2);
  });
});
