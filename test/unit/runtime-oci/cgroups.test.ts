import { describe, expect, test } from "bun:test";
import type { Resources } from "../../../src/model/container.ts";
import { parseCgroupMounts } from "../../../src/runtime/cgroup-layout.ts";
import { type CurrentLimits, cpuWeight, planLimits } from "../../../src/runtime/cgroup-limits.ts";
import { parseExactKeyed, parseFlatKeyed, parseIoStat, parseV1Blkio } from "../../../src/runtime/cgroup-stats.ts";

test("mounts of a hybrid machine", () => {
  const text = `30 29 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
34 30 0:27 / /elsewhere rw - cgroup cgroup rw,cpu,cpuacct
`;
  expect(parseCgroupMounts(text)).toEqual([
    { type: "cgroup", mountPoint: "/sys/fs/cgroup/cpu,cpuacct", options: ["cpu", "cpuacct"] },
    { type: "cgroup", mountPoint: "/sys/fs/cgroup/systemd", options: ["name=systemd"] },
    { type: "cgroup2", mountPoint: "/sys/fs/cgroup/unified", options: ["nsdelegate"] },
  ]);
});

describe("planLimits", () => {
  const plan = (resources: Resources, version: "1" | "2", current: CurrentLimits = {}) =>
    planLimits(resources, version, current).map(({ file, value }) => `${file}=${value}`);

  test.each<[string, Resources, CurrentLimits, string[]]>([
    ["nothing", {}, {}, []],
    ["zeros", { Memory: 0, CpuShares: 0, CpusetCpus: "" }, {}, []],
    [
      "shrinking: memory first",
      { Memory: 10, MemorySwap: 20 },
      { memoryBytes: 100 },
      ["memory.limit_in_bytes=10", "memory.memsw.limit_in_bytes=20"],
    ],
    [
      "growing: memory and swap first",
      { Memory: 200, MemorySwap: 300 },
      { memoryBytes: 100 },
      ["memory.memsw.limit_in_bytes=300", "memory.limit_in_bytes=200"],
    ],
    [
      "swap without a limit",
      { Memory: 200, MemorySwap: -1 },
      { memoryBytes: 100 },
      ["memory.memsw.limit_in_bytes=-1", "memory.limit_in_bytes=200"],
    ],
    ["cpus", { NanoCpus: 5e8 }, {}, ["cpu.cfs_period_us=100000", "cpu.cfs_quota_us=50000"]],
    ["shares", { CpuShares: 5, CpusetCpus: "0-1" }, {}, ["cpu.shares=5", "cpuset.cpus=0-1"]],
    ["pids", { PidsLimit: 7 }, {}, ["pids.max=7"]],
    ["pids without a limit", { PidsLimit: -1 }, {}, ["pids.max=max"]],
  ])("version 1: %s", (_, resources, current, expected) => {
    expect(plan(resources, "1", current)).toEqual(expected);
  });

  test.each<[string, Resources, CurrentLimits, string[]]>([
    ["memory and swap", { Memory: 10, MemorySwap: 30 }, {}, ["memory.max=10", "memory.swap.max=20"]],
    ["swap alone", { MemorySwap: 30 }, { memoryBytes: 10 }, ["memory.swap.max=20"]],
    ["swap without a limit", { MemorySwap: -1 }, {}, ["memory.swap.max=max"]],
    ["reservation", { MemoryReservation: 5 }, {}, ["memory.low=5"]],
    ["cpus", { NanoCpus: 2e9 }, {}, ["cpu.max=200000 100000"]],
    ["quota", { CpuQuota: 5000 }, {}, ["cpu.max=5000"]],
    ["period", { CpuPeriod: 5000 }, {}, ["cpu.max=max 5000"]],
    ["shares", { CpuShares: 1024 }, {}, ["cpu.weight=39"]],
    ["too few shares", { CpuShares: 1 }, {}, ["cpu.weight=1"]],
    ["too many shares", { CpuShares: 300_000 }, {}, ["cpu.weight=10000"]],
    ["pids", { PidsLimit: 0 }, {}, ["pids.max=max"]],
  ])("version 2: %s", (_, resources, current, expected) => {
    expect(plan(resources, "2", current)).toEqual(expected);
  });

  test("version 1: shares out of bounds", () => {
    expect(() => plan({ CpuShares: 1 }, "1")).toThrow("the minimum allowed cpu-shares is 2");
  });

  test.each([
    [2, 1],
    [1024, 39],
    [262144, 10000],
  ])("%p shares weigh %p", (shares, weight) => expect(cpuWeight(shares)).toBe(weight));
});

test("files of key and value", () => {
  expect(parseFlatKeyed("cache 1\nrss 22\n\nodd\n")).toEqual({ cache: 1, rss: 22 });
});

test("numbers that a double cannot hold keep their digits", () => {
  expect(parseExactKeyed("cache 1\nhierarchical_memory_limit 9223372036854771712\n")).toEqual({
    cache: 1,
    hierarchical_memory_limit: 9223372036854771712n,
  });
});

test("block devices of version 1", () => {
  expect(parseV1Blkio("254:0 Read 5\n254:0 Total 5\nTotal 5\n")).toEqual([
    { major: 254, minor: 0, op: "read", value: 5 },
    { major: 254, minor: 0, op: "total", value: 5 },
  ]);
});

test("block devices of version 2", () => {
  expect(parseIoStat("8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n")).toEqual([
    {
      name: "io_service_bytes_recursive",
      entries: [
        { major: 8, minor: 0, op: "read", value: 1 },
        { major: 8, minor: 0, op: "write", value: 2 },
      ],
    },
    {
      name: "io_serviced_recursive",
      entries: [
        { major: 8, minor: 0, op: "read", value: 3 },
        { major: 8, minor: 0, op: "write", value: 4 },
      ],
    },
  ]);
});
