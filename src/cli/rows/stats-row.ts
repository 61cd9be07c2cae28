import { humanSize } from "../../lib/human-size.ts";
import type { BlkioEntry, ContainerStats, CpuStats, NetworkStats } from "../../model/system.ts";
import type { RowKind } from "../format.ts";
import { binarySize } from "../units.ts";
import { rowFields } from "./row-fields.ts";
import { shortId } from "./row-text.ts";

const HEADERS: Record<string, string> = {
  ID: "CONTAINER ID",
  Container: "CONTAINER",
  Name: "NAME",
  CPUPerc: "CPU %",
  MemUsage: "MEM USAGE / LIMIT",
  MemPerc: "MEM %",
  NetIO: "NET I/O",
  BlockIO: "BLOCK I/O",
  PIDs: "PIDS",
};

/** Figures as `stats` shows them. */
export const STATS_KIND: RowKind<ReturnType<typeof statsRow>> = {
  typeName: "*container.statsContext",
  fields: rowFields(HEADERS),
  table: "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
};

/** What `stats` shows of a container: the latest figures, or that there are none. */
export interface StatsSample {
  /** The name or id that it was asked for by. */
  container: string;
  id: string;
  name: string;
  isMissing: boolean;
  cpuPercent: number;
  memoryBytes: number;
  memoryLimitBytes: number;
  memoryPercent: number;
  receivedBytes: number;
  sentBytes: number;
  readBytes: number;
  writtenBytes: number;
  pids: number;
}

/** A container about which nothing is known yet, or no more. */
export function missingSample(container: string): StatsSample {
  return {
    container,
    id: "",
    name: "",
    isMissing: true,
    cpuPercent: 0,
    memoryBytes: 0,
    memoryLimitBytes: 0,
    memoryPercent: 0,
    receivedBytes: 0,
    sentBytes: 0,
    readBytes: 0,
    writtenBytes: 0,
    pids: 0,
  };
}

/** Computes a container's figures from an answer of the stats API. */
export function statsSample(container: string, stats: ContainerStats): StatsSample {
  const memoryBytes = memoryWithoutCache(stats.memory_stats ?? {});
  const memoryLimitBytes = stats.memory_stats?.limit ?? 0;
  const disk = diskBytes(stats.blkio_stats?.io_service_bytes_recursive ?? []);
  const net = networkBytes(stats.networks ?? {});
  return {
    container,
    id: stats.id ?? "",
    name: (stats.name ?? "").replace(/^\//, ""),
    isMissing: false,
    cpuPercent: cpuPercent(stats.precpu_stats, stats.cpu_stats),
    memoryBytes,
    memoryLimitBytes,
    memoryPercent: memoryLimitBytes > 0 ? (memoryBytes / memoryLimitBytes) * 100 : 0,
    ...disk,
    ...net,
    pids: stats.pids_stats?.current ?? 0,
  };
}

/** The share of one CPU used between two moments: 200 when two CPUs were busy all the time. */
export function cpuPercent(before: CpuStats | undefined, now: CpuStats | undefined): number {
  const used = (now?.cpu_usage?.total_usage ?? 0) - (before?.cpu_usage?.total_usage ?? 0);
  const possible = (now?.system_cpu_usage ?? 0) - (before?.system_cpu_usage ?? 0);
  if (used <= 0 || possible <= 0) return 0;
  const cpus = now?.online_cpus || now?.cpu_usage?.percpu_usage?.length || 0;
  return (used / possible) * cpus * 100;
}

/**
 * Memory in use without the page cache that the kernel would give back: `total_inactive_file` under cgroup v1,
 * `inactive_file` under v2.
 */
export function memoryWithoutCache(memory: ContainerStats["memory_stats"]): number {
  const usage = memory.usage ?? 0;
  for (const name of ["total_inactive_file", "inactive_file"]) {
    const cache = memory.stats?.[name];
    if (cache !== undefined && cache < usage) return usage - Number(cache);
  }
  return usage;
}

function diskBytes(entries: readonly BlkioEntry[]): { readBytes: number; writtenBytes: number } {
  let readBytes = 0;
  let writtenBytes = 0;
  for (const { op, value } of entries) {
    const letter = op[0]?.toLowerCase();
    if (letter === "r") readBytes += value;
    else if (letter === "w") writtenBytes += value;
  }
  return { readBytes, writtenBytes };
}

function networkBytes(networks: Record<string, NetworkStats>): { receivedBytes: number; sentBytes: number } {
  let receivedBytes = 0;
  let sentBytes = 0;
  for (const each of Object.values(networks)) {
    receivedBytes += each.rx_bytes;
    sentBytes += each.tx_bytes;
  }
  return { receivedBytes, sentBytes };
}

/** A sample as templates see it; dashes stand where nothing is known. */
export function statsRow(sample: StatsSample, truncate: boolean) {
  const { isMissing } = sample;
  const pair = (first: string, second: string) => (isMissing ? "-- / --" : `${first} / ${second}`);
  const percent = (value: number) => (isMissing ? "--" : `${value.toFixed(2)}%`);
  return {
    Container: sample.container,
    ID: sample.id === "" ? "--" : truncate ? shortId(sample.id) : sample.id,
    Name: sample.name === "" ? "--" : sample.name,
    CPUPerc: percent(sample.cpuPercent),
    MemUsage: pair(binarySize(sample.memoryBytes), binarySize(sample.memoryLimitBytes)),
    MemPerc: percent(sample.memoryPercent),
    NetIO: pair(humanSize(sample.receivedBytes, 3), humanSize(sample.sentBytes, 3)),
    BlockIO: pair(humanSize(sample.readBytes, 3), humanSize(sample.writtenBytes, 3)),
    PIDs: isMissing ? "--" : String(sample.pids),
  };
}
