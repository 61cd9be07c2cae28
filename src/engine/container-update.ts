/** Changing limits and restart policy of an existing container. */
import { errorText, NaruError } from "../lib/errors.ts";
import type { HostConfig, Resources } from "../model/container.ts";
import { type EngineContext, publishContainerEvent } from "./engine-context.ts";
import { validateRestartPolicy } from "./validate-host-config.ts";
import { validateResources } from "./validate-resources.ts";

/** Numbers that are 0 and texts that are empty mean "leave as it is". */
const CHANGEABLE = [
  "BlkioWeight",
  "CpuShares",
  "CpuPeriod",
  "CpuQuota",
  "CpuRealtimePeriod",
  "CpuRealtimeRuntime",
  "CpusetCpus",
  "CpusetMems",
  "Memory",
  "MemorySwap",
  "MemoryReservation",
  "NanoCpus",
  "PidsLimit",
] as const satisfies readonly (keyof Resources)[];

/** @throws {NaruError} invalid for bad values, conflict when they contradict what is set */
export async function updateContainer(
  context: EngineContext,
  ref: string,
  change: Partial<HostConfig>,
): Promise<{ Warnings: string[] }> {
  const wished: Resources = { ...change };
  const warnings = await validateResources(wished, {
    isUpdate: true,
    hasBlockWeights: context.runtime.info.hasBlockWeights,
  });
  if (change.RestartPolicy) validateRestartPolicy(change.RestartPolicy);
  const container = context.containers.get(ref);
  using _turn = await context.locks.acquire(container.id);
  const { record } = container;
  const refuse = (words: string) => new NaruError("conflict", `Cannot update container ${record.id}: ${words}`);
  if (record.state.status === "removing" || record.state.status === "dead") {
    throw refuse("container is marked for removal and cannot be updated");
  }
  const hostConfig: HostConfig = { ...record.hostConfig };
  checkAgainstPresent(hostConfig, wished, refuse);
  let hasLimits = false;
  for (const field of CHANGEABLE) {
    const value = wished[field];
    if (value === undefined || value === null || value === 0 || value === "") continue;
    (hostConfig as Record<string, unknown>)[field] = value;
    hasLimits = true;
  }
  // What takes a limit away is not kept as one.
  if (typeof hostConfig.PidsLimit === "number" && hostConfig.PidsLimit < 0) hostConfig.PidsLimit = 0;
  if ((wished.CpuQuota ?? 0) < 0) hostConfig.NanoCpus = 0;
  else if ((wished.NanoCpus ?? 0) > 0) hostConfig.CpuQuota = 0;
  if (change.RestartPolicy?.Name) {
    if (hostConfig.AutoRemove && change.RestartPolicy.Name !== "no") {
      throw refuse("Restart policy cannot be updated because AutoRemove is enabled for the container");
    }
    hostConfig.RestartPolicy = {
      ...change.RestartPolicy,
      MaximumRetryCount: change.RestartPolicy.MaximumRetryCount ?? 0,
    };
  }
  if (hasLimits && container.hasProcess) {
    try {
      await context.runtime.update(record.id, hostConfig);
    } catch (error) {
      throw new NaruError("internal", `Cannot update container ${record.id}: ${errorText(error)}`, { cause: error });
    }
  }
  await context.containers.save(container, { hostConfig });
  publishContainerEvent(context, container, "update");
  return { Warnings: warnings };
}

function checkAgainstPresent(present: HostConfig, wished: Resources, refuse: (words: string) => NaruError): void {
  const isLimited = ({ CpuQuota = 0 }: Resources) => CpuQuota > 0;
  if (wished.NanoCpus && (present.CpuPeriod || isLimited(present))) {
    const field = present.CpuPeriod ? "CPU Period" : "CPU Quota";
    throw refuse(`Conflicting options: Nano CPUs cannot be updated as ${field} has already been set`);
  }
  if ((wished.CpuPeriod || isLimited(wished)) && present.NanoCpus) {
    const field = wished.CpuPeriod ? "CPU Period" : "CPU Quota";
    throw refuse(`Conflicting options: ${field} cannot be updated as NanoCPUs has already been set`);
  }
  const swap = present.MemorySwap ?? 0;
  if (wished.Memory && !wished.MemorySwap && swap >= 0 && wished.Memory > swap) {
    throw refuse(
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    );
  }
}
