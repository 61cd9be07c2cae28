/** Puts an OCI config.json together from what a container asks for. Pure: what must be looked up is handed in. */
import type { ContainerConfig, HostConfig, Ulimit } from "../model/container.ts";
import type { StartRequest } from "./contract.ts";
import type { HostFacts } from "./host-facts.ts";
import type { ContainerDevices } from "./oci-devices.ts";
import { containerMounts, INIT_DESTINATION, rootPropagation } from "./oci-mounts.ts";
import { containerNamespaces, hasOwnNamespace } from "./oci-namespaces.ts";
import { protectedPaths, type SecurityOptions } from "./oci-security.ts";
import type {
  OciMount,
  OciNamespace,
  OciProcess,
  OciResources,
  OciRlimit,
  OciSpec,
  OciUser,
  SeccompFilter,
} from "./oci-spec.ts";

/** The newest version that every supported runtime takes. */
const OCI_VERSION = "1.0.2";

/** What holds for all containers of a daemon. */
export interface RuntimeDefaults {
  /** Added to a container's own; see `daemon --default-ulimit`. */
  ulimits: Ulimit[];
  /** `daemon --init` */
  init: boolean;
  noNewPrivileges: boolean;
}

/** What was looked up for one container. */
export interface ConfigParts {
  user: OciUser;
  /** The container's, with HOME. */
  env: string[];
  capabilities: string[];
  security: SecurityOptions;
  devices: ContainerDevices;
  resources: OciResources;
  /** The filter in full, or one that stands for it: see seccomp-cache.ts. */
  seccomp: { filter?: SeccompFilter; annotations?: Record<string, string> };
  rootPath: string;
  /** Host path of the program for --init. */
  initPath: string;
  cgroupVersion: "1" | "2";
  /** Read-only bind mounts cover the mounts inside them. */
  recursiveReadOnly: boolean;
}

/** The whole configuration of a container. */
export function buildOciConfig(
  request: StartRequest,
  parts: ConfigParts,
  facts: HostFacts,
  defaults: RuntimeDefaults,
): OciSpec {
  const { hostConfig } = request;
  const namespaces = containerNamespaces(request, parts.cgroupVersion);
  const init = request.joinPath?.pid === undefined && wantsInit(hostConfig, defaults);
  const mounts: OciMount[] = containerMounts({
    hostConfig,
    mounts: request.mounts,
    initPath: init ? parts.initPath : undefined,
    writableCgroups: parts.security.writableCgroups,
    recursiveReadOnly: parts.recursiveReadOnly,
  });
  const annotations = { ...hostConfig.Annotations, ...parts.seccomp.annotations };
  const sysctl = containerSysctls(request, namespaces);
  return {
    ociVersion: OCI_VERSION,
    process: {
      ...containerProcess(request, parts, facts, defaults),
      args: [...(init ? [INIT_DESTINATION, "--"] : []), ...commandLine(request.config)],
    },
    root: { path: parts.rootPath, ...(hostConfig.ReadonlyRootfs ? { readonly: true } : {}) },
    ...(namespaces.some(({ type, path }) => type === "uts" && !path) ? { hostname: request.hostname } : {}),
    mounts,
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    linux: {
      ...(Object.keys(sysctl).length > 0 ? { sysctl } : {}),
      resources: { ...parts.resources, devices: parts.devices.rules },
      cgroupsPath: request.cgroupPath,
      namespaces,
      ...(parts.devices.nodes.length > 0 ? { devices: parts.devices.nodes } : {}),
      ...rootfsPropagation(request),
      ...protectedPaths(hostConfig, parts.security, facts.thermalPaths),
      ...(parts.seccomp.filter ? { seccomp: parts.seccomp.filter } : {}),
    },
  };
}

/** Entrypoint and command as one list. */
export function commandLine(config: Pick<ContainerConfig, "Entrypoint" | "Cmd">): string[] {
  return [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
}

/** A container's own limits, and the daemon's where the container names none. */
export function containerRlimits(hostConfig: Pick<HostConfig, "Ulimits">, defaults: readonly Ulimit[]): OciRlimit[] {
  const own = hostConfig.Ulimits ?? [];
  const inherited = defaults.filter(({ Name }) => !own.some((ulimit) => ulimit.Name === Name));
  return [...own, ...inherited].map(({ Name, Soft, Hard }) => ({
    type: `RLIMIT_${Name.toUpperCase()}`,
    soft: Soft,
    hard: Hard,
  }));
}

/** The profile to name in the configuration; undefined: none, as on a kernel without AppArmor. */
export function apparmorProfile(
  privileged: boolean,
  asked: string | undefined,
  profiles: HostFacts["apparmorProfiles"],
): string | undefined {
  if (!profiles || asked === "unconfined") return undefined;
  if (asked) return asked;
  return !privileged && profiles.has("docker-default") ? "docker-default" : undefined;
}

function containerProcess(
  { config, hostConfig }: StartRequest,
  { user, env, capabilities, security }: ConfigParts,
  facts: HostFacts,
  defaults: RuntimeDefaults,
): Omit<OciProcess, "args"> {
  const rlimits = containerRlimits(hostConfig, defaults.ulimits);
  const profile = apparmorProfile(hostConfig.Privileged === true, security.apparmor, facts.apparmorProfiles);
  const oomScoreAdj = hostConfig.OomScoreAdj ?? 0;
  const [height = 0, width = 0] = hostConfig.ConsoleSize ?? [];
  return {
    ...(config.Tty ? { terminal: true } : {}),
    ...(config.Tty && height > 0 && width > 0 ? { consoleSize: { height, width } } : {}),
    user,
    env,
    cwd: config.WorkingDir || "/",
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    ...(rlimits.length > 0 ? { rlimits } : {}),
    ...(security.noNewPrivileges ? { noNewPrivileges: true } : {}),
    ...(profile ? { apparmorProfile: profile } : {}),
    // Lowering it takes CAP_SYS_RESOURCE, so what would be inherited anyway is not written.
    ...(oomScoreAdj === facts.oomScoreAdj ? {} : { oomScoreAdj }),
  };
}

/** The user's, and Docker's own: low ports and ping need no privilege in a network namespace of one's own. */
function containerSysctls(request: StartRequest, namespaces: readonly OciNamespace[]): Record<string, string> {
  const { hostConfig, domainname } = request;
  const mode = hostConfig.NetworkMode ?? "";
  const hasOwnNetwork = request.networkNamespace !== undefined && mode !== "host" && !mode.startsWith("container:");
  return {
    ...(hasOwnNetwork
      ? { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" }
      : {}),
    ...(domainname && hasOwnNamespace(namespaces, "uts") ? { "kernel.domainname": domainname } : {}),
    ...hostConfig.Sysctls,
  };
}

function rootfsPropagation({ mounts }: StartRequest): Pick<OciSpec["linux"], "rootfsPropagation"> {
  const propagation = rootPropagation(mounts);
  return propagation ? { rootfsPropagation: propagation } : {};
}

/** Process 1 of a foreign pid namespace is somebody else's: no init there. */
function wantsInit(hostConfig: HostConfig, defaults: RuntimeDefaults): boolean {
  const hasOwnPids = !hostConfig.PidMode || hostConfig.PidMode === "private";
  return hasOwnPids && (hostConfig.Init ?? defaults.init);
}
