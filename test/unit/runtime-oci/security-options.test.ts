import { describe, expect, test } from "bun:test";
import { apparmorProfile } from "../../../src/runtime/oci-config.ts";
import { parseSecurityOptions, protectedPaths } from "../../../src/runtime/oci-security.ts";

const defaults = { noNewPrivileges: false };
const plain = {
  noNewPrivileges: false,
  seccomp: "default",
  apparmor: undefined,
  unmaskedSystemPaths: false,
  writableCgroups: false,
};

describe("parseSecurityOptions", () => {
  test.each([
    [[], {}],
    [["no-new-privileges"], { noNewPrivileges: true }],
    [["no-new-privileges=true"], { noNewPrivileges: true }],
    [["no-new-privileges:1"], { noNewPrivileges: true }],
    [["no-new-privileges:false"], {}],
    [["seccomp=unconfined"], { seccomp: "unconfined" }],
    [["seccomp:unconfined"], { seccomp: "unconfined" }],
    [["seccomp=builtin"], {}],
    [['seccomp={\n"a":"b=c"}'], { seccomp: { profile: '{\n"a":"b=c"}' } }],
    [["apparmor=mine"], { apparmor: "mine" }],
    [["systempaths=unconfined"], { unmaskedSystemPaths: true }],
    [["writable-cgroups=true"], { writableCgroups: true }],
    [["writable-cgroups=true", "writable-cgroups=false"], { writableCgroups: false }],
    [["label=disable", "label:type:x", "disable"], {}],
  ])("%j", (options, expected) => {
    expect(parseSecurityOptions(options, defaults)).toEqual({ ...plain, ...expected } as never);
  });

  test("the daemon's default can be switched off", () => {
    expect(parseSecurityOptions([], { noNewPrivileges: true }).noNewPrivileges).toBe(true);
    expect(parseSecurityOptions(["no-new-privileges=false"], { noNewPrivileges: true }).noNewPrivileges).toBe(false);
  });

  test.each([
    ["foo", 'invalid --security-opt 1: "foo"'],
    ["foo=1", 'invalid --security-opt 2: "foo=1"'],
    ["no-new-privileges:maybe", 'invalid --security-opt 2: "no-new-privileges:maybe"'],
    ["systempaths=all", 'invalid --security-opt 2: "systempaths=all"'],
  ])("refuses %j", (option, message) => {
    expect(() => parseSecurityOptions([option], defaults)).toThrow(message);
  });
});

describe("protectedPaths", () => {
  const security = { unmaskedSystemPaths: false };
  test("hides what Docker hides", () => {
    const { maskedPaths, readonlyPaths } = protectedPaths({}, security, ["/sys/thermal"]);
    expect(maskedPaths).toHaveLength(13);
    expect(maskedPaths).toContain("/proc/kcore");
    expect(maskedPaths).toContain("/sys/devices/virtual/powercap");
    expect(maskedPaths).toContain("/sys/thermal");
    expect(readonlyPaths).toEqual(["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]);
  });
  test.each([
    [{ Privileged: true }, security, {}],
    [{}, { unmaskedSystemPaths: true }, { maskedPaths: [], readonlyPaths: [] }],
    [{ MaskedPaths: [], ReadonlyPaths: [] }, security, { maskedPaths: [], readonlyPaths: [] }],
    [{ MaskedPaths: ["/a"], ReadonlyPaths: ["/b"] }, security, { maskedPaths: ["/a"], readonlyPaths: ["/b"] }],
  ])("%j with %j", (hostConfig, options, expected) => {
    expect(protectedPaths(hostConfig, options, [])).toEqual(expected);
  });
});

test.each([
  [false, undefined, undefined, undefined],
  [false, "mine", undefined, undefined],
  [false, undefined, ["docker-default"], "docker-default"],
  [false, undefined, ["other"], undefined],
  [true, undefined, ["docker-default"], undefined],
  [false, "unconfined", ["docker-default"], undefined],
  [true, "mine", ["docker-default"], "mine"],
])("AppArmor: privileged %p, asked for %p, kernel has %j", (privileged, asked, profiles, expected) => {
  expect(apparmorProfile(privileged, asked, profiles && new Set(profiles))).toBe(expected);
});
