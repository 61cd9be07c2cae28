/** Files of containers: what `docker cp`, `diff`, `export` and a start need. Expectations recorded from Docker 28.5. Needs root. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, lstatSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { ContainerLayer, LocalImage, RootView } from "../../src/image/contract.ts";
import { TarReader } from "../../src/image/tar-reader.ts";
import { LayeredFiles } from "../../src/runtime/layered-files.ts";
import { failureOf } from "../support/failure.ts";
import { ImageFixture, isRoot } from "../support/image-fixture.ts";
import { collect, streamOf, type TestEntry, tarOf } from "../support/tar-building.ts";

const ROOT: TestEntry[] = [
  { path: "bin/sh", content: "shell", mode: 0o755 },
  { path: "etc/", type: "directory", mode: 0o755 },
  { path: "etc/passwd", content: "root:x:0:0::/:/bin/sh\n" },
  { path: "etc/sub/a", content: "a\n" },
  { path: "etc/lsub", type: "symlink", linkPath: "sub" },
  { path: "run/", type: "directory", mode: 0o755 },
  { path: "var/run", type: "symlink", linkPath: "/run" },
  { path: "data/", type: "directory", mode: 0o2770, uid: 33, gid: 44 },
  { path: "www/index", content: "hello", uid: 33, gid: 33, mode: 0o640 },
  { path: "www/same", type: "hardlink", linkPath: "www/index" },
];

function listTar(data: Buffer): string[] {
  const names: string[] = [];
  const reader = new TarReader({
    begin: ({ type, path, linkPath }) => names.push(`${type[0]} ${path}${linkPath && ` -> ${linkPath}`}`),
    data: () => {},
    end: () => {},
  });
  reader.push(data);
  reader.finish();
  return names;
}

describe.skipIf(!isRoot)("ContainerFiles (needs root)", () => {
  let fixture: ImageFixture;
  let image: LocalImage;
  let layer: ContainerLayer;
  beforeEach(async () => {
    fixture = await ImageFixture.open();
    image = await fixture.importImage("base:1", ROOT);
    layer = await fixture.images.createContainerLayer("c1", image);
  });
  afterEach(async () => {
    await fixture[Symbol.asyncDispose]();
  });

  async function inView<T>(work: (view: RootView) => Promise<T>): Promise<T> {
    const view = await fixture.files.openRootView(layer, []);
    try {
      return await work(view);
    } finally {
      await view.close();
    }
  }

  const archives: [path: string, stat: object, entries: string[]][] = [
    ["/etc/sub", { name: "sub", mode: 2147484141 }, ["d sub/", "f sub/a"]],
    ["/etc/sub/", { name: "sub", mode: 2147484141 }, ["d sub/", "f sub/a"]],
    ["/etc/sub/.", { name: ".", mode: 2147484141 }, ["d ./", "f ./a"]],
    ["/etc/lsub", { name: "lsub", mode: 134218239, linkTarget: "/etc/sub" }, ["s lsub -> sub"]],
    ["/etc/lsub/", { name: "lsub", mode: 2147484141, linkTarget: "" }, ["d lsub/", "f lsub/a"]],
    ["/etc/lsub/.", { name: "." }, ["d ./", "f ./a"]],
    ["/etc/passwd", { name: "passwd", size: 22, mode: 420 }, ["f passwd"]],
    ["etc/passwd", { name: "passwd" }, ["f passwd"]],
    ["/etc/../etc/passwd", { name: "passwd" }, ["f passwd"]],
    ["/var/run", { name: "run", linkTarget: "/run" }, ["s run -> /run"]],
    ["/var/run/", { name: "run" }, ["d run/"]],
  ];
  test.each(archives)("readArchive(%s)", async (path, stat, entries) => {
    await inView(async ({ path: root }) => {
      const archive = await fixture.files.readArchive(root, path, {});
      expect(archive.stat).toMatchObject(stat);
      expect(listTar(await collect(archive.tar))).toEqual(entries);
    });
  });

  test("readArchive() of the root names it as Docker does", async () => {
    await inView(async ({ path: root }) => {
      const { stat, tar } = await fixture.files.readArchive(root, "/", {});
      expect(stat.name).toBe("/");
      expect(listTar(await collect(tar)).slice(0, 4)).toEqual(["d /", "f /.dockerenv", "d /bin/", "f /bin/sh"]);
    });
  });

  test("what is not there is not found", async () => {
    await inView(async ({ path: root }) => {
      for (const path of ["/nosuch", "/nosuch/x", "/etc/passwd/", "/etc/passwd/x"]) {
        expect(await failureOf(fixture.files.statPath(root, path, "web"))).toMatchObject({
          kind: "not-found",
          message: `Could not find the file ${path} in container web`,
        });
      }
    });
  });

  test("readArchive() stops when its reader leaves", async () => {
    await inView(async ({ path: root }) => {
      await writeFile(join(root, "big"), Buffer.alloc(64 * 1024 * 1024));
      const { tar } = await fixture.files.readArchive(root, "/", {});
      for await (const chunk of tar) if (chunk.length > 0) break;
      // The worker is free for the next one.
      expect(listTar(await collect((await fixture.files.readArchive(root, "/etc/passwd", {})).tar))).toHaveLength(1);
    });
  });

  const write = (root: string, path: string, entries: TestEntry[], options: object = {}) =>
    fixture.files.writeArchive(root, path, streamOf(tarOf(entries)), { noOverwriteDirNonDir: false, ...options });

  test("writeArchive() follows links inside the root", async () => {
    await inView(async ({ path: root }) => {
      await write(root, "/var/run", [{ path: "f", content: "1" }]);
      await write(root, "/etc/lsub/", [{ path: "f", content: "2", uid: 7, gid: 8, mode: 0o4755 }]);
      expect(await readFile(join(root, "run/f"), "utf8")).toBe("1");
      const { uid, gid, mode } = lstatSync(join(root, "etc/sub/f"));
      expect([uid, gid, mode & 0o7777]).toEqual([7, 8, 0o4755]);
    });
  });

  test("writeArchive() never leaves the root", async () => {
    const outside = await mkdtemp(join(tmpdir(), "naru-test-outside-"));
    try {
      await inView(async ({ path: root }) => {
        await symlink(outside, join(root, "out"));
        expect((await failureOf(write(root, "/out", [{ path: "f", content: "1" }]))).message).toMatch(
          "Could not find the file /out",
        );
        await write(root, "/etc", [{ path: "l", type: "symlink", linkPath: outside }]);
        expect((await failureOf(write(root, "/etc", [{ path: "l/f", content: "1" }]))).message).toBe(
          "open etc/l: no such file or directory",
        );
        expect((await failureOf(write(root, "/etc", [{ path: "../../../f", content: "1" }]))).message).toMatch(
          "invalid entry name",
        );
        expect((await Bun.$`ls -A ${outside}`.text()).trim()).toBe("");
      });
    } finally {
      await rm(outside, { recursive: true, force: true });
    }
  });

  test("writeArchive() changes owners and kinds only as asked", async () => {
    await inView(async ({ path: root }) => {
      await write(root, "/etc", [{ path: "owned", content: "1", uid: 5 }], { copyUidGid: { uid: 33, gid: 34 } });
      const { uid, gid } = lstatSync(join(root, "etc/owned"));
      expect([uid, gid]).toEqual([33, 34]);
      const file: TestEntry[] = [{ path: "sub", content: "x" }];
      const directory: TestEntry[] = [{ path: "passwd", type: "directory", mode: 0o755 }];
      expect((await failureOf(write(root, "/etc", file, { noOverwriteDirNonDir: true }))).message).toMatch(
        'cannot overwrite directory "sub" with non-directory "/etc"',
      );
      expect((await failureOf(write(root, "/etc", directory, { noOverwriteDirNonDir: true }))).message).toMatch(
        'cannot overwrite non-directory "passwd" with directory "/etc"',
      );
      await write(root, "/etc", [...file, ...directory]);
      expect([lstatSync(join(root, "etc/sub")).isFile(), lstatSync(join(root, "etc/passwd")).isDirectory()]).toEqual([
        true,
        true,
      ]);
    });
  });

  test("writeArchive() takes compressed archives and refuses what is none", async () => {
    await inView(async ({ path: root }) => {
      const options = { noOverwriteDirNonDir: false };
      const data = gzipSync(tarOf([{ path: ".wh.f", content: "1" }]));
      await fixture.files.writeArchive(root, "/run", streamOf(data), options);
      expect(existsSync(join(root, "run/.wh.f"))).toBe(true);
      const junk = fixture.files.writeArchive(root, "/run", streamOf(Buffer.alloc(2000, "x")), options);
      expect((await failureOf(junk)).message).toMatch("archive/tar: invalid tar header");
      expect(await failureOf(write(root, "/etc/passwd", []))).toMatchObject({
        kind: "invalid",
        message: "extraction point is not a directory",
      });
    });
  });

  test("openRootView() shows volumes, read-only where asked, and shares one mount", async () => {
    const volume = join(fixture.directory, "volume");
    await mkdir(volume);
    await writeFile(join(volume, "v"), "1");
    const binds = [
      { source: volume, destination: "/data", readOnly: false },
      { source: volume, destination: "/var/run/new", readOnly: true },
      { source: join(volume, "v"), destination: "/etc/v", readOnly: false },
    ];
    const view = await fixture.files.openRootView(layer, binds);
    const second = await fixture.files.openRootView(layer, binds);
    expect(second.path).toBe(view.path);
    await second.close();
    await write(view.path, "/data", [{ path: "new", content: "2" }]);
    expect(await readFile(join(volume, "new"), "utf8")).toBe("2");
    expect(await readFile(join(view.path, "etc/v"), "utf8")).toBe("1");
    expect(await failureOf(write(view.path, "/run/new", [{ path: "x", content: "" }]))).toMatchObject({
      kind: "forbidden",
    });
    await view.close();
    await view.close();
    expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(fixture.directory);
  });

  test("listChanges() tells what Docker tells", async () => {
    await inView(async ({ path: root }) => {
      await Bun.$`cd ${root} && rm -r etc/sub && mkdir etc/sub && echo x >etc/sub/b && echo y >new && chmod 700 var \
        && rm etc/lsub && ln -s x etc/lsub && mkdir -p d1/d2 && echo z >>etc/passwd`;
    });
    const changes = await fixture.files.listChanges(layer);
    expect(changes.map(({ Path, Kind }) => `${"CAD"[Kind]} ${Path}`)).toEqual([
      "A /d1",
      "A /d1/d2",
      "C /etc",
      "C /etc/lsub",
      "C /etc/passwd",
      "C /etc/sub",
      "A /etc/sub/b",
      "D /etc/sub/a",
      "A /new",
      "C /var",
    ]);
    expect(await fixture.files.writableSize(layer)).toBeGreaterThan(20);
  });

  test("listChanges() of an untouched container is empty", async () => {
    await inView(async ({ path: root }) => Bun.$`ls -R ${root}`.quiet());
    expect(await fixture.files.listChanges(layer)).toEqual([]);
  });

  test("exportTree() gives the root without a top entry, with Docker's mount points", async () => {
    const view = await fixture.files.openExportView(layer);
    const names = listTar(await collect(fixture.files.exportTree(view.path, {})));
    await view.close();
    expect(names).toContain("f .dockerenv");
    expect(names).toContain("s etc/mtab -> /proc/mounts");
    expect(names).toContain("h www/same -> www/index");
    expect(names[0]).toBe("f .dockerenv");
  });

  test("copyUp() takes content, owners and links; an empty directory gives its owner", async () => {
    const target = join(fixture.directory, "volume");
    await mkdir(target);
    await fixture.files.copyUp(layer, "/www", target);
    const index = lstatSync(join(target, "index"));
    expect([index.uid, index.mode & 0o777, index.nlink]).toEqual([33, 0o640, 2]);
    const empty = join(fixture.directory, "empty");
    await mkdir(empty);
    await fixture.files.copyUp(layer, "/data", empty);
    const { uid, gid, mode } = lstatSync(empty);
    expect([uid, gid, mode & 0o7777]).toEqual([33, 44, 0o2770]);
    await fixture.files.copyUp(layer, "/nosuch", empty);
    await fixture.files.copyUp(layer, "/var/run", empty);
  });

  test("files are found in the layers as the kernel would show them", async () => {
    const read = (path: string) => new LayeredFiles().read(layer.root, path);
    expect(await read("/etc/passwd")).toStartWith("root:");
    expect(await read("/etc/lsub/a")).toBe("a\n");
    expect(await read("/etc/lsub/../../var/run/../etc/passwd")).toStartWith("root:");
    expect(await read("/../../etc/passwd")).toStartWith("root:");
    for (const absent of ["/nosuch", "/etc/passwd/x", "/etc"]) expect(await read(absent)).toBe("");
    await inView(async ({ path: root }) => {
      await Bun.$`rm ${root}/etc/passwd && rm -r ${root}/www && mkdir ${root}/www && ln -s loop ${root}/loop`;
    });
    for (const gone of ["/etc/passwd", "/www/index", "/loop"]) expect(await read(gone)).toBe("");
  });
});
