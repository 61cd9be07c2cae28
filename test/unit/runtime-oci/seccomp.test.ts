import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SeccompFilter } from "../../../src/runtime/oci-spec.ts";
import { defaultSeccompProfile } from "../../../src/runtime/seccomp-default.ts";
import { fitSeccompProfile, parseSeccompProfile, type SeccompProfile } from "../../../src/runtime/seccomp-profile.ts";

const published = join(import.meta.dir, "../../../../shared/specs/seccomp/default.json");
const CAPABILITIES = `BPF DAC_READ_SEARCH PERFMON SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT
  SYS_PTRACE SYS_RAWIO SYS_TIME SYS_TTY_CONFIG NET_ADMIN`
  .split(/\s+/)
  .map((name) => `CAP_${name}`);

/** The outcome of a filter: for each system call what is done on which conditions, in an order of its own. */
function effect(filter: SeccompFilter): unknown {
  const calls = new Map<string, Set<string>>();
  for (const { names, ...outcome } of filter.syscalls) {
    const { action, errnoRet, args = [] } = outcome;
    const conditions = args.map(({ index, op, value, valueTwo = 0 }) => ({ index, op, value, valueTwo }));
    for (const name of names) {
      const outcomes = calls.get(name) ?? new Set();
      calls.set(name, outcomes.add(JSON.stringify({ action, errnoRet, conditions })));
    }
  }
  const sorted = [...calls].map(([name, outcomes]) => [name, [...outcomes].sort()] as const);
  return {
    defaultAction: filter.defaultAction,
    defaultErrnoRet: filter.defaultErrnoRet,
    architectures: filter.architectures,
    calls: Object.fromEntries(sorted.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

describe.skipIf(!existsSync(published))("the default profile has the effect of the published one", () => {
  const theirs: SeccompProfile = existsSync(published) ? JSON.parse(readFileSync(published, "utf8")) : {};
  const ours = defaultSeccompProfile();
  const sets = [[], ...CAPABILITIES.map((name) => [name]), CAPABILITIES];
  for (const arch of ["amd64", "arm64", "riscv64", "s390x", "ppc64le"]) {
    for (const kernel of ["4.4.0", "6.18.44-generic"]) {
      test.each(sets.map((set) => [set.join() || "none"] as const))(`${arch}, Linux ${kernel}, %s`, (names) => {
        const target = { capabilities: new Set(names.split(",")), arch, kernel };
        expect(effect(fitSeccompProfile(ours, target))).toEqual(effect(fitSeccompProfile(theirs, target)));
      });
    }
  }
});

describe("fitSeccompProfile", () => {
  const target = { capabilities: new Set(["CAP_CHOWN"]), arch: "amd64", kernel: "5.10.0-1" };
  const rule = { names: ["a"], action: "SCMP_ACT_ALLOW" };
  const kept = (rules: SeccompProfile["syscalls"]) =>
    fitSeccompProfile({ defaultAction: "SCMP_ACT_KILL", syscalls: rules }, target).syscalls.length === 1;

  test.each([
    [{}, true],
    [{ includes: { caps: ["CAP_CHOWN"] } }, true],
    [{ includes: { caps: ["CAP_CHOWN", "CAP_KILL"] } }, false],
    [{ excludes: { caps: ["CAP_CHOWN"] } }, false],
    [{ includes: { arches: ["arm64"] } }, false],
    [{ includes: { arches: ["amd64"] } }, true],
    [{ excludes: { arches: ["amd64"] } }, false],
    [{ includes: { minKernel: "5.10" } }, true],
    [{ includes: { minKernel: "5.11" } }, false],
    [{ includes: { minKernel: "4.20" } }, true],
    [{ excludes: { minKernel: "5.10" } }, false],
  ])("a rule with %j", (conditions, expected) => {
    expect(kept([{ ...rule, ...conditions }])).toBe(expected);
  });

  test("takes the old spelling of one name, and keeps errno, flags and arguments", () => {
    const args = [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }];
    const syscalls = [{ name: "b", action: "SCMP_ACT_ERRNO", errnoRet: 0, args }];
    const profile = { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86"], flags: ["F"], syscalls };
    expect(fitSeccompProfile(profile, target)).toEqual({
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_X86"],
      flags: ["F"],
      syscalls: [{ names: ["b"], action: "SCMP_ACT_ERRNO", errnoRet: 0, args }],
    });
    expect(() => fitSeccompProfile({ ...profile, syscalls: [{ ...rule, name: "b" }] }, target)).toThrow("use one");
  });

  test.each(["garbage", "[]", "3", '{"defaultAction":"x","architectures":["a"],"archMap":[{"architecture":"b"}]}'])(
    "refuses the file %j",
    (text) => {
      expect(() => parseSeccompProfile(text)).toThrow("seccomp profile");
    },
  );
});
