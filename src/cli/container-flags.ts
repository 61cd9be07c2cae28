import type { DeviceRequest, ThrottleDevice, Ulimit, WeightDevice } from "../model/container.ts";
import { checkEnv, checkLabel } from "./container-options/environment.ts";
import { type MountSpec, parseMount } from "./container-options/mount.ts";
import { checkAddress, checkDomain, checkExtraHost, checkLink, checkStream } from "./container-options/names.ts";
import { type NetworkSpec, parseNetwork } from "./container-options/networks.ts";
import {
  addByteRate,
  addCountRate,
  addUlimit,
  addWeightDevice,
  checkDeviceRule,
  checkSysctl,
  parseCpus,
  parseGpus,
} from "./container-options/resources.ts";
import { aliasOf, bool, bytes, custom, duration, int, list, map, string, uint } from "./flag-types.ts";
import type { FlagValues } from "./flags.ts";

const shownEmpty = { defaultText: "[]" };

/** A repeatable flag whose values are parsed one by one. */
function each<T>(type: string, usage: string, parse: (text: string) => T) {
  return custom<T[]>(
    type,
    usage,
    () => [],
    (text, current) => [...current, parse(text)],
  );
}

function rates(usage: string, add: (text: string, current: ThrottleDevice[]) => ThrottleDevice[]) {
  return custom<ThrottleDevice[]>("list", usage, () => [], add, shownEmpty);
}

/** The flags that `run` and `create` have in common, in the words of docker's help. */
export const containerFlags = {
  "add-host": list("Add a custom host-to-IP mapping (host:ip)", { check: checkExtraHost }),
  annotation: map("Add an annotation to the container (passed through to the OCI runtime)"),
  attach: list("Attach to STDIN, STDOUT or STDERR", { short: "a", check: checkStream }),
  "blkio-weight": uint("Block IO (relative weight), between 10 and 1000, or 0 to disable", 16, { defaultText: "0" }),
  "blkio-weight-device": custom<WeightDevice[]>(
    "list",
    "Block IO weight (relative device weight)",
    () => [],
    addWeightDevice,
    shownEmpty,
  ),
  "cap-add": list("Add Linux capabilities"),
  "cap-drop": list("Drop Linux capabilities"),
  "cgroup-parent": string("Optional parent cgroup for the container"),
  cgroupns: string(
    `Cgroup namespace to use (host|private)
'host':    Run the container in the Docker host's cgroup namespace
'private': Run the container in its own private cgroup namespace
'':        Use the cgroup namespace as configured by the
           default-cgroupns-mode option on the daemon (default)`,
  ),
  cidfile: string("Write the container ID to the file"),
  "cpu-count": int("CPU count (Windows only)"),
  "cpu-percent": int("CPU percent (Windows only)"),
  "cpu-period": int("Limit CPU CFS (Completely Fair Scheduler) period"),
  "cpu-quota": int("Limit CPU CFS (Completely Fair Scheduler) quota"),
  "cpu-rt-period": int("Limit CPU real-time period in microseconds"),
  "cpu-rt-runtime": int("Limit CPU real-time runtime in microseconds"),
  "cpu-shares": int("CPU shares (relative weight)", { short: "c" }),
  cpus: custom<number>("decimal", "Number of CPUs", () => 0, parseCpus),
  "cpuset-cpus": string("CPUs in which to allow execution (0-3, 0,1)"),
  "cpuset-mems": string("MEMs in which to allow execution (0-3, 0,1)"),
  device: list("Add a host device to the container"),
  "device-cgroup-rule": list("Add a rule to the cgroup allowed devices list", { check: checkDeviceRule }),
  "device-read-bps": rates("Limit read rate (bytes per second) from a device", addByteRate),
  "device-read-iops": rates("Limit read rate (IO per second) from a device", addCountRate),
  "device-write-bps": rates("Limit write rate (bytes per second) to a device", addByteRate),
  "device-write-iops": rates("Limit write rate (IO per second) to a device", addCountRate),
  "disable-content-trust": bool("Skip image verification", { initial: true }),
  dns: list("Set custom DNS servers", { check: checkAddress }),
  "dns-opt": aliasOf("dns-option"),
  "dns-option": list("Set DNS options"),
  "dns-search": list("Set custom DNS search domains", { check: checkDomain }),
  domainname: string("Container NIS domain name"),
  entrypoint: string("Overwrite the default ENTRYPOINT of the image"),
  env: list("Set environment variables", { short: "e", check: checkEnv }),
  "env-file": list("Read in a file of environment variables"),
  expose: list("Expose a port or a range of ports"),
  gpus: custom<DeviceRequest[]>(
    "gpu-request",
    "GPU devices to add to the container ('all' to pass all GPUs)",
    () => [],
    parseGpus,
  ),
  "group-add": list("Add additional groups to join"),
  "health-cmd": string("Command to run to check health"),
  "health-interval": duration("Time between running the check (ms|s|m|h)"),
  "health-retries": int("Consecutive failures needed to report unhealthy"),
  "health-start-interval": duration("Time between running the check during the start period (ms|s|m|h)"),
  "health-start-period": duration(
    "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)",
  ),
  "health-timeout": duration("Maximum time to allow one check to run (ms|s|m|h)"),
  help: bool("Print usage"),
  hostname: string("Container host name", { short: "h" }),
  init: bool("Run an init inside the container that forwards signals and reaps processes"),
  interactive: bool("Keep STDIN open even if not attached", { short: "i" }),
  "io-maxbandwidth": bytes("Maximum IO bandwidth limit for the system drive (Windows only)"),
  "io-maxiops": uint("Maximum IOps limit for the system drive (Windows only)", 64),
  ip: string("IPv4 address (e.g., 172.30.100.104)"),
  ip6: string("IPv6 address (e.g., 2001:db8::33)"),
  ipc: string("IPC mode to use"),
  isolation: string("Container isolation technology"),
  "kernel-memory": bytes("Kernel memory limit"),
  label: list("Set meta data on a container", { short: "l", check: checkLabel }),
  "label-file": list("Read in a line delimited file of labels"),
  link: list("Add link to another container", { check: checkLink }),
  "link-local-ip": list("Container IPv4/IPv6 link-local addresses"),
  "log-driver": string("Logging driver for the container"),
  "log-opt": list("Log driver options"),
  "mac-address": string("Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
  memory: bytes("Memory limit", { short: "m" }),
  "memory-reservation": bytes("Memory soft limit"),
  "memory-swap": bytes("Swap limit equal to memory plus swap: '-1' to enable unlimited swap", { swap: true }),
  "memory-swappiness": int("Tune container memory swappiness (0 to 100)", { initial: -1 }),
  mount: each<MountSpec>("mount", "Attach a filesystem mount to the container", parseMount),
  name: string("Assign a name to the container"),
  net: aliasOf("network", "network"),
  "net-alias": aliasOf("network-alias"),
  network: each<NetworkSpec>("network", "Connect a container to a network", parseNetwork),
  "network-alias": list("Add network-scoped alias for the container"),
  "no-healthcheck": bool("Disable any container-specified HEALTHCHECK"),
  "oom-kill-disable": bool("Disable OOM Killer"),
  "oom-score-adj": int("Tune host's OOM preferences (-1000 to 1000)"),
  pid: string("PID namespace to use"),
  "pids-limit": int("Tune container pids limit (set -1 for unlimited)"),
  platform: string("Set platform if server is multi-platform capable", {
    initial: process.env.DOCKER_DEFAULT_PLATFORM ?? "",
  }),
  privileged: bool("Give extended privileges to this container"),
  publish: list("Publish a container's port(s) to the host", { short: "p" }),
  "publish-all": bool("Publish all exposed ports to random ports", { short: "P" }),
  quiet: bool("Suppress the pull output", { short: "q" }),
  "read-only": bool("Mount the container's root filesystem as read only"),
  restart: string("Restart policy to apply when a container exits", { initial: "no" }),
  rm: bool("Automatically remove the container and its associated anonymous volumes when it exits"),
  runtime: string("Runtime to use for this container"),
  "security-opt": list("Security Options"),
  "shm-size": bytes("Size of /dev/shm"),
  "stop-signal": string("Signal to stop the container"),
  "stop-timeout": int("Timeout (in seconds) to stop a container"),
  "storage-opt": list("Storage driver options for the container"),
  sysctl: map("Sysctl options", { check: checkSysctl }),
  tmpfs: list("Mount a tmpfs directory"),
  tty: bool("Allocate a pseudo-TTY", { short: "t" }),
  ulimit: custom<Ulimit[]>("ulimit", "Ulimit options", () => [], addUlimit, shownEmpty),
  "use-api-socket": bool("Bind mount Docker API socket and required auth"),
  user: string("Username or UID (format: <name|uid>[:<group|gid>])", { short: "u" }),
  userns: string("User namespace to use"),
  uts: string("UTS namespace to use"),
  volume: list("Bind mount a volume", { short: "v" }),
  "volume-driver": string("Optional volume driver for the container"),
  "volumes-from": list("Mount volumes from the specified container(s)"),
  workdir: string("Working directory inside the container", { short: "w" }),
};

/** The `--pull` flag, whose help names the verb that follows (`running`, `creating`). */
export function pullFlag(verb: string) {
  return string(`Pull image before ${verb} ("always", "missing", "never")`, { initial: "missing" });
}

type ContainerFlags = typeof containerFlags;
export type ContainerFlagValues = FlagValues<ContainerFlags>;
export type GivenFlag = (name: keyof ContainerFlags & string) => boolean;
