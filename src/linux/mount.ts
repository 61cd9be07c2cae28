/** Mounts: mount(2), umount2(2) and, for long layer lists, the mount API of Linux 5.2 (fsopen(2), fsconfig(2), …). */
import { dlopen, type Pointer, ptr, read } from "bun:ffi";
import { SysError } from "./sys-error.ts";

const { symbols: libc } = dlopen("libc.so.6", {
  mount: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "int" },
  umount2: { args: ["ptr", "int"], returns: "int" },
  // The mount API has no wrappers in older C libraries.
  syscall: { args: ["i64", "i64", "ptr", "ptr", "ptr", "i64"], returns: "i64" },
  close: { args: ["int"], returns: "int" },
  __errno_location: { args: [], returns: "ptr" },
});

/** Flags of mount(2). */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  REMOUNT: 32,
  BIND: 4096,
  MOVE: 8192,
  REC: 16384,
  UNBINDABLE: 1 << 17,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
} as const;
const MNT_DETACH = 2;
/** The same numbers on every architecture. */
const SYS = { move_mount: 429, fsopen: 430, fsconfig: 431, fsmount: 432 } as const;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
/** mount(2) takes one page of options. */
const MAX_OPTIONS_BYTES = 4095;

const cString = (text: string): Buffer => Buffer.from(`${text}\0`);
const errno = (): number => read.i32(libc.__errno_location()!, 0);

type SyscallArgument = number | Buffer | null;

export interface MountSpec {
  /** File system type; "" for bind mounts and changes of propagation. */
  type: string;
  source: string;
  target: string;
  /** Sum of MS flags. */
  flags?: number;
  /** File system's own options: "size=64m,mode=1777". */
  data?: string;
}

/** mount(2). @throws {SysError} */
export function mount(spec: MountSpec): void {
  const { type, source, target, flags = 0, data = "" } = spec;
  const failed = libc.mount(cString(source), cString(target), cString(type), flags, cString(data)) !== 0;
  if (failed) throw new SysError(errno(), `mount ${type || "bind"} ${source} on ${target}`);
}

/** Bind mount of a file or directory; `readOnly` needs a second call, which the kernel demands. @throws {SysError} */
export function bindMount(source: string, target: string, options: { recursive?: boolean; readOnly?: boolean } = {}) {
  mount({ type: "", source, target, flags: MS.BIND | (options.recursive ? MS.REC : 0) });
  if (options.readOnly) remountBindReadOnly(target);
}

/** Makes one bind mount read-only, not what it shows. @throws {SysError} */
export function remountBindReadOnly(target: string): void {
  mount({ type: "", source: "", target, flags: MS.BIND | MS.REMOUNT | MS.RDONLY });
}

/** Cuts the mount's propagation in both directions. @throws {SysError} EINVAL when `target` is no mount point */
export function makePrivate(target: string): void {
  mount({ type: "", source: "", target, flags: MS.PRIVATE });
}

/**
 * Detaches the mount at once; the file system goes when its last user leaves.
 * @returns false when nothing is mounted there. @throws {SysError}
 */
export function unmount(target: string): boolean {
  if (libc.umount2(cString(target), MNT_DETACH) === 0) return true;
  const code = errno();
  if (code === 22 || code === 2) return false;
  throw new SysError(code, `unmount ${target}`);
}

interface OverlaySpec {
  /** Newest first. */
  lowerDirs: readonly string[];
  /** Both absent: a read-only view of the lower directories. */
  upperDir?: string;
  workDir?: string;
}

// What the kernel may have as its default and what breaks a layer that is to be read without a mount: renames kept as
// redirects, files whose data lie elsewhere. The index would refuse layers that were copied to another file system.
const FEATURES_OFF = ["index=off", "redirect_dir=nofollow", "metacopy=off"];

/** The options of an overlay mount, as mount(2) takes them. Commas, colons and backslashes in paths are escaped. */
export function overlayOptions({ lowerDirs, upperDir, workDir }: OverlaySpec): string {
  const options = [`lowerdir=${lowerDirs.map(escapePath).join(":")}`];
  if (upperDir !== undefined) options.push(`upperdir=${escapePath(upperDir)}`);
  if (workDir !== undefined) options.push(`workdir=${escapePath(workDir)}`);
  return [...options, ...FEATURES_OFF].join(",");
}

function escapePath(path: string): string {
  return path.replace(/[\\,:]/g, "\\$&");
}

/**
 * Mounts an overlay. When the options do not fit into a page, the layers are handed over one by one (Linux 6.5).
 * @throws {SysError} EINVAL when the upper directory's file system cannot hold one (an overlay itself, NFS, …)
 */
export function mountOverlay(spec: OverlaySpec, target: string): void {
  const data = overlayOptions(spec);
  if (Buffer.byteLength(data) <= MAX_OPTIONS_BYTES) mount({ type: "overlay", source: "overlay", target, data });
  else mountOverlayByParts(spec, target);
}

function mountOverlayByParts(spec: OverlaySpec, target: string): void {
  const what = `mount overlay of ${spec.lowerDirs.length} layers on ${target}`;
  // The calls differ in which of their arguments are pointers; Bun takes numbers and buffers for both.
  const call = (number: number, a: number, b: SyscallArgument, c: SyscallArgument, d: SyscallArgument, e: number) => {
    const result = Number(libc.syscall(number, a, b as Pointer, c as Pointer, d as Pointer, e));
    if (result < 0) throw new SysError(errno(), what);
    return result;
  };
  const fileSystem = cString("overlay");
  const context = call(SYS.fsopen, ptr(fileSystem), 0, null, null, 0);
  try {
    const set = (key: string, value: string) =>
      call(SYS.fsconfig, context, FSCONFIG_SET_STRING, cString(key), cString(value), 0);
    for (const lower of spec.lowerDirs) set("lowerdir+", lower);
    if (spec.upperDir !== undefined) set("upperdir", spec.upperDir);
    if (spec.workDir !== undefined) set("workdir", spec.workDir);
    for (const feature of FEATURES_OFF) set(...(feature.split("=") as [string, string]));
    call(SYS.fsconfig, context, FSCONFIG_CMD_CREATE, null, null, 0);
    const tree = call(SYS.fsmount, context, 0, null, null, 0);
    try {
      call(SYS.move_mount, tree, cString(""), null, cString(target), MOVE_MOUNT_F_EMPTY_PATH);
    } finally {
      libc.close(tree);
    }
  } finally {
    libc.close(context);
  }
}
