import { describe, expect, test } from "bun:test";
import { encodeHeader, padding, type TarEntry } from "../../../src/image/tar-header.ts";
import { TarReader } from "../../../src/image/tar-reader.ts";

function entry(change: Partial<TarEntry>): TarEntry {
  return {
    type: "file",
    path: "a",
    linkPath: "",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 0,
    modifiedAt: { seconds: 1_700_000_000, nanoseconds: 0 },
    major: 0,
    minor: 0,
    xattrs: new Map(),
    ...change,
  };
}

function archive(entries: { entry: TarEntry; content?: Buffer }[]): Buffer {
  const parts = entries.flatMap(({ entry, content }) => [
    encodeHeader(entry),
    content ?? Buffer.alloc(0),
    padding(content?.length ?? 0),
  ]);
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** Entries and contents as the reader tells them, the archive pushed in pieces of `step` bytes. */
function readAll(data: Buffer, step: number): { entry: TarEntry; content: string }[] {
  const found: { entry: TarEntry; content: string }[] = [];
  let ends = 0;
  const reader = new TarReader({
    begin: (entry) => found.push({ entry, content: "" }),
    data: (chunk, offset, length) => {
      found.at(-1)!.content += chunk.toString("latin1", offset, offset + length);
    },
    end: () => {
      ends += 1;
    },
  });
  for (let at = 0; at < data.length; at += step) reader.push(data.subarray(at, at + step));
  reader.finish();
  expect(ends).toBe(found.length);
  return found;
}

const CASES: [name: string, TarEntry][] = [
  ["a plain file", entry({ size: 5 })],
  ["a path that needs the prefix field", entry({ path: `${"d".repeat(90)}/${"f".repeat(90)}`, size: 3 })],
  ["a path that needs a pax record", entry({ path: "x".repeat(300) })],
  ["a path of 4000 bytes", entry({ path: `${"y/".repeat(2000)}z` })],
  ["bytes that are no UTF-8", entry({ path: "caf\xe9\xff" })],
  ["a long link", entry({ type: "symlink", path: "l", linkPath: "t".repeat(200) })],
  ["a hard link", entry({ type: "hardlink", path: "h", linkPath: "a" })],
  ["a directory", entry({ type: "directory", path: "d/", mode: 0o1777 })],
  ["a device", entry({ type: "block", path: "b", major: 259, minor: 70000 })],
  ["large owners", entry({ uid: 3_000_000, gid: 2 ** 31 })],
  ["nanoseconds", entry({ modifiedAt: { seconds: 1_795_249_842, nanoseconds: 949_289_451 } })],
  ["a time before 1970", entry({ modifiedAt: { seconds: -2, nanoseconds: 500_000_000 } })],
  ["a whole second before 1970", entry({ modifiedAt: { seconds: -86400, nanoseconds: 0 } })],
  [
    "attributes with any bytes",
    entry({
      xattrs: new Map<string, Uint8Array>([
        ["security.capability", new Uint8Array([1, 0, 10, 61, 255])],
        ["user.empty", new Uint8Array(0)],
      ]),
    }),
  ],
];

describe("tar", () => {
  test.each(CASES)("keeps %s", (_, given) => {
    const content = Buffer.alloc(given.size, "x");
    for (const step of [1 << 20, 512, 511, 7]) {
      const [read] = readAll(archive([{ entry: given, content }]), step);
      expect({ ...read!.entry, xattrs: [...read!.entry.xattrs].map(([k, v]) => [k, [...v]]) }).toEqual({
        ...given,
        xattrs: [...given.xattrs].map(([k, v]) => [k, [...v]]),
      } as never);
      expect(read!.content).toBe(content.toString("latin1"));
    }
  });

  test("reads sizes over 8 GiB from pax and base-256", () => {
    const size = 9 * 1024 ** 3;
    const sizes: number[] = [];
    const reader = new TarReader({ begin: (e) => sizes.push(e.size), data: () => {}, end: () => {} });
    reader.push(encodeHeader(entry({ size })));
    expect(sizes).toEqual([size]);
  });

  test("reads what GNU tar wrote, with long names", async () => {
    const directory = (await Bun.$`mktemp -d`.text()).trim();
    const long = "n".repeat(150);
    await Bun.write(`${directory}/${long}`, "hello");
    await Bun.$`ln -s ${"t".repeat(150)} ${directory}/l`;
    const data = Buffer.from(await Bun.$`tar --format=gnu -C ${directory} -cf - ${long} l`.arrayBuffer());
    await Bun.$`rm -rf ${directory}`;
    const read = readAll(data, 1000);
    expect(read.map(({ entry, content }) => [entry.path, entry.linkPath, content])).toEqual([
      [long, "", "hello"],
      ["l", "t".repeat(150), ""],
    ]);
  });

  const refused: [name: string, data: () => Buffer, message: string][] = [
    ["what is no archive", () => Buffer.alloc(1024, "x"), "invalid tar header"],
    [
      "a wrong checksum",
      () => {
        const data = archive([{ entry: entry({}) }]);
        data[0] = 0x62;
        return data;
      },
      "the checksum does not fit",
    ],
    [
      "an archive cut off in a file",
      () => archive([{ entry: entry({ size: 600 }), content: Buffer.alloc(600) }]).subarray(0, 700),
      "unexpected EOF",
    ],
    ["an archive cut off in a header", () => archive([{ entry: entry({}) }]).subarray(0, 300), "unexpected EOF"],
    [
      "a pax header that says too much of itself",
      () => {
        const data = archive([{ entry: entry({ path: "x".repeat(300) }) }]);
        data.write("999", 512, "latin1");
        return data;
      },
      "bad extended header",
    ],
    [
      "metadata without end",
      () => {
        const header = encodeHeader(entry({ size: 2 * 1024 * 1024 }));
        header.write("L", 156, "latin1");
        header.write("        ", 148, "latin1");
        const sum = header.reduce((total, byte) => total + byte, 0);
        header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
        return header;
      },
      "header field too long",
    ],
  ];
  test.each(refused)("refuses %s", (_, data, message) => {
    expect(() => readAll(data(), 512)).toThrow(message);
  });
});
