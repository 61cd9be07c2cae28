/** `stats`: what a container uses, as Docker reports it; zeros for one that does not run. */
import { readFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { ZERO_TIME } from "../model/container.ts";
import type { ContainerStats, CpuStats } from "../model/system.ts";
import type { CgroupStats } from "../runtime/contract.ts";
import { nowText } from "./clock.ts";
import type { Container } from "./container.ts";
import type { EngineContext } from "./engine-context.ts";

const PERIOD_MS = 1000;
const BLKIO_KEYS = [
  "io_service_bytes_recursive",
  "io_serviced_recursive",
  "io_queue_recursive",
  "io_service_time_recursive",
  "io_wait_time_recursive",
  "io_merged_recursive",
  "io_time_recursive",
  "sectors_recursive",
];

const NO_CPU: CpuStats = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

/** One element, or one a second until the container is removed or the reader leaves. */
export function containerStats(
  context: EngineContext,
  ref: string,
  options: { stream: boolean; oneShot: boolean },
  signal: AbortSignal,
): AsyncIterable<ContainerStats> {
  return sampleStats(context, context.containers.get(ref), options, signal);
}

async function* sampleStats(
  context: EngineContext,
  container: Container,
  options: { stream: boolean; oneShot: boolean },
  signal: AbortSignal,
): AsyncGenerator<ContainerStats> {
  let previous: ContainerStats | undefined;
  // A single answer still tells a rate: it takes two samples, a second apart.
  if (!options.stream && !options.oneShot && container.hasProcess) {
    previous = await sample(context, container, undefined);
    await pause(signal);
  }
  while (!signal.aborted) {
    previous = await sample(context, container, previous);
    yield previous;
    if (!options.stream) return;
    await pause(signal);
    if (context.containers.find(container.id) === undefined) return;
  }
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // The reader may have left while the sample was taken.
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, PERIOD_MS);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
  });
}

async function sample(
  context: EngineContext,
  container: Container,
  previous: ContainerStats | undefined,
): Promise<ContainerStats> {
  if (!container.hasProcess) return emptyStats(container);
  try {
    const [figures, networks, systemNs] = await Promise.all([
      context.runtime.readStats(container.id),
      readNetworks(context, container),
      systemCpuNs(),
    ]);
    return report(container, figures, networks, systemNs, previous);
  } catch (error) {
    // It ended while we looked.
    if (!container.hasProcess) return emptyStats(container);
    throw error;
  }
}

async function readNetworks(context: EngineContext, container: Container) {
  if (context.networks.findSandbox(container.id) === undefined) return undefined;
  return context.networks.readInterfaceStats(container.id);
}

/** Nanoseconds that all processors spent since boot, idle time included. proc_stat(5). */
async function systemCpuNs(): Promise<number> {
  const [first = ""] = (await readFile("/proc/stat", "utf8")).split("\n", 1);
  const ticks = first.trim().split(/\s+/).slice(1, 8);
  return ticks.reduce((sum, text) => sum + Number(text), 0) * 1e7;
}

function emptyStats({ record }: Container): ContainerStats {
  return {
    name: `/${record.name}`,
    id: record.id,
    read: ZERO_TIME,
    preread: ZERO_TIME,
    pids_stats: {},
    blkio_stats: Object.fromEntries(BLKIO_KEYS.map((key) => [key, null])),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: NO_CPU,
    precpu_stats: NO_CPU,
    memory_stats: {},
  };
}

function report(
  container: Container,
  figures: CgroupStats,
  networks: ContainerStats["networks"],
  systemNs: number,
  previous: ContainerStats | undefined,
): ContainerStats {
  const { cpu, memory, pids, blkio } = figures;
  const limit = Math.min(memory.limit > 0 ? memory.limit : totalmem(), totalmem());
  const stats: ContainerStats = {
    ...emptyStats(container),
    read: nowText(),
    preread: previous?.read ?? ZERO_TIME,
    pids_stats: { current: pids.current, ...(pids.limit === undefined ? {} : { limit: pids.limit }) },
    cpu_stats: {
      cpu_usage: {
        total_usage: cpu.totalNs,
        ...(cpu.perCpuNs === undefined ? {} : { percpu_usage: cpu.perCpuNs }),
        usage_in_kernelmode: cpu.kernelNs,
        usage_in_usermode: cpu.userNs,
      },
      system_cpu_usage: systemNs,
      online_cpus: cpus().length,
      throttling_data: {
        periods: cpu.periods,
        throttled_periods: cpu.throttledPeriods,
        throttled_time: cpu.throttledNs,
      },
    },
    precpu_stats: previous?.cpu_stats ?? NO_CPU,
    memory_stats: {
      usage: memory.usage,
      ...(memory.maxUsage === undefined ? {} : { max_usage: memory.maxUsage }),
      stats: memory.stats,
      ...(memory.failcnt ? { failcnt: memory.failcnt } : {}),
      limit,
    },
  };
  for (const { name, entries } of blkio) {
    const key = BLKIO_KEYS.find((candidate) => candidate === name || candidate === `${name}_recursive`) ?? name;
    stats.blkio_stats[key] = entries;
  }
  if (networks !== undefined && Object.keys(networks).length > 0) stats.networks = networks;
  return stats;
}
