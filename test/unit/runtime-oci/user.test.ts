import { describe, expect, test } from "bun:test";
import { environmentWithHome, resolveUser } from "../../../src/runtime/oci-user.ts";

const files = {
  passwd: `
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1::/usr/sbin:/bin/false
ann:x:1000:1001:Ann:/home/ann:/bin/sh
2000:x:7:7::/seven:/bin/sh
none:x:8:8:::/bin/sh
broken
`,
  group: "root:x:0:\ndaemon:x:1:\nann:x:1001:\nstaff:x:2000:ann,root\naudio:x:29:ann\n29:x:30:\n",
};

describe("resolveUser", () => {
  test.each([
    ["", [], { uid: 0, gid: 0, additionalGids: [0, 2000] }],
    ["ann", [], { uid: 1000, gid: 1001, additionalGids: [1001, 2000, 29] }],
    ["1000", [], { uid: 1000, gid: 1001, additionalGids: [1001, 2000, 29] }],
    ["ann:staff", [], { uid: 1000, gid: 2000, additionalGids: [2000] }],
    ["ann:", [], { uid: 1000, gid: 1001, additionalGids: [1001, 2000, 29] }],
    [":audio", [], { uid: 0, gid: 29, additionalGids: [29] }],
    [":", [], { uid: 0, gid: 0, additionalGids: [0, 2000] }],
    ["7:8", [], { uid: 7, gid: 8, additionalGids: [8] }],
    ["777", ["audio", "999"], { uid: 777, gid: 0, additionalGids: [0, 29, 999] }],
    ["ann", ["audio"], { uid: 1000, gid: 1001, additionalGids: [1001, 2000, 29] }],
    ["2000", ["29"], { uid: 2000, gid: 0, additionalGids: [0, 29] }],
    ["01000:+029", [], { uid: 1000, gid: 29, additionalGids: [29] }],
    ["2147483647", [], { uid: 2147483647, gid: 0, additionalGids: [0] }],
  ])("%j with groups %j", (spec, groupAdd, user) => {
    expect(resolveUser(spec, groupAdd, files)).toEqual(user);
  });

  test("works without account files", () => {
    const none = { passwd: "", group: "" };
    expect(resolveUser("", [], none)).toEqual({ uid: 0, gid: 0, additionalGids: [0] });
    expect(resolveUser("5:6", ["7"], none)).toEqual({ uid: 5, gid: 6, additionalGids: [6, 7] });
  });

  test.each([
    ["bob", [], "unable to find user bob: no matching entries in passwd file"],
    ["bob:staff:x", [], "unable to find user bob: no matching entries in passwd file"],
    ["ann:bobs", [], "unable to find group bobs: no matching entries in group file"],
    ["ann", ["bobs"], "unable to find group bobs: no matching entries in group file"],
    ["-1", [], "uids and gids must be in range 0-2147483647"],
    ["2147483648", [], "uids and gids must be in range 0-2147483647"],
    ["1:99999999999", [], "uids and gids must be in range 0-2147483647"],
  ])("refuses %j with groups %j", (spec, groupAdd, message) => {
    expect(() => resolveUser(spec, groupAdd, files)).toThrow(message);
  });
});

describe("environmentWithHome", () => {
  const homeOf = (uid: number, env: string[] = []) =>
    environmentWithHome(env, { uid, gid: 0, additionalGids: [] }, files);

  test("is the account's, or the root directory of a user without account, at the end", () => {
    expect(homeOf(1000, ["A=1"])).toEqual(["A=1", "HOME=/home/ann"]);
    expect(homeOf(777)).toEqual(["HOME=/"]);
    expect(homeOf(8)).toEqual(["HOME="]);
  });

  test("is the container's own where that has one", () => {
    expect(homeOf(1000, ["HOME=/x", "A=1"])).toEqual(["HOME=/x", "A=1"]);
    expect(homeOf(1000, ["HOME=", "A=1"])).toEqual(["A=1", "HOME=/home/ann"]);
  });
});
