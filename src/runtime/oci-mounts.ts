/** The mounts of a container: what every one has, what the user added, and what read-only and privileged change. */
import type { HostConfig } from "../model/container.ts";
import type { ResolvedMount } from "./contract.ts";
import type { OciMount } from "./oci-spec.ts";

interface MountRequest {
  hostConfig: Pick<HostConfig, "IpcMode" | "ShmSize" | "Privileged" | "ReadonlyRootfs">;
  mounts: readonly ResolvedMount[];
  /** Host path of the program for --init; undefined: none. */
  initPath: string | undefined;
  /** `--security-opt writable-cgroups=true`. */
  writableCgroups?: boolean;
  /** Read-only bind mounts cover the mounts inside them; otherwise only themselves. */
  recursiveReadOnly: boolean;
}

/** Where --init puts its program. */
export const INIT_DESTINATION = "/sbin/docker-init";

const DEFAULT_SHM_BYTES = 64 << 20;
const HARMLESS = ["nosuid", "noexec", "nodev"];

const DEFAULT_MOUNTS: OciMount[] = [
  { destination: "/proc", type: "proc", source: "proc", options: HARMLESS },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: [...HARMLESS, "ro"] },
  { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", ...HARMLESS] },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: HARMLESS },
];
/** Stay writable under --read-only: they hold nothing of the image's. */
const WRITABLE_IN_READONLY = new Set(["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"]);
const ACCOUNT_MOUNTS = new Set(["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"]);

/** All mounts in order. A user's mount replaces the default one at its place; a user's /dev replaces all below it. */
export function containerMounts(request: MountRequest): OciMount[] {
  const { hostConfig, mounts, initPath } = request;
  const own = new Set(mounts.map(({ destination }) => destination));
  const isKept = ({ destination }: OciMount) =>
    !own.has(destination) && !(own.has("/dev") && destination.startsWith("/dev/"));
  const defaults = [...DEFAULT_MOUNTS, ...sharedMemory(hostConfig)].filter(isKept);
  const init: OciMount[] = initPath
    ? [{ destination: INIT_DESTINATION, type: "bind", source: initPath, options: ["bind", "ro"] }]
    : [];
  return [
    ...[...defaults, ...init].map((mount) => adjustDefault(mount, request)),
    ...mounts.map((mount) => userMount(mount, request)),
  ];
}

/** True when a mount of the host's must keep its propagation, so the root file system must not be made private. */
export function needsPropagation(mounts: readonly ResolvedMount[]): boolean {
  return mounts.some(({ propagation }) => /^r?(shared|slave)$/.test(propagation));
}

/** Propagation of the container's root: strong enough for the mounts inside it; undefined: the runtime's default. */
export function rootPropagation(mounts: readonly ResolvedMount[]): "shared" | "rslave" | undefined {
  if (mounts.some(({ propagation }) => /^r?shared$/.test(propagation))) return "shared";
  return needsPropagation(mounts) ? "rslave" : undefined;
}

function sharedMemory(hostConfig: MountRequest["hostConfig"]): OciMount[] {
  const destination = "/dev/shm";
  if (hostConfig.IpcMode === "none") return [];
  if (hostConfig.IpcMode === "host") {
    return [{ destination, type: "bind", source: destination, options: ["rbind", "rprivate"] }];
  }
  const size = hostConfig.ShmSize || DEFAULT_SHM_BYTES;
  return [{ destination, type: "tmpfs", source: "shm", options: [...HARMLESS, "mode=1777", `size=${size}`] }];
}

function adjustDefault(mount: OciMount, { hostConfig, writableCgroups = false }: MountRequest): OciMount {
  let options = mount.options;
  const isWritable = mount.type === "cgroup" && (hostConfig.Privileged || writableCgroups);
  if (isWritable || (hostConfig.Privileged && mount.type === "sysfs")) {
    options = options.filter((option) => option !== "ro");
  } else if (hostConfig.ReadonlyRootfs && !WRITABLE_IN_READONLY.has(mount.destination) && !options.includes("ro")) {
    options = [...options, "ro"];
  }
  return { ...mount, options };
}

function userMount(mount: ResolvedMount, { hostConfig, recursiveReadOnly }: MountRequest): OciMount {
  const { destination, type, source } = mount;
  if (type === "tmpfs") return { destination, type, source: mount.source || "tmpfs", options: tmpfsOptions(mount) };
  if (type === "overlay") {
    return { destination, type, source: "overlay", options: [...(mount.readOnly ? ["ro"] : []), ...mount.options] };
  }
  const isReadOnly = mount.readOnly || (hostConfig.ReadonlyRootfs === true && ACCOUNT_MOUNTS.has(destination));
  // "rro" covers submounts too; "ro" among the options asks for leaving them as they are, and a file has none.
  const isWhole = recursiveReadOnly && mount.recursive && !mount.options.includes("ro");
  const readOnly = isReadOnly ? [isWhole ? "rro" : "ro"] : [];
  const others = mount.options.filter((option) => !["ro", "rw", "rro", "bind", "rbind"].includes(option));
  const propagation = mount.propagation || "rprivate";
  // crun takes a recursive propagation for a recursive bind.
  const own = mount.recursive
    ? ["rbind", ...readOnly, propagation]
    : ["bind", ...readOnly, propagation.replace(/^r/, "")];
  const options = [...own, ...others];
  return { destination, type, source, options };
}

/** Docker's noexec, nosuid and nodev, unless the user chose otherwise. */
function tmpfsOptions({ options, readOnly, propagation }: ResolvedMount): string[] {
  const opposite = (option: string) => option.slice("no".length);
  const defaults = ["noexec", "nosuid", "nodev"].filter(
    (option) => !options.includes(option) && !options.includes(opposite(option)),
  );
  const ro = readOnly && !options.includes("ro") ? ["ro"] : [];
  return [...defaults, ...ro, propagation || "rprivate", ...options];
}
