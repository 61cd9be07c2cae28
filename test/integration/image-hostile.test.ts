/** Archives that mean harm: each is refused in words that name the reason, and nothing of it stays. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { encodeHeader } from "../../src/image/tar-header.ts";
import { TarReader } from "../../src/image/tar-reader.ts";
import { TreeWriter } from "../../src/image/tree-writer.ts";
import { failureOf } from "../support/failure.ts";
import { ImageFixture, isRoot } from "../support/image-fixture.ts";
import { streamOf, type TestEntry, tarEntry, tarOf } from "../support/tar-building.ts";

const DIGEST = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const CONFIG = JSON.stringify({ os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [] } });
const CONFIG_ONE_LAYER = CONFIG.replace("[]", `["${DIGEST}"]`);

function dockerArchive(item: object, ...files: TestEntry[]): Uint8Array {
  return tarOf([{ path: "manifest.json", content: JSON.stringify([item]) }, ...files]);
}

describe.skipIf(!isRoot)("hostile archives (needs root)", () => {
  let fixture: ImageFixture;
  beforeAll(async () => {
    fixture = await ImageFixture.open();
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
  });

  const imports: [name: string, archive: () => Uint8Array, message: string][] = [
    ["a path that climbs out", () => tarOf([{ path: "../../up", content: "x" }]), 'invalid entry name "../../up"'],
    ["a path that climbs out in the middle", () => tarOf([{ path: "a/../../b", content: "x" }]), "invalid entry name"],
    [
      "a link that climbs out",
      () =>
        tarOf([
          { path: "l", type: "symlink", linkPath: "../../tmp" },
          { path: "l/x", content: "x" },
        ]),
      'invalid symlink "l" -> "../../tmp"',
    ],
    [
      "a hard link that climbs out",
      () => tarOf([{ path: "h", type: "hardlink", linkPath: "../../etc/passwd" }]),
      'invalid hardlink target "../../etc/passwd"',
    ],
    [
      "a hard link to nothing",
      () => tarOf([{ path: "h", type: "hardlink", linkPath: "nosuch" }]),
      "no such file or directory",
    ],
    [
      "a file under a link that leads nowhere",
      () =>
        tarOf([
          { path: "l", type: "symlink", linkPath: "/nowhere" },
          { path: "l/x", content: "x" },
        ]),
      "no such file or directory",
    ],
    ["what is no archive", () => Buffer.alloc(4096, "x"), "invalid tar header"],
    ["an archive that is cut off", () => tarOf([{ path: "a", content: "x".repeat(5000) }]).subarray(0, 3000), "EOF"],
    ["cut off gzip", () => gzipSync(tarOf([{ path: "a", content: "x".repeat(5000) }])).subarray(0, 40), "EOF"],
    [
      "damaged gzip",
      () => {
        const data = gzipSync(tarOf([{ path: "a", content: "x".repeat(5000) }]));
        data.fill(0xff, 20, 40);
        return data;
      },
      "gzip data are damaged",
    ],
    ["a sparse file whose map does not fit", () => sparse(), "map of a sparse file"],
    ["a name with NUL", () => paxNul(), "invalid"],
    ["a whiteout of nothing", () => tarOf([{ path: "d/.wh..", content: "" }]), "invalid whiteout"],
  ];
  test.each(imports)("import refuses %s", async (_, archive, message) => {
    const work = fixture.images.importTar(streamOf(archive(), 1000), { reference: "evil:1" });
    expect((await failureOf(work)).message).toMatch(message);
    expect(await fixture.contents()).toEqual([]);
    expect(fixture.images.listImages()).toEqual([]);
  });

  test("import refuses a gzip bomb before it fills the disk", async () => {
    const member = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    async function* bomb(): AsyncGenerator<Uint8Array> {
      yield gzipSync(bombHeader());
      for (let count = 0; count < 128; count += 1) yield member;
    }
    expect((await failureOf(fixture.images.importTar(bomb(), {}))).message).toMatch("decompression bomb");
    expect(await fixture.contents()).toEqual([]);
  });

  const loads: [name: string, archive: () => Uint8Array, message: string][] = [
    ["an archive without a manifest", () => tarOf([{ path: "foo", content: "x" }]), "does not contain a manifest.json"],
    ["a manifest that is no JSON", () => tarOf([{ path: "manifest.json", content: "{" }]), "manifest.json is not JSON"],
    ["a manifest of the wrong shape", () => dockerArchive({ Config: 1 }), "manifest.json lacks Config or Layers"],
    [
      "a configuration outside of the archive",
      () => dockerArchive({ Config: "../../etc/passwd", RepoTags: [], Layers: [] }),
      "manifest.json names ../../etc/passwd, which is missing",
    ],
    ["a path that climbs out", () => tarOf([{ path: "../x", content: "x" }]), 'invalid entry name "../x"'],
    [
      "a device",
      () => tarOf([{ path: "sda", type: "block", major: 8, minor: 0 }]),
      "is a block device, which no image archive has",
    ],
    [
      "two manifests",
      () =>
        tarOf([
          { path: "manifest.json", content: "[]" },
          { path: "./manifest.json", content: "[]" },
        ]),
      "manifest.json is in it more than once",
    ],
    [
      "a link out of the archive",
      () => tarOf([{ path: "layer.tar", type: "symlink", linkPath: "../../etc/shadow" }]),
      "leads out of it",
    ],
    [
      "a manifest beyond all measure",
      () => tarOf([{ path: "manifest.json", content: " ".repeat(9 * 1024 * 1024) }]),
      "manifest.json is too large",
    ],
    [
      "a bad reference",
      () => dockerArchive({ Config: "c", RepoTags: ["UPPER:y"], Layers: [] }, { path: "c", content: CONFIG }),
      "repository name (library/UPPER) must be lowercase",
    ],
    [
      "too few layers",
      () => dockerArchive({ Config: "c", RepoTags: [], Layers: [] }, { path: "c", content: CONFIG_ONE_LAYER }),
      "invalid manifest, layers length mismatch: expected 1, got 0",
    ],
    [
      "a layer that is not what the configuration says",
      () =>
        dockerArchive(
          { Config: "c", RepoTags: ["x:y"], Layers: ["l.tar"] },
          { path: "c", content: CONFIG_ONE_LAYER },
          { path: "l.tar", content: tarOf([{ path: "f", content: "x" }]) },
        ),
      `invalid diffID for layer 0: expected "${DIGEST}"`,
    ],
    [
      "an image for another system",
      () =>
        dockerArchive(
          { Config: "c", RepoTags: [], Layers: [] },
          { path: "c", content: CONFIG.replace("linux", "windows") },
        ),
      "cannot load windows image on linux",
    ],
    [
      "a blob under a wrong name",
      () => tarOf([{ path: `blobs/sha256/${DIGEST.slice(7)}`, content: "x" }, ...layout("{}")]),
      "has the digest sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
    ],
    [
      "a missing blob",
      () => tarOf(layout(`{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"${DIGEST}","size":1}`)),
      `the blob ${DIGEST} is missing`,
    ],
    [
      "a digest with a path in it",
      () => tarOf(layout('{"digest":"sha256:../../../etc/passwd","size":1}')),
      "has no valid digest",
    ],
  ];
  test.each(loads)("load refuses %s", async (_, archive, message) => {
    expect((await failureOf(fixture.load(archive()))).message).toMatch(message);
    expect(await fixture.contents()).toEqual([]);
    expect(fixture.images.listImages()).toEqual([]);
  });

  test("load refuses the second image's harm but keeps the first", async () => {
    const archive = tarOf([
      {
        path: "manifest.json",
        content: JSON.stringify([
          { Config: "c", RepoTags: ["good:1"], Layers: [] },
          { Config: "c2", RepoTags: ["bad:1"], Layers: ["nosuch"] },
        ]),
      },
      { path: "c", content: CONFIG },
      { path: "c2", content: CONFIG_ONE_LAYER },
    ]);
    expect((await failureOf(fixture.load(archive))).message).toMatch("nosuch");
    expect(await fixture.contents()).toEqual([]);
  });
});

describe.skipIf(!isRoot)("TreeWriter (needs root)", () => {
  /** Unpacks beside a directory "secret" and tells what changed there. */
  async function attack(entries: TestEntry[]): Promise<{ outside: string[]; inside: string[] }> {
    const directory = await mkdtemp(join(tmpdir(), "naru-test-tree-"));
    try {
      await Bun.write(join(directory, "secret/file"), "untouched");
      const root = join(directory, "root");
      await Bun.$`mkdir ${root}`;
      const real = entries.map((entry) => ({
        ...entry,
        linkPath: entry.linkPath?.replace("SECRET", join(directory, "secret")),
      }));
      const tree = new TreeWriter(root, { names: "layer", applyToRoot: true });
      const reader = new TarReader(tree);
      try {
        reader.push(tarOf(real));
        tree.finish();
      } catch {
        // Refused: fine, too.
      } finally {
        tree.close();
      }
      expect(await Bun.file(join(directory, "secret/file")).text()).toBe("untouched");
      return {
        outside: (await readdir(join(directory, "secret"))).sort(),
        inside: (await readdir(root, { recursive: true })).sort(),
      };
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  const attacks: [name: string, entries: TestEntry[]][] = [
    [
      "an absolute link and a file through it",
      [
        { path: "l", type: "symlink", linkPath: "SECRET" },
        { path: "l/new", content: "x" },
      ],
    ],
    [
      "an absolute link overwritten as a file",
      [
        { path: "l", type: "symlink", linkPath: "SECRET/file" },
        { path: "l", content: "x" },
      ],
    ],
    [
      "a hard link to an absolute link, then written",
      [
        { path: "l", type: "symlink", linkPath: "SECRET/file" },
        { path: "h", type: "hardlink", linkPath: "l" },
        { path: "h", content: "x" },
      ],
    ],
    [
      "a hard link through a link",
      [
        { path: "l", type: "symlink", linkPath: "SECRET" },
        { path: "h", type: "hardlink", linkPath: "l/file" },
      ],
    ],
    [
      "a directory over a link",
      [
        { path: "l", type: "symlink", linkPath: "SECRET" },
        { path: "l", type: "directory", mode: 0o777 },
      ],
    ],
    ["a whiteout through a link", [{ path: "l", type: "symlink", linkPath: "SECRET" }, { path: "l/.wh.file" }]],
    ["an opaque mark through a link", [{ path: "l", type: "symlink", linkPath: "SECRET" }, { path: "l/.wh..wh..opq" }]],
    [
      "a directory that becomes a link after its descriptor was kept",
      [
        { path: "d/a", content: "x" },
        { path: "d", type: "symlink", linkPath: "SECRET" },
        { path: "d/new", content: "x" },
      ],
    ],
  ];
  test.each(attacks)("keeps inside: %s", async (_, entries) => {
    expect((await attack(entries)).outside).toEqual(["file"]);
  });

  test("does not let an archive speak to overlayfs", async () => {
    const directory = await mkdtemp(join(tmpdir(), "naru-test-tree-"));
    const tree = new TreeWriter(directory, { names: "layer", applyToRoot: true });
    const xattrs = new Map<string, Uint8Array>([
      ["trusted.overlay.redirect", Buffer.from("/etc")],
      ["user.kept", Buffer.from("1")],
    ]);
    new TarReader(tree).push(tarOf([{ path: "d", type: "directory", mode: 0o755, xattrs }]));
    tree.close();
    const listed = await Bun.$`getfattr -d -m - ${join(directory, "d")}`.quiet().text();
    await rm(directory, { recursive: true, force: true });
    // The harmless one proves that attributes are written and seen at all.
    expect(listed).toContain("user.kept");
    expect(listed).not.toContain("overlay");
  });
});

function layout(descriptor: string): TestEntry[] {
  return [
    { path: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
    { path: "index.json", content: `{"schemaVersion":2,"manifests":[${descriptor}]}` },
  ];
}

/** A header for 7 GiB of zeros. */
function bombHeader(): Buffer {
  return encodeHeader({ ...tarEntry({ path: "zeros" }), size: 7 * 1024 ** 3 });
}

/** One part of 8 bytes at 100 in a file of 10 bytes. */
function sparse(): Uint8Array {
  const header = encodeHeader({ ...tarEntry({ path: "s" }), size: 8 });
  header.write("00000000144\x0000000000010\0", 386, "latin1");
  header.write("00000000012\0", 483, "latin1");
  return withFlag(header, "S");
}

function withFlag(header: Buffer, flag: string): Buffer {
  header.write(flag, 156, "latin1");
  header.write("        ", 148, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([header, Buffer.alloc(1024)]);
}

function paxNul(): Uint8Array {
  return tarOf([{ path: `${"x".repeat(200)}\0y`, content: "" }]);
}
