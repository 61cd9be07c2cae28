import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { closeFd, makeNodeAt, O, openPath, S } from "../../../src/linux/file-calls.ts";
import { setXattr } from "../../../src/linux/xattr.ts";
import { LayeredFiles } from "../../../src/runtime/layered-files.ts";

const base = mkdtempSync(join(tmpdir(), "naru-layers-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

let count = 0;
let root = { lowerDirs: ["", ""], upperDir: "", workDir: "" };
const layer = (name: "upper" | "middle" | "bottom") =>
  name === "upper" ? root.upperDir : root.lowerDirs[name === "middle" ? 0 : 1]!;
async function put(name: Parameters<typeof layer>[0], path: string, text: string) {
  const file = join(layer(name), path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}
async function inDirectory(path: string, use: (fd: number) => void) {
  await mkdir(path, { recursive: true });
  const fd = openPath(path, O.RDONLY | O.DIRECTORY);
  use(fd);
  closeFd(fd);
}
const whiteOut = (name: Parameters<typeof layer>[0], directory: string, file: string) =>
  inDirectory(join(layer(name), directory), (fd) => makeNodeAt(fd, file, S.IFCHR, 0, 0));
const makeOpaque = (name: Parameters<typeof layer>[0], directory: string) =>
  inDirectory(join(layer(name), directory), (fd) => setXattr(fd, "trusted.overlay.opaque", Buffer.from("y")));
const read = (path: string) => new LayeredFiles().read(root, path);

beforeEach(async () => {
  const here = join(base, String(count++));
  root = { lowerDirs: [join(here, "middle"), join(here, "bottom")], upperDir: join(here, "upper"), workDir: "" };
  for (const directory of [...root.lowerDirs, root.upperDir]) await mkdir(directory, { recursive: true });
  await put("bottom", "etc/passwd", "bottom");
});

describe("LayeredFiles", () => {
  test("reads what is on top", async () => {
    expect(await read("/etc/passwd")).toBe("bottom");
    await put("middle", "etc/passwd", "middle");
    expect(await read("/etc/passwd")).toBe("middle");
    await put("upper", "etc/passwd", "upper");
    expect(await read("/etc/passwd")).toBe("upper");
    expect(await read("/etc/group")).toBe("");
    expect(await read("/etc")).toBe("");
  });

  test("a whiteout hides what lies below", async () => {
    await whiteOut("middle", "etc", "passwd");
    expect(await read("/etc/passwd")).toBe("");
    await put("upper", "etc/passwd", "again");
    expect(await read("/etc/passwd")).toBe("again");
  });

  test("so does one of the directory, and an opaque directory", async () => {
    await whiteOut("upper", "", "etc");
    expect(await read("/etc/passwd")).toBe("");
    await put("bottom", "lib/file", "hidden");
    await makeOpaque("middle", "lib");
    expect(await read("/lib/file")).toBe("");
    await makeOpaque("upper", "lib");
    expect(await read("/lib/file")).toBe("");
  });

  test("links stay in the root, whichever layer they lead to", async () => {
    await put("bottom", "usr/lib/passwd", "linked");
    await mkdir(join(layer("middle"), "etc"), { recursive: true });
    await symlink("/usr/lib/passwd", join(layer("middle"), "etc/absolute"));
    await symlink("../../../usr/lib/./passwd", join(layer("middle"), "etc/relative"));
    await symlink("usr/lib", join(layer("upper"), "short"));
    await symlink("loop", join(layer("middle"), "loop"));
    expect(await read("/etc/absolute")).toBe("linked");
    expect(await read("/etc/relative")).toBe("linked");
    expect(await read("/short/passwd")).toBe("linked");
    expect(await read("/loop")).toBe("");
    await symlink("/etc/passwd", join(layer("upper"), "outside"));
    expect(await read("/outside")).toBe("bottom");
  });

  test("remembers lower layers, never the upper one", async () => {
    const files = new LayeredFiles();
    expect(await files.read(root, "/etc/passwd")).toBe("bottom");
    await put("upper", "etc/passwd", "upper");
    expect(await files.read(root, "/etc/passwd")).toBe("upper");
  });

  test("does not wait for a pipe, nor read a device", async () => {
    await inDirectory(join(layer("middle"), "etc"), (fd) => makeNodeAt(fd, "fifo", S.IFIFO | 0o600, 0, 0));
    expect(await read("/etc/fifo")).toBe("");
  });
});
