/** Copies entries of a walk into open directories, with all that a file has. Runs in a worker thread. */
import { NaruError } from "../../lib/errors.ts";
import * as files from "../../linux/file-calls.ts";
import { O, S } from "../../linux/file-calls.ts";
import { copyContent } from "../../linux/file-copy.ts";
import { setXattr } from "../../linux/xattr.ts";
import type { ModeChange } from "./file-mode.ts";
import { keptXattrs } from "./tree-digest.ts";
import type { WalkedEntry } from "./tree-selection.ts";

export interface Owner {
  uid: number;
  gid: number;
}

/** Descriptors of directories on the way of a walk: those of the path and a few more. */
export class OpenDirectories {
  private readonly byPath = new Map<string, number>();

  get(path: string): number | undefined {
    return this.byPath.get(path);
  }

  add(path: string, fd: number): number {
    const before = this.byPath.get(path);
    if (before !== undefined) files.closeFd(before);
    this.byPath.set(path, fd);
    if (this.byPath.size > 128) {
      const [oldest, oldestFd] = this.byPath.entries().next().value!;
      files.closeFd(oldestFd);
      this.byPath.delete(oldest);
    }
    return fd;
  }

  close(): void {
    for (const fd of this.byPath.values()) files.closeFd(fd);
    this.byPath.clear();
  }
}

/** Copies what is no directory, one entry at a time, keeping hard links among them. */
export class Copier {
  private readonly firstCopies = new Map<string, string>();

  constructor(
    private readonly owner: Owner | undefined,
    private readonly mode: ModeChange | undefined,
    readonly time: files.FileTime | undefined,
  ) {}

  copy(entry: WalkedEntry, parent: number, name: string): void {
    const { status } = entry;
    const type = status.mode & S.IFMT;
    if (type === S.IFSOCK) return;
    replaceNonDirectory(parent, name);
    if (status.links > 1 && this.copyAsLink(status, parent, name)) return;
    if (type === S.IFREG) this.copyFile(entry, parent, name);
    else if (type === S.IFLNK) {
      files.makeSymlinkAt(parent, name, files.readLinkAt(entry.directory, entry.name));
      this.finishNode(parent, name, status);
    } else {
      files.makeNodeAt(parent, name, type | 0o600, status.rdev.major, status.rdev.minor);
      this.finishNode(parent, name, status);
      files.changeModeAt(parent, name, this.modeOf(status));
      files.setTimesAt(parent, name, this.time ?? status.modifiedAt);
    }
  }

  applyToDirectory(fd: number, { status, directory, name }: WalkedEntry): void {
    const { uid, gid } = this.owner ?? status;
    files.changeOwner(fd, uid, gid);
    files.changeMode(fd, this.modeOf(status, true));
    for (const [key, value] of keptXattrs(directory, name)) setXattr(fd, key, value);
  }

  private modeOf(status: files.FileStatus, isDirectory = false): number {
    const bits = status.mode & 0o7777;
    return this.mode ? this.mode(bits, isDirectory) : bits;
  }

  private copyAsLink(status: files.FileStatus, parent: number, name: string): boolean {
    const key = `${status.device}:${status.inode}`;
    const first = this.firstCopies.get(key);
    if (first !== undefined) {
      files.makeLinkAt(-1, first, parent, name);
      return true;
    }
    this.firstCopies.set(key, `${files.readLinkAt(-1, `/proc/self/fd/${parent}`)}/${name}`);
    return false;
  }

  private copyFile({ directory, name: from, status }: WalkedEntry, parent: number, name: string): void {
    const source = files.openAt(directory, from, O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
    try {
      const target = files.openAt(parent, name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0o600);
      try {
        copyContent(source, target, status.size, status.blocks * 512 < status.size);
        const { uid, gid } = this.owner ?? status;
        // In this order: a change of owner clears set-id bits and capabilities, and so does writing.
        files.changeOwner(target, uid, gid);
        files.changeMode(target, this.modeOf(status));
        for (const [key, value] of keptXattrs(directory, from)) setXattr(target, key, value);
        files.setTimes(target, this.time ?? status.modifiedAt);
      } finally {
        files.closeFd(target);
      }
    } finally {
      files.closeFd(source);
    }
  }

  private finishNode(parent: number, name: string, status: files.FileStatus): void {
    const { uid, gid } = this.owner ?? status;
    files.changeOwnerAt(parent, name, uid, gid);
    files.setTimesAt(parent, name, this.time ?? status.modifiedAt);
  }
}

/** @throws {NaruError} invalid when a directory has the name */
export function replaceNonDirectory(parent: number, name: string): void {
  const existing = files.findStatusAt(parent, name);
  if (!existing) return;
  if ((existing.mode & S.IFMT) === S.IFDIR) {
    throw new NaruError("invalid", `cannot replace to directory ${files.fromRaw(name)} with file`);
  }
  files.unlinkAt(parent, name);
}
