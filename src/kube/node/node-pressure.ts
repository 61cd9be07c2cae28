/** Whether the machine runs short of memory, disk or processes. */

import { readFile, statfs } from "node:fs/promises";

export interface NodePressure {
  memory: boolean;
  disk: boolean;
  processes: boolean;
}

/** As node agents have it. */
const LEAST_MEMORY_BYTES = 100 * 1024 * 1024;
/** A tenth of a large disk is still plenty: both bounds must be passed. */
const LEAST_DISK_PART = 0.1;
const LEAST_DISK_BYTES = 5 * 1024 ** 3;
const MOST_PROCESSES_PART = 0.95;

/** The figures that decide. Bytes, and numbers of threads. */
interface MachineFigures {
  memoryAvailable: number;
  diskBytes: number;
  diskAvailable: number;
  threads: number;
  maxThreads: number;
}

export function pressureOf(figures: MachineFigures): NodePressure {
  const { memoryAvailable, diskBytes, diskAvailable, threads, maxThreads } = figures;
  return {
    memory: memoryAvailable < LEAST_MEMORY_BYTES,
    disk: diskAvailable < LEAST_DISK_BYTES && diskAvailable < diskBytes * LEAST_DISK_PART,
    processes: threads > maxThreads * MOST_PROCESSES_PART,
  };
}

/** proc_meminfo(5), proc_loadavg(5), statfs(2) of the disk that pods write to. */
export async function readPressure(dataRoot: string): Promise<NodePressure> {
  const [meminfo, loadavg, maxThreads, disk] = await Promise.all([
    readFile("/proc/meminfo", "utf8"),
    readFile("/proc/loadavg", "utf8"),
    readFile("/proc/sys/kernel/pid_max", "utf8"),
    statfs(dataRoot),
  ]);
  const available = Number(/^MemAvailable:\s+(\d+)/m.exec(meminfo)?.[1] ?? Number.POSITIVE_INFINITY);
  return pressureOf({
    memoryAvailable: available * 1024,
    diskBytes: disk.blocks * disk.bsize,
    diskAvailable: disk.bavail * disk.bsize,
    threads: Number(/\d+\/(\d+)/.exec(loadavg)?.[1] ?? 0),
    maxThreads: Number(maxThreads),
  });
}
