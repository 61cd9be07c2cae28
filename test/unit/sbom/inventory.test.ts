/** Every kind of package database, in small images; also damaged and hostile ones. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { truncateSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { takeInventory } from "../../../src/sbom/inventory.ts";
import { packageUrl } from "../../../src/sbom/package-url.ts";
import { elfOf, goBuildInfo } from "../../support/elf-building.ts";
import { failureOf } from "../../support/failure.ts";
import { type LayerFiles, layerTrees } from "../../support/layer-trees.ts";
import { zipOf } from "../../support/zip-building.ts";

async function inventory(...layers: LayerFiles[]) {
  await using trees = await layerTrees(...layers);
  return await takeInventory(trees.layers);
}
async function urls(...layers: LayerFiles[]): Promise<string[]> {
  return (await inventory(...layers)).packages.map(packageUrl);
}

const DEBIAN = { "etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n' };

describe("dpkg", () => {
  const status = `Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc (2.36-9)
Version: 2.36-9+deb12u1
Maintainer: GNU Libc Maintainers <x@y.test>
Homepage: https://www.gnu.org/
Description: library
 Package: fake
 Version: 1

Package: gone
Status: deinstall ok config-files
Version: 1

Package: half
Status: install reinstreq half-installed
Version: 1

Package: noversion
Status: install ok installed

garbage without a colon
Package: odd
Status: hold ok installed
Version: 1:2~rc1+b1
`;
  const copyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: LGPL-2.1+

Files: x
License: GPL-2+ or Artistic

License: MIT
 the text of one that nothing is under
`;

  test("what is installed, with its source, distribution and license", async () => {
    const { os, packages, notes } = await inventory({
      ...DEBIAN,
      "var/lib/dpkg/status": status,
      "usr/share/doc/libc6/copyright": copyright,
    });
    expect(os).toEqual({ id: "debian", versionId: "12", prettyName: "Debian GNU/Linux 12 (bookworm)" });
    expect(notes).toEqual([]);
    expect(packages.map(packageUrl)).toEqual([
      "pkg:deb/debian/libc6@2.36-9%2Bdeb12u1?arch=amd64&distro=debian-12&upstream=glibc%402.36-9",
      "pkg:deb/debian/odd@1:2~rc1%2Bb1?distro=debian-12",
    ]);
    expect(packages[0]).toMatchObject({
      summary: "library",
      homepage: "https://www.gnu.org/",
      supplier: { name: "GNU Libc Maintainers <x@y.test>" },
      license: { notation: "debian", values: ["GPL-2+ or Artistic", "LGPL-2.1+"] },
      foundIn: "/var/lib/dpkg/status",
    });
  });

  test("a file a package, as in images without dpkg; checksums beside them are none", async () => {
    const files = {
      "var/lib/dpkg/status.d/base": "Package: base\nVersion: 1\nArchitecture: all\n",
      "var/lib/dpkg/status.d/base.md5sums": "Package: x\nVersion: 1\n",
    };
    expect(await urls(files)).toEqual(["pkg:deb/debian/base@1?arch=all"]);
  });

  test.each([
    ["a copyright file that is a link out of the image", { "usr/share/doc/libc6": { link: "../../../../../../etc" } }],
    ["a copyright file of another form", { "usr/share/doc/libc6/copyright": "It is free.\nLicense: GPL\n" }],
    ["a copyright file that is a directory", { "usr/share/doc/libc6/copyright/": "" }],
  ] as [string, LayerFiles][])("%s says nothing", async (_, files) => {
    const { packages } = await inventory({ "var/lib/dpkg/status": status, ...files });
    expect(packages[0]!.license).toBeUndefined();
  });

  test.each([
    ["empty", ""],
    ["bytes", Buffer.from([0, 255, 10, 58, 13, 10, 10, 32, 9, 58])],
    ["no end of line", "Package: a\nStatus: install ok installed\nVersion: 1"],
    ["only continuations", " a\n b\n"],
    ["a path as a name", "Package: ../../etc/shadow\nStatus: install ok installed\nVersion: 1\n"],
  ] as [string, string][])("a status file: %s", async (_, text) => {
    expect((await inventory({ "var/lib/dpkg/status": text })).packages.length).toBeLessThan(2);
  });

  test("one that claims to be larger than any is passed over with a note, and costs no memory", async () => {
    await using trees = await layerTrees({ "var/lib/dpkg/status": status });
    truncateSync(join(trees.layers[0]!, "var/lib/dpkg/status"), 2 ** 40);
    const { packages, notes } = await takeInventory(trees.layers);
    expect(packages).toEqual([]);
    expect(notes).toEqual([`/var/lib/dpkg/status was not read: ${2 ** 40} bytes are more than such a file has`]);
  });
});

test("apk: packages, their origin, and no files taken for them", async () => {
  const installed = `C:Q1=
P:musl
V:1.2.5-r0
A:x86_64
T:the musl c library
U:https://musl.libc.org/
L:MIT
o:musl
m:A B <a@b.test>

P:musl-utils
V:1.2.5-r0
A:x86_64
L:MIT AND BSD-2-Clause
o:musl
F:usr
R:P:fake

V:1
`;
  const files = { "etc/os-release": "ID=alpine\nVERSION_ID=3.20.0\n", "lib/apk/db/installed": installed };
  const { packages } = await inventory(files);
  expect(packages.map(packageUrl)).toEqual([
    "pkg:apk/alpine/musl-utils@1.2.5-r0?arch=x86_64&distro=alpine-3.20.0&upstream=musl",
    "pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.0",
  ]);
  expect(packages[1]).toMatchObject({
    license: { values: ["MIT"] },
    supplier: { kind: "Person", name: "A B <a@b.test>" },
  });
});

describe("rpm", () => {
  type Value = string | number;
  function header(values: Record<number, Value>): Buffer {
    const entries: Buffer[] = [];
    const data: Buffer[] = [];
    let offset = 0;
    for (const [tag, value] of Object.entries(values)) {
      const entry = Buffer.alloc(16);
      entry.writeUInt32BE(Number(tag), 0);
      entry.writeUInt32BE(typeof value === "number" ? 4 : 6, 4);
      entry.writeUInt32BE(offset, 8);
      entry.writeUInt32BE(1, 12);
      const bytes = Buffer.from(typeof value === "string" ? `${value}\0` : "....");
      if (typeof value === "number") bytes.writeUInt32BE(value);
      entries.push(entry);
      data.push(bytes);
      offset += bytes.length;
    }
    const preamble = Buffer.alloc(8);
    preamble.writeUInt32BE(entries.length, 0);
    preamble.writeUInt32BE(offset, 4);
    return Buffer.concat([preamble, ...entries, ...data]);
  }
  function database(blobs: Uint8Array[], isWriteAhead = false): Buffer {
    using sqlite = new Database(":memory:");
    sqlite.run("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)");
    for (const blob of blobs) sqlite.query("INSERT INTO Packages (blob) VALUES (?)").run(blob);
    const bytes = Buffer.from(sqlite.serialize());
    if (isWriteAhead) bytes.fill(2, 18, 20);
    return bytes;
  }
  const BASH = {
    1000: "bash",
    1001: "5.2",
    1002: "1.fc40",
    1003: 2,
    1004: "shell",
    1011: "Fedora Project",
    1014: "GPL-3.0-or-later",
    1020: "https://x.test",
    1022: "x86_64",
    1044: "bash-5.2-1.fc40.src.rpm",
  };
  const FEDORA = { "etc/os-release": "ID=fedora\nVERSION_ID=40\n" };

  test.each([false, true])("packages in SQLite (write-ahead log used: %p), keys left out", async (isWriteAhead) => {
    const rows = [header(BASH), header({ 1000: "gpg-pubkey", 1001: "1" })];
    const { packages, notes } = await inventory({
      ...FEDORA,
      "var/lib/rpm/rpmdb.sqlite": database(rows, isWriteAhead),
    });
    expect(notes).toEqual([]);
    expect(packages.map(packageUrl)).toEqual([
      "pkg:rpm/fedora/bash@5.2-1.fc40?arch=x86_64&distro=fedora-40&epoch=2&upstream=bash-5.2-1.fc40.src.rpm",
    ]);
    expect(packages[0]).toMatchObject({
      license: { values: ["GPL-3.0-or-later"] },
      supplier: { name: "Fedora Project" },
    });
  });

  test("packages that lie in the log only, since nobody closed the database", async () => {
    await using trees = await layerTrees({ "var/lib/rpm/": "" });
    const path = join(trees.layers[0]!, "var/lib/rpm/rpmdb.sqlite");
    const sqlite = new Database(path);
    sqlite.run("PRAGMA journal_mode = WAL");
    sqlite.run("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)");
    sqlite.query("INSERT INTO Packages (blob) VALUES (?)").run(header(BASH));
    const { packages, notes } = await takeInventory(trees.layers);
    sqlite.close();
    expect({ names: packages.map(({ name }) => name), notes }).toEqual({ names: ["bash"], notes: [] });
  });

  test("the newer place, through the older one's link, once", async () => {
    const files = {
      "usr/lib/sysimage/rpm/rpmdb.sqlite": database([header(BASH)]),
      "var/lib/rpm": { link: "../../usr/lib/sysimage/rpm" },
    };
    expect(await urls(files)).toHaveLength(1);
  });

  test("damaged headers are noted, the others read", async () => {
    const cut = header(BASH).subarray(0, 100);
    const wild = Buffer.from(header(BASH));
    wild.writeUInt32BE(0xffffffff, 0);
    const { packages, notes } = await inventory({
      "var/lib/rpm/rpmdb.sqlite": database([cut, wild, Buffer.alloc(3), header(BASH)]),
    });
    expect(packages).toHaveLength(1);
    expect(notes).toHaveLength(3);
  });

  test.each([
    ["Packages", "Berkeley DB"],
    ["Packages.db", "ndb"],
  ])("the older kind %s is refused aloud", async (name, kind) => {
    const error = await failureOf(inventory({ [`var/lib/rpm/${name}`]: "x" }));
    expect(error).toMatchObject({ kind: "not-implemented" });
    expect(error.message).toContain(`/var/lib/rpm/${name} is of the kind ${kind}, which naru cannot read`);
  });

  test.each([
    "CREATE VIEW Packages AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS hnum, x AS blob FROM n",
    "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB GENERATED ALWAYS AS (zeroblob(1000000000)))",
    "CREATE TABLE other (x)",
  ])("a schema that is a trap is refused: %s", async (schema) => {
    using sqlite = new Database(":memory:");
    sqlite.run(schema);
    const error = await failureOf(inventory({ "var/lib/rpm/rpmdb.sqlite": Buffer.from(sqlite.serialize()) }));
    expect(error.message).toContain("is damaged: it has no table of packages");
  });

  test("a damaged database is refused, since a list without it would be untrue", async () => {
    const broken = database([header(BASH)]).fill(7, 100);
    expect((await failureOf(inventory({ "var/lib/rpm/rpmdb.sqlite": broken }))).message).toContain("is damaged");
  });
});

describe("npm", () => {
  test("what is installed below node_modules, scoped too; not the files of fixtures; licenses in every form", async () => {
    const json = (value: object) => JSON.stringify(value);
    const { packages } = await inventory({
      "app/package.json": json({ name: "app", version: "0.0.1" }),
      "app/node_modules/left-pad/package.json": json({
        name: "left-pad",
        version: "1.3.0",
        license: "WTFPL",
        author: "A <a@b.test> (https://x.test)",
      }),
      "app/node_modules/@scope/thing/package.json": json({
        name: "@scope/thing",
        version: "2.0.0",
        license: { type: "MIT" },
      }),
      "app/node_modules/a/node_modules/b/package.json": json({
        name: "b",
        version: "3.0.0",
        licenses: [{ type: "MIT" }, { type: "BSD" }],
      }),
      "app/node_modules/a/test/fixtures/package.json": json({ name: "fixture", version: "1.0.0" }),
      "app/node_modules/a/package.json": "not json",
      "app/node_modules/esm/package.json": json({ type: "module" }),
      "app/node_modules/odd/package.json": json([1]),
    });
    expect(packages.map(packageUrl)).toEqual([
      "pkg:npm/%40scope/thing@2.0.0",
      "pkg:npm/b@3.0.0",
      "pkg:npm/left-pad@1.3.0",
    ]);
    expect(packages.map(({ license }) => license?.values)).toEqual([["MIT"], ["(MIT) OR (BSD)"], ["WTFPL"]]);
    expect(packages[2]!.supplier).toEqual({ kind: "Person", name: "A <a@b.test>" });
  });

  const v3 = JSON.stringify({
    lockfileVersion: 3,
    packages: {
      "": { name: "app" },
      "node_modules/a": { version: "1.0.0", license: "MIT" },
      "node_modules/a/node_modules/@s/b": { version: "2.0.0" },
      "node_modules/dev": { version: "3.0.0", dev: true },
      "node_modules/linked": { link: true, resolved: "x" },
    },
  });
  const v1 = JSON.stringify({
    dependencies: {
      a: { version: "1.0.0", dependencies: { b: { version: "2.0.0" } } },
      dev: { version: "1.0.0", dev: true },
      git: { version: "git+ssh://x" },
    },
  });
  const yarn1 = `# yarn lockfile v1\n\n"@s/b@^2.0.0", "@s/b@^2.1.0":\n  version "2.1.0"\n  dependencies:\n    a "^1"\n\na@^1.0.0:\n  version "1.0.0"\n`;
  const yarn4 = `__metadata:\n  version: 8\n\n"a@npm:^1.0.0":\n  version: 1.0.0\n\n"app@workspace:.":\n  version: 0.0.0-use.local\n`;
  const pnpm9 = `lockfileVersion: '9.0'\n\npackages:\n\n  '@s/b@2.0.0':\n    resolution: {}\n\n  a@1.0.0:\n    resolution: {}\n\nsnapshots:\n\n  other@3.0.0: {}\n`;
  const pnpm5 = `packages:\n\n  /@s/b/2.0.0_a@1:\n    dev: false\n\n  /a/1.0.0:\n    dev: false\n`;
  test.each([
    ["package-lock.json", v3, ["pkg:npm/%40s/b@2.0.0", "pkg:npm/a@1.0.0"]],
    ["package-lock.json", v1, ["pkg:npm/a@1.0.0", "pkg:npm/b@2.0.0"]],
    ["yarn.lock", yarn1, ["pkg:npm/%40s/b@2.1.0", "pkg:npm/a@1.0.0"]],
    ["yarn.lock", yarn4, ["pkg:npm/a@1.0.0"]],
    ["pnpm-lock.yaml", pnpm9, ["pkg:npm/%40s/b@2.0.0", "pkg:npm/a@1.0.0"]],
    ["pnpm-lock.yaml", pnpm5, ["pkg:npm/%40s/b@2.0.0", "pkg:npm/a@1.0.0"]],
    ["package-lock.json", "{", []],
  ])("%s (%#), and not where packages are installed beside it", async (name, text, expected) => {
    expect(await urls({ [`app/${name}`]: text })).toEqual(expected);
    expect(await urls({ [`app/${name}`]: text, "app/node_modules/": "" })).toEqual([]);
  });
});

test("Python: wheels and eggs, names in their normal form, the license wherever it is told", async () => {
  const meta = (lines: string) => `Metadata-Version: 2.1\n${lines}\n\nLong description\nVersion: 9\n`;
  const site = "usr/lib/python3/dist-packages";
  const { packages } = await inventory({
    [`${site}/Foo_Bar-1.0.dist-info/METADATA`]: meta(
      "Name: Foo_Bar\nVersion: 1.0\nLicense: MIT\nAuthor: A\nSummary: UNKNOWN",
    ),
    [`${site}/b.egg-info/PKG-INFO`]: meta(
      "Name: b\nVersion: 2\nLicense: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License",
    ),
    [`${site}/c-3.egg-info`]: meta("Name: c\nVersion: 3\nLicense-Expression: MIT OR Apache-2.0"),
    [`${site}/d-4.dist-info/METADATA`]: meta("Name: d\nVersion: 4\nLicense: a whole\n text of it"),
    [`${site}/broken.dist-info/METADATA`]: "no headers at all",
  });
  expect(packages.map(packageUrl)).toEqual(["pkg:pypi/b@2", "pkg:pypi/c@3", "pkg:pypi/d@4", "pkg:pypi/foo-bar@1.0"]);
  expect(packages.map(({ license }) => license)).toEqual([
    { notation: "text", values: ["MIT License"] },
    { notation: "spdx", values: ["MIT OR Apache-2.0"] },
    undefined,
    { notation: "spdx", values: ["MIT"] },
  ]);
  expect(packages[3]!.summary).toBeUndefined();
});

test("Ruby: gems by their specifications, of the standard library too", async () => {
  const spec = (name: string, more = "") => `# -*- encoding: utf-8 -*-
Gem::Specification.new do |s|
  s.name = "${name}".freeze
  s.version = "1.2.3"
  s.licenses = ["MIT".freeze, "Ruby".freeze]
  s.authors = ["A \\"Q\\" B".freeze]
  s.homepage = "https://x.test".freeze
  ${more}
end
`;
  const { packages } = await inventory({
    "usr/lib/ruby/gems/3.1.0/specifications/rake-1.2.3.gemspec": spec("rake"),
    "usr/lib/ruby/gems/3.1.0/specifications/default/json-1.2.3.gemspec": spec("json"),
    "usr/lib/ruby/gems/3.1.0/gems/rake-1.2.3/rake.gemspec": spec("source"),
    "usr/lib/ruby/gems/3.1.0/specifications/odd.gemspec": "exec 'rm -rf /'",
  });
  expect(packages.map(packageUrl)).toEqual(["pkg:gem/json@1.2.3", "pkg:gem/rake@1.2.3"]);
  expect(packages[1]).toMatchObject({
    license: { values: ["MIT OR Ruby"] },
    supplier: { name: 'A "Q" B' },
    homepage: "https://x.test",
  });
});

test("PHP: what Composer installed, in both of its forms; the lock file only where nothing is", async () => {
  const entry = (name: string) => ({ name, version: "v1.0.0", license: ["MIT", "BSD-3-Clause"] });
  const lock = JSON.stringify({ packages: [entry("lock/ed")] });
  expect(
    await urls({
      "a/vendor/composer/installed.json": JSON.stringify({
        packages: [entry("Monolog/Monolog"), { name: "nosplit" }, 7],
      }),
      "a/composer.lock": lock,
      "b/vendor/composer/installed.json": JSON.stringify([entry("old/form")]),
      "c/composer.lock": lock,
      "d/vendor/composer/installed.json": "{",
    }),
  ).toEqual(["pkg:composer/lock/ed@1.0.0", "pkg:composer/monolog/monolog@1.0.0", "pkg:composer/old/form@1.0.0"]);
});

describe("compiled programs", () => {
  const modules =
    "path\texample.test/app\nmod\texample.test/app\t(devel)\t\ndep\tgithub.com/a/b\tv1.2.3\th1:x\ndep\tgolang.org/x/old\tv1.0.0\n=>\tgithub.com/fork/new\tv9.9.9\th1:y\nbuild\t-compiler=gc\n";

  test("Go: the standard library, modules, replaced ones as what they were replaced by", async () => {
    const program = elfOf({ ".go.buildinfo": goBuildInfo("go1.22.1", modules) });
    expect(await urls({ "bin/app": { program } })).toEqual([
      "pkg:golang/example.test/app",
      "pkg:golang/github.com/a/b@v1.2.3",
      "pkg:golang/github.com/fork/new@v9.9.9",
      "pkg:golang/stdlib@1.22.1",
    ]);
    expect(await urls({ "bin/not-executable": program })).toEqual([]);
  });

  test("Rust: the list of cargo auditable, without what only building needed", async () => {
    const list = {
      packages: [
        { name: "serde", version: "1.0.0" },
        { name: "cc", version: "1.0.0", kind: "build" },
      ],
    };
    const program = elfOf({ ".dep-v0": deflateSync(JSON.stringify(list)) });
    expect(await urls({ "bin/app": { program } })).toEqual(["pkg:cargo/serde@1.0.0"]);
  });

  const good = elfOf({ ".go.buildinfo": goBuildInfo("go1.22.1", modules) });
  const bomb = elfOf({ ".dep-v0": deflateSync(Buffer.alloc(64 * 1024 * 1024)) });
  test.each([
    ["cut in half", good.subarray(0, good.length / 2)],
    ["a header only", good.subarray(0, 64)],
    ["a table that lies outside", Buffer.from(good).fill(0xff, 40, 48)],
    ["thousands of sections", Buffer.from(good).fill(0xff, 60, 62)],
    ["names that lie outside", Buffer.from(good).fill(0xff, 62, 64)],
    ["no version", elfOf({ ".go.buildinfo": goBuildInfo("", "") })],
    [
      "a version without an end",
      elfOf({ ".go.buildinfo": Buffer.concat([goBuildInfo("", "").subarray(0, 32), Buffer.alloc(10, 0xff)]) }),
    ],
    [
      "pointers to nowhere",
      elfOf({ ".go.buildinfo": Buffer.from(goBuildInfo("go1", "")).fill(0, 15, 16).fill(0x7f, 16, 32) }),
    ],
    ["a list that inflates without end", bomb],
    ["a script", Buffer.from(`#!/bin/sh\n${"#".repeat(100)}`)],
  ])("%s: nothing is found, nothing fails", async (_, program) => {
    expect(await urls({ "bin/app": { program } })).toEqual([]);
  });

  test("a real Go program of this machine, where there is one, tells its standard library", async () => {
    const program = Bun.which("docker-registry");
    if (program === null) throw new Error("docker-registry is missing: scripts/system-packages test");
    const found = await urls({ "bin/app": { program: await Bun.file(program).bytes() } });
    expect(found).toContainEqual(expect.stringMatching(/^pkg:golang\/stdlib@1\.\d+/));
  });
});

describe("Java", () => {
  const pom = (group: string, name: string, version = "1.0") => ({
    name: `META-INF/maven/${group}/${name}/pom.properties`,
    content: `#comment\ngroupId=${group}\nartifactId=${name}\nversion=${version}\n`,
  });
  const manifest = (lines: string) => ({
    name: "META-INF/MANIFEST.MF",
    content: `Manifest-Version: 1.0\r\n${lines}\r\n\r\nName: x\r\n`,
  });

  test.each([
    [
      "coordinates and a manifest that calls it otherwise",
      "x.jar",
      zipOf([
        pom("org.example", "thing", "2.1"),
        manifest("Bundle-SymbolicName: org.example.other\r\nBundle-Version: 2.1"),
      ]),
      ["pkg:maven/org.example/thing@2.1"],
    ],
    [
      "its Maven coordinates",
      "x.jar",
      zipOf([pom("org.example", "thing", "2.1")]),
      ["pkg:maven/org.example/thing@2.1"],
    ],
    [
      "several in one",
      "fat.jar",
      zipOf([pom("a.b", "c"), pom("d.e", "f")]),
      ["pkg:maven/a.b/c@1.0", "pkg:maven/d.e/f@1.0"],
    ],
    [
      "the file's name and the manifest",
      "commons-io-2.11.0.jar",
      zipOf([manifest("Bundle-SymbolicName: org.apache.commons-io")]),
      ["pkg:maven/org.apache/commons-io@2.11.0"],
    ],
    [
      "a bundle's group",
      "io-2.11.0.jar",
      zipOf([manifest("Bundle-SymbolicName: org.apache.io;singleton:=true")]),
      ["pkg:maven/org.apache/io@2.11.0"],
    ],
    [
      "the manifest only",
      "app.jar",
      zipOf([
        manifest("Implementation-Title: my-app\r\nImplementation-Version: 3.0\r\nImplementation-Vendor-Id: org.v"),
      ]),
      ["pkg:maven/org.v/my-app@3.0"],
    ],
    [
      "a script in front",
      "boot.jar",
      zipOf([pom("a", "b")], { prefix: "#!/bin/sh\nexec java -jar $0\n" }),
      ["pkg:maven/a/b@1.0"],
    ],
    ["a comment behind", "c.jar", zipOf([pom("a", "b")], { comment: "PK\u0005\u0006 no" }), ["pkg:maven/a/b@1.0"]],
    ["entries that are stored", "s.jar", zipOf([{ ...pom("a", "b"), isStored: true }]), ["pkg:maven/a/b@1.0"]],
  ])("%s", async (_, name, bytes, expected) => {
    expect(await urls({ [`opt/${name}`]: bytes })).toEqual(expected);
  });

  test("archives in archives, each where it lies", async () => {
    const inner = zipOf([pom("in", "ner")]);
    const war = zipOf([pom("o", "ut"), { name: "WEB-INF/lib/inner.jar", content: inner }]);
    const { packages } = await inventory({ "srv/app.war": war });
    expect(packages.map(({ foundIn }) => foundIn)).toEqual(["/srv/app.war!/WEB-INF/lib/inner.jar", "/srv/app.war"]);
  });

  test("a bomb: what inflates to more than it says, or says too much, is not inflated", async () => {
    const zeros = Buffer.alloc(8 * 1024 * 1024);
    const { packages, notes } = await inventory({
      "a.jar": zipOf([pom("a", "b"), { name: "lies.jar", content: zeros, claimedBytes: 100 }]),
      "b.jar": zipOf([pom("c", "d"), { name: "huge.jar", content: zeros, claimedBytes: 3_000_000_000 }]),
      "c.jar": zipOf([{ ...pom("e", "f"), content: `groupId=e\nartifactId=f\n${" ".repeat(4_000_000)}` }]),
    });
    expect(packages.map(packageUrl)).toEqual(["pkg:maven/a/b@1.0", "pkg:maven/c", "pkg:maven/c/d@1.0"]);
    expect(notes).toEqual([
      "/a.jar!/lies.jar was not read: it is damaged, or too large for what may lie in /a.jar",
      "/b.jar!/huge.jar was not read: it is damaged, or too large for what may lie in /b.jar",
    ]);
  });

  test("archives in archives in archives: only so deep", async () => {
    let nested = zipOf([pom("deep", "est")]);
    for (let level = 0; level < 7; level += 1)
      nested = zipOf([{ name: "n.jar", content: nested }, pom("l", `l${level}`)]);
    const { packages, notes } = await inventory({ "a.jar": nested });
    expect(packages).toHaveLength(5);
    expect(notes).toEqual([expect.stringContaining("it lies in 4 archives")]);
  });

  const whole = zipOf([pom("a", "b")]);
  test.each([
    ["no archive", Buffer.from("PK")],
    ["empty", Buffer.alloc(0)],
    ["cut", whole.subarray(0, -10)],
    ["a directory that lies outside", Buffer.from(whole).fill(0xff, whole.length - 10, whole.length - 2)],
  ])("%s: a note", async (_, bytes) => {
    const { packages, notes } = await inventory({ "a.jar": bytes });
    expect({ packages, notes }).toEqual({ packages: [], notes: ["/a.jar is no readable archive"] });
  });
});

test("an image of nothing; one without os-release; one found twice counts once", async () => {
  expect(await inventory({})).toEqual({ os: undefined, packages: [], notes: [] });
  const one = JSON.stringify({ name: "a", version: "1.0.0" });
  const { packages } = await inventory({ "x/node_modules/a/package.json": one, "y/node_modules/a/package.json": one });
  expect(packages.map(({ foundIn }) => foundIn)).toEqual(["/x/node_modules/a/package.json"]);
});

test("it stops when it is told to", async () => {
  const many = Object.fromEntries(Array.from({ length: 1500 }, (_, index) => [`f${index}`, ""]));
  await using trees = await layerTrees(many);
  const signal = AbortSignal.abort(new Error("enough"));
  expect((await failureOf(takeInventory(trees.layers, { signal }))).message).toBe("enough");
});
