/**
 * Calls on files relative to directory descriptors, for code that must not be led astray by symbolic links.
 *
 * Names are *raw*: JavaScript strings with one character per byte, since Linux' file names are bytes and need not be
 * UTF-8. toRaw() and fromRaw() convert. Every function throws SysError unless it says otherwise; buffers live at least
 * as long as the call; errno is read by the very next call.
 */
import { dlopen, ptr, read } from "bun:ffi";
import { SysError } from "./sys-error.ts";

const { symbols: libc } = dlopen("libc.so.6", {
  syscall: { args: ["i64", "int", "ptr", "ptr", "i64"], returns: "i64" },
  openat: { args: ["int", "ptr", "int", "int"], returns: "int" },
  close: { args: ["int"], returns: "int" },
  read: { args: ["int", "ptr", "u64"], returns: "i64" },
  write: { args: ["int", "ptr", "u64"], returns: "i64" },
  fchownat: { args: ["int", "ptr", "u32", "u32", "int"], returns: "int" },
  fchown: { args: ["int", "u32", "u32"], returns: "int" },
  fchmod: { args: ["int", "u32"], returns: "int" },
  fchmodat: { args: ["int", "ptr", "u32", "int"], returns: "int" },
  mkdirat: { args: ["int", "ptr", "u32"], returns: "int" },
  symlinkat: { args: ["ptr", "int", "ptr"], returns: "int" },
  linkat: { args: ["int", "ptr", "int", "ptr", "int"], returns: "int" },
  mknodat: { args: ["int", "ptr", "u32", "u64"], returns: "int" },
  unlinkat: { args: ["int", "ptr", "int"], returns: "int" },
  readlinkat: { args: ["int", "ptr", "ptr", "u64"], returns: "i64" },
  utimensat: { args: ["int", "ptr", "ptr", "int"], returns: "int" },
  futimens: { args: ["int", "ptr"], returns: "int" },
  statx: { args: ["int", "ptr", "int", "u32", "ptr"], returns: "int" },
  getdents64: { args: ["int", "ptr", "u64"], returns: "i64" },
  fstatfs: { args: ["int", "ptr"], returns: "int" },
  __errno_location: { args: [], returns: "ptr" },
});

const isArm = process.arch === "arm64";
/** Flags of open(2). */
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  NONBLOCK: 0o4000,
  DIRECTORY: isArm ? 0o40000 : 0o200000,
  NOFOLLOW: isArm ? 0o100000 : 0o400000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
} as const;
/** File types in a mode, as stat(2) gives them. */
export const S = {
  IFMT: 0o170000,
  IFSOCK: 0o140000,
  IFLNK: 0o120000,
  IFREG: 0o100000,
  IFBLK: 0o060000,
  IFDIR: 0o040000,
  IFCHR: 0o020000,
  IFIFO: 0o010000,
} as const;

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_EMPTY_PATH = 0x1000;
const SYS_OPENAT2 = 437;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_IN_ROOT = 0x10;
const STATX_BASIC_STATS = 0x7ff;
const PATH_MAX = 4096;
const EAGAIN = 11;

const errno = (): number => read.i32(libc.__errno_location()!, 0);

/** A name as the calls here take it: one character per byte. */
export function toRaw(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** A raw name for people; bytes that are not UTF-8 become U+FFFD. */
export function fromRaw(raw: string): string {
  return Buffer.from(raw, "latin1").toString("utf8");
}

/** NUL-terminated bytes of a raw name. @throws {SysError} EINVAL for a name with NUL, which would be cut there */
export function rawBytes(raw: string): Buffer {
  if (raw.includes("\0")) throw new SysError(22, `use of the name ${JSON.stringify(fromRaw(raw))}`);
  return Buffer.from(`${raw}\0`, "latin1");
}

const nameBuffer = Buffer.alloc(4 * 1024);
/** Like rawBytes(), in a buffer that the next call overwrites. */
function passingName(raw: string): Buffer {
  if (raw.length >= nameBuffer.length || raw.includes("\0")) return rawBytes(raw);
  nameBuffer.write(raw, 0, "latin1");
  nameBuffer[raw.length] = 0;
  return nameBuffer;
}

function check(result: number, what: string, name: string): number {
  if (result < 0) throw new SysError(errno(), `${what} ${fromRaw(name)}`);
  return result;
}

/** The descriptor must be closed. Ordinary resolution: for trusted absolute paths. */
export function openPath(path: string, flags: number): number {
  return check(libc.openat(AT_FDCWD, Buffer.from(`${path}\0`), flags | O.CLOEXEC, 0), "open", toRaw(path));
}

/** openat(2) of one path component; use O.NOFOLLOW where a link must not be followed. */
export function openAt(directory: number, name: string, flags: number, mode = 0): number {
  return check(libc.openat(directory, rawBytes(name), flags | O.CLOEXEC, mode), "open", name);
}

const openHow = Buffer.alloc(24);
/**
 * openat2(2), Linux 5.6: resolves `path` as if `root` were "/": neither "..", nor absolute links, nor /proc's magic
 * links lead out of it.
 */
export function openInRoot(root: number, path: string, flags: number, mode = 0): number {
  openHow.writeBigUInt64LE(BigInt(flags | O.CLOEXEC), 0);
  openHow.writeBigUInt64LE(BigInt(flags & O.CREAT ? mode : 0), 8);
  openHow.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), 16);
  const name = rawBytes(path === "" ? "." : path);
  for (let tries = 1; ; tries += 1) {
    const fd = Number(libc.syscall(SYS_OPENAT2, root, name, openHow, openHow.length));
    if (fd >= 0) return fd;
    const code = errno();
    // EAGAIN: something was renamed meanwhile, and the kernel cannot tell whether ".." stayed inside.
    if (code !== EAGAIN || tries >= 100) throw new SysError(code, `open ${fromRaw(path)}`);
  }
}

/** close(2); failures are of no use to the caller. */
export function closeFd(fd: number): void {
  libc.close(fd);
}

/** Reads once into `target`; 0 at the end of the file. */
export function readInto(fd: number, target: Uint8Array): number {
  return check(Number(libc.read(fd, target, target.length)), "read", "file");
}

/** Writes `length` bytes of `source` from `offset`, all of them. */
export function writeAll(fd: number, source: Uint8Array, offset: number, length: number): void {
  let address = ptr(source) + offset;
  let left = length;
  while (left > 0) {
    const written = check(Number(libc.write(fd, address as never, left)), "write", "file");
    address += written;
    left -= written;
  }
}

export function makeDirectoryAt(directory: number, name: string, mode: number): void {
  check(libc.mkdirat(directory, rawBytes(name), mode), "create directory", name);
}
export function makeSymlinkAt(directory: number, name: string, target: string): void {
  check(libc.symlinkat(rawBytes(target), directory, rawBytes(name)), "create link", name);
}
/** A second name for a file; a symbolic link at `from` is linked itself, not followed. */
export function makeLinkAt(fromDirectory: number, from: string, directory: number, name: string): void {
  check(libc.linkat(fromDirectory, rawBytes(from), directory, rawBytes(name), 0), "create hard link", name);
}
/** `mode` with the type: S.IFCHR, S.IFBLK, S.IFIFO, S.IFSOCK. */
export function makeNodeAt(directory: number, name: string, mode: number, major: number, minor: number): void {
  check(libc.mknodat(directory, rawBytes(name), mode, deviceNumber(major, minor)), "create device", name);
}
/** The C library's packing of a device number (gnu_dev_makedev). */
function deviceNumber(major: number, minor: number): bigint {
  const [wideMajor, wideMinor] = [BigInt(major), BigInt(minor)];
  return (
    (wideMinor & 0xffn) | ((wideMajor & 0xfffn) << 8n) | ((wideMinor & ~0xffn) << 12n) | ((wideMajor & ~0xfffn) << 32n)
  );
}
export function unlinkAt(directory: number, name: string): void {
  check(libc.unlinkat(directory, rawBytes(name), 0), "remove", name);
}
export function removeDirectoryAt(directory: number, name: string): void {
  check(libc.unlinkat(directory, rawBytes(name), AT_REMOVEDIR), "remove directory", name);
}
export function readLinkAt(directory: number, name: string): string {
  const target = Buffer.allocUnsafe(PATH_MAX);
  const length = Number(libc.readlinkat(directory, rawBytes(name), target, target.length));
  return target.toString("latin1", 0, check(length, "read link", name));
}

/** Clears set-id bits, so permissions are set after it. Links are changed themselves. */
export function changeOwnerAt(directory: number, name: string, uid: number, gid: number): void {
  check(libc.fchownat(directory, rawBytes(name), uid, gid, AT_SYMLINK_NOFOLLOW), "change owner of", name);
}
export function changeOwner(fd: number, uid: number, gid: number): void {
  check(libc.fchown(fd, uid, gid), "change owner of", "file");
}
/** Follows links (the kernel has no permissions on links): only for names that are known not to be one. */
export function changeModeAt(directory: number, name: string, mode: number): void {
  check(libc.fchmodat(directory, rawBytes(name), mode, 0), "change mode of", name);
}
export function changeMode(fd: number, mode: number): void {
  check(libc.fchmod(fd, mode), "change mode of", "file");
}

/** A point in time as file systems keep it; seconds may be negative. */
export interface FileTime {
  seconds: number;
  nanoseconds: number;
}
const times = Buffer.alloc(32);
function timesOf({ seconds, nanoseconds }: FileTime): Buffer {
  for (const offset of [0, 16]) {
    times.writeBigInt64LE(BigInt(seconds), offset);
    times.writeBigInt64LE(BigInt(nanoseconds), offset + 8);
  }
  return times;
}
/** Sets the times of access and modification; links are changed themselves. */
export function setTimesAt(directory: number, name: string, time: FileTime): void {
  check(libc.utimensat(directory, rawBytes(name), timesOf(time), AT_SYMLINK_NOFOLLOW), "set times of", name);
}
export function setTimes(fd: number, time: FileTime): void {
  check(libc.futimens(fd, timesOf(time)), "set times of", "file");
}

export interface FileStatus {
  /** Type and permissions. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** In 512-byte units. */
  blocks: number;
  links: number;
  inode: bigint;
  /** Of the file system, "major:minor". */
  device: string;
  /** What a device file stands for. */
  rdev: { major: number; minor: number };
  modifiedAt: FileTime;
  /** When content, owner, permissions or attributes changed last; nobody can set it. */
  changedAt: FileTime;
}

// Read as 32-bit words: a tree of 100,000 files is looked at in one go, and 64-bit reads make a BigInt each.
const statWords = new Uint32Array(64);
const statBuffer = new Uint8Array(statWords.buffer);
const inodeWord = new BigUint64Array(statWords.buffer, 32, 1);
let lastDevice = { major: -1, minor: -1, text: "" };

function wide(word: number): number {
  return statWords[word]! + statWords[word + 1]! * 2 ** 32;
}
function signedWide(word: number): number {
  return statWords[word]! + (statWords[word + 1]! | 0) * 2 ** 32;
}
function deviceText(major: number, minor: number): string {
  if (major !== lastDevice.major || minor !== lastDevice.minor)
    lastDevice = { major, minor, text: `${major}:${minor}` };
  return lastDevice.text;
}

/** struct statx: words of 4 bytes. */
function fileStatus(): FileStatus {
  return {
    mode: statWords[7]! & 0xffff,
    uid: statWords[5]!,
    gid: statWords[6]!,
    size: wide(10),
    blocks: wide(12),
    links: statWords[4]!,
    inode: inodeWord[0]!,
    device: deviceText(statWords[34]!, statWords[35]!),
    rdev: { major: statWords[32]!, minor: statWords[33]! },
    modifiedAt: { seconds: signedWide(28), nanoseconds: statWords[30]! },
    changedAt: { seconds: signedWide(24), nanoseconds: statWords[26]! },
  };
}
/** Status of a name, of a link itself (lstat). */
export function statAt(directory: number, name: string): FileStatus {
  check(libc.statx(directory, rawBytes(name), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, statBuffer), "stat", name);
  return fileStatus();
}
/** Like statAt(), but undefined when the name does not exist. */
export function findStatusAt(directory: number, name: string): FileStatus | undefined {
  if (libc.statx(directory, passingName(name), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, statBuffer) === 0) {
    return fileStatus();
  }
  const code = errno();
  if (code === 2 || code === 20) return undefined;
  throw new SysError(code, `stat ${fromRaw(name)}`);
}
/** Status of an open file; descriptors with O.PATH will do. */
export function statFd(fd: number): FileStatus {
  check(libc.statx(fd, rawBytes(""), AT_EMPTY_PATH, STATX_BASIC_STATS, statBuffer), "stat", "file");
  return fileStatus();
}

/** Raw names in a directory, without "." and "..", in the kernel's order. The descriptor's position is used up. */
export function listNames(directory: number): string[] {
  const buffer = Buffer.allocUnsafe(65536);
  const names: string[] = [];
  for (;;) {
    const length = check(Number(libc.getdents64(directory, buffer, buffer.length)), "list", "directory");
    if (length === 0) return names;
    // struct linux_dirent64: inode 8, offset 8, record length 2, type 1, name.
    for (let at = 0; at < length; at += buffer.readUInt16LE(at + 16)) {
      const name = buffer.toString("latin1", at + 19, buffer.indexOf(0, at + 19));
      if (name !== "." && name !== "..") names.push(name);
    }
  }
}

/** Bytes that an unprivileged writer may still take on the file system. */
export function freeBytes(fd: number): number {
  const status = Buffer.alloc(256);
  check(libc.fstatfs(fd, status), "statfs", "file system");
  // struct statfs: type 8, block size 8, blocks 8, free 8, available 8.
  return Number(status.readBigInt64LE(8)) * Number(status.readBigUInt64LE(32));
}
