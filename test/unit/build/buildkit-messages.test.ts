/** What travels between BuildKit's clients and the builder: messages, packets of files, filters. */
import { describe, expect, test } from "bun:test";
import protobuf from "protobufjs";
import { matchesRow, parseRowFilters, pruneFilters } from "../../../src/build/buildkit/cache-rows.ts";
import { requestFromAttributes } from "../../../src/build/buildkit/frontend-attributes.ts";
import { ProtobufSchema } from "../../../src/build/buildkit/protobuf-schema.ts";
import { definitionOf, resultIdOf } from "../../../src/build/buildkit/result-definition.ts";
import { differenceOf, FileList } from "../../../src/build/contexts/file-list.ts";
import type { BuildCacheRecord } from "../../../src/build/contract.ts";
import { decodePacket, encodePacket, type FileStat, PACKET } from "../../../src/lib/file-packets.ts";

/** fsutil's messages, by a library that reads their definition. */
const { root } = protobuf.parse(`syntax = "proto3"; package fsutil.types;
message Stat { string path = 1; uint32 mode = 2; uint32 uid = 3; uint32 gid = 4; int64 size = 5; int64 modTime = 6;
  string linkname = 7; int64 devmajor = 8; int64 devminor = 9; map<string, bytes> xattrs = 10; }
message Packet { int32 type = 1; Stat stat = 2; uint32 ID = 3; bytes data = 4; }`);
const Packet = root.lookupType("fsutil.types.Packet");

function stat(path: string, change: Partial<FileStat> = {}): FileStat {
  return {
    path,
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 1,
    modTime: 1_700_000_000_123_456_789n,
    linkname: "",
    xattrs: {},
    ...change,
  };
}

describe("packets of files", () => {
  test.each<[string, Parameters<typeof encodePacket>[0]]>([
    ["a file", { type: PACKET.stat, stat: stat("dïr/ü", { uid: 1000, size: 2 ** 40 }) }],
    [
      "extended attributes",
      {
        type: PACKET.stat,
        stat: stat("x", { xattrs: { "user.a": Buffer.from("1"), "user.b": Buffer.from([0, 255]) } }),
      },
    ],
    ["the end of a list", { type: PACKET.stat }],
    ["a request", { type: PACKET.request, id: 300 }],
    ["data", { type: PACKET.data, id: 1, data: Buffer.from("bytes") }],
    ["the end", { type: PACKET.end }],
  ])("%s is read by protobufjs and back", (_name, packet) => {
    const bytes = encodePacket(packet);
    const theirs = Packet.decode(bytes);
    expect(decodePacket(Packet.encode(theirs).finish())).toEqual(decodePacket(bytes));
    const plain = Packet.toObject(theirs, { longs: String }) as {
      stat?: { path: string; modTime: string };
      ID?: number;
    };
    expect(plain.stat?.path).toBe(packet.stat?.path);
    if (packet.stat) expect(plain.stat?.modTime).toBe(String(packet.stat.modTime));
    expect(plain.ID ?? 0).toBe(packet.id ?? 0);
  });
});

describe("lists of files", () => {
  const DIRECTORY = 0x80000000 + 0o755;
  const listOf = (...stats: FileStat[]) => {
    const list = new FileList();
    for (const one of stats) list.add(one);
    return list;
  };

  test("what lies in a directory comes right after it, before names that begin like it", () => {
    const list = listOf(stat("a", { mode: DIRECTORY }), stat("a/x"), stat("a-b"));
    expect(FileList.decode(Buffer.from(list.encode())).stats).toEqual(list.stats);
    expect(() => listOf(stat("a", { mode: DIRECTORY }), stat("a-b"), stat("a/x"))).toThrow("out of order");
  });

  test("only what differs is asked for; what is gone is removed, the deepest first", () => {
    const before = listOf(stat("d", { mode: DIRECTORY }), stat("d/gone"), stat("same"), stat("touched"));
    const after = listOf(stat("new"), stat("same"), stat("touched", { modTime: 2n }));
    const { changed, removed } = differenceOf(before, after);
    expect(changed.map(({ id, stat: { path } }) => [id, path])).toEqual([
      [0, "new"],
      [2, "touched"],
    ]);
    expect(removed).toEqual(["touched", "d/gone", "d"]);
  });
});

describe("messages from tables", () => {
  const schema = new ProtobufSchema({
    "p.Inner": "1 text string",
    "p.Outer": "1 list p.Inner*, 2 map map<string;bytes>, 3 big int64",
  });
  const outer = schema.codec<{ list: { text: string }[]; map: Record<string, Uint8Array>; big: number }>("p.Outer");

  test("lists, maps and absent fields", () => {
    const bytes = outer.encode({ list: [{ text: "ä" }, { text: "" }], map: { k: Buffer.from("v") }, big: 2 ** 41 });
    expect(outer.decode(bytes)).toEqual({
      list: [{ text: "ä" }, { text: "" }],
      map: { k: Buffer.from("v") },
      big: 2 ** 41,
    });
    expect(outer.decode(new Uint8Array())).toEqual({ list: [], map: {}, big: 0 });
    expect(() => outer.decode(Buffer.from([0xff, 0xff]))).toThrow();
  });

  test("a malformed table is told", () => {
    expect(() => new ProtobufSchema({ "p.X": "text string" })).toThrow("malformed");
  });
});

test("a result's definition names its build; others do not", () => {
  expect(resultIdOf(definitionOf("one"))).toBe("one");
  expect(resultIdOf({ def: [] })).toBeUndefined();
  expect(Object.keys(definitionOf("one").metadata ?? {})).toHaveLength(2);
});

describe("rows of the cache", () => {
  const row: BuildCacheRecord = {
    ...{
      ID: "abc",
      Parents: ["p"],
      Type: "regular",
      Description: "mount / from exec make",
      InUse: false,
      Shared: true,
    },
    ...{ Size: 1, CreatedAt: "2026-01-01T00:00:00Z", LastUsedAt: null, UsageCount: 1 },
  };
  test.each<[string[], boolean]>([
    [[], true],
    [["type==regular"], true],
    [["type!=regular"], false],
    [["type==regular,id==x"], false],
    [["type==x", "id==abc"], true],
    [["description~=exec m.ke"], true],
    [["shared"], true],
    [["shared==true"], true],
    [["inuse"], false],
    [["inuse==false"], true],
    [["mutable"], false],
  ])("%j: %p", (filters, fits) => expect(matchesRow(parseRowFilters(filters), row)).toBe(fits));

  test("unknown fields and alternatives of a prune are refused", () => {
    expect(() => parseRowFilters(["colour==red"])).toThrow("invalid filter colour");
    expect(() => pruneFilters(["type==a", "type==b"])).toThrow("one filter");
    expect([...pruneFilters(["type==regular,shared"])]).toEqual([
      ["type", ["regular"]],
      ["shared", ["true"]],
    ]);
  });
});

describe("attributes of the frontend", () => {
  test("what they ask for", () => {
    const request = requestFromAttributes({
      ...{
        target: "t",
        "build-arg:A": "1",
        "label:l": "2",
        "no-cache": "one,two",
        "shm-size": "1024",
        ulimit: "nofile=1:2",
      },
      ...{
        "add-hosts": "a=1.2.3.4",
        "force-network-mode": "none",
        "image-resolve-mode": "pull",
        platform: "linux/arm64",
      },
    });
    expect(request).toMatchObject({
      ...{ target: "t", buildArgs: { A: "1" }, labels: { l: "2" }, noCache: false, noCacheStages: ["one", "two"] },
      ...{ shmSizeBytes: 1024, ulimits: [{ Name: "nofile", Soft: 1, Hard: 2 }], extraHosts: ["a:1.2.3.4"] },
      ...{ networkMode: "none", pull: true, platforms: [{ os: "linux", architecture: "arm64" }] },
    });
    expect(requestFromAttributes({ "no-cache": "" }).noCache).toBe(true);
  });

  test.each([
    ["mode=min,inline-only=true", "inline"],
    ["mode=min", "min"],
    ["mode=max", "max"],
    ["disabled=true", undefined],
  ])("provenance %j: %p", (value, mode) => {
    expect(requestFromAttributes({ "attest:provenance": value }).attestations.provenance).toBe(
      mode as "min" | "max" | undefined,
    );
  });

  test.each([
    [{ quux: "1" }, "does not know the option quux"],
    [{ "shm-size": "x" }, "invalid shm-size"],
    [{ ulimit: "x" }, "invalid ulimit"],
    [{ platform: "windows/amd64" }, "operating system is not supported"],
    [{ requestid: "frontend.x" }, "unsupported request"],
  ])("%j is refused", (attributes, words) => {
    expect(() => requestFromAttributes(attributes as Record<string, string>)).toThrow(words);
  });
});
