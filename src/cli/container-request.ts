import type { ContainerConfig, HealthConfig, HostConfig, Mount, RestartPolicy } from "../model/container.ts";
import type { ContainerFlagValues, GivenFlag } from "./container-flags.ts";
import { environmentOf, keyValues, labelsOf } from "./container-options/environment.ts";
import { type EndpointRequest, endpointRequests } from "./container-options/networks.ts";
import { parseExposed, parsePublished } from "./container-options/ports.ts";
import { isCdiDevice, parseDevice } from "./container-options/resources.ts";
import { normalizeCapabilities, parseSecurityOptions } from "./container-options/security.ts";
import { parseVolumes } from "./container-options/volumes.ts";
import { cut } from "./csv.ts";

/** The body of `POST /containers/create`. */
export interface ContainerRequest extends ContainerConfig {
  HostConfig: HostConfig;
  NetworkingConfig: { EndpointsConfig: Record<string, EndpointRequest> };
}

interface Streams {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
}

/**
 * Turns the flags and words of `run` and `create` into the request that docker's client would send: also its empty
 * fields are the same. Throws an Error with docker's words for settings that do not fit together.
 */
export function containerRequest(
  flags: ContainerFlagValues,
  given: GivenFlag,
  words: readonly string[],
  isDetached: boolean,
): ContainerRequest {
  const [image = "", ...command] = words;
  const streams = attachedStreams(flags, isDetached);
  const hostConfig = hostConfigOf(flags, given);
  const config = configOf(flags, given, image, command, streams);
  return { ...config, HostConfig: hostConfig, NetworkingConfig: { EndpointsConfig: endpointsOf(flags) } };
}

function attachedStreams(flags: ContainerFlagValues, isDetached: boolean): Streams {
  const has = (stream: string) => flags.attach.includes(stream);
  if (flags.attach.length > 0 || isDetached)
    return { stdin: has("stdin"), stdout: has("stdout"), stderr: has("stderr") };
  return { stdin: flags.interactive, stdout: true, stderr: true };
}

function configOf(
  flags: ContainerFlagValues,
  given: GivenFlag,
  image: string,
  command: string[],
  streams: Streams,
): ContainerConfig {
  const exposed = [...parseExposed(flags.expose), ...Object.keys(parsePublished(flags.publish))];
  const healthcheck = healthcheckOf(flags);
  return {
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    AttachStdin: streams.stdin,
    AttachStdout: streams.stdout,
    AttachStderr: streams.stderr,
    ...(exposed.length > 0 && { ExposedPorts: Object.fromEntries(exposed.map((port) => [port, {}])) }),
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    StdinOnce: flags.interactive && streams.stdin,
    Env: environmentOf(flags["env-file"], flags.env),
    Cmd: command.length > 0 ? command : null,
    ...(healthcheck && { Healthcheck: healthcheck }),
    Image: image,
    Volumes: parseVolumes(flags.volume).volumes,
    WorkingDir: flags.workdir,
    // An empty text resets the image's entry point.
    Entrypoint: given("entrypoint") ? [flags.entrypoint] : null,
    OnBuild: null,
    Labels: labelsOf(flags["label-file"], flags.label),
    ...(given("stop-signal") && flags["stop-signal"] && { StopSignal: flags["stop-signal"] }),
    ...(given("stop-timeout") && { StopTimeout: flags["stop-timeout"] }),
  };
}

function hostConfigOf(flags: ContainerFlagValues, given: GivenFlag): HostConfig {
  const security = parseSecurityOptions(flags["security-opt"]);
  checkModes(flags);
  const restartPolicy = restartPolicyOf(flags.restart);
  if (flags.rm && restartPolicy.Name !== "no" && restartPolicy.Name !== "") {
    throw new Error("conflicting options: cannot specify both --restart and --rm");
  }
  return {
    Binds: parseVolumes(flags.volume).binds,
    ContainerIDFile: flags.cidfile,
    LogConfig: logConfigOf(flags),
    NetworkMode: flags.network[0]?.name ?? "default",
    PortBindings: parsePublished(flags.publish),
    RestartPolicy: restartPolicy,
    AutoRemove: flags.rm,
    VolumeDriver: flags["volume-driver"],
    VolumesFrom: orNull(flags["volumes-from"]),
    ConsoleSize: [0, 0],
    ...optionalRecord("Annotations", flags.annotation),
    CapAdd: normalizeCapabilities(flags["cap-add"]),
    CapDrop: normalizeCapabilities(flags["cap-drop"]),
    CgroupnsMode: flags.cgroupns as HostConfig["CgroupnsMode"],
    Dns: flags.dns,
    DnsOptions: flags["dns-option"],
    DnsSearch: flags["dns-search"],
    ExtraHosts: orNull(flags["add-host"]),
    GroupAdd: orNull(flags["group-add"]),
    IpcMode: flags.ipc,
    Cgroup: "",
    Links: orNull(flags.link),
    OomScoreAdj: flags["oom-score-adj"],
    PidMode: flags.pid,
    Privileged: flags.privileged,
    PublishAllPorts: flags["publish-all"],
    ReadonlyRootfs: flags["read-only"],
    SecurityOpt: security.securityOpt,
    ...optionalRecord("StorageOpt", storageOptionsOf(flags["storage-opt"])),
    ...optionalRecord("Tmpfs", tmpfsOf(flags.tmpfs)),
    UTSMode: flags.uts,
    UsernsMode: flags.userns,
    ShmSize: flags["shm-size"],
    ...optionalRecord("Sysctls", flags.sysctl),
    ...(flags.runtime && { Runtime: flags.runtime }),
    Isolation: flags.isolation,
    ...resourcesOf(flags),
    ...mountsOf(flags),
    MaskedPaths: security.maskedPaths,
    ReadonlyPaths: security.readonlyPaths,
    ...(given("init") && { Init: flags.init }),
  };
}

function resourcesOf(flags: ContainerFlagValues) {
  const swappiness = flags["memory-swappiness"];
  if (swappiness < -1 || swappiness > 100) {
    throw new Error(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`);
  }
  const devices = flags.device.filter((device) => !isCdiDevice(device)).map(parseDevice);
  return {
    CpuShares: flags["cpu-shares"],
    Memory: flags.memory,
    NanoCpus: flags.cpus,
    CgroupParent: flags["cgroup-parent"],
    BlkioWeight: flags["blkio-weight"],
    BlkioWeightDevice: flags["blkio-weight-device"],
    BlkioDeviceReadBps: flags["device-read-bps"],
    BlkioDeviceWriteBps: flags["device-write-bps"],
    BlkioDeviceReadIOps: flags["device-read-iops"],
    BlkioDeviceWriteIOps: flags["device-write-iops"],
    CpuPeriod: flags["cpu-period"],
    CpuQuota: flags["cpu-quota"],
    CpuRealtimePeriod: flags["cpu-rt-period"],
    CpuRealtimeRuntime: flags["cpu-rt-runtime"],
    CpusetCpus: flags["cpuset-cpus"],
    CpusetMems: flags["cpuset-mems"],
    Devices: devices,
    DeviceCgroupRules: orNull(flags["device-cgroup-rule"]),
    DeviceRequests: deviceRequestsOf(flags),
    MemoryReservation: flags["memory-reservation"],
    MemorySwap: flags["memory-swap"],
    MemorySwappiness: swappiness,
    OomKillDisable: flags["oom-kill-disable"],
    PidsLimit: flags["pids-limit"],
    Ulimits: flags.ulimit,
    CpuCount: flags["cpu-count"],
    CpuPercent: flags["cpu-percent"],
    IOMaximumIOps: flags["io-maxiops"],
    IOMaximumBandwidth: flags["io-maxbandwidth"],
  };
}

function deviceRequestsOf(flags: ContainerFlagValues): HostConfig["DeviceRequests"] {
  const names = flags.device.filter(isCdiDevice);
  const byName = { Driver: "cdi", Count: 0, DeviceIDs: names, Capabilities: null, Options: null };
  return orNull([...flags.gpus, ...(names.length > 0 ? [byName] : [])]);
}

const API_SOCKET = "/var/run/docker.sock";

function mountsOf(flags: ContainerFlagValues): { Mounts?: Mount[] } {
  const mounts = [...flags.mount] as Mount[];
  if (flags["use-api-socket"]) {
    mounts.push({ Type: "bind", Source: API_SOCKET, Target: API_SOCKET, BindOptions: {} });
  }
  return mounts.length > 0 ? { Mounts: mounts } : {};
}

function checkModes(flags: ContainerFlagValues): void {
  const { pid, uts, userns, cgroupns } = flags;
  const isPidMode = pid === "" || pid === "host" || /^container:.+/.test(pid);
  if (!isPidMode) throw new Error("--pid: invalid PID mode");
  if (uts !== "" && uts !== "host") throw new Error("--uts: invalid UTS mode");
  if (userns !== "" && userns !== "host") throw new Error("--userns: invalid USER mode");
  if (!["", "private", "host"].includes(cgroupns)) throw new Error("--cgroupns: invalid CGROUP mode");
}

/** Reads `--restart NAME[:COUNT]`. */
function restartPolicyOf(text: string): RestartPolicy {
  const [name, count] = cut(text, ":");
  if (name === "" && count !== undefined) {
    throw new Error("invalid restart policy format: no policy provided before colon");
  }
  if (count && !/^[+-]?\d+$/.test(count)) {
    throw new Error("invalid restart policy format: maximum retry count must be an integer");
  }
  return { Name: name as RestartPolicy["Name"], MaximumRetryCount: Number(count ?? 0) };
}

function logConfigOf(flags: ContainerFlagValues) {
  const options = keyValues(flags["log-opt"]);
  const driver = flags["log-driver"];
  if (driver === "none" && flags["log-opt"].length > 0) throw new Error("invalid logging opts for driver none");
  return { Type: driver, Config: options };
}

function healthcheckOf(flags: ContainerFlagValues): HealthConfig | undefined {
  const settings = {
    interval: flags["health-interval"],
    timeout: flags["health-timeout"],
    retries: flags["health-retries"],
    "start-period": flags["health-start-period"],
    "start-interval": flags["health-start-interval"],
  };
  const command = flags["health-cmd"];
  const isSet = command !== "" || Object.values(settings).some((value) => value !== 0);
  if (flags["no-healthcheck"]) {
    if (isSet) throw new Error("--no-healthcheck conflicts with --health-* options");
    return { Test: ["NONE"] };
  }
  if (!isSet) return undefined;
  for (const [name, value] of Object.entries(settings)) {
    if (value < 0) throw new Error(`--health-${name} cannot be negative`);
  }
  return {
    ...(command && { Test: ["CMD-SHELL", command] }),
    ...(settings.interval && { Interval: settings.interval }),
    ...(settings.timeout && { Timeout: settings.timeout }),
    ...(settings["start-period"] && { StartPeriod: settings["start-period"] }),
    ...(settings["start-interval"] && { StartInterval: settings["start-interval"] }),
    ...(settings.retries && { Retries: settings.retries }),
  };
}

function endpointsOf(flags: ContainerFlagValues): Record<string, EndpointRequest> {
  return endpointRequests({
    networks: flags.network,
    aliases: flags["network-alias"],
    links: flags.link,
    ipv4: flags.ip,
    ipv6: flags.ip6,
    macAddress: flags["mac-address"],
    linkLocalIps: flags["link-local-ip"],
  });
}

function tmpfsOf(specs: readonly string[]): Record<string, string> {
  return Object.fromEntries(specs.map((spec) => cut(spec, ":").map((part) => part ?? "")));
}

function storageOptionsOf(options: readonly string[]): Record<string, string> {
  if (options.some((option) => !option.includes("="))) throw new Error("invalid storage option");
  return keyValues(options);
}

function orNull<T>(items: T[]): T[] | null {
  return items.length > 0 ? items : null;
}

function optionalRecord<K extends string>(key: K, record: Record<string, string>) {
  return (Object.keys(record).length > 0 ? { [key]: record } : {}) as { [P in K]?: Record<string, string> };
}
