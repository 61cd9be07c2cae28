import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type CopySide,
  followedLink,
  planCopy,
  renamed,
  splitContainerPath,
  splitPath,
} from "../../../src/cli/copy/copy-paths.ts";
import { localDestination, localSource } from "../../../src/cli/copy/local-side.ts";
import { packPath } from "../../../src/cli/copy/pack.ts";
import { unpackArchive } from "../../../src/cli/copy/unpack.ts";
import { archiveEntries, TAR_END, type TarHeader, tarHeader, tarPadding } from "../../../src/cli/tar-format.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "naru-copy-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test.each([
  ["web:/etc", { container: "web", path: "/etc" }],
  ["web:", { container: "web", path: "" }],
  ["/a:b", { path: "/a:b" }],
  ["./a:b", { path: "./a:b" }],
  ["file", { path: "file" }],
])("%s names a container or not", (text, parts) => {
  expect(splitContainerPath(text)).toEqual(parts);
});

test.each([
  ["/a/b", "/a", "b"],
  ["/a/b/", "/a", "b"],
  ["/a/b/.", "/a/b", "."],
  ["/", "/", "/"],
  [".", ".", "."],
  ["b", ".", "b"],
])("splitPath(%j)", (path, dir, base) => {
  expect(splitPath(path)).toEqual({ folder: dir, base });
});

test("a followed link keeps its own name", () => {
  expect(followedLink("/a/link", "/b/target")).toEqual({ path: "/b/target", rebaseName: "link" });
  expect(followedLink("/a/same", "/b/same")).toEqual({ path: "/b/same" });
  expect(followedLink("/a/link/.", "/b/target")).toEqual({ path: "/b/target/." });
});

describe("where a copy lands", () => {
  const side = (path: string, kind?: "file" | "folder"): CopySide => ({
    path,
    exists: kind !== undefined,
    isDirectory: kind === "folder",
  });
  const file = side("/s/f", "file");
  const dir = side("/s/d", "folder");
  test.each<[string, CopySide, CopySide, string, string, string]>([
    ["file into folder", file, side("/t", "folder"), "/t", "f", "f"],
    ["file over file", file, side("/t/g", "file"), "/t", "f", "g"],
    ["file to a new name", file, side("/t/new"), "/t", "f", "new"],
    ["folder into folder", dir, side("/t", "folder"), "/t", "d/x", "d/x"],
    ["folder to a new name", dir, side("/t/new"), "/t", "d/d", "new/d"],
    ["folder to a new name with a slash", dir, side("/t/new/"), "/t", "d/x", "new/x"],
    ["content into folder", side("/s/d/.", "folder"), side("/t", "folder"), "/t", "./x", "./x"],
    ["content to a new name", side("/s/d/.", "folder"), side("/t/new"), "/t", "./x", "new/x"],
    ["the root to a new name", side("/", "folder"), side("/t/new"), "/t", "etc/x", "new/etc/x"],
  ])("%s", (_, source, destination, into, name, newName) => {
    const plan = planCopy(source, destination);
    expect(plan.folder).toBe(into);
    expect(renamed(name, plan.rename)).toBe(newName);
  });
  test("what fits nowhere", () => {
    expect(() => planCopy(dir, side("/t/g", "file"))).toThrow("cannot copy directory");
    expect(() => planCopy(file, side("/t/new/"))).toThrow("no such directory");
    expect(() => planCopy(file, side(""))).toThrow("no such directory");
  });
});

test("a tree comes back as it was packed", async () => {
  const source = join(folder, "source");
  await mkdir(join(source, "sub"), { recursive: true });
  await writeFile(join(source, "plain"), "hello", { mode: 0o640 });
  await writeFile(join(source, "sub", "나루-".repeat(30)), "long name");
  await writeFile(join(source, "big"), new Uint8Array(300_000).fill(7));
  await symlink("plain", join(source, "link"));
  await utimes(join(source, "plain"), 1_577_934_245, 1_577_934_245);
  await utimes(join(source, "sub"), 1_577_934_000, 1_577_934_000);
  const { path } = await localSource(source, false);
  await unpackArchive(
    packPath(path, "source"),
    planCopy({ path, exists: true, isDirectory: true }, await localDestination(join(folder, "copy"))),
  );
  const copy = join(folder, "copy");
  expect((await readdir(copy)).sort()).toEqual(["big", "link", "plain", "sub"]);
  expect(await readFile(join(copy, "plain"), "utf8")).toBe("hello");
  expect((await stat(join(copy, "plain"))).mode & 0o777).toBe(0o640);
  expect((await stat(join(copy, "plain"))).mtimeMs).toBe(1_577_934_245_000);
  expect((await stat(join(copy, "sub"))).mtimeMs).toBe(1_577_934_000_000);
  expect((await stat(join(copy, "big"))).size).toBe(300_000);
  expect(await readlink(join(copy, "link"))).toBe("plain");
  expect(await readdir(join(copy, "sub"))).toEqual(["나루-".repeat(30)]);
});

describe("archives that a container could send to harm us", () => {
  async function* archive(...entries: [Partial<TarHeader> & { name: string }, string?][]) {
    for (const [header, body = ""] of entries) {
      yield tarHeader({ type: "file", mode: 0o644, size: body.length, ...header });
      yield Buffer.from(body);
      yield tarPadding(body.length);
    }
    yield TAR_END;
  }
  const unpack = (...entries: Parameters<typeof archive>) =>
    unpackArchive(archive(...entries), { folder: join(folder, "in") });
  beforeEach(() => mkdir(join(folder, "in")));

  test.each(["../evil", "a/../../evil", "../../../../../../tmp/naru-evil"])("%s is refused", async (name) => {
    await expect(unpack([{ name }, "x"])).rejects.toThrow("is outside of");
    expect(await readdir(folder)).toEqual(["in"]);
  });
  test("an absolute name stays inside", async () => {
    await unpack([{ name: "/etc/evil" }, "x"]);
    expect(await readFile(join(folder, "in/etc/evil"), "utf8")).toBe("x");
  });
  test("nothing is written through a link of the archive", async () => {
    const link = { name: "way", type: "symlink" as const, linkName: folder };
    await expect(unpack([link], [{ name: "way/evil" }, "x"])).rejects.toThrow("passes through a symbolic link");
    await expect(unpack([link], [{ name: "way", type: "directory" }])).rejects.toThrow(
      "cannot overwrite non-directory",
    );
    await expect(unpack([link], [{ name: "way" }, "x"])).resolves.toBeUndefined();
    expect((await lstat(join(folder, "in/way"))).isFile()).toBe(true);
  });
  test("a hard link cannot reach out", async () => {
    await expect(unpack([{ name: "a", type: "hardlink", linkName: "../../etc/passwd" }])).rejects.toThrow(
      "is outside of",
    );
  });
  test("a folder is never replaced by a file", async () => {
    await mkdir(join(folder, "in/d"));
    await expect(unpack([{ name: "d" }, "x"])).rejects.toThrow("cannot overwrite directory");
  });
  test("bytes that are no archive", async () => {
    const junk = (async function* () {
      yield new Uint8Array(1024).fill(65);
    })();
    await expect(unpackArchive(junk, { folder })).rejects.toThrow("invalid tar header");
  });
  test("an archive that ends too early", async () => {
    const short = (async function* () {
      yield tarHeader({ name: "a", type: "file", mode: 0o644, size: 5000 });
      yield new Uint8Array(100);
    })();
    await expect(unpackArchive(short, { folder: join(folder, "in") })).rejects.toThrow("unexpected EOF");
  });
});

test("entries that are not read are skipped; sizes beyond octal come through pax", async () => {
  const names: string[] = [];
  async function* bytes() {
    yield tarHeader({ name: "a", type: "file", mode: 0o644, size: 600 });
    yield new Uint8Array(1024);
    yield tarHeader({ name: `${"deep/".repeat(40)}b`, type: "file", mode: 0o644, size: 0, uid: 3_000_000 });
    yield TAR_END;
  }
  const uids: (number | undefined)[] = [];
  for await (const { header } of archiveEntries(bytes())) {
    names.push(header.name);
    uids.push(header.uid);
  }
  expect(names).toEqual(["a", `${"deep/".repeat(40)}b`]);
  expect(uids).toEqual([0, 3_000_000]);
});

describe("the source of an archive", () => {
  function source(...pieces: Uint8Array[]) {
    const seen = { taken: 0, isLeft: false };
    async function* bytes() {
      try {
        for (const piece of pieces) {
          seen.taken++;
          yield piece;
        }
      } finally {
        seen.isLeft = true;
      }
    }
    return { seen, bytes: bytes() };
  }
  const header = tarHeader({ name: "a", type: "file", mode: 0o644, size: 600 });
  const body = new Uint8Array(1024);

  test("is read to its end, beyond the archive's: who writes it would wait for ever", async () => {
    const { seen, bytes } = source(header, body, TAR_END, new Uint8Array(4096), new Uint8Array(4096));
    for await (const entry of archiveEntries(bytes)) expect(entry.header.name).toBe("a");
    expect(seen).toEqual({ taken: 5, isLeft: true });
  });

  test("is left when its reader fails, for the same reason", async () => {
    const { seen, bytes } = source(header, body, header, body, TAR_END);
    const reading = (async () => {
      for await (const { header } of archiveEntries(bytes)) throw new Error(`no place for ${header.name}`);
    })();
    await expect(reading).rejects.toThrow("no place for a");
    expect(seen).toEqual({ taken: 1, isLeft: true });
  });
});
