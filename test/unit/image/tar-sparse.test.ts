/** Sparse files in every form that GNU tar writes come out as they went in, with their holes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, open, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TarEntry } from "../../../src/image/tar-header.ts";
import { TarReader, type TarSink } from "../../../src/image/tar-reader.ts";
import { TreeWriter } from "../../../src/image/tree-writer.ts";

const FORMATS = [
  ["--format=gnu"],
  ["--format=pax", "--sparse-version=0.0"],
  ["--format=pax", "--sparse-version=0.1"],
  ["--format=pax", "--sparse-version=1.0"],
];
/** Name, size, and where bytes are: at the start, in the middle, in many parts, at the end, nowhere. */
const FILES: [name: string, size: number, parts: [offset: number, text: string][]][] = [
  ["middle", 3_000_000, [[1_000_000, "in the middle"]]],
  [
    "ends",
    2_000_000,
    [
      [0, "begin"],
      [1_999_997, "end"],
    ],
  ],
  [
    "many",
    40 * 1_000_000,
    Array.from({ length: 40 }, (_, i) => [i * 1_000_000, `part ${i}`.repeat(100 + i)] as [number, string]),
  ],
  ["empty", 5_000_000, []],
  ["plain", 6, [[0, "plain\n"]]],
];

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "naru-sparse-"));
  await mkdir(join(root, "in"));
  for (const [name, size, parts] of FILES) {
    const file = await open(join(root, "in", name), "w");
    for (const [offset, text] of parts) await file.write(text, offset);
    await file.truncate(size);
    await file.close();
  }
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function archive(options: readonly string[]): Promise<Buffer> {
  const path = join(root, "archive.tar");
  await Bun.$`tar -C ${join(root, "in")} ${options} --sparse -cf ${path} ${FILES.map(([name]) => name)}`.quiet();
  return readFile(path);
}
function push(reader: TarReader, bytes: Buffer, chunkBytes: number): void {
  for (let at = 0; at < bytes.length; at += chunkBytes) reader.push(bytes.subarray(at, at + chunkBytes));
  reader.finish();
}

describe.each(FORMATS.map((options) => [options.join(" "), options] as const))("tar %s", (_, options) => {
  test.each([512, 1000, 65_536])("in chunks of %i bytes, into a tree", async (chunkBytes) => {
    const target = await mkdtemp(join(root, "out-"));
    const writer = new TreeWriter(target, { names: "plain", applyToRoot: false });
    push(new TarReader(writer), await archive(options), chunkBytes);
    writer.finish();
    for (const [name, size] of FILES) {
      const [from, to] = await Promise.all([readFile(join(root, "in", name)), readFile(join(target, name))]);
      expect(to.equals(from)).toBe(true);
      const { size: bytes, blocks } = await stat(join(target, name));
      expect(bytes).toBe(size);
      if (name !== "plain") expect(blocks * 512).toBeLessThan(size / 5);
    }
  });

  test("a sink that knows no holes gets zeros", async () => {
    const hashes: Record<string, string> = {};
    const sink: TarSink & { hash: Bun.CryptoHasher; entry?: TarEntry } = {
      hash: new Bun.CryptoHasher("sha256"),
      begin(entry) {
        this.entry = entry;
        this.hash = new Bun.CryptoHasher("sha256");
      },
      data(chunk, offset, length) {
        this.hash.update(chunk.subarray(offset, offset + length));
      },
      end() {
        hashes[this.entry!.path] = `${this.entry!.size} ${this.hash.digest("hex")}`;
      },
    };
    push(new TarReader(sink), await archive(options), 4096);
    for (const [name, size] of FILES) {
      const expected = new Bun.CryptoHasher("sha256").update(await readFile(join(root, "in", name))).digest("hex");
      expect(hashes[name]).toBe(`${size} ${expected}`);
    }
  });

  test("an archive that is cut off is refused", async () => {
    const bytes = await archive(options);
    const writer = new TreeWriter(await mkdtemp(join(root, "cut-")), { names: "plain", applyToRoot: false });
    expect(() => push(new TarReader(writer), bytes.subarray(0, 700), 700)).toThrow(/cut off/);
    writer.finish();
  });
});
