/** Checks of limits (memory, CPUs, block devices), for create and update, with Docker's words. */
import { readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { NaruError } from "../lib/errors.ts";
import type { Resources } from "../model/container.ts";

const MIN_MEMORY_BYTES = 6 * 1024 * 1024;

function refuse(message: string): never {
  throw new NaruError("invalid", message);
}

/** Checks and completes limits in place; answers warnings. @throws {NaruError} invalid */
export async function validateResources(
  limits: Resources,
  options: { isUpdate: boolean; hasBlockWeights: boolean },
): Promise<string[]> {
  const warnings: string[] = [];
  checkMemory(limits, options.isUpdate);
  checkCpus(limits);
  await checkCpuset(limits);
  if (limits.MemorySwappiness === -1) limits.MemorySwappiness = null;
  if (typeof limits.MemorySwappiness === "number" && (limits.MemorySwappiness < 0 || limits.MemorySwappiness > 100)) {
    refuse(`Invalid value: ${limits.MemorySwappiness}, valid memory swappiness range is 0-100`);
  }
  if (limits.OomKillDisable && !limits.Memory) {
    warnings.push(
      "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.",
    );
  }
  if (typeof limits.PidsLimit === "number" && limits.PidsLimit <= 0 && !options.isUpdate) limits.PidsLimit = null;
  if (!options.hasBlockWeights) warnings.push(...discardBlockWeights(limits));
  const weight = limits.BlkioWeight ?? 0;
  if (weight !== 0 && (weight < 10 || weight > 1000)) {
    refuse("Range of blkio weight is from 10 to 1000");
  }
  return warnings;
}

function discardBlockWeights(limits: Resources): string[] {
  const warnings: string[] = [];
  if (limits.BlkioWeight) {
    warnings.push("Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.");
    limits.BlkioWeight = 0;
  }
  if (limits.BlkioWeightDevice?.length) {
    warnings.push(
      "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
    );
    limits.BlkioWeightDevice = [];
  }
  return warnings;
}

function checkMemory(limits: Resources, isUpdate: boolean): void {
  const memory = limits.Memory ?? 0;
  const swap = limits.MemorySwap ?? 0;
  const reservation = limits.MemoryReservation ?? 0;
  if (memory !== 0 && memory < MIN_MEMORY_BYTES) refuse("Minimum memory limit allowed is 6MB");
  if (memory > 0 && swap > 0 && swap < memory) {
    refuse("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (memory === 0 && swap > 0 && !isUpdate) {
    refuse("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  if (reservation !== 0 && reservation < MIN_MEMORY_BYTES) refuse("Minimum memory reservation allowed is 6MB");
  if (memory > 0 && memory < reservation) {
    refuse("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
  // Docker's default: as much swap as memory.
  if (memory > 0 && swap === 0 && !isUpdate) limits.MemorySwap = memory * 2;
}

function checkCpus(limits: Resources): void {
  const nano = limits.NanoCpus ?? 0;
  const period = limits.CpuPeriod ?? 0;
  const quota = limits.CpuQuota ?? 0;
  if (nano > 0 && period > 0) refuse("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  if (nano > 0 && quota > 0) refuse("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  const count = cpus().length;
  if (nano < 0 || nano > count * 1e9) {
    refuse(`range of CPUs is from 0.01 to ${count}.00, as there are only ${count} CPUs available`);
  }
  if ((limits.CpuShares ?? 0) < 0) {
    refuse(`invalid CPU shares (${limits.CpuShares}): value must be a positive integer`);
  }
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    refuse("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (quota > 0 && quota < 1000) refuse("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  const { CpuRealtimePeriod = 0, CpuRealtimeRuntime = 0 } = limits;
  if (CpuRealtimePeriod !== 0 && CpuRealtimeRuntime > CpuRealtimePeriod) {
    refuse("cpu real-time runtime cannot be higher than cpu real-time period");
  }
}

async function checkCpuset(limits: Resources): Promise<void> {
  const pairs = [
    ["cpuset cpus", "CPUs", limits.CpusetCpus, "/sys/devices/system/cpu/online"],
    ["cpuset mems", "memory nodes", limits.CpusetMems, "/sys/devices/system/node/online"],
  ] as const;
  for (const [option, things, wanted, path] of pairs) {
    if (!wanted) continue;
    const asked = parseNumberList(wanted);
    if (asked === undefined) refuse(`Invalid value ${wanted} for ${option}: invalid format: ${wanted}`);
    const available = await onlineList(path);
    const present = parseNumberList(available) ?? new Set();
    if ([...asked].some((number) => !present.has(number))) {
      refuse(`Requested ${things} are not available - requested ${wanted}, available: ${available}`);
    }
  }
}

/** The kernel's list. Kernels without NUMA have none of nodes: node 0 it is. */
async function onlineList(path: string): Promise<string> {
  return await readFile(path, "utf8").then(
    (text) => text.trim(),
    () => "0",
  );
}

/** "0-2,5" as a set; undefined for another text. cpuset(7), list format. */
export function parseNumberList(text: string): Set<number> | undefined {
  const numbers = new Set<number>();
  for (const part of text.split(",")) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first || last - first > 8192) return undefined;
    for (let number = first; number <= last; number++) numbers.add(number);
  }
  return numbers;
}
