import { describe, expect, test } from "bun:test";
import { rowsText } from "../../../src/cli/format.ts";
import { containerKind, containerRow } from "../../../src/cli/rows/container-row.ts";
import { containerTable } from "../../../src/cli/rows/container-table.ts";
import { historyKind, historyRow } from "../../../src/cli/rows/history-row.ts";
import { imageKind, imageNames, imageRow } from "../../../src/cli/rows/image-row.ts";
import { NETWORK_KIND, networkRow } from "../../../src/cli/rows/network-row.ts";
import { portList } from "../../../src/cli/rows/port-list.ts";
import { byNaturalOrder, ellipsis, goTime, rfc3339Nano } from "../../../src/cli/rows/row-text.ts";
import { usageRows } from "../../../src/cli/rows/usage-row.ts";
import { VOLUME_KIND, volumeRow } from "../../../src/cli/rows/volume-row.ts";
import { goQuoted } from "../../../src/lib/go-quote.ts";
import type { ContainerSummary, PortSummary } from "../../../src/model/container.ts";
import type { ImageSummary } from "../../../src/model/image.ts";

const NOW_MS = Date.parse("2026-11-21T08:30:00Z");
const CREATED = Date.parse("2026-11-21T08:16:38Z") / 1000;

function container(changes: Partial<ContainerSummary> = {}): ContainerSummary {
  return {
    Id: "be6efd475105251487af06b1a749f4298db33baef02cd4851112825ea897843b",
    Names: ["/web"],
    Image: "nginx:1",
    ImageID: "sha256:f3391b978fcc9ad6d7cd45dfd49cab9fd3e3e97dd04d3f00a9e83ad7cbce0b40",
    Command: "nginx -g 'daemon off; master_process on;'",
    Created: CREATED,
    Ports: [{ IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" }],
    Labels: { z: "1", a: "2" },
    State: "running",
    Status: "Up 13 minutes",
    HostConfig: { NetworkMode: "bridge" },
    NetworkSettings: { Networks: { net: {}, bridge: {} } },
    Mounts: [
      { Type: "bind", Source: "/tmp", Destination: "/t", Mode: "ro", RW: false, Propagation: "rprivate" },
      {
        Type: "volume",
        Name: "a-volume-with-a-long-name",
        Source: "/var/lib/x",
        Destination: "/v",
        Driver: "local",
        Mode: "z",
        RW: true,
        Propagation: "",
      },
    ],
    ...changes,
  };
}

describe("the default table of containers", () => {
  const digest = "sha256:f3391b978fcc9ad6d7cd45dfd49cab9fd3e3e97dd04d3f00a9e83ad7cbce0b40";
  const containers = [
    container(),
    container({ Names: ["/plain"], Command: "sh", Ports: [], Created: CREATED - 86_400 * 20 }),
    container({ Names: ["/parent/alias", "/own"], Command: "", Status: "" }),
    container({ Names: ["/a", "/b"], Command: 'quote " and\ttab and a long tail', Created: CREATED }),
    container({ Names: [], Image: "" }),
    container({ Names: ["/😀"], Image: `repo/x:1@${digest}` }),
    container({ Image: digest, Id: "a".repeat(64) }),
    container({ Image: digest, ImageID: `sha256:${"0".repeat(64)}`, Command: "日本語の長いコマンドの名前です" }),
    ...Array.from({ length: 40 }, (_, i) => container({ Names: [`/many-${i}`], Created: CREATED + i })),
  ];
  for (const truncate of [true, false]) {
    test(`is what the template of its fields gives, ${truncate ? "shortened" : "whole"}`, () => {
      const rows = containers.map((one) => containerRow(one, truncate, NOW_MS));
      expect(containerTable(containers, truncate, NOW_MS)).toBe(
        rowsText(containerKind(false), rows, { format: `table {{/* all */}}${containerKind(false).table}` }),
      );
    });
  }
  test("of none is the header", () =>
    expect(containerTable([], true)).toBe(rowsText(containerKind(false), [], { format: "table" })));
});

describe("ports", () => {
  const port = (IP: string, PrivatePort: number, PublicPort?: number, Type = "tcp"): PortSummary => ({
    ...(IP !== "" && { IP }),
    PrivatePort,
    ...(PublicPort !== undefined && { PublicPort }),
    Type,
  });
  test.each<[string, PortSummary[], string]>([
    ["none", [], ""],
    ["one unpublished", [port("", 80)], "80/tcp"],
    ["a range", [port("", 99), port("", 101), port("", 100)], "99-101/tcp"],
    ["a gap", [port("", 1), port("", 2), port("", 4)], "1-2/tcp, 4/tcp"],
    [
      "translated ports stand alone and last",
      [port("0.0.0.0", 80, 8080), port("", 90)],
      "90/tcp, 0.0.0.0:8080->80/tcp",
    ],
    [
      "same numbers on both sides share a range per address",
      [18081, 18082].flatMap((n) => [port("::", n, n), port("0.0.0.0", n, n)]),
      "0.0.0.0:18081-18082->18081-18082/tcp, [::]:18081-18082->18081-18082/tcp",
    ],
    [
      "protocols apart",
      [port("127.0.0.1", 53, 53, "udp"), port("127.0.0.1", 53, 53)],
      "127.0.0.1:53->53/tcp, 127.0.0.1:53->53/udp",
    ],
  ])("%s", (_, ports, text) => {
    expect(portList(ports)).toBe(text);
  });
});

describe("container rows", () => {
  test("the default table", () => {
    expect(rowsText(containerKind(false), [containerRow(container(), true, NOW_MS)], { format: "" })).toBe(
      "CONTAINER ID   IMAGE     COMMAND                  CREATED          STATUS          PORTS                  NAMES\n" +
        `be6efd475105   nginx:1   "nginx -g 'daemon of…"   13 minutes ago   Up 13 minutes   0.0.0.0:8080->80/tcp   web\n`,
    );
  });
  test("json lines have every field but functions, sorted and escaped", () => {
    const text = rowsText(containerKind(false), [containerRow(container(), true, NOW_MS)], { format: "json" });
    expect(Object.keys(JSON.parse(text))).toEqual(
      "Command CreatedAt ID Image Labels LocalVolumes Mounts Names Networks Platform Ports RunningFor Size State Status".split(
        " ",
      ),
    );
    expect(text).toContain('"Ports":"0.0.0.0:8080-\\u003e80/tcp"');
    expect(text).toContain('"Labels":"a=2,z=1"');
    expect(text).toContain('"Mounts":"/tmp,a-volume-with-…"');
    expect(text).toContain('"Networks":"bridge,net"');
  });
  test.each<[string, Partial<ContainerSummary>, boolean, string, string]>([
    ["no image", { Image: "" }, true, "Image", "<no image>"],
    ["an image by its id", { Image: "sha256:f3391b978fcc9ad6d7cd45dfd4" }, true, "Image", "f3391b978fcc"],
    ["a digest after a tag goes", { Image: `nginx:1@sha256:${"a".repeat(64)}` }, true, "Image", "nginx:1"],
    ["a digest goes", { Image: `a.example/nginx@sha256:${"a".repeat(64)}` }, true, "Image", "a.example/nginx"],
    ["the usual registry goes", { Image: "docker.io/library/nginx:1" }, true, "Image", "nginx:1"],
    ["only its own folder goes", { Image: "docker.io/library/a/b" }, true, "Image", "library/a/b"],
    [
      "it stays in full",
      { Image: `nginx:1@sha256:${"a".repeat(64)}` },
      false,
      "Image",
      `nginx:1@sha256:${"a".repeat(64)}`,
    ],
    ["the own name", { Names: ["/other/db", "/db"] }, true, "Names", "db"],
    ["all names", { Names: ["/other/db", "/db"] }, false, "Names", "other/db,db"],
    ["sizes", { SizeRw: 52, SizeRootFs: 1984224 }, true, "Size", "52B (virtual 1.98MB)"],
    ["no sizes", {}, true, "Size", "0B"],
  ])("%s", (_, changes, truncate, field, value) => {
    const row = containerRow(container(changes), truncate, NOW_MS) as Record<string, unknown>;
    expect(row[field]).toBe(value);
  });
  test("labels by name, also as a column", () => {
    const rows = [containerRow(container({ Labels: { "com.example.some-key": "v" } }), true)];
    expect(rowsText(containerKind(false), rows, { format: 'table {{.Label "com.example.some-key"}}' })).toBe(
      "some key\nv\n",
    );
  });
  test("quiet prints ids", () => {
    expect(rowsText(containerKind(false), [containerRow(container(), true)], { format: "", quiet: true })).toBe(
      "be6efd475105\n",
    );
  });
});

describe("image rows", () => {
  const image: ImageSummary = {
    Id: "sha256:f3391b978fcc9ad6d7cd45dfd49cab9fd3e3e97dd04d3f00a9e83ad7cbce0b40",
    ParentId: "",
    RepoTags: ["a/b:1", "localhost:5000/c:latest"],
    RepoDigests: [],
    Created: CREATED,
    Size: 1_984_172,
    SharedSize: -1,
    Labels: null,
    Containers: -1,
  };
  const digest = `sha256:${"d".repeat(64)}`;
  test.each<[string, Partial<ImageSummary>, boolean, string[]]>([
    ["a row per tag", {}, false, ["a/b|1|<none>", "localhost:5000/c|latest|<none>"]],
    ["no name", { RepoTags: [] }, false, ["<none>|<none>|<none>"]],
    ["old daemons name the nameless", { RepoTags: ["<none>:<none>"] }, false, ["<none>|<none>|<none>"]],
    ["only a digest", { RepoTags: [], RepoDigests: [`a@${digest}`] }, false, ["a|<none>|<none>"]],
    ["only a digest, asked for", { RepoTags: [], RepoDigests: [`a@${digest}`] }, true, [`a|<none>|${digest}`]],
    ["tag and digest", { RepoTags: ["a:1"], RepoDigests: [`a@${digest}`] }, true, [`a|1|${digest}`]],
    ["tag and digest, not asked for", { RepoTags: ["a:1"], RepoDigests: [`a@${digest}`] }, false, ["a|1|<none>"]],
  ])("%s", (_, changes, withDigest, names) => {
    const found = imageNames({ ...image, ...changes }, withDigest);
    expect(found.map(({ repository, tag, digest: sum }) => `${repository}|${tag}|${sum}`)).toEqual(names);
  });
  test("the table", () => {
    const rows = imageNames(image, false).map((name) => imageRow(image, name, true, NOW_MS));
    expect(rowsText(imageKind(false), rows, { format: "" })).toBe(
      "REPOSITORY         TAG       IMAGE ID       CREATED          SIZE\n" +
        "a/b                1         f3391b978fcc   13 minutes ago   1.98MB\n" +
        "localhost:5000/c   latest    f3391b978fcc   13 minutes ago   1.98MB\n",
    );
  });
  test("the table is what its template gives, also without a time", () => {
    for (const [created, text] of [
      [CREATED, " 13 minutes ago "],
      [0, " 56 years ago "],
      [-62135596800, " N/A "],
    ] as const) {
      const one = { ...image, Created: created };
      const kind = imageKind(true);
      const rows = imageNames(one, true).map((name) => imageRow(one, name, true, NOW_MS));
      // A comment in the template keeps it from the short way.
      const byTemplate = rowsText(kind, rows, { format: `table {{/* all */}}${kind.table}` });
      expect(rowsText(kind, rows, { format: "" })).toBe(byTemplate);
      expect(byTemplate).toContain(text);
    }
  });
});

test("network, volume and history tables", () => {
  const network = {
    Name: "web",
    Id: "ef9e1c4eaad29b91c3c71f61faf083f31dd6e4b62c6fe79d126905eeb5f9a80a",
    Created: "2026-11-21T08:13:16.98035465Z",
    Scope: "local",
    Driver: "bridge",
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: "default", Options: null, Config: [] },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Options: {},
    Labels: { x: "y" },
  };
  expect(rowsText(NETWORK_KIND, [networkRow(network, true)], { format: "" })).toBe(
    "NETWORK ID     NAME      DRIVER    SCOPE\nef9e1c4eaad2   web       bridge    local\n",
  );
  expect(rowsText(NETWORK_KIND, [networkRow(network, true)], { format: "{{.CreatedAt}} {{.Labels}}" })).toBe(
    "2026-11-21 08:13:16.98035465 +0000 UTC x=y\n",
  );
  const volume = {
    Name: "data",
    Driver: "local",
    Mountpoint: "/m",
    Labels: null,
    Scope: "local" as const,
    Options: null,
  };
  expect(rowsText(VOLUME_KIND, [volumeRow(volume)], { format: "" })).toBe("DRIVER    VOLUME NAME\nlocal     data\n");
  const step = { Id: "<missing>", Created: CREATED, CreatedBy: "RUN\tx", Tags: null, Size: 2_000_000, Comment: "c" };
  expect(rowsText(historyKind(true), [historyRow(step, true, true, NOW_MS)], { format: "" })).toBe(
    "IMAGE       CREATED          CREATED BY   SIZE      COMMENT\n" +
      "<missing>   13 minutes ago   RUN x        2MB       c\n",
  );
  expect(historyRow(step, true, false).Size).toBe("2000000");
});

test("disk usage counts what is in use", () => {
  const image = (Containers: number, Size: number, SharedSize: number) => ({
    Id: "sha256:0",
    ParentId: "",
    RepoTags: [],
    RepoDigests: [],
    Created: 0,
    Size,
    SharedSize,
    Labels: null,
    Containers,
  });
  const volume = (Size: number, RefCount: number) => ({
    Name: "v",
    Driver: "local",
    Mountpoint: "",
    Labels: null,
    Scope: "local" as const,
    Options: null,
    UsageData: { Size, RefCount },
  });
  const rows = usageRows({
    LayersSize: 300,
    Images: [image(1, 120, 20), image(0, 200, 20)],
    Containers: [container({ SizeRw: 10 }), container({ State: "exited", SizeRw: 30 })],
    Volumes: [volume(5, 1), volume(15, 0), volume(-1, 0)],
    BuildCache: [],
  });
  expect(
    rows.map(({ TotalCount, Active, Size, Reclaimable }) => [TotalCount, Active, Size, Reclaimable].join(" ")),
  ).toEqual(["2 1 300B 200B (66%)", "2 1 40B 30B (75%)", "3 1 20B 15B (75%)", "0 0 0B 0B"]);
});

describe("pieces of text", () => {
  test.each<[string, number, string]>([
    ["short", 20, "short"],
    ["exactly ten", 11, "exactly ten"],
    ["longer than that", 10, "longer th…"],
    ["한글로 쓴 명령", 8, "한글로 …"],
    ["x", 0, ""],
    ['sh -c \'a="q\ttab"; sleep 9', 20, 'sh -c \'a="q\ttab"; s…'],
    ["printf \x1b[31mred\x1b[0m!", 19, "printf \x1b[31mred\x1b[0…"],
    ["e\u0301e\u0301e\u0301", 5, "e\u0301e\u0301…"],
    ["한글", 1, "한"],
  ])("ellipsis of %j in %d", (text, columns, cut) => {
    expect(ellipsis(text, columns)).toBe(cut);
  });
  test.each([
    ["plain", '"plain"'],
    ['say "hi"', '"say \\"hi\\""'],
    ["a\\b\n", '"a\\\\b\\n"'],
    ["bell\x07 esc\x1b", '"bell\\a esc\\x1b"'],
    ["나루 🎉", '"나루 🎉"'],
    ["a\u00a0b\u200bc\u2028d", '"a\\u00a0b\\u200bc\\u2028d"'],
    ["tag\u{e0041}", '"tag\\U000e0041"'],
    ["\ud800x", '"\ufffdx"'],
    ["tab\tnul\0del\x7f\x80", '"tab\\tnul\\x00del\\x7f\\u0080"'],
    ["back\\u0001", '"back\\\\u0001"'],
  ])("Go quotes %j", (text, quoted) => {
    expect(goQuoted(text)).toBe(quoted);
  });
  test("times", () => {
    expect(goTime("2026-11-21T08:13:16.980000000+09:00")).toBe("2026-11-21 08:13:16.98 +0900 +0900");
    expect(rfc3339Nano(1795249087000000007n)).toMatch(/^2026-11-21T\d\d:18:07\.000000007(Z|[+-]\d\d:\d\d)$/);
  });
  test("natural order", () => {
    expect(["web10", "web2", "a", "web2b", "web02"].sort(byNaturalOrder)).toEqual([
      "a",
      "web2",
      "web2b",
      "web02",
      "web10",
    ]);
  });
});
