/** What the daemon decides for the engine: folders, defaults and the words of `info`. */

/** The part of the daemon's log that the engine uses. `fields` are for the JSON form. */
export interface EngineLog {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export interface EngineConfig {
  /** State that survives a reboot: container folders lie in `<dataRoot>/containers`. */
  dataRoot: string;
  /** State of running containers: `<execRoot>/containers/<id>` is a container's run directory. */
  execRoot: string;
  /** Short hash that tells this daemon's kernel objects from those of other daemons; names the cgroup `/naru-<instance>`. */
  instance: string;
  /** Version and build of naru, as `version` reports them. */
  serverVersion: string;
  gitCommit?: string;
  /** RFC 3339. */
  buildTime?: string;
  debug?: boolean;
  /** `--experimental`: what `info` and `version` say, no more. */
  isExperimental?: boolean;
  /** Labels of the daemon (`--label`). */
  labels?: string[];
  /** Default driver and options of logs (`--log-driver`, `--log-opt`). */
  logDriver?: "json-file" | "local" | "none";
  logOptions?: Record<string, string>;
  /** `--default-ulimit`, by name. */
  defaultUlimits?: { Name: string; Soft: number; Hard: number }[];
  /** Bytes; 64 MiB when absent. */
  defaultShmSizeBytes?: number;
  /** `--default-ipc-mode`: "private" or "shareable". */
  defaultIpcMode?: string;
  /** `--default-cgroupns-mode`. */
  defaultCgroupnsMode?: "private" | "host";
  /** `--init`: an init process in every container unless it says otherwise. */
  defaultInit?: boolean;
  /** `--dns`, `--dns-opt`, `--dns-search`: for containers that name none. */
  dns?: string[];
  dnsOptions?: string[];
  dnsSearch?: string[];
  httpProxy?: string;
  httpsProxy?: string;
  noProxy?: string;
  insecureRegistries?: string[];
  registryMirrors?: string[];
  /** False (naru's way): containers outlive the daemon. True: shutdown() stops them. */
  stopContainersOnShutdown?: boolean;
  /** Seconds that shutdown() gives each container when it stops them; 15 when absent. */
  shutdownTimeoutSeconds?: number;
}
