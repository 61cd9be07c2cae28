/** What stat(2) says, without node:fs. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAbsent, isPresent } from "../../../src/cli/file-system.ts";

const root = await mkdtemp(join(tmpdir(), "naru-file-system-"));
afterAll(() => rm(root, { recursive: true, force: true }));
await mkdir(join(root, "folder"));
await writeFile(join(root, "empty"), "");
await symlink("nowhere", join(root, "dangling"));
const listener = Bun.listen({ unix: join(root, "socket"), socket: { data() {} } });
afterAll(() => listener.stop());

describe("what is there, and what is surely not", () => {
  test.each<[string, boolean, boolean]>([
    ["empty", true, false],
    ["folder", true, false],
    ["socket", true, false],
    ["nothing", false, true],
    ["dangling", false, true],
    ["folder/nothing", false, true],
    // Whether there is something, nobody can say: its folder is none, or is not there.
    ["empty/inside", false, false],
    ["nothing/inside", false, false],
  ])("%s", (name, present, absent) => {
    expect([isPresent(join(root, name)), isAbsent(join(root, name))]).toEqual([present, absent]);
  });
  test("a device", () => {
    expect(isPresent("/dev/null")).toBe(true);
  });
});
