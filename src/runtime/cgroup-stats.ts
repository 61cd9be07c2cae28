/** Reads what the kernel counted for a container: cgroup v1 and v2 files as the figures of `stats`. */
import { join } from "node:path";
import { NaruError } from "../lib/errors.ts";
import { controllerDirectory, readIfPresent } from "./cgroup-directories.ts";
import type { CgroupLayout } from "./cgroup-layout.ts";
import type { CgroupStats } from "./contract.ts";

const US_TO_NS = 1000;
/** Keys of memory.stat that Docker shows, without those that newer kernels added. */
const V1_MEMORY_KEYS = words(`
  cache rss rss_huge mapped_file dirty writeback pgpgin pgpgout pgfault pgmajfault inactive_anon active_anon
  inactive_file active_file unevictable
`);
const V1_MEMORY_STATS = new Set([
  ...V1_MEMORY_KEYS,
  ...V1_MEMORY_KEYS.map((key) => `total_${key}`),
  "hierarchical_memory_limit",
  "hierarchical_memsw_limit",
]);
const V2_MEMORY_STATS = new Set(
  words(`
    anon file kernel_stack slab sock shmem file_mapped file_dirty file_writeback anon_thp inactive_anon active_anon
    inactive_file active_file unevictable slab_reclaimable slab_unreclaimable pgfault pgmajfault workingset_refault
    workingset_activate workingset_nodereclaim pgrefill pgscan pgsteal pgactivate pgdeactivate pglazyfree pglazyfreed
    thp_fault_alloc thp_collapse_alloc
  `),
);

/** @throws {NaruError} not-found when the container has no cgroup: it has ended. */
export async function readCgroupStats(layout: CgroupLayout, cgroupPath: string): Promise<CgroupStats> {
  const read = async (controller: string, file: string) => {
    const directory = controllerDirectory(layout, controller, cgroupPath);
    return directory ? readIfPresent(join(directory, file)) : "";
  };
  const stats = await (layout.version === "1" ? readV1(read) : readV2(read));
  if (!stats) throw new NaruError("not-found", "the container has no control group: it is not running");
  return stats;
}

type ReadFile = (controller: string, file: string) => Promise<string>;

/** What only the CFQ scheduler counted, which left Linux with 5.0: on cgroup v1 Docker tells empty lists. */
const CFQ_FIGURES = [
  "io_queue_recursive",
  "io_service_time_recursive",
  "io_wait_time_recursive",
  "io_merged_recursive",
  "io_time_recursive",
  "sectors_recursive",
];

async function readV1(read: ReadFile): Promise<CgroupStats | undefined> {
  const [usage, user, kernel, perCpu, cpuStat, memory, bytes, operations, pids] = await Promise.all([
    read("cpuacct", "cpuacct.usage"),
    read("cpuacct", "cpuacct.usage_user"),
    read("cpuacct", "cpuacct.usage_sys"),
    read("cpuacct", "cpuacct.usage_percpu"),
    read("cpu", "cpu.stat"),
    readV1Memory(read),
    read("blkio", "blkio.throttle.io_service_bytes_recursive"),
    read("blkio", "blkio.throttle.io_serviced_recursive"),
    readPids(read),
  ]);
  if (usage === "" && cpuStat === "") return undefined;
  const throttling = parseFlatKeyed(cpuStat);
  return {
    cpu: {
      totalNs: Number(usage),
      userNs: Number(user),
      kernelNs: Number(kernel),
      perCpuNs: words(perCpu).map(Number),
      periods: throttling.nr_periods ?? 0,
      throttledPeriods: throttling.nr_throttled ?? 0,
      throttledNs: throttling.throttled_time ?? 0,
    },
    memory,
    pids,
    blkio: [
      { name: "io_service_bytes_recursive", entries: parseV1Blkio(bytes) },
      { name: "io_serviced_recursive", entries: parseV1Blkio(operations) },
      ...CFQ_FIGURES.map((name) => ({ name, entries: [] })),
    ],
  };
}

async function readV1Memory(read: ReadFile): Promise<CgroupStats["memory"]> {
  const [usage, maxUsage, limit, failcnt, stat] = await Promise.all([
    read("memory", "memory.usage_in_bytes"),
    read("memory", "memory.max_usage_in_bytes"),
    read("memory", "memory.limit_in_bytes"),
    read("memory", "memory.failcnt"),
    read("memory", "memory.stat"),
  ]);
  return {
    usage: Number(usage),
    maxUsage: Number(maxUsage),
    limit: Number(limit),
    failcnt: Number(failcnt),
    stats: pick(parseExactKeyed(stat), V1_MEMORY_STATS),
  };
}

async function readV2(read: ReadFile): Promise<CgroupStats | undefined> {
  const [cpuStat, usage, limit, stat, events, io, pids] = await Promise.all([
    read("cpu", "cpu.stat"),
    read("memory", "memory.current"),
    read("memory", "memory.max"),
    read("memory", "memory.stat"),
    read("memory", "memory.events"),
    read("io", "io.stat"),
    readPids(read),
  ]);
  if (cpuStat === "" && usage === "") return undefined;
  const cpu = parseFlatKeyed(cpuStat);
  return {
    cpu: {
      totalNs: (cpu.usage_usec ?? 0) * US_TO_NS,
      userNs: (cpu.user_usec ?? 0) * US_TO_NS,
      kernelNs: (cpu.system_usec ?? 0) * US_TO_NS,
      periods: cpu.nr_periods ?? 0,
      throttledPeriods: cpu.nr_throttled ?? 0,
      throttledNs: (cpu.throttled_usec ?? 0) * US_TO_NS,
    },
    memory: {
      usage: Number(usage),
      limit: limit.trim() === "max" ? Number.MAX_SAFE_INTEGER : Number(limit),
      failcnt: parseFlatKeyed(events).oom ?? 0,
      stats: pick(parseFlatKeyed(stat), V2_MEMORY_STATS),
    },
    pids,
    blkio: parseIoStat(io),
  };
}

async function readPids(read: ReadFile): Promise<CgroupStats["pids"]> {
  const [current, max] = await Promise.all([read("pids", "pids.current"), read("pids", "pids.max")]);
  const isLimited = max !== "" && max.trim() !== "max";
  return { current: Number(current), ...(isLimited ? { limit: Number(max) } : {}) };
}

/** Lines "key value". */
export function parseFlatKeyed(text: string): Record<string, number> {
  const values: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const [key, value] = line.split(" ");
    if (key && value !== undefined) values[key] = Number(value);
  }
  return values;
}

/** As parseFlatKeyed(), but what a number cannot hold ("no limit" on cgroup v1) keeps all its digits as a bigint. */
export function parseExactKeyed(text: string): Record<string, number | bigint> {
  const lines = text.matchAll(/^(\S+) (\d+)$/gm);
  return Object.fromEntries(
    [...lines].map(([, key, digits]) => [key, Number.isSafeInteger(Number(digits)) ? Number(digits) : BigInt(digits!)]),
  );
}

type BlkioEntry = CgroupStats["blkio"][number]["entries"][number];

/** Lines "8:0 Read 4096"; the grand total has no device and is left out. */
export function parseV1Blkio(text: string): BlkioEntry[] {
  return [...text.matchAll(/^(\d+):(\d+) (\w+) (\d+)$/gm)].map(([, major, minor, op = "", value]) => ({
    major: Number(major),
    minor: Number(minor),
    op: op.toLowerCase(),
    value: Number(value),
  }));
}

/** Lines "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …". */
export function parseIoStat(text: string): CgroupStats["blkio"] {
  const bytes: BlkioEntry[] = [];
  const operations: BlkioEntry[] = [];
  for (const line of text.split("\n")) {
    const [, major, minor, rest = ""] = /^(\d+):(\d+) (.*)$/.exec(line) ?? [];
    if (major === undefined) continue;
    const device = { major: Number(major), minor: Number(minor) };
    const value = (key: string) => Number(new RegExp(`\\b${key}=(\\d+)`).exec(rest)?.[1] ?? 0);
    bytes.push({ ...device, op: "read", value: value("rbytes") }, { ...device, op: "write", value: value("wbytes") });
    operations.push({ ...device, op: "read", value: value("rios") }, { ...device, op: "write", value: value("wios") });
  }
  return [
    { name: "io_service_bytes_recursive", entries: bytes },
    { name: "io_serviced_recursive", entries: operations },
  ];
}

/** True when the kernel has killed a process of the container for lack of memory. */
export async function wasOomKilled(layout: CgroupLayout, cgroupPath: string): Promise<boolean> {
  const directory = controllerDirectory(layout, "memory", cgroupPath);
  if (!directory) return false;
  const text = await readIfPresent(join(directory, layout.version === "1" ? "memory.oom_control" : "memory.events"));
  return (parseFlatKeyed(text).oom_kill ?? 0) > 0;
}

function pick<T>(values: Record<string, T>, keys: ReadonlySet<string>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).filter(([key]) => keys.has(key)));
}

function words(text: string): string[] {
  return text.split(/\s+/).filter(Boolean);
}
