/**
 * Looks at every name of a directory in few calls, for scans of hundreds of thousands of files: names go from the kernel's
 * list to statx(2) without becoming strings, and what a scan needs of a status is read only when it is asked for.
 */
import { dlopen, ptr, read } from "bun:ffi";
import { SysError } from "./sys-error.ts";

const { symbols: libc } = dlopen("libc.so.6", {
  open: { args: ["ptr", "int", "int"], returns: "int" },
  close: { args: ["int"], returns: "int" },
  statx: { args: ["int", "u64", "int", "u32", "u64"], returns: "int" },
  getdents64: { args: ["int", "ptr", "u64"], returns: "i64" },
  llistxattr: { args: ["ptr", "ptr", "u64"], returns: "i64" },
  lgetxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: "i64" },
  __errno_location: { args: [], returns: "ptr" },
});

const isArm = process.arch === "arm64";
const O_DIRECTORY_CLOEXEC = (isArm ? 0o40000 : 0o200000) | 0o2000000;
const AT_SYMLINK_NOFOLLOW = 0x100;
/** Type, mode, links, uid, gid, times of modification and change, inode, size. */
const STATX_WANTED = 0x03ff & ~0x20;
const DIRENTS_BYTES = 256 * 1024;
const STATX_BYTES = 256;
const ENOENT = 2;

const errno = (): number => read.i32(libc.__errno_location()!, 0);

type EntryKind = "file" | "directory" | "symlink" | "other";

/** One name of the directory that was scanned last; valid until the next scan. */
export interface ScannedEntry {
  /** UTF-8 as it stands; bytes that are none become U+FFFD. */
  name: string;
  kind: EntryKind;
}

/** What a list of files tells of one. */
interface EntryStatus {
  /** Type and permissions, as stat(2) gives them. */
  mode: number;
  size: number;
  links: number;
  inode: bigint;
  device: string;
  /** Nanoseconds since 1970. */
  modifiedNs: bigint;
}

/** Scans directories one after the other with the same buffers. */
export class DirectoryScanner {
  private dirents = Buffer.alloc(DIRENTS_BYTES);
  private words = new Uint32Array(64 * 1024);
  private stats = new Uint8Array(this.words.buffer);
  private view = new DataView(this.words.buffer);
  /** Unix seconds of the youngest change of a file that was seen so far, of any scan. */
  newestChange = 0;

  /**
   * The entries of a directory, in the kernel's order. `wanted` false: the entry is left out and not looked at; it is asked
   * before the kind of an entry is known to be certain on file systems that do not tell it with the name.
   * @throws {SysError}
   */
  scan(directory: string, wanted: (name: string) => boolean = () => true): ScannedEntry[] {
    const fd = libc.open(Buffer.from(`${directory}\0`), O_DIRECTORY_CLOEXEC, 0);
    if (fd < 0) throw new SysError(errno(), `open ${directory}`);
    try {
      return this.scanOpen(fd, directory, wanted);
    } finally {
      libc.close(fd);
    }
  }

  /**
   * Adds all that would tell of a change in a directory to a digest: names and statuses. @returns the names of directories in it
   * @throws {SysError}
   */
  digest(directory: string, hash: { update(data: Uint8Array): unknown }): string[] {
    const fd = libc.open(Buffer.from(`${directory}\0`), O_DIRECTORY_CLOEXEC, 0);
    if (fd < 0) throw new SysError(errno(), `open ${directory}`);
    try {
      return this.digestOpen(fd, directory, hash);
    } finally {
      libc.close(fd);
    }
  }

  private digestOpen(fd: number, directory: string, hash: { update(data: Uint8Array): unknown }): string[] {
    const { dirents } = this;
    const listed = ptr(dirents);
    const directories: string[] = [];
    let count = 0;
    for (;;) {
      const length = Number(libc.getdents64(fd, dirents, dirents.length));
      if (length < 0) throw new SysError(errno(), `list ${directory}`);
      if (length === 0) break;
      // The kernel's list as it stands, inodes and positions too: were they others, one would only look again.
      hash.update(dirents.subarray(0, length));
      for (let at = 0; at < length; at += dirents[at + 16]! | (dirents[at + 17]! << 8)) {
        if (isDots(dirents, at + 19)) continue;
        this.reserve(count + 1);
        const target = ptr(this.stats) + count * STATX_BYTES;
        if (libc.statx(fd, listed + at + 19, AT_SYMLINK_NOFOLLOW, STATX_WANTED, target) !== 0) {
          if (errno() === ENOENT) continue;
          throw new SysError(errno(), `stat in ${directory}`);
        }
        if (this.normalize(count) === "directory") {
          directories.push(dirents.toString("utf8", at + 19, dirents.indexOf(0, at + 19)));
        }
        count += 1;
      }
      // The kernel leaves gaps between records as they were.
      dirents.fill(0, 0, length);
    }
    hash.update(this.allStatusBytes(count));
    return directories;
  }

  /** All statuses of the scan, one after the other, without what reading files changes. */
  allStatusBytes(count: number): Uint8Array {
    return this.stats.subarray(0, count * STATX_BYTES);
  }

  status(index: number): EntryStatus {
    const { view } = this;
    const at = index * STATX_BYTES;
    return {
      links: view.getUint32(at + 16, true),
      mode: view.getUint16(at + 28, true),
      inode: view.getBigUint64(at + 32, true),
      size: Number(view.getBigUint64(at + 40, true)),
      modifiedNs: view.getBigInt64(at + 112, true) * 1_000_000_000n + BigInt(view.getUint32(at + 120, true)),
      device: `${view.getUint32(at + 136, true)}:${view.getUint32(at + 140, true)}`,
    };
  }

  private scanOpen(fd: number, directory: string, wanted: (name: string) => boolean): ScannedEntry[] {
    const entries: ScannedEntry[] = [];
    const { dirents } = this;
    const listed = ptr(dirents);
    for (;;) {
      const length = Number(libc.getdents64(fd, dirents, dirents.length));
      if (length < 0) throw new SysError(errno(), `list ${directory}`);
      if (length === 0) return entries;
      // struct linux_dirent64: inode 8, offset 8, record length 2, type 1, name.
      for (let at = 0; at < length; at += dirents.readUInt16LE(at + 16)) {
        if (isDots(dirents, at + 19)) continue;
        const name = dirents.toString("utf8", at + 19, dirents.indexOf(0, at + 19));
        if (!wanted(name)) continue;
        this.reserve(entries.length + 1);
        const target = ptr(this.stats) + entries.length * STATX_BYTES;
        if (libc.statx(fd, listed + at + 19, AT_SYMLINK_NOFOLLOW, STATX_WANTED, target) !== 0) {
          // Gone since it was listed.
          if (errno() === ENOENT) continue;
          throw new SysError(errno(), `stat ${directory}/${name}`);
        }
        entries.push({ name, kind: this.normalize(entries.length) });
      }
      dirents.fill(0, 0, length);
    }
  }

  /** Takes out what says nothing about the file, and tells its kind. */
  private normalize(index: number): EntryKind {
    const at = index * 64;
    const { words } = this;
    // The mask, the block size, the attributes and their mask, the blocks, and the time of access.
    words[at] = words[at + 1] = words[at + 2] = words[at + 3] = 0;
    words[at + 12] = words[at + 13] = words[at + 14] = words[at + 15] = 0;
    words[at + 16] = words[at + 17] = words[at + 18] = 0;
    const changed = words[at + 24]! + words[at + 26]! / 1e9;
    if (changed > this.newestChange) this.newestChange = changed;
    const type = (words[at + 7]! & 0xf000) >> 12;
    if (type === 8) return "file";
    if (type === 4) return "directory";
    return type === 10 ? "symlink" : "other";
  }

  private reserve(count: number): void {
    if (count * STATX_BYTES <= this.stats.length) return;
    const words = new Uint32Array(this.words.length * 2);
    words.set(this.words);
    this.words = words;
    this.stats = new Uint8Array(words.buffer);
    this.view = new DataView(words.buffer);
  }
}

function isDots(names: Buffer, at: number): boolean {
  if (names[at] !== 0x2e) return false;
  return names[at + 1] === 0 || (names[at + 1] === 0x2e && names[at + 2] === 0);
}

const lists = Buffer.alloc(64 * 1024);
const values = Buffer.alloc(64 * 1024);

/** Attributes of a file that travel with it: those that users set, and capabilities. Links have none. */
export function travellingXattrs(path: string): Record<string, Uint8Array> {
  const name = Buffer.from(`${path}\0`);
  const length = Number(libc.llistxattr(name, lists, lists.length));
  if (length <= 0) return {};
  const found: Record<string, Uint8Array> = {};
  for (const key of lists.toString("latin1", 0, length).split("\0")) {
    if (!key.startsWith("user.") && key !== "security.capability") continue;
    const size = Number(libc.lgetxattr(name, Buffer.from(`${key}\0`, "latin1"), values, values.length));
    if (size >= 0) found[key] = new Uint8Array(values.subarray(0, size));
  }
  return found;
}
