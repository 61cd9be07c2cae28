/** Docker's limits as the OCI specification words them: the runtime translates these for cgroup v1 and v2. */
import { stat } from "node:fs/promises";
import { NaruError } from "../lib/errors.ts";
import type { Resources, ThrottleDevice, WeightDevice } from "../model/container.ts";
import { deviceNumbers } from "./oci-devices.ts";
import type { OciResources, OciThrottle } from "./oci-spec.ts";

/** What `--cpus` is measured in: microseconds. */
const CPU_PERIOD_US = 100_000;
const NANO = 1e9;

/** What this kernel cannot do is left out, as Docker does after it has warned. */
export interface ResourceSupport {
  cgroupVersion: "1" | "2";
  blkioWeight: boolean;
}

/** Without devices. Nothing asked for gives empty parts. @throws {NaruError} internal for a device that is not there. */
export async function containerResources(resources: Resources, support: ResourceSupport): Promise<OciResources> {
  const parts: OciResources = {
    memory: memoryLimits(resources, support),
    cpu: cpuLimits(resources, support),
    pids: (resources.PidsLimit ?? 0) > 0 ? { limit: resources.PidsLimit ?? 0 } : undefined,
    blockIO: await blockLimits(resources, support),
  };
  return Object.fromEntries(
    Object.entries(parts).filter(([, part]) => part !== undefined && Object.keys(part).length > 0),
  );
}

/** Swap is memory plus swap: twice the memory when only that is given, no limit for -1. */
function memoryLimits(resources: Resources, { cgroupVersion }: ResourceSupport): NonNullable<OciResources["memory"]> {
  const memory = resources.Memory ?? 0;
  const swap = resources.MemorySwap || (memory > 0 ? memory * 2 : 0);
  const swappiness = resources.MemorySwappiness ?? -1;
  return definedOnly({
    limit: positive(memory),
    reservation: positive(resources.MemoryReservation),
    swap: positive(swap),
    swappiness: cgroupVersion === "1" && swappiness >= 0 ? swappiness : undefined,
    disableOOMKiller: cgroupVersion === "1" && resources.OomKillDisable === true ? true : undefined,
  });
}

function cpuLimits(resources: Resources, { cgroupVersion }: ResourceSupport): NonNullable<OciResources["cpu"]> {
  const nanoCpus = resources.NanoCpus ?? 0;
  return definedOnly({
    shares: sharesFor(cgroupVersion, resources.CpuShares ?? 0),
    quota: nanoCpus > 0 ? Math.trunc((nanoCpus * CPU_PERIOD_US) / NANO) : positive(resources.CpuQuota),
    period: nanoCpus > 0 ? CPU_PERIOD_US : positive(resources.CpuPeriod),
    realtimeRuntime: resources.CpuRealtimeRuntime || undefined,
    realtimePeriod: positive(resources.CpuRealtimePeriod),
    cpus: resources.CpusetCpus || undefined,
    mems: resources.CpusetMems || undefined,
  });
}

/**
 * CPU shares within their bounds; undefined for none. As Docker's runtime has it: out of bounds they are refused on version
 * 1, where the kernel would silently take others, and count as the nearest on version 2, where they become a weight anyway.
 * @throws {NaruError} internal
 */
export function sharesFor(cgroupVersion: "1" | "2", shares: number): number | undefined {
  const [least, most] = [2, 262_144];
  if (shares <= 0) return undefined;
  if (cgroupVersion === "2") return Math.min(Math.max(shares, least), most);
  if (shares < least) throw new NaruError("internal", `the minimum allowed cpu-shares is ${least}`);
  if (shares > most) throw new NaruError("internal", `the maximum allowed cpu-shares is ${most}`);
  return shares;
}

async function blockLimits(
  resources: Resources,
  { blkioWeight }: ResourceSupport,
): Promise<NonNullable<OciResources["blockIO"]>> {
  const some = <T>(list: T[]) => (list.length > 0 ? list : undefined);
  return definedOnly({
    weight: blkioWeight ? positive(resources.BlkioWeight) : undefined,
    weightDevice: blkioWeight ? some(await weights(resources.BlkioWeightDevice)) : undefined,
    throttleReadBpsDevice: some(await throttles(resources.BlkioDeviceReadBps)),
    throttleWriteBpsDevice: some(await throttles(resources.BlkioDeviceWriteBps)),
    throttleReadIOPSDevice: some(await throttles(resources.BlkioDeviceReadIOps)),
    throttleWriteIOPSDevice: some(await throttles(resources.BlkioDeviceWriteIOps)),
  });
}

const weights = (devices: WeightDevice[] | null | undefined) =>
  Promise.all((devices ?? []).map(async ({ Path, Weight }) => ({ ...(await numbersOf(Path)), weight: Weight })));
const throttles = (devices: ThrottleDevice[] | null | undefined): Promise<OciThrottle[]> =>
  Promise.all((devices ?? []).map(async ({ Path, Rate }) => ({ ...(await numbersOf(Path)), rate: Rate })));

async function numbersOf(path: string): Promise<{ major: number; minor: number }> {
  try {
    return deviceNumbers((await stat(path)).rdev);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new NaruError("internal", code === "ENOENT" ? `stat ${path}: no such file or directory` : message, { cause });
  }
}

const positive = (value: number | undefined): number | undefined =>
  value !== undefined && value > 0 ? value : undefined;

function definedOnly<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}
