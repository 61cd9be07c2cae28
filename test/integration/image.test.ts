/** The image store on real file systems: images come in, are named, committed, saved and deleted. Needs root. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { SnapshotRecord } from "../../src/image/image-records.ts";
import { failureOf } from "../support/failure.ts";
import { ImageFixture, isRoot } from "../support/image-fixture.ts";
import { collect, streamOf, tarOf } from "../support/tar-building.ts";

const ROOT = [
  { path: "./", type: "directory" as const, mode: 0o755, modifiedAt: { seconds: 1000, nanoseconds: 5 } },
  { path: "etc/", type: "directory" as const, mode: 0o755 },
  { path: "etc/passwd", content: "root:x:0:0::/:/bin/sh\n" },
  { path: "bin/sh", content: "shell", mode: 0o4755 },
  { path: "bin/dash", type: "hardlink" as const, linkPath: "bin/sh" },
];

/** What its two files hold. */
const ROOT_BYTES = 27;

describe.skipIf(!isRoot)("ImageStore (needs root)", () => {
  let fixture: ImageFixture;
  beforeEach(async () => {
    fixture = await ImageFixture.open();
  });
  afterEach(async () => {
    await fixture[Symbol.asyncDispose]();
  });

  test("importTar() unpacks into a snapshot and keeps a compressed blob", async () => {
    const image = await fixture.importImage("base:1", ROOT, ['CMD ["sh"]']);
    expect(image.repoTags).toEqual(["base:1"]);
    const inspected = await fixture.images.inspectImage("base:1");
    const files = inspected.GraphDriver.Data!.UpperDir!;
    expect(await readFile(join(files, "etc/passwd"), "utf8")).toStartWith("root:");
    const shell = await stat(join(files, "bin/sh"));
    expect([shell.mode & 0o7777, shell.nlink]).toEqual([0o4755, 2]);
    expect((await stat(files, { bigint: true })).mtimeNs).toBe(1_000_000_000_005n);
    expect(inspected.Config!.Cmd).toEqual(["sh"]);
    expect(inspected.Comment).toBe("Imported from -");
  });

  test.each([
    ["gzip", (data: Uint8Array) => gzipSync(data)],
    ["zstd", (data: Uint8Array) => zstdCompressSync(data)],
    ["bzip2", (data: Uint8Array) => Bun.spawnSync(["bzip2", "-c"], { stdin: data }).stdout],
    ["xz", (data: Uint8Array) => Bun.spawnSync(["xz", "-c"], { stdin: data }).stdout],
  ])("importTar() reads %s", async (name, compress) => {
    const data = compress(tarOf(ROOT));
    const image = await fixture.images.importTar(streamOf(data, 100), { reference: "x:1" });
    const digest = new Bun.CryptoHasher("sha256").update(data).digest("hex");
    // Other compressions than these two are none that a registry takes as a layer.
    expect(existsSync(join(fixture.directory, "data/blobs/sha256", digest))).toBe(name === "gzip" || name === "zstd");
    expect(image.chainIds).toEqual([`sha256:${new Bun.CryptoHasher("sha256").update(tarOf(ROOT)).digest("hex")}`]);
  });

  test("images are found by every kind of name", async () => {
    const { id } = await fixture.importImage("base:1", ROOT);
    await fixture.images.tagImage("base:1", "example.org/team/base");
    for (const ref of [
      "base:1",
      "docker.io/library/base:1",
      "example.org/team/base:latest",
      id,
      id.slice(7),
      id.slice(7, 15),
    ]) {
      expect(fixture.images.getImage(ref).id).toBe(id);
    }
    expect(fixture.images.findImage("base")).toBeUndefined();
    expect(() => fixture.images.getImage("base")).toThrow("No such image: base:latest");
    expect(() => fixture.images.getImage("UP")).toThrow("must be lowercase");
    expect((await failureOf(fixture.images.tagImage("nosuch", "x:1"))).message).toMatch("No such image: nosuch:latest");
    expect((await failureOf(fixture.images.tagImage("base:1", `x@${id}`))).message).toMatch("refusing to create a tag");
  });

  test("a tag moves to the newer image, and the older one dangles", async () => {
    const first = await fixture.importImage("base:1", ROOT);
    const second = await fixture.importImage("base:1", [...ROOT, { path: "new", content: "x" }]);
    expect(fixture.images.getImage("base:1").id).toBe(second.id);
    expect(fixture.images.getImage(first.id).repoTags).toEqual([]);
    await fixture.images.untag("base:1");
    expect(fixture.images.getImage(second.id).repoTags).toEqual([]);
    expect((await failureOf(fixture.images.untag("base:1"))).message).toMatch("No such image: base:1");
  });

  test("deleteImage() removes what nobody else uses", async () => {
    const image = await fixture.importImage("base:1", ROOT);
    const layer = await fixture.images.createContainerLayer("c1", image);
    await writeFile(join(layer.root.upperDir, "new"), "x");
    const child = await fixture.images.commit(layer, { base: image, config: {}, reference: "child:1" });
    expect(child.chainIds.slice(0, 1)).toEqual(image.chainIds);
    const shared = fixture.images.sharedSize(image.id);
    expect(shared).toBeGreaterThan(ROOT_BYTES);
    expect(fixture.images.sharedSize(child.id)).toBe(shared);
    await fixture.images.removeContainerLayer("c1");
    // The child stands on the base's layer.
    expect(await fixture.images.deleteImage(image.id)).toEqual([image.id]);
    expect(existsSync((await fixture.images.inspectImage("child:1")).GraphDriver.Data!.LowerDir!)).toBe(true);
    expect(await fixture.images.deleteImage(child.id)).toEqual([child.id, ...child.chainIds.toReversed()]);
    expect(await fixture.contents()).toEqual([]);
    expect(await fixture.images.layersSize()).toBe(0);
  });

  test("a container keeps its layers when its image goes", async () => {
    const image = await fixture.importImage("base:1", ROOT);
    await fixture.images.createContainerLayer("c1", image);
    await fixture.images.deleteImage(image.id);
    const layer = fixture.images.findContainerLayer("c1")!;
    expect(existsSync(join(layer.root.lowerDirs[0]!, "etc/passwd"))).toBe(true);
    await fixture.images.removeContainerLayer("c1");
    expect(await fixture.contents()).toEqual([]);
  });

  test("commit() turns removed files into whiteouts and back", async () => {
    const image = await fixture.importImage("base:1", [...ROOT, { path: "dir/old", content: "x" }]);
    const layer = await fixture.images.createContainerLayer("c1", image);
    const view = await fixture.files.openRootView(layer, []);
    await Bun.$`rm ${view.path}/etc/passwd && rm -r ${view.path}/dir && mkdir ${view.path}/dir && touch ${view.path}/dir/new`;
    await view.close();
    const child = await fixture.images.commit(layer, {
      base: image,
      config: { Env: ["A=1"], Hostname: "gone" },
      reference: "child:1",
      author: "me",
      comment: "words",
      containerConfigCmd: "sh",
      changes: ["ENV B=2"],
    });
    expect(child.config.config).toEqual({ Env: ["A=1", "B=2"] });
    const committed = await fixture.images.createContainerLayer("c2", child);
    const again = await fixture.files.openRootView(committed, []);
    expect((await readdir(join(again.path, "dir"))).sort()).toEqual(["new"]);
    expect(existsSync(join(again.path, "etc/passwd"))).toBe(false);
    await again.close();
    expect(fixture.images.history("child:1").map((item) => [item.Id, item.CreatedBy, item.Comment, item.Tags])).toEqual(
      [
        [child.id, "sh", "words", ["child:1"]],
        [image.id, "", "Imported from -", ["base:1"]],
      ],
    );
    expect((await fixture.images.inspectImage("child:1")).Parent).toBe(image.id);
    await fixture.images.deleteImage(image.id);
    expect(fixture.images.history("child:1").map((item) => item.Id)).toEqual([child.id, "<missing>"]);
    expect((await fixture.images.inspectImage("child:1")).Parent).toBe("");
  });

  test("commit() of an untouched container adds no layer", async () => {
    const image = await fixture.importImage("base:1", ROOT);
    const layer = await fixture.images.createContainerLayer("c1", image);
    const child = await fixture.images.commit(layer, { base: image, config: { Cmd: ["x"] } });
    expect(child.chainIds).toEqual(image.chainIds);
    expect(child.id).not.toBe(image.id);
    expect(fixture.images.history(child.id)[0]!.Size).toBe(0);
  });

  test("save() and load() give the same images back", async () => {
    const base = await fixture.importImage("base:1", ROOT, ["ENV A=1"]);
    await fixture.images.tagImage("base:1", "base:2");
    const saved = await collect(fixture.images.save(["base"], {}));
    expect(Buffer.compare(saved, await collect(fixture.images.save(["base"], {})))).toBe(0);
    await fixture.images.deleteImage(base.id);
    expect(await fixture.load(saved)).toEqual([
      { stream: "Loaded image: base:1\n" },
      { stream: "Loaded image: base:2\n" },
    ]);
    expect(fixture.images.getImage("base:2")).toMatchObject({
      id: base.id,
      chainIds: base.chainIds,
      config: base.config,
    });
    expect(await fixture.load(gzipSync(await collect(fixture.images.save([base.id], {}))))).toEqual([
      { stream: `Loaded image ID: ${base.id}\n` },
    ]);
    expect(() => fixture.images.save(["nosuch"], {})).toThrow("No such image: nosuch:latest");
  });

  test("load() reads Docker's old format, with a link for an equal layer", async () => {
    const layer = tarOf([{ path: "f", content: "x" }]);
    const diffId = `sha256:${new Bun.CryptoHasher("sha256").update(layer).digest("hex")}`;
    const config = JSON.stringify({
      os: "linux",
      architecture: "amd64",
      rootfs: { type: "layers", diff_ids: [diffId, diffId] },
    });
    const archive = tarOf([
      { path: "a/layer.tar", content: layer },
      { path: "b/layer.tar", type: "symlink", linkPath: "../a/layer.tar" },
      { path: "c.json", content: config },
      {
        path: "manifest.json",
        content: JSON.stringify([{ Config: "c.json", RepoTags: ["old:1"], Layers: ["a/layer.tar", "b/layer.tar"] }]),
      },
    ]);
    expect(await fixture.load(archive)).toEqual([{ stream: "Loaded image: old:1\n" }]);
    const first = fixture.images.getImage("old:1");
    expect(first.chainIds).toHaveLength(2);
    // The manifest that naru writes for it is the same every time.
    await fixture.load(archive);
    expect(fixture.images.listImages().map((image) => image.id)).toEqual([first.id]);
  });

  test("load() tells when a name moves to another image", async () => {
    const first = await fixture.importImage("base:1", ROOT);
    const saved = await collect(fixture.images.save(["base:1"], {}));
    await fixture.images.deleteImage(first.id);
    const other = await fixture.importImage("base:1", [{ path: "f", content: "x" }]);
    const lines = (await fixture.load(saved)).map((line) => String(line.stream));
    expect(lines[0]).toBe(
      `The image base:1 already exists, renaming the old one with ID ${other.id} to empty string\n`,
    );
  });

  test("an aborted load leaves nothing", async () => {
    const stop = new AbortController();
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield tarOf([{ path: "a", content: "x".repeat(100_000) }]).subarray(0, 50_000);
      stop.abort(new Error("enough"));
      await new Promise((resolve) => setTimeout(resolve, 50));
      yield Buffer.alloc(10);
    }
    const work = (async () => {
      for await (const _ of fixture.images.load(slow(), { signal: stop.signal }));
    })();
    expect((await failureOf(work)).message).toMatch("enough");
    expect(await fixture.contents()).toEqual([]);
  });

  test("a start after a crash removes what no record knows", async () => {
    const image = await fixture.importImage("base:1", ROOT);
    await fixture.images.createContainerLayer("c1", image);
    const before = await fixture.contents();
    const data = join(fixture.directory, "data");
    await mkdir(join(data, "snapshots/zz/fs/deep"), { recursive: true });
    await mkdir(join(data, "layers/unknown/upper"), { recursive: true });
    await mkdir(join(data, "ingest/half"), { recursive: true });
    await mkdir(join(data, "trash/old"), { recursive: true });
    await writeFile(join(data, "blobs/sha256", "0".repeat(64)), "x");
    // A snapshot whose image was never recorded.
    const snapshots = fixture.store.collection<object>("snapshots");
    await snapshots.put("sha256:orphan", { ...snapshots.get(image.chainIds[0]!), directory: "yy" });
    await mkdir(join(data, "snapshots/yy/fs"), { recursive: true });
    await fixture.reopen();
    expect(await fixture.contents()).toEqual(before);
    expect(snapshots.has("sha256:orphan")).toBe(false);
    expect(fixture.images.getImage("base:1").id).toBe(image.id);
    // New snapshots do not take the directory of an old one.
    await fixture.importImage("other:1", [{ path: "f", content: "x" }]);
  });

  test("a start after a power cut unpacks an image's torn layer again; a build's goes with its blobs", async () => {
    const image = await fixture.importImage("base:1", ROOT);
    const before = await fixture.contents();
    const data = join(fixture.directory, "data");
    const [chainId] = image.chainIds;
    const snapshots = fixture.store.collection<SnapshotRecord>("snapshots");
    const torn = snapshots.get(chainId!)!;
    await snapshots.put(chainId!, { ...torn, unsettledIn: "another boot" });
    await writeFile(join(data, "snapshots", torn.directory, "fs/etc/passwd"), "");
    // A step of a build, packed, whose image was never made.
    const digest = `sha256:${"0".repeat(64)}` as const;
    await mkdir(join(data, "snapshots/yy/fs"), { recursive: true });
    await writeFile(join(data, "blobs/sha256", "0".repeat(64)), "x");
    const blob = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size: 1 };
    await fixture.store
      .collection<object>("built-layers")
      .put("yy", { blobs: { uncompressed: blob }, unsettledIn: "another boot" });
    await fixture.reopen();
    const { directory, unsettledIn } = snapshots.get(chainId!)!;
    const renamed = (path: string) => path.replace(`snapshots/${torn.directory}`, `snapshots/${directory}`);
    expect(await fixture.contents()).toEqual(before.map(renamed).sort());
    expect(await readFile(join(data, "snapshots", directory, "fs/etc/passwd"), "utf8")).toStartWith("root:");
    expect([directory === torn.directory, unsettledIn === "another boot"]).toEqual([false, false]);
    expect(fixture.store.collection("built-layers").size).toBe(0);
  });

  test("the same archive loaded twice at once is unpacked once", async () => {
    const image = await fixture.importImage("base:1", ROOT);
    const saved = await collect(fixture.images.save(["base:1"], {}));
    await fixture.images.deleteImage(image.id);
    await Promise.all([fixture.load(saved), fixture.load(saved), fixture.load(saved)]);
    expect(fixture.store.collection("snapshots").size).toBe(1);
    const directories = await readdir(join(fixture.directory, "data/snapshots"));
    expect(directories).toHaveLength(2);
  });

  test("createContainerLayer() opens the root to all users, whatever the image's archive says, and takes no id twice", async () => {
    const image = await fixture.importImage("base:1", [{ path: "./", type: "directory", mode: 0o711, uid: 5, gid: 6 }]);
    const { root } = await fixture.images.createContainerLayer("c1", image);
    const upper = await stat(root.upperDir);
    expect([upper.mode & 0o7777, upper.uid, upper.gid]).toEqual([0o755, 0, 0]);
    expect((await failureOf(fixture.images.createContainerLayer("c1", image))).message).toMatch(
      "has a writable layer already",
    );
    expect(fixture.images.listContainerLayers()).toEqual(["c1"]);
  });

  const bad: [name: string, options: object, message: string][] = [
    ["a bad name", { reference: "UP" }, "must be lowercase"],
    ["a digest", { reference: `x@sha256:${"0".repeat(64)}` }, "cannot import digest reference"],
    ["a bad change", { changes: ["RUN x"] }, "RUN is not a valid change command"],
    ["another system", { platform: "windows/amd64" }, "operating system is not supported"],
  ];
  test.each(bad)("importTar() refuses %s", async (_, options, message) => {
    expect((await failureOf(fixture.images.importTar(streamOf(tarOf(ROOT)), options))).message).toMatch(message);
    expect(await fixture.contents()).toEqual([]);
  });
});
