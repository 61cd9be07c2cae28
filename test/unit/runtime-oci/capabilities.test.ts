import { describe, expect, test } from "bun:test";
import { capabilitiesInMask, containerCapabilities } from "../../../src/runtime/oci-capabilities.ts";

/** Everything but CAP_SYS_RESOURCE. */
const available = capabilitiesInMask("000001fffeffffff");
const DEFAULT =
  `CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT
  KILL AUDIT_WRITE`
    .split(/\s+/)
    .map((name) => `CAP_${name}`);
const without = (names: string[], ...dropped: string[]) => names.filter((name) => !dropped.includes(name));

test("a mask of /proc names its bits", () => {
  expect(capabilitiesInMask("00000000a80425fb").sort()).toEqual(DEFAULT.toSorted());
  expect(available).toHaveLength(40);
  expect(available).not.toContain("CAP_SYS_RESOURCE");
});

describe("containerCapabilities", () => {
  test.each([
    ["nothing said", {}, DEFAULT],
    ["additions go last", { capAdd: ["NET_ADMIN", "cap_sys_ptrace"] }, [...DEFAULT, "CAP_NET_ADMIN", "CAP_SYS_PTRACE"]],
    ["what is there already is not added", { capAdd: ["CHOWN", "kill"] }, DEFAULT],
    ["drop one", { capDrop: ["mknod"] }, without(DEFAULT, "CAP_MKNOD")],
    ["dropped and added", { capDrop: ["KILL"], capAdd: ["KILL"] }, [...without(DEFAULT, "CAP_KILL"), "CAP_KILL"]],
    ["all dropped but", { capDrop: ["ALL"], capAdd: ["CHOWN"] }, ["CAP_CHOWN"]],
    ["all but", { capAdd: ["all"], capDrop: ["MKNOD"] }, without(available, "CAP_MKNOD")],
    ["privileged", { privileged: true, capDrop: ["ALL"] }, available],
    ["drop what nobody has", { capDrop: ["SYS_RESOURCE"] }, DEFAULT],
  ])("%s", (_, request, names) => {
    expect(containerCapabilities(available, request)).toEqual(names);
  });

  test("gives nothing that the daemon lacks", () => {
    expect(containerCapabilities(["CAP_CHOWN"], {})).toEqual(["CAP_CHOWN"]);
  });

  test.each([
    [{ capAdd: ["FOO"] }, 'invalid CapAdd: unknown capability: "CAP_FOO"'],
    [{ capDrop: ["FOO"] }, 'invalid CapDrop: unknown capability: "CAP_FOO"'],
    [{ capAdd: ["SYS_RESOURCE"] }, 'not available in the current environment: "CAP_SYS_RESOURCE"'],
  ])("refuses %j", (request, message) => {
    expect(() => containerCapabilities(available, request)).toThrow(message);
  });
});
