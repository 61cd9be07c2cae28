/** A directory tree as a tar archive: entries in byte order, parents first. Sockets are left out, as tar cannot hold them. */
import * as files from "../linux/file-calls.ts";
import { O, S } from "../linux/file-calls.ts";
import { isOpaqueAt, isWhiteout } from "../linux/overlay-marks.ts";
import { splitRaw } from "../linux/rooted-tree.ts";
import { findXattrAt, listXattrsAt } from "../linux/xattr.ts";
import { encodeHeader, padding, type TarEntry, type TarEntryType } from "./tar-header.ts";

export interface PackOptions {
  /** "layer": an overlay's upper directory, whose whiteouts become `.wh.` names; "plain": files as they are. */
  names: "layer" | "plain";
  /** Raw path inside the root of what is packed; "" for all of it. Links on the way to it are followed, not itself. */
  start: string;
  /** Raw name of the start's entry in the archive; undefined: no entry for it, and its children are at the top. */
  topName: string | undefined;
  /** Seconds since 1970: what is younger becomes that old, in the archive and in the tree. */
  latestSeconds?: number;
}

const CHUNK_BYTES = 256 * 1024;
const END = Buffer.alloc(1024);

const TYPES: Record<number, TarEntryType> = {
  [S.IFREG]: "file",
  [S.IFDIR]: "directory",
  [S.IFLNK]: "symlink",
  [S.IFCHR]: "character",
  [S.IFBLK]: "block",
  [S.IFIFO]: "fifo",
};

/** A directory being walked: what is left of it. */
interface OpenDirectory {
  fd: number;
  path: string;
  /** Names still to come, the next one last. */
  names: string[];
}

/** Yields chunks that the reader may keep, and returns the bytes of file content. `root` is a trusted path. */
export async function* packTree(root: string, options: PackOptions): AsyncGenerator<Uint8Array<ArrayBuffer>, number> {
  const packer = new TreePacker(root, options);
  try {
    for (;;) {
      const chunk = packer.next();
      if (chunk === undefined) return packer.contentBytes;
      yield chunk;
    }
  } finally {
    packer.close();
  }
}

class TreePacker {
  contentBytes = 0;
  private readonly open: OpenDirectory[] = [];
  private readonly firstNames = new Map<string, string>();
  private current: { fd: number; left: number; size: number } | undefined;
  private chunk = new Uint8Array(CHUNK_BYTES);
  private used = 0;
  /** Headers that did not fit into the last chunk. */
  private pending: Buffer[] = [];
  private finished = false;

  constructor(
    root: string,
    private readonly options: PackOptions,
  ) {
    const rootFd = files.openPath(root, O.RDONLY | O.DIRECTORY);
    try {
      this.begin(rootFd);
    } catch (error) {
      this.close();
      throw error;
    } finally {
      files.closeFd(rootFd);
    }
  }

  /** The next chunk, or undefined at the end. */
  next(): Uint8Array<ArrayBuffer> | undefined {
    while (this.used < CHUNK_BYTES) {
      if (this.pending.length > 0) this.drainPending();
      else if (this.current) this.readContent();
      else if (!this.step()) break;
    }
    if (this.used === 0) return undefined;
    const full = this.used === CHUNK_BYTES ? this.chunk : this.chunk.slice(0, this.used);
    this.chunk = new Uint8Array(CHUNK_BYTES);
    this.used = 0;
    return full;
  }

  close(): void {
    if (this.current) files.closeFd(this.current.fd);
    this.current = undefined;
    for (const directory of this.open.splice(0)) files.closeFd(directory.fd);
  }

  private begin(rootFd: number): void {
    const { start, topName } = this.options;
    if (start === "") {
      const fd = files.openInRoot(rootFd, ".", O.RDONLY | O.DIRECTORY);
      if (topName !== undefined) this.header({ ...this.describe(files.statFd(fd)), path: joinRaw(topName, "") });
      this.enter(fd, topName ?? "");
      return;
    }
    const [parentPath, name] = splitRaw(start);
    const parent = files.openInRoot(rootFd, parentPath, O.RDONLY | O.DIRECTORY);
    try {
      if (topName !== undefined) this.add(parent, name, topName);
      else this.enter(files.openAt(parent, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "");
    } finally {
      files.closeFd(parent);
    }
  }

  /** Takes the next name; false when all is done. */
  private step(): boolean {
    const directory = this.open.at(-1);
    if (!directory) {
      if (this.finished) return false;
      this.finished = true;
      this.pending.push(END);
      return true;
    }
    const name = directory.names.pop();
    if (name === undefined) {
      files.closeFd(directory.fd);
      this.open.pop();
    } else this.add(directory.fd, name, directory.path === "" ? name : joinRaw(directory.path, name));
    return true;
  }

  private enter(fd: number, path: string): void {
    // Byte order, which is what comparing raw names gives; reversed for pop().
    this.open.push({ fd, path, names: files.listNames(fd).sort((a, b) => (a < b ? 1 : -1)) });
  }

  private add(directory: number, name: string, path: string): void {
    const status = files.findStatusAt(directory, name);
    // Removed since it was listed: the tree may be in use.
    if (!status) return;
    if (this.options.names === "layer" && isWhiteout(status)) {
      const [parent, hidden] = splitRaw(path);
      this.header(emptyFile(parent === "" ? `.wh.${hidden}` : `${parent}/.wh.${hidden}`));
      return;
    }
    const entry = this.describe(status);
    if (entry.type === undefined) return;
    entry.path = path;
    this.limitAge(directory, name, entry);
    if (entry.type === "symlink") entry.linkPath = files.readLinkAt(directory, name);
    if (this.addAsHardLink(status, entry)) return;
    entry.xattrs = xattrsOf(directory, name);
    if (entry.type === "directory") this.addDirectory(directory, name, entry);
    else if (entry.type === "file") this.addFile(directory, name, entry);
    else this.header(entry);
  }

  private limitAge(directory: number, name: string, entry: TarEntry): void {
    const { latestSeconds } = this.options;
    if (latestSeconds === undefined || isOlder(entry.modifiedAt, latestSeconds)) return;
    entry.modifiedAt = { seconds: latestSeconds, nanoseconds: 0 };
    files.setTimesAt(directory, name, entry.modifiedAt);
  }

  private addAsHardLink(status: files.FileStatus, entry: TarEntry): boolean {
    if (status.links < 2 || entry.type === "directory") return false;
    const key = `${status.device}:${status.inode}`;
    const first = this.firstNames.get(key);
    if (first === undefined) {
      this.firstNames.set(key, entry.path);
      return false;
    }
    this.header({ ...entry, type: "hardlink", linkPath: first, size: 0, xattrs: new Map() });
    return true;
  }

  private addDirectory(directory: number, name: string, entry: TarEntry): void {
    const { path } = entry;
    const isOpaque = this.options.names === "layer" && isOpaqueAt(directory, name);
    this.header({ ...entry, path: `${path}/` });
    if (isOpaque) this.header(emptyFile(`${path}/.wh..wh..opq`));
    this.enter(files.openAt(directory, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), path);
  }

  private addFile(directory: number, name: string, entry: TarEntry): void {
    const fd = files.openAt(directory, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
    const { size } = entry;
    this.contentBytes += size;
    this.header(entry);
    if (size === 0) files.closeFd(fd);
    else this.current = { fd, left: size, size };
  }

  private describe(status: files.FileStatus): TarEntry {
    const type = TYPES[status.mode & S.IFMT]!;
    return {
      type,
      path: "",
      linkPath: "",
      mode: status.mode & 0o7777,
      uid: status.uid,
      gid: status.gid,
      size: type === "file" ? status.size : 0,
      modifiedAt: status.modifiedAt,
      major: status.rdev.major,
      minor: status.rdev.minor,
      xattrs: new Map(),
    };
  }

  private header(entry: TarEntry): void {
    this.pending.push(encodeHeader(entry));
  }

  private drainPending(): void {
    const next = this.pending[0]!;
    const length = Math.min(next.length, CHUNK_BYTES - this.used);
    this.chunk.set(next.subarray(0, length), this.used);
    this.used += length;
    if (length === next.length) this.pending.shift();
    else this.pending[0] = next.subarray(length);
  }

  private readContent(): void {
    const file = this.current!;
    const room = Math.min(file.left, CHUNK_BYTES - this.used);
    const length = files.readInto(file.fd, this.chunk.subarray(this.used, this.used + room));
    // The file became shorter while it was read; the header has promised its size, so zeros follow.
    const taken = length === 0 ? room : length;
    this.used += taken;
    file.left -= taken;
    if (file.left > 0) return;
    files.closeFd(file.fd);
    this.current = undefined;
    const zeros = padding(file.size);
    if (zeros.length > 0) this.pending.push(zeros);
  }
}

function isOlder({ seconds, nanoseconds }: files.FileTime, limit: number): boolean {
  return seconds < limit || (seconds === limit && nanoseconds === 0);
}

/** The archive of a root directory has "/" for its top. */
function joinRaw(directory: string, name: string): string {
  return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}

function emptyFile(path: string): TarEntry {
  return {
    type: "file",
    path,
    linkPath: "",
    mode: 0o600,
    uid: 0,
    gid: 0,
    size: 0,
    modifiedAt: { seconds: 0, nanoseconds: 0 },
    major: 0,
    minor: 0,
    xattrs: new Map(),
  };
}

/** Capabilities and what users set; the others are the host's business (SELinux labels, overlayfs' own notes). */
function xattrsOf(directory: number, name: string): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const key of listXattrsAt(directory, name)) {
    if (key !== "security.capability" && !(key.startsWith("user.") && !key.startsWith("user.overlay."))) continue;
    const value = findXattrAt(directory, name, key);
    if (value) found.set(key, value);
  }
  return found;
}
