/** Bodies of `info` and `version`, with the fields of Docker 28 and true values. */

import { cpus, hostname, totalmem } from "node:os";
import { machineArchitecture } from "../lib/machine-architecture.ts";
import { API_VERSION, MIN_API_VERSION } from "../lib/version.ts";
import type { Collection } from "../store/contract.ts";
import { nowText } from "./clock.ts";
import type { EngineContext } from "./engine-context.ts";
import {
  backingFileSystem,
  kernelVersion,
  limitSupport,
  machineName,
  openDescriptorCount,
  operatingSystem,
} from "./host-facts.ts";

/** The daemon's identity, made at its first start and kept in the store. */
export async function daemonId(settings: Collection<string>): Promise<string> {
  const known = settings.get("daemon-id");
  if (known !== undefined) return known;
  const id = crypto.randomUUID();
  await settings.put("daemon-id", id);
  return id;
}

/** Fields in Docker's order: clients print some of them as they come. */
export async function systemInfo(context: EngineContext, id: string): Promise<Record<string, unknown>> {
  const { config, runtime } = context;
  const [host, storage, limits, descriptors] = await Promise.all([
    hostFields(),
    storageFields(config.dataRoot),
    limitSupport(runtime.info.cgroupVersion),
    openDescriptorCount(),
  ]);
  const { IPv4Forwarding, OomKillDisable, ...limitFields } = limits;
  return {
    ID: id,
    ...countFields(context),
    ...storage,
    ...limitFields,
    IPv4Forwarding,
    Debug: config.debug ?? false,
    NFd: descriptors,
    OomKillDisable,
    NGoroutines: 1,
    SystemTime: nowText(),
    LoggingDriver: config.logDriver ?? "json-file",
    CgroupDriver: runtime.info.cgroupDriver,
    CgroupVersion: runtime.info.cgroupVersion,
    NEventsListener: context.events.listenerCount,
    ...host,
    ...registryFields(context),
    NCPU: cpus().length,
    MemTotal: totalmem(),
    GenericResources: null,
    DockerRootDir: config.dataRoot,
    HttpProxy: hideCredentials(config.httpProxy),
    HttpsProxy: hideCredentials(config.httpsProxy),
    NoProxy: config.noProxy ?? "",
    Name: hostname(),
    Labels: config.labels ?? [],
    ExperimentalBuild: config.isExperimental ?? false,
    ServerVersion: config.serverVersion,
    ...runtimeFields(context),
    Warnings: runtime.info.warnings.length > 0 ? runtime.info.warnings : null,
  };
}

function countFields({ containers, images }: EngineContext): Record<string, number> {
  const all = containers.list().map(({ record }) => record.state.status);
  const paused = all.filter((status) => status === "paused").length;
  const running = all.filter((status) => status === "running" || status === "restarting").length;
  return {
    Containers: all.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: all.length - running - paused,
    Images: images.listImages().length,
  };
}

async function storageFields(dataRoot: string): Promise<Record<string, unknown>> {
  return {
    Driver: "overlay2",
    DriverStatus: [
      ["Backing Filesystem", await backingFileSystem(dataRoot)],
      ["Supports d_type", "true"],
      ["Using metacopy", "false"],
      ["Native Overlay Diff", "true"],
      ["userxattr", "false"],
    ],
    Plugins: {
      Volume: ["local"],
      Network: ["bridge", "host", "ipvlan", "macvlan", "null"],
      Authorization: null,
      Log: ["json-file", "local"],
    },
  };
}

async function hostFields(): Promise<Record<string, string>> {
  const system = await operatingSystem();
  return {
    KernelVersion: kernelVersion(),
    OperatingSystem: system.name,
    OSVersion: system.version,
    OSType: "linux",
    Architecture: machineName(),
  };
}

function registryFields({ config }: EngineContext): Record<string, unknown> {
  const mirrors = (config.registryMirrors ?? []).map((mirror) => `${mirror.replace(/\/$/, "")}/`);
  const insecure = config.insecureRegistries ?? [];
  const networks = insecure.filter((entry) => /^[0-9a-f.:]+\/\d+$/i.test(entry));
  const named = insecure.filter((entry) => !networks.includes(entry));
  const plain = named.map((Name) => [Name, { Name, Mirrors: [], Secure: false, Official: false }] as const);
  return {
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: {
      IndexConfigs: {
        ...Object.fromEntries(plain),
        "docker.io": { Mirrors: mirrors, Name: "docker.io", Official: true, Secure: true },
      },
      InsecureRegistryCIDRs: ["::1/128", "127.0.0.0/8", ...networks],
      Mirrors: mirrors.length > 0 ? mirrors : null,
    },
  };
}

function runtimeFields({ runtime, config }: EngineContext): Record<string, unknown> {
  const own = { path: runtime.info.path };
  return {
    // The other two names are what Docker's own configurations ask for; they mean the one runtime that is here.
    Runtimes: { [runtime.info.name]: own, "io.containerd.runc.v2": own, runc: own },
    DefaultRuntime: runtime.info.name,
    Swarm: {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    },
    // Containers always outlive the daemon, unless it was told to stop them.
    LiveRestoreEnabled: !config.stopContainersOnShutdown,
    Isolation: "",
    InitBinary: "naru-monitor",
    ContainerdCommit: { ID: "" },
    RuncCommit: { ID: runtime.info.version },
    InitCommit: { ID: "" },
    SecurityOptions: securityOptions(runtime.info.cgroupVersion),
    FirewallBackend: { Driver: "nftables" },
    CDISpecDirs: [],
  };
}

function securityOptions(cgroupVersion: "1" | "2"): string[] {
  const options = ["name=seccomp,profile=builtin"];
  if (cgroupVersion === "2") options.push("name=cgroupns");
  return options;
}

/** A proxy's password is nobody's business. */
function hideCredentials(url: string | undefined): string {
  return (url ?? "").replace(/^([a-z]+:\/\/)[^/@]*@/i, "$1xxxxx:xxxxx@");
}

export function versionInfo({ config, runtime }: EngineContext): Record<string, unknown> {
  const kernel = kernelVersion();
  const architecture = machineArchitecture();
  const shared = {
    GitCommit: config.gitCommit ?? "",
    // Clients expect the field; naru runs on Bun.
    GoVersion: `bun${Bun.version}`,
    Os: "linux",
    Arch: architecture,
    KernelVersion: kernel,
    BuildTime: config.buildTime ?? "",
  };
  const details = {
    ...shared,
    ApiVersion: API_VERSION,
    MinAPIVersion: MIN_API_VERSION,
    Experimental: String(config.isExperimental ?? false),
  };
  return {
    Platform: { Name: "naru" },
    Components: [
      {
        Name: "Engine",
        Version: config.serverVersion,
        Details: Object.fromEntries(Object.entries(details).sort(([a], [b]) => (a < b ? -1 : 1))),
      },
      { Name: runtime.info.name, Version: runtime.info.version, Details: { GitCommit: "" } },
    ],
    Version: config.serverVersion,
    ...shared,
    ...(config.isExperimental ? { Experimental: true } : {}),
  };
}
