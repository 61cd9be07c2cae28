/** Databases and archives with bytes changed at random, always the same ones: they are read or refused, never fallen over. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { deflateSync } from "node:zlib";
import { NaruError } from "../../../src/lib/errors.ts";
import { takeInventory } from "../../../src/sbom/inventory.ts";
import { spdxDocument } from "../../../src/sbom/spdx-document.ts";
import { elfOf, goBuildInfo } from "../../support/elf-building.ts";
import { type LayerFiles, layerTrees } from "../../support/layer-trees.ts";
import { spdxFaults } from "../../support/spdx-rules.ts";
import { zipOf } from "../../support/zip-building.ts";

const ROUNDS = 60;
const DAMAGED_TWINS = 4;

/** A sequence that is the same in every run. */
class Dice {
  private state = 20261121;

  roll(sides: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    // The low digits of such a sequence repeat soon.
    return Math.floor((this.state / 2 ** 32) * sides);
  }

  damage(bytes: Uint8Array): Buffer {
    const damaged = Buffer.from(bytes);
    for (let times = 1 + this.roll(8); times > 0; times -= 1) {
      const at = this.roll(damaged.length);
      const kind = this.roll(4);
      if (kind === 3) damaged.copy(damaged, at, this.roll(damaged.length));
      else damaged[at] = [this.roll(256), 0, 255][kind]!;
    }
    return this.roll(5) === 0 ? damaged.subarray(0, this.roll(damaged.length)) : damaged;
  }
}

function rpmDatabase(): Uint8Array {
  const header = Buffer.alloc(40);
  header.writeUInt32BE(1, 0);
  header.writeUInt32BE(5, 4);
  header.writeUInt32BE(1000, 8);
  header.writeUInt32BE(6, 12);
  header.writeUInt32BE(1, 20);
  header.write("name\0", 24);
  using sqlite = new Database(":memory:");
  sqlite.run("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)");
  sqlite.query("INSERT INTO Packages (blob) VALUES (?)").run(header);
  return sqlite.serialize();
}

const pom = { name: "META-INF/maven/a/b/pom.properties", content: "groupId=a\nartifactId=b\nversion=1" };
const ONCE: Record<string, Uint8Array> = {
  "etc/os-release": Buffer.from('ID=debian\nVERSION_ID="12"\nPRETTY_NAME="x"\n'),
  "var/lib/dpkg/status": Buffer.from(
    "Package: a\nStatus: install ok installed\nVersion: 1\nMaintainer: A <b>\nDescription: x\n y\n",
  ),
  "usr/share/doc/a/copyright": Buffer.from(
    "Format: https://x/copyright-format/1.0/\n\nFiles: *\nLicense: GPL-2+ or (MIT and X with Y exception), and Z\n",
  ),
  "lib/apk/db/installed": Buffer.from("P:a\nV:1\nL:MIT AND (X OR Y)\n\nP:b\nV:2\n"),
};
const OFTEN: Record<string, Uint8Array> = {
  "x.jar": zipOf([pom, { name: "l.jar", content: zipOf([pom]) }]),
  program: elfOf({
    ".go.buildinfo": goBuildInfo("go1.2", "mod\ta\tv1\ndep\tb\tv2\n"),
    ".dep-v0": deflateSync('{"packages":[{"name":"a"}]}'),
  }),
  "node_modules/a/package.json": Buffer.from(
    '{"name":"a","version":"1","license":{"type":"MIT"},"author":{"name":"b"}}',
  ),
  "l/package-lock.json": Buffer.from(
    '{"packages":{"node_modules/a":{"version":"1"}},"dependencies":{"a":{"version":"1"}}}',
  ),
  "l/yarn.lock": Buffer.from('"@a/b@^1":\n  version "1.0"\n'),
  "a.dist-info/METADATA": Buffer.from(
    "Name: a\nVersion: 1\nLicense: MIT\nClassifier: License :: OSI Approved :: X\n\nbody",
  ),
  "specifications/a.gemspec": Buffer.from(
    'Gem::Specification.new do |s|\n s.name = "a"\n s.version = "1"\n s.licenses = ["MIT"]\nend',
  ),
  "composer/installed.json": Buffer.from('{"packages":[{"name":"a/b","version":"1","license":["MIT"]}]}'),
};
const SUBJECT = {
  digest: `sha256:${"a".repeat(64)}`,
  createdAt: "",
  architecture: "amd64",
  os: "linux",
  layers: [],
} as const;

test("nothing but valid documents and refusals in words", async () => {
  const dice = new Dice();
  const database = rpmDatabase();
  const outcomes = { documents: 0, packages: 0, refusals: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const files: LayerFiles = {};
    for (const [path, bytes] of Object.entries(ONCE)) files[path] = dice.damage(bytes);
    if (dice.roll(3) === 0) files["var/lib/rpm/rpmdb.sqlite"] = dice.damage(database);
    for (let twin = 0; twin < DAMAGED_TWINS; twin += 1) {
      for (const [path, bytes] of Object.entries(OFTEN)) files[`${twin}/${path}`] = { program: dice.damage(bytes) };
    }
    await using trees = await layerTrees(files);
    try {
      const inventory = await takeInventory(trees.layers);
      expect(spdxFaults(JSON.parse(JSON.stringify(spdxDocument(SUBJECT, inventory))))).toEqual([]);
      outcomes.documents += 1;
      outcomes.packages += inventory.packages.length;
    } catch (error) {
      if (!(error instanceof NaruError)) throw error;
      outcomes.refusals += 1;
    }
  }
  // Most are damaged in places that matter little: both outcomes have been seen.
  expect(outcomes.documents).toBeGreaterThan(20);
  expect(outcomes.packages).toBeGreaterThan(100);
  expect(outcomes.refusals).toBeGreaterThan(0);
}, 60_000);
