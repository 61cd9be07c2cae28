import { binarySize } from "./units.ts";

/** Body of GET /info, as far as the report shows it. */
export interface SystemInfo {
  ID: string;
  Containers: number;
  ContainersRunning: number;
  ContainersPaused: number;
  ContainersStopped: number;
  Images: number;
  Driver: string;
  DriverStatus?: [string, string][] | null;
  SystemStatus?: [string, string][] | null;
  Plugins?: Record<"Volume" | "Network" | "Authorization" | "Log", string[] | null>;
  CDISpecDirs?: string[] | null;
  LoggingDriver: string;
  CgroupDriver: string;
  CgroupVersion?: string;
  Swarm?: { LocalNodeState: string; NodeID?: string; Error?: string };
  Runtimes?: Record<string, unknown> | null;
  DefaultRuntime?: string;
  InitBinary?: string;
  ContainerdCommit?: { ID: string };
  RuncCommit?: { ID: string };
  InitCommit?: { ID: string };
  SecurityOptions?: string[] | null;
  Isolation?: string;
  KernelVersion: string;
  OperatingSystem: string;
  OSType: string;
  Architecture: string;
  NCPU: number;
  MemTotal: number;
  Name: string;
  DockerRootDir: string;
  Debug: boolean;
  NFd?: number;
  NGoroutines?: number;
  SystemTime?: string;
  NEventsListener?: number;
  HttpProxy?: string;
  HttpsProxy?: string;
  NoProxy?: string;
  Labels?: string[] | null;
  ExperimentalBuild?: boolean;
  RegistryConfig?: {
    InsecureRegistryCIDRs?: string[] | null;
    IndexConfigs?: Record<string, { Name: string; Secure: boolean }> | null;
    Mirrors?: string[] | null;
  } | null;
  LiveRestoreEnabled?: boolean;
  DefaultAddressPools?: { Base: string; Size: number }[] | null;
  ServerVersion: string;
  Warnings?: string[] | null;
  [other: string]: unknown;
}

export interface ClientInfo {
  version: string;
  context: string;
  debug: boolean;
}

/** The half of `info` about the client. */
export function clientInfoText({ version, context, debug }: ClientInfo): string {
  return `Client:\n Version:    ${version}\n Context:    ${context}\n Debug Mode: ${debug}\n`;
}

/** The half of `info` about the server. */
export function serverInfoText(info: SystemInfo): string {
  const lines = [
    ...countLines(info),
    ...storageLines(info),
    ...pluginLines(info),
    ...list("CDI spec directories:", info.CDISpecDirs),
    `Swarm: ${info.Swarm?.LocalNodeState ?? "inactive"}`,
    ...runtimeLines(info),
    ...securityLines(info.SecurityOptions ?? []),
    ...machineLines(info),
    `Debug Mode: ${info.Debug}`,
    ...debugLines(info),
    ...optional("HTTP Proxy", info.HttpProxy),
    ...optional("HTTPS Proxy", info.HttpsProxy),
    ...optional("No Proxy", info.NoProxy),
    ...list("Labels:", info.Labels),
    `Experimental: ${info.ExperimentalBuild ?? false}`,
    ...registryLines(info.RegistryConfig),
    `Live Restore Enabled: ${info.LiveRestoreEnabled ?? false}`,
    ...list(
      "Default Address Pools:",
      info.DefaultAddressPools?.map(({ Base, Size }) => `Base: ${Base}, Size: ${Size}`),
    ),
  ];
  return `Server:\n${lines.map((line) => ` ${line}\n`).join("")}`;
}

function countLines(info: SystemInfo): string[] {
  return [
    `Containers: ${info.Containers}`,
    ` Running: ${info.ContainersRunning}`,
    ` Paused: ${info.ContainersPaused}`,
    ` Stopped: ${info.ContainersStopped}`,
    `Images: ${info.Images}`,
    ...optional("Server Version", info.ServerVersion),
  ];
}

function storageLines(info: SystemInfo): string[] {
  const pairs = [...(info.DriverStatus ?? []), ...(info.SystemStatus ?? [])];
  return [
    ...optional("Storage Driver", info.Driver),
    ...pairs.map(([name, value]) => ` ${name}: ${value}`),
    ...optional("Logging Driver", info.LoggingDriver),
    ...optional("Cgroup Driver", info.CgroupDriver),
    ...optional("Cgroup Version", info.CgroupVersion),
  ];
}

function pluginLines({ Plugins: plugins }: SystemInfo): string[] {
  const names = (list: string[] | null | undefined) => (list ?? []).join(" ");
  return [
    "Plugins:",
    ` Volume: ${names(plugins?.Volume)}`,
    ` Network: ${names(plugins?.Network)}`,
    ...(plugins?.Authorization?.length ? [` Authorization: ${names(plugins.Authorization)}`] : []),
    ` Log: ${names(plugins?.Log)}`,
  ];
}

function runtimeLines(info: SystemInfo): string[] {
  const names = Object.keys(info.Runtimes ?? {}).sort();
  return [
    ...(names.length > 0 ? [`Runtimes: ${names.join(" ")}`, `Default Runtime: ${info.DefaultRuntime ?? ""}`] : []),
    `Init Binary: ${info.InitBinary ?? ""}`,
    `containerd version: ${info.ContainerdCommit?.ID ?? ""}`,
    `runc version: ${info.RuncCommit?.ID ?? ""}`,
    `init version: ${info.InitCommit?.ID ?? ""}`,
  ];
}

/** Options look like `name=seccomp,profile=builtin`; all but the name go on lines of their own. */
function securityLines(options: readonly string[]): string[] {
  if (options.length === 0) return [];
  const lines = ["Security Options:"];
  for (const option of options) {
    const entries = option.split(",").map((part) => part.split("="));
    const name = entries.find(([key]) => key === "name")?.[1] ?? entries[0]?.[0] ?? option;
    lines.push(` ${name}`);
    for (const [key = "", value = ""] of entries) {
      if (key === "profile") lines.push(`  Profile: ${value}`);
    }
  }
  return lines;
}

function machineLines(info: SystemInfo): string[] {
  return [
    ...optional("Kernel Version", info.KernelVersion),
    ...optional("Operating System", info.OperatingSystem),
    ...optional("OSType", info.OSType),
    ...optional("Architecture", info.Architecture),
    `CPUs: ${info.NCPU}`,
    `Total Memory: ${binarySize(info.MemTotal)}`,
    ...optional("Name", info.Name),
    ...optional("ID", info.ID),
    `Docker Root Dir: ${info.DockerRootDir}`,
  ];
}

function debugLines(info: SystemInfo): string[] {
  if (!info.Debug) return [];
  return [
    ` File Descriptors: ${info.NFd ?? 0}`,
    ` Goroutines: ${info.NGoroutines ?? 0}`,
    ` System Time: ${info.SystemTime ?? ""}`,
    ` EventsListeners: ${info.NEventsListener ?? 0}`,
  ];
}

function registryLines(config: SystemInfo["RegistryConfig"]): string[] {
  const insecure = Object.values(config?.IndexConfigs ?? {}).filter(({ Secure }) => !Secure);
  const cidrs = config?.InsecureRegistryCIDRs ?? [];
  return [
    ...list("Insecure Registries:", [...insecure.map(({ Name }) => Name), ...cidrs]),
    ...list("Registry Mirrors:", config?.Mirrors),
  ];
}

function optional(label: string, value: string | undefined): string[] {
  return value ? [`${label}: ${value}`] : [];
}

function list(heading: string, items: readonly string[] | null | undefined): string[] {
  return items?.length ? [heading, ...items.map((item) => ` ${item}`)] : [];
}
