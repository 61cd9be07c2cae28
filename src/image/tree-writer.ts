/**
 * Writes the entries of an archive into a directory tree and nowhere else. Used for layers, where whiteouts become
 * overlayfs' own, and for `docker cp`.
 */
import { ftruncateSync, writeSync } from "node:fs";
import { NaruError } from "../lib/errors.ts";
import * as files from "../linux/file-calls.ts";
import { O, S } from "../linux/file-calls.ts";
import { isWhiteout, OPAQUE_XATTR } from "../linux/overlay-marks.ts";
import { RootedTree, removeTreeAt, splitRaw } from "../linux/rooted-tree.ts";
import { errorCode, SysError } from "../linux/sys-error.ts";
import { treeBytes } from "../linux/tree-bytes.ts";
import { setXattr, setXattrAt } from "../linux/xattr.ts";
import { entryPath, hardLinkPath, refuseEscapingLink } from "./archive-names.ts";
import type { TarEntry } from "./tar-header.ts";
import type { TarSink } from "./tar-reader.ts";

export interface TreeWriterOptions {
  /** "layer": `.wh.` names hide what lies below in an overlay; "plain": every name is just a name. */
  names: "layer" | "plain";
  /** Refuse to put a file in the place of a directory and the other way round. */
  keepKinds?: boolean;
  /** Owner of everything written, instead of the archive's. */
  owner?: { uid: number; gid: number };
  /** Whether the archive's entry for its top changes the directory that is written into. */
  applyToRoot: boolean;
  /** Raw path inside the root of the directory that the entries go into; "" or absent: the root. */
  prefix?: string;
}

const WHITEOUT_PREFIX = ".wh.";
const OPAQUE_WHITEOUT = ".wh..wh..opq";
// An archive must not speak to overlayfs: such attributes could point at files of the host's.
const REFUSED_XATTRS = /^(trusted|user)\.overlay\./;

interface OpenFile {
  fd: number;
  entry: TarEntry;
  /** Of a sparse file after its first hole: where the next byte goes. */
  position?: number;
  written: number;
}

export class TreeWriter implements TarSink {
  private readonly tree: RootedTree;
  private current: OpenFile | undefined;
  /** Set at the end, when nothing is written into the directories any more. */
  private readonly directoryTimes = new Map<string, files.FileTime>();
  private writtenBytes = 0;
  /** Something written was replaced by a later entry: then the bytes written are not those that are there. */
  private hasReplaced = false;

  constructor(
    root: string,
    private readonly options: TreeWriterOptions,
  ) {
    this.tree = RootedTree.open(root);
  }

  get rootFd(): number {
    return this.tree.root;
  }

  /** Bytes of the files and links that are there; exact after the last entry. */
  get contentBytes(): number {
    if (!this.hasReplaced) return this.writtenBytes;
    const root = files.openAt(this.tree.root, ".", O.RDONLY | O.DIRECTORY);
    try {
      return treeBytes(root);
    } finally {
      files.closeFd(root);
    }
  }

  begin(entry: TarEntry): void {
    const relative = entryPath(entry);
    if (relative === "") {
      if (this.options.applyToRoot && entry.type === "directory") this.finishDirectory(this.tree.root, "", entry);
      return;
    }
    const path = this.underPrefix(relative);
    const [parentPath, name] = splitRaw(path);
    const parent = this.tree.directory(parentPath, { create: true });
    if (this.options.names === "layer" && name.startsWith(WHITEOUT_PREFIX)) {
      this.whiteout(parent, name);
      return;
    }
    this.write(parent, path, name, entry);
  }

  data(chunk: Buffer, offset: number, length: number): void {
    if (!this.current) return;
    const { fd, position } = this.current;
    if (position === undefined) files.writeAll(fd, chunk, offset, length);
    else {
      for (let done = 0; done < length; ) {
        done += writeSync(fd, chunk, offset + done, length - done, position + done);
      }
      this.current.position = position + length;
    }
    this.current.written += length;
    this.writtenBytes += length;
  }

  /** Nothing is written: the file system keeps holes as holes. */
  hole(length: number): void {
    if (!this.current) return;
    this.current.position = (this.current.position ?? this.current.written) + length;
  }

  end(): void {
    const file = this.current;
    if (!file) return;
    this.current = undefined;
    try {
      if (file.position !== undefined) ftruncateSync(file.fd, file.position);
      this.applyToFile(file.fd, file.entry);
    } finally {
      files.closeFd(file.fd);
    }
  }

  /** Sets the directories' times. Call after the last entry. */
  finish(): void {
    for (const [path, time] of this.directoryTimes) {
      const [parent, name] = splitRaw(path);
      try {
        if (path === "") files.setTimes(this.tree.root, time);
        else files.setTimesAt(this.tree.directory(parent, { create: false }), name, time);
      } catch (error) {
        // A later entry took the directory's place; then there is nothing to set.
        if (errorCode(error) !== "ENOENT" && errorCode(error) !== "ENOTDIR") throw error;
      }
    }
  }

  close(): void {
    if (this.current) files.closeFd(this.current.fd);
    this.current = undefined;
    this.tree.close();
  }

  private underPrefix(path: string): string {
    return this.options.prefix ? `${this.options.prefix}/${path}` : path;
  }

  private write(parent: number, path: string, name: string, entry: TarEntry): void {
    switch (entry.type) {
      case "directory":
        this.writeDirectory(parent, path, name, entry);
        return;
      case "file":
        this.current = {
          written: 0,
          fd: this.inPlace(parent, name, entry, () =>
            files.openAt(parent, name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0o600),
          ),
          entry,
        };
        return;
      case "hardlink":
        this.writeHardLink(parent, path, name, entry);
        return;
      case "symlink":
        if (this.options.names === "layer") refuseEscapingLink(path, entry);
        this.inPlace(parent, name, entry, () => files.makeSymlinkAt(parent, name, entry.linkPath));
        this.writtenBytes += entry.linkPath.length;
        this.chown(parent, name, entry);
        this.applyXattrsAt(parent, name, entry);
        files.setTimesAt(parent, name, entry.modifiedAt);
        return;
      default:
        this.writeNode(parent, name, entry);
    }
  }

  private writeDirectory(parent: number, path: string, name: string, entry: TarEntry): void {
    let fd: number | undefined;
    try {
      files.makeDirectoryAt(parent, name, 0o700);
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
      fd = this.existingDirectory(parent, name, entry);
    }
    fd ??= files.openAt(parent, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    try {
      this.finishDirectory(fd, path, entry);
    } finally {
      files.closeFd(fd);
    }
  }

  /** Opens the directory that is there already; what else has the name is replaced. */
  private existingDirectory(parent: number, name: string, entry: TarEntry): number {
    const status = files.statAt(parent, name);
    if ((status.mode & S.IFMT) === S.IFDIR) return files.openAt(parent, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    this.remove(parent, name, entry);
    files.makeDirectoryAt(parent, name, 0o700);
    const fd = files.openAt(parent, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    // The archive removed the lower layers' directory and made a new one: nothing of the old may shine through.
    if (this.options.names === "layer" && isWhiteout(status)) setXattr(fd, OPAQUE_XATTR, Buffer.from("y"));
    return fd;
  }

  private finishDirectory(fd: number, path: string, entry: TarEntry): void {
    const { uid, gid } = this.options.owner ?? entry;
    files.changeOwner(fd, uid, gid);
    files.changeMode(fd, entry.mode);
    this.applyXattrs(fd, entry);
    this.directoryTimes.delete(path);
    this.directoryTimes.set(path, entry.modifiedAt);
  }

  private writeHardLink(parent: number, path: string, name: string, entry: TarEntry): void {
    const target = this.underPrefix(hardLinkPath(entry));
    if (target === path) return;
    const [targetParent, targetName] = splitRaw(target);
    const from = this.tree.directory(targetParent, { create: false });
    this.inPlace(parent, name, entry, () => files.makeLinkAt(from, targetName, parent, name));
  }

  private writeNode(parent: number, name: string, entry: TarEntry): void {
    const kind = entry.type === "fifo" ? S.IFIFO : entry.type === "block" ? S.IFBLK : S.IFCHR;
    this.inPlace(parent, name, entry, () => files.makeNodeAt(parent, name, kind | 0o600, entry.major, entry.minor));
    this.chown(parent, name, entry);
    // Through the descriptor: the name could have become a link in a running container's tree.
    const fd = files.openAt(parent, name, O.PATH | O.NOFOLLOW);
    try {
      if ((files.statFd(fd).mode & S.IFMT) === kind) files.changeModeAt(-1, `/proc/self/fd/${fd}`, entry.mode);
    } finally {
      files.closeFd(fd);
    }
    this.applyXattrsAt(parent, name, entry);
    files.setTimesAt(parent, name, entry.modifiedAt);
  }

  private applyToFile(fd: number, entry: TarEntry): void {
    const { uid, gid } = this.options.owner ?? entry;
    // In this order: a change of owner clears set-id bits and capabilities, and so does writing.
    if (uid !== 0 || gid !== 0) files.changeOwner(fd, uid, gid);
    files.changeMode(fd, entry.mode);
    this.applyXattrs(fd, entry);
    files.setTimes(fd, entry.modifiedAt);
  }

  private chown(parent: number, name: string, entry: TarEntry): void {
    const { uid, gid } = this.options.owner ?? entry;
    if (uid !== 0 || gid !== 0) files.changeOwnerAt(parent, name, uid, gid);
  }

  private applyXattrs(fd: number, entry: TarEntry): void {
    for (const [key, value] of entry.xattrs) if (!REFUSED_XATTRS.test(key)) setXattr(fd, key, value);
  }

  private applyXattrsAt(parent: number, name: string, entry: TarEntry): void {
    for (const [key, value] of entry.xattrs) if (!REFUSED_XATTRS.test(key)) setXattrAt(parent, name, key, value);
  }

  /** Runs `make`; when the name is taken, frees it and runs it again. */
  private inPlace<Result>(parent: number, name: string, entry: TarEntry, make: () => Result): Result {
    try {
      return make();
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
    }
    this.remove(parent, name, entry);
    return make();
  }

  private remove(parent: number, name: string, entry: TarEntry): void {
    if (this.options.keepKinds) refuseOtherKind(files.statAt(parent, name), entry, this.options.prefix ?? "");
    removeTreeAt(parent, name);
    this.hasReplaced = true;
    this.tree.forgetAllBut(parent);
  }

  private whiteout(parent: number, name: string): void {
    if (name === OPAQUE_WHITEOUT) {
      if (!setXattr(parent, OPAQUE_XATTR, Buffer.from("y"))) throw new SysError(95, `set ${OPAQUE_XATTR}`);
      return;
    }
    const hidden = name.slice(WHITEOUT_PREFIX.length);
    // ".wh..wh.*" are aufs' own files, which it also wrote into archives.
    if (hidden.startsWith(WHITEOUT_PREFIX)) return;
    if (hidden === "" || hidden === "." || hidden === "..") throw new NaruError("invalid", `invalid whiteout ${name}`);
    const status = files.findStatusAt(parent, hidden);
    if (!status) files.makeNodeAt(parent, hidden, S.IFCHR, 0, 0);
    // Written by this very layer: it hides the lower layers' one by itself, a directory when it is opaque.
    else if ((status.mode & S.IFMT) === S.IFDIR) setXattrAt(parent, hidden, OPAQUE_XATTR, Buffer.from("y"));
  }
}

/** Docker's words name the entry and the directory that is extracted into. */
function refuseOtherKind(existing: files.FileStatus, entry: TarEntry, prefix: string): void {
  const wasDirectory = (existing.mode & S.IFMT) === S.IFDIR;
  const name = JSON.stringify(files.fromRaw(entryPath(entry)));
  const target = JSON.stringify(`/${files.fromRaw(prefix)}`);
  if (wasDirectory && entry.type !== "directory") {
    throw new NaruError("invalid", `cannot overwrite directory ${name} with non-directory ${target}`);
  }
  if (!wasDirectory && entry.type === "directory") {
    throw new NaruError("invalid", `cannot overwrite non-directory ${name} with directory ${target}`);
  }
}
