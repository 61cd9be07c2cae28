/**
 * Changing the limits of a running container: which control files get which text (pure), and the writing.
 * Source: Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst in the kernel.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorText, NaruError } from "../lib/errors.ts";
import { errorCode } from "../linux/sys-error.ts";
import type { Resources } from "../model/container.ts";
import { controllerDirectory } from "./cgroup-directories.ts";
import type { CgroupLayout } from "./cgroup-layout.ts";
import { sharesFor } from "./oci-resources.ts";

/** A write into a control file of a controller's directory. */
interface LimitWrite {
  controller: string;
  file: string;
  value: string;
}
/** What the order of the writes depends on. */
export interface CurrentLimits {
  /** Memory plus swap on v1, memory on v2; undefined: unlimited. */
  memoryBytes?: number;
}

const CPU_PERIOD_US = 100_000;
const NANO = 1e9;
const V1_UNLIMITED = "-1";

/** Only limits that are given (not zero, null or undefined) change. @throws {NaruError} internal for shares out of range */
export function planLimits(resources: Resources, version: "1" | "2", current: CurrentLimits): LimitWrite[] {
  return version === "1" ? planV1(resources, current) : planV2(resources, current);
}

function planV1(resources: Resources, current: CurrentLimits): LimitWrite[] {
  const { quota, period } = cpuTime(resources);
  const plan = new LimitPlan();
  const limit = (): void => plan.add("memory", "memory.limit_in_bytes", resources.Memory || undefined);
  const swap = (): void => plan.add("memory", "memory.memsw.limit_in_bytes", resources.MemorySwap || undefined);
  // At no moment may memory exceed memory plus swap: when growing, the larger limit goes first.
  const grows = (resources.Memory ?? 0) > (current.memoryBytes ?? Number.POSITIVE_INFINITY);
  for (const write of grows || resources.MemorySwap === -1 ? [swap, limit] : [limit, swap]) write();
  plan.add("memory", "memory.soft_limit_in_bytes", resources.MemoryReservation || undefined);
  plan.add("cpu", "cpu.shares", sharesFor("1", resources.CpuShares ?? 0));
  plan.add("cpu", "cpu.cfs_period_us", period);
  plan.add("cpu", "cpu.cfs_quota_us", quota);
  plan.add("cpu", "cpu.rt_period_us", resources.CpuRealtimePeriod || undefined);
  plan.add("cpu", "cpu.rt_runtime_us", resources.CpuRealtimeRuntime || undefined);
  plan.add("cpuset", "cpuset.cpus", resources.CpusetCpus || undefined);
  plan.add("cpuset", "cpuset.mems", resources.CpusetMems || undefined);
  plan.add("pids", "pids.max", pidsMax(resources));
  plan.add("blkio", "blkio.weight", resources.BlkioWeight || undefined);
  return plan.writes;
}

function planV2(resources: Resources, current: CurrentLimits): LimitWrite[] {
  const plan = new LimitPlan();
  const memory = resources.Memory || undefined;
  plan.add("memory", "memory.max", memory);
  plan.add("memory", "memory.swap.max", swapMaxV2(resources, current));
  plan.add("memory", "memory.low", resources.MemoryReservation || undefined);
  const shares = sharesFor("2", resources.CpuShares ?? 0);
  plan.add("cpu", "cpu.weight", shares === undefined ? undefined : cpuWeight(shares));
  const { quota, period } = cpuTime(resources);
  if (quota !== undefined || period !== undefined) {
    const time = quota === undefined || quota < 0 ? "max" : String(quota);
    plan.add("cpu", "cpu.max", period === undefined ? time : `${time} ${period}`);
  }
  plan.add("cpuset", "cpuset.cpus", resources.CpusetCpus || undefined);
  plan.add("cpuset", "cpuset.mems", resources.CpusetMems || undefined);
  plan.add("pids", "pids.max", pidsMax(resources));
  plan.add("io", "io.bfq.weight", resources.BlkioWeight || undefined);
  return plan.writes;
}

class LimitPlan {
  readonly writes: LimitWrite[] = [];

  /** Undefined: nothing to change. */
  add(controller: string, file: string, value: string | number | undefined): void {
    if (value !== undefined) this.writes.push({ controller, file, value: String(value) });
  }
}

/** Version 2 counts swap alone, Docker memory and swap together. */
function swapMaxV2({ Memory, MemorySwap }: Resources, current: CurrentLimits): string | undefined {
  if (!MemorySwap) return undefined;
  if (MemorySwap < 0) return "max";
  const memory = Memory || current.memoryBytes;
  return memory === undefined ? undefined : String(Math.max(0, MemorySwap - memory));
}

/** Shares (2 to 262144) as a weight (1 to 10000): the runtimes' linear scale. */
export function cpuWeight(shares: number): number {
  return Math.trunc(1 + ((shares - 2) * 9999) / 262142);
}

function cpuTime(resources: Resources): { quota?: number; period?: number } {
  if (resources.NanoCpus) {
    return { quota: Math.trunc((resources.NanoCpus * CPU_PERIOD_US) / NANO), period: CPU_PERIOD_US };
  }
  return { quota: resources.CpuQuota || undefined, period: resources.CpuPeriod || undefined };
}

function pidsMax({ PidsLimit }: Resources): string | undefined {
  if (PidsLimit == null) return undefined;
  return PidsLimit > 0 ? String(PidsLimit) : "max";
}

/** Applies limits to the cgroups of a running container. @throws {NaruError} internal, naming the file refused. */
export async function applyLimits(layout: CgroupLayout, cgroupPath: string, resources: Resources): Promise<void> {
  const current = { memoryBytes: await currentMemory(layout, cgroupPath) };
  for (const { controller, file, value } of planLimits(resources, layout.version, current)) {
    const directory = controllerDirectory(layout, controller, cgroupPath);
    if (!directory) throw new NaruError("internal", `this kernel has no cgroup controller "${controller}"`);
    try {
      await writeFile(join(directory, file), value);
    } catch (error) {
      // Without swap accounting there is nothing to limit.
      if (errorCode(error) === "ENOENT" && value === V1_UNLIMITED) continue;
      throw new NaruError("internal", `cannot set ${file} to ${value}: ${errorText(error)}`, { cause: error });
    }
  }
}

async function currentMemory(layout: CgroupLayout, cgroupPath: string): Promise<number | undefined> {
  const directory = controllerDirectory(layout, "memory", cgroupPath);
  if (!directory) return undefined;
  const file = layout.version === "1" ? "memory.memsw.limit_in_bytes" : "memory.max";
  const text = await readFile(join(directory, file), "utf8").catch(() => "max");
  return text.trim() === "max" ? undefined : Number(text);
}
