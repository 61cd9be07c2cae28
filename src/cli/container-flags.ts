import { checkSearchDomain } from "../lib/search-domain.ts";
import type { DeviceRequest, ThrottleDevice, Ulimit, WeightDevice } from "../model/container.ts";
import { checkEnv, checkLabel } from "./container-options/environment.ts";
import { type MountSpec, parseMount } from "./container-options/mount.ts";
import { checkAddress, checkExtraHost, checkLink, checkStream } from "./container-options/names.ts";
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
import { contentTrust } from "./content-trust.ts";
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

/** The flags that `run` and `create` have in common, named and typed as docker's. */
export const containerFlags = {
  "add-host": list("A line for /etc/hosts, as name:address", { check: checkExtraHost }),
  annotation: map("A note for the OCI runtime, as key=value"),
  attach: list("Stream to connect: stdin, stdout or stderr", { short: "a", check: checkStream }),
  "blkio-weight": uint("Share of disk time, 10 to 1000; 0 leaves it alone", 16, { defaultText: "0" }),
  "blkio-weight-device": custom<WeightDevice[]>(
    "list",
    "Share of disk time on one device",
    () => [],
    addWeightDevice,
    shownEmpty,
  ),
  "cap-add": list("Capabilities to give on top of the usual ones"),
  "cap-drop": list("Capabilities to take away"),
  "cgroup-parent": string("Cgroup to put the container's under"),
  cgroupns: string(
    `Which part of the cgroup tree it sees (host|private)
'host':    that of this machine
'private': its own only
'':        what the daemon's default-cgroupns-mode says`,
  ),
  cidfile: string("Write the container's id to this file"),
  "cpu-count": int("Number of processors (Windows only)"),
  "cpu-percent": int("Share of the processors in percent (Windows only)"),
  "cpu-period": int("Length of a period of the processor quota, in microseconds"),
  "cpu-quota": int("Processor time in each period, in microseconds"),
  "cpu-rt-period": int("Length of a real-time period, in microseconds"),
  "cpu-rt-runtime": int("Real-time share of each period, in microseconds"),
  "cpu-shares": int("Weight when processors are short", { short: "c" }),
  cpus: custom<number>("decimal", "How many processors' worth of time", () => 0, parseCpus),
  "cpuset-cpus": string("Processors that may be used, such as 0-3 or 0,1"),
  "cpuset-mems": string("Memory nodes that may be used, such as 0-3 or 0,1"),
  device: list("A device of this machine that the container may use"),
  "device-cgroup-rule": list("A further rule for the devices cgroup", { check: checkDeviceRule }),
  "device-read-bps": rates("Most bytes a second read from a device", addByteRate),
  "device-read-iops": rates("Most reads a second from a device", addCountRate),
  "device-write-bps": rates("Most bytes a second written to a device", addByteRate),
  "device-write-iops": rates("Most writes a second to a device", addCountRate),
  "disable-content-trust": contentTrust("Do not check the image's signature"),
  dns: list("Name servers to ask", { check: checkAddress }),
  "dns-opt": aliasOf("dns-option"),
  "dns-option": list("Options of name resolution"),
  "dns-search": list("Domains to try for short names", { check: checkSearchDomain }),
  domainname: string("Domain name that the container gives as its own"),
  entrypoint: string("Program to run in place of the image's ENTRYPOINT"),
  env: list("A variable, as NAME=value", { short: "e", check: checkEnv }),
  "env-file": list("A file with variables, one a line"),
  expose: list("A port, or ports, that the container listens on"),
  gpus: custom<DeviceRequest[]>(
    "gpu-request",
    "Graphics processors to hand in ('all' for every one)",
    () => [],
    parseGpus,
  ),
  "group-add": list("Further groups for the process"),
  "health-cmd": string("Command that tells whether the container is healthy"),
  "health-interval": duration("Time between two checks (ms|s|m|h)"),
  "health-retries": int("How many failures in a row mean unhealthy"),
  "health-start-interval": duration("Time between two checks while it gets going (ms|s|m|h)"),
  "health-start-period": duration("Time to get going in which failures do not count (ms|s|m|h)"),
  "health-timeout": duration("How long one check may take (ms|s|m|h)"),
  help: bool("Show this help"),
  hostname: string("Host name inside the container", { short: "h" }),
  init: bool("Run a small process 1 that passes signals on and buries orphans"),
  interactive: bool("Keep standard input open with nobody attached", { short: "i" }),
  "io-maxbandwidth": bytes("Most bytes a second on the system drive (Windows only)"),
  "io-maxiops": uint("Most operations a second on the system drive (Windows only)", 64),
  ip: string("IPv4 address to have, such as 172.30.100.104"),
  ip6: string("IPv6 address to have, such as 2001:db8::33"),
  ipc: string("Whose shared memory and queues to use"),
  isolation: string("How the container is isolated"),
  "kernel-memory": bytes("Limit of kernel memory"),
  label: list("A label, as key=value", { short: "l", check: checkLabel }),
  "label-file": list("A file with labels, one a line"),
  link: list("Another container to be reachable by a name", { check: checkLink }),
  "link-local-ip": list("Link-local addresses, IPv4 or IPv6"),
  "log-driver": string("How the container's output is kept"),
  "log-opt": list("An option of the log driver"),
  "mac-address": string("Hardware address, such as 92:d0:c6:0a:29:33"),
  memory: bytes("Most memory it may use", { short: "m" }),
  "memory-reservation": bytes("Memory to come down to when memory is short"),
  "memory-swap": bytes("Memory and swap together; '-1' for no limit", { swap: true }),
  "memory-swappiness": int("How readily its memory is swapped (0 to 100)", { initial: -1 }),
  mount: each<MountSpec>("mount", "A mount, as type=…,src=…,dst=…", parseMount),
  name: string("Name of the container"),
  net: aliasOf("network", "network"),
  "net-alias": aliasOf("network-alias"),
  network: each<NetworkSpec>("network", "Join a container to a network", parseNetwork),
  "network-alias": list("A further name on that network"),
  "no-healthcheck": bool("No health check, whatever the image says"),
  "oom-kill-disable": bool("Never end it for want of memory"),
  "oom-score-adj": int("How readily the kernel ends it for want of memory (-1000 to 1000)"),
  pid: string("Whose processes to see"),
  "pids-limit": int("Most processes it may have (-1 for no limit)"),
  platform: string("Platform to take where the daemon has several", {
    initial: process.env.DOCKER_DEFAULT_PLATFORM ?? "",
  }),
  privileged: bool("Nearly all rights of this machine"),
  publish: list("Ports of the host that lead into the container", { short: "p" }),
  "publish-all": bool("A free port of the host for each exposed one", { short: "P" }),
  quiet: bool("Print nothing while pulling", { short: "q" }),
  "read-only": bool("Nothing may be written outside of mounts"),
  restart: string("When to start it again after its end", { initial: "no" }),
  rm: bool("Remove the container and its unnamed volumes when it ends"),
  runtime: string("OCI runtime for this container"),
  "security-opt": list("A rule of security, such as seccomp or no-new-privileges"),
  "shm-size": bytes("Size of /dev/shm"),
  "stop-signal": string("Signal that stops it"),
  "stop-timeout": int("Seconds to wait for its end before it is killed"),
  "storage-opt": list("An option of the storage driver"),
  sysctl: map("A kernel setting inside the container", { check: checkSysctl }),
  tmpfs: list("A directory in memory to mount"),
  tty: bool("Give the process a terminal", { short: "t" }),
  ulimit: custom<Ulimit[]>("ulimit", "A limit, as name=soft:hard", () => [], addUlimit, shownEmpty),
  "use-api-socket": bool("Mount the API socket into the container, with the logins for it"),
  user: string("User name or number, and group after a colon", { short: "u" }),
  userns: string("Whose user ids to use"),
  uts: string("Whose host name to use"),
  volume: list("A directory or volume to mount, as source:target", { short: "v" }),
  "volume-driver": string("Driver of volumes that are made for it"),
  "volumes-from": list("Containers whose volumes are mounted too"),
  workdir: string("Folder to run the command in", { short: "w" }),
};

/** The `--pull` flag, whose help names the verb that follows (`running`, `creating`). */
export function pullFlag(verb: string) {
  return string(`Pull image before ${verb} ("always", "missing", "never")`, { initial: "missing" });
}

type ContainerFlags = typeof containerFlags;
export type ContainerFlagValues = FlagValues<ContainerFlags>;
export type GivenFlag = (name: keyof ContainerFlags & string) => boolean;
