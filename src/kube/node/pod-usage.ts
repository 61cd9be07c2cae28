/** What the machine and its pods use now: read from the kernel's control groups when somebody asks. */

import { readFile } from "node:fs/promises";
import type { Engine } from "../../engine/contract.ts";
import type { ContainerUsage, NodeUsage, PodUsage } from "./contract.ts";
import type { NodeSession } from "./node-session.ts";
import type { PodWorker } from "./pod-worker.ts";

const NANOSECONDS_A_TICK = 10_000_000;

export async function readUsage(
  { engine }: { engine: Engine },
  session: () => NodeSession | undefined,
): Promise<{ node: NodeUsage; pods: readonly PodUsage[] }> {
  const workers = [...(session()?.workers.values() ?? [])];
  const [node, pods] = await Promise.all([nodeUsage(), Promise.all(workers.map((worker) => podUsage(engine, worker)))]);
  return { node, pods: pods.filter(({ containers }) => containers.length > 0) };
}

async function podUsage(engine: Engine, { pod, slots }: PodWorker): Promise<PodUsage> {
  const readings = await Promise.all(
    [...slots.values()]
      .filter(({ isRunning }) => isRunning)
      .map(({ name, run }) => containerUsage(engine, name, run!.containerId).catch(() => undefined)),
  );
  const containers = readings.filter((one) => one !== undefined);
  return { namespace: pod.metadata.namespace ?? "", name: pod.metadata.name, at: Date.now(), containers };
}

async function containerUsage(engine: Engine, name: string, id: string): Promise<ContainerUsage | undefined> {
  const options = { stream: false, oneShot: true };
  for await (const { cpu_stats, memory_stats } of await engine.containers.stats(
    id,
    options,
    AbortSignal.timeout(5000),
  )) {
    if (memory_stats.usage === undefined) return undefined;
    const { inactive_file, total_inactive_file } = (memory_stats.stats ?? {}) as Record<string, number | bigint>;
    const inactive = Number(total_inactive_file ?? inactive_file ?? 0);
    const memoryBytes = Math.max(0, Number(memory_stats.usage) - inactive);
    return { name, cpuNanoseconds: Number(cpu_stats.cpu_usage.total_usage), memoryBytes };
  }
  return undefined;
}

/** proc_stat(5) and proc_meminfo(5). */
async function nodeUsage(): Promise<NodeUsage> {
  const [stat, meminfo] = await Promise.all([readFile("/proc/stat", "utf8"), readFile("/proc/meminfo", "utf8")]);
  const ticks = (stat.split("\n", 1)[0] ?? "").trim().split(/\s+/).slice(1).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = ticks;
  const busy = user + nice + system + irq + softirq + steal;
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(meminfo)?.[1] ?? 0);
  const used = kilobytes("MemTotal") - kilobytes("MemAvailable");
  return { at: Date.now(), cpuNanoseconds: busy * NANOSECONDS_A_TICK, memoryBytes: used * 1024 };
}
