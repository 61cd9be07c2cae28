/** A HostConfig with every field that inspect shows: Docker's defaults, its nulls and its omissions. */
import type { HostConfig } from "../model/container.ts";
import type { RuntimeInfo } from "../runtime/contract.ts";
import type { EngineConfig } from "./config.ts";
import { completeLogConfig } from "./log-config.ts";

const MASKED_PATHS = (
  "/proc/asound /proc/acpi /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list " +
  "/proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware /sys/devices/virtual/powercap"
).split(" ");
const READ_ONLY_PATHS = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger".split(" ");
export const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

/** Fields that inspect leaves out when they are empty. */
const OMITTED_WHEN_EMPTY = ["Annotations", "StorageOpt", "Tmpfs", "Sysctls", "Mounts"] as const;

export function completeHostConfig(given: HostConfig, config: EngineConfig, runtime: RuntimeInfo): HostConfig {
  const host: HostConfig = { ...baseFields(given, runtime), ...limitFields(given, runtime) };
  host.LogConfig = completeLogConfig(given.LogConfig, config);
  host.NetworkMode = !given.NetworkMode || given.NetworkMode === "default" ? "bridge" : given.NetworkMode;
  host.CgroupnsMode = given.CgroupnsMode || cgroupNamespaceMode(given, config, runtime);
  host.IpcMode = given.IpcMode || (config.defaultIpcMode ?? "private");
  host.ShmSize = given.ShmSize || (config.defaultShmSizeBytes ?? DEFAULT_SHM_BYTES);
  host.PortBindings = completePorts(given.PortBindings);
  // Where namespaces are the host's, labels of processes would only be in the way.
  const isOpen = given.Privileged || given.PidMode === "host" || given.IpcMode === "host";
  const hasLabel = given.SecurityOpt?.some((option) => /^label[=:]/.test(option));
  if (isOpen && !hasLabel) host.SecurityOpt = [...(given.SecurityOpt ?? []), "label=disable"];
  applyPathLists(host, given);
  for (const field of OMITTED_WHEN_EMPTY) {
    const value = given[field];
    if (value && Object.keys(value).length > 0) (host as Record<string, unknown>)[field] = value;
  }
  if (typeof given.Init === "boolean") host.Init = given.Init;
  return host;
}

function baseFields(given: HostConfig, runtime: RuntimeInfo): HostConfig {
  return {
    Binds: given.Binds ?? null,
    ContainerIDFile: given.ContainerIDFile ?? "",
    LogConfig: undefined,
    NetworkMode: "",
    PortBindings: null,
    RestartPolicy: {
      Name: given.RestartPolicy?.Name || "no",
      MaximumRetryCount: given.RestartPolicy?.MaximumRetryCount ?? 0,
    },
    AutoRemove: given.AutoRemove ?? false,
    VolumeDriver: given.VolumeDriver ?? "",
    VolumesFrom: given.VolumesFrom ?? null,
    ConsoleSize: given.ConsoleSize ?? [0, 0],
    // Fields that may be left out keep their places in docker's order.
    Annotations: undefined,
    CapAdd: given.CapAdd ?? null,
    CapDrop: given.CapDrop ?? null,
    CgroupnsMode: "",
    Dns: given.Dns ?? null,
    DnsOptions: given.DnsOptions ?? null,
    DnsSearch: given.DnsSearch ?? null,
    ExtraHosts: given.ExtraHosts ?? null,
    GroupAdd: given.GroupAdd ?? null,
    IpcMode: "",
    Cgroup: given.Cgroup ?? "",
    Links: given.Links?.length ? given.Links : null,
    OomScoreAdj: given.OomScoreAdj ?? 0,
    PidMode: given.PidMode ?? "",
    Privileged: given.Privileged ?? false,
    PublishAllPorts: given.PublishAllPorts ?? false,
    ReadonlyRootfs: given.ReadonlyRootfs ?? false,
    SecurityOpt: given.SecurityOpt ?? null,
    StorageOpt: undefined,
    Tmpfs: undefined,
    UTSMode: given.UTSMode ?? "",
    UsernsMode: given.UsernsMode ?? "",
    ShmSize: 0,
    Sysctls: undefined,
    Runtime: given.Runtime || runtime.name,
    Isolation: given.Isolation ?? "",
  };
}

function limitFields(given: HostConfig, runtime: RuntimeInfo): HostConfig {
  return {
    CpuShares: given.CpuShares ?? 0,
    Memory: given.Memory ?? 0,
    NanoCpus: given.NanoCpus ?? 0,
    CgroupParent: given.CgroupParent ?? "",
    BlkioWeight: given.BlkioWeight ?? 0,
    BlkioWeightDevice: given.BlkioWeightDevice ?? null,
    BlkioDeviceReadBps: given.BlkioDeviceReadBps ?? null,
    BlkioDeviceWriteBps: given.BlkioDeviceWriteBps ?? null,
    BlkioDeviceReadIOps: given.BlkioDeviceReadIOps ?? null,
    BlkioDeviceWriteIOps: given.BlkioDeviceWriteIOps ?? null,
    CpuPeriod: given.CpuPeriod ?? 0,
    CpuQuota: given.CpuQuota ?? 0,
    CpuRealtimePeriod: given.CpuRealtimePeriod ?? 0,
    CpuRealtimeRuntime: given.CpuRealtimeRuntime ?? 0,
    CpusetCpus: given.CpusetCpus ?? "",
    CpusetMems: given.CpusetMems ?? "",
    Devices: given.Devices ?? null,
    DeviceCgroupRules: given.DeviceCgroupRules ?? null,
    DeviceRequests: given.DeviceRequests ?? null,
    MemoryReservation: given.MemoryReservation ?? 0,
    MemorySwap: given.MemorySwap ?? 0,
    MemorySwappiness: given.MemorySwappiness ?? null,
    // cgroup v2 cannot switch the OOM killer off.
    OomKillDisable: runtime.cgroupVersion === "1" ? (given.OomKillDisable ?? false) : null,
    PidsLimit: given.PidsLimit ?? null,
    Ulimits: given.Ulimits ?? null,
    CpuCount: given.CpuCount ?? 0,
    CpuPercent: given.CpuPercent ?? 0,
    IOMaximumIOps: given.IOMaximumIOps ?? 0,
    IOMaximumBandwidth: given.IOMaximumBandwidth ?? 0,
    Mounts: undefined,
  };
}

function cgroupNamespaceMode(given: HostConfig, config: EngineConfig, runtime: RuntimeInfo): string {
  // Docker unshares the cgroups of privileged containers too, but only of version 2.
  if (given.Privileged && runtime.cgroupVersion === "1") return "host";
  return config.defaultCgroupnsMode ?? (runtime.cgroupVersion === "2" ? "private" : "host");
}

function completePorts(given: HostConfig["PortBindings"]): HostConfig["PortBindings"] {
  if (!given) return null;
  const entries = Object.entries(given).map(([port, targets]) => [
    port.includes("/") ? port : `${port}/tcp`,
    targets?.map(({ HostIp, HostPort }) => ({ HostIp: HostIp ?? "", HostPort: HostPort ?? "" })) ?? null,
  ]);
  return Object.fromEntries(entries);
}

function applyPathLists(host: HostConfig, given: HostConfig): void {
  const isOpen = given.Privileged || given.SecurityOpt?.some((option) => /^systempaths[=:]unconfined$/.test(option));
  host.MaskedPaths = given.MaskedPaths ?? (isOpen ? null : MASKED_PATHS);
  host.ReadonlyPaths = given.ReadonlyPaths ?? (isOpen ? null : READ_ONLY_PATHS);
}
