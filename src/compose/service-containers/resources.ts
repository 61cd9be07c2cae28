import type { DeviceRequest, Resources, ThrottleDevice } from "../../model/container.ts";
import type { DeviceRequestModel, ServiceModel } from "../service-model.ts";

/** A device of the Container Device Interface: `vendor/class=name`. */
const CDI_NAME = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*=[\w.:-]+$/;

/** Limits of a service; `deploy.resources` comes before the service's own keys. Bytes, nano-CPUs. */
export function resourcesOf(service: ServiceModel): Resources {
  const { limits, reservations } = service.deploy?.resources ?? {};
  const bytes = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  const cpus = limits?.cpus || service.cpus;
  const pids = limits?.pids || service.pids_limit;
  return defined({
    CgroupParent: service.cgroup_parent,
    Memory: bytes(limits?.memory) || bytes(service.mem_limit),
    MemorySwap: bytes(service.memswap_limit),
    MemorySwappiness: bytes(service.mem_swappiness) || undefined,
    MemoryReservation: bytes(reservations?.memory) || bytes(service.mem_reservation),
    OomKillDisable: service.oom_kill_disable ?? false,
    CpuCount: service.cpu_count,
    CpuPercent: service.cpu_percent === undefined ? undefined : Math.trunc(service.cpu_percent * 100),
    CpuPeriod: service.cpu_period,
    CpuQuota: service.cpu_quota,
    CpuRealtimePeriod: service.cpu_rt_period,
    CpuRealtimeRuntime: service.cpu_rt_runtime,
    CpuShares: service.cpu_shares,
    CpusetCpus: service.cpuset,
    NanoCpus: cpus ? Math.trunc(cpus * 1e9) : undefined,
    PidsLimit: pids || undefined,
    DeviceCgroupRules: service.device_cgroup_rules,
    Ulimits: ulimits(service),
    ...blockIo(service),
    ...devices(service),
  });
}

function blockIo({ blkio_config: config }: ServiceModel): Resources {
  if (!config) return {};
  const rates = (list: { Path: string; Rate: string }[] | undefined): ThrottleDevice[] | undefined =>
    list?.map(({ Path, Rate }) => ({ Path, Rate: Number(Rate) }));
  return {
    BlkioWeight: config.weight,
    BlkioWeightDevice: config.weight_device,
    BlkioDeviceReadBps: rates(config.device_read_bps),
    BlkioDeviceReadIOps: rates(config.device_read_iops),
    BlkioDeviceWriteBps: rates(config.device_write_bps),
    BlkioDeviceWriteIOps: rates(config.device_write_iops),
  };
}

function ulimits({ ulimits: limits }: ServiceModel): Resources["Ulimits"] {
  return Object.entries(limits ?? {}).map(([Name, limit]) =>
    typeof limit === "number"
      ? { Name, Hard: limit, Soft: limit }
      : { Name, Hard: limit.hard ?? limit.soft, Soft: limit.soft ?? limit.hard },
  );
}

function devices(service: ServiceModel): Resources {
  const isCdi = ({ source, target }: { source: string; target?: string }) =>
    (target === undefined || target === source) && CDI_NAME.test(source);
  const all = service.devices ?? [];
  const cdi = all.filter(isCdi).map(({ source }) => source);
  const requests: DeviceRequest[] = [
    ...(cdi.length > 0 ? [{ Driver: "cdi", DeviceIDs: cdi }] : []),
    ...(service.gpus ?? []).map((gpu) => request(gpu, [...(gpu.capabilities ?? []), "gpu"])),
    ...(service.deploy?.resources?.reservations?.devices ?? []).map((each) => request(each, each.capabilities ?? [])),
  ];
  return {
    Devices: all
      .filter((device) => !isCdi(device))
      .map(({ source, target, permissions }) => ({
        PathOnHost: source,
        PathInContainer: target || source,
        CgroupPermissions: permissions || "rwm",
      })),
    DeviceRequests: requests,
  };
}

function request(model: DeviceRequestModel, capabilities: string[]): DeviceRequest {
  return {
    Driver: model.driver ?? "",
    Count: model.count ?? 0,
    DeviceIDs: model.device_ids ?? null,
    Capabilities: [capabilities],
    Options: model.options ?? null,
  };
}

/** Without keys that have no value or are an empty list. */
export function defined<T extends object>(values: T): T {
  const kept = Object.entries(values).filter(
    ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  return Object.fromEntries(kept) as T;
}
