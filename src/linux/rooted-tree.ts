/** Directories below a root, by path, without ever leaving it: the way to write what strangers named. */
import {
  closeFd,
  listNames,
  makeDirectoryAt,
  O,
  openAt,
  openInRoot,
  openPath,
  removeDirectoryAt,
  unlinkAt,
} from "./file-calls.ts";
import { errorCode } from "./sys-error.ts";

/** Descriptors kept open; archives list files by directory, so few are needed at a time. */
const MAX_CACHED = 256;

export class RootedTree {
  private readonly cache = new Map<string, number>();

  private constructor(readonly root: number) {}

  /** Must be closed. `path` is trusted. @throws {SysError} */
  static open(path: string): RootedTree {
    return new RootedTree(openPath(path, O.RDONLY | O.DIRECTORY));
  }

  /**
   * Descriptor of the directory at a raw path inside the root ("" is the root itself). Links on the way are followed
   * inside the root. The descriptor belongs to the tree and holds at least until another hundred were asked for.
   * @throws {SysError} ENOENT when absent and not to be created
   */
  directory(path: string, options: { create: boolean }): number {
    if (path === "") return this.root;
    const known = this.cache.get(path);
    const fd = known ?? this.open(path, options.create);
    // Kept in order of use, so that what a caller still holds is never closed for another's sake.
    if (known !== undefined) this.cache.delete(path);
    else if (this.cache.size >= MAX_CACHED) this.closeOldest(MAX_CACHED / 2);
    this.cache.set(path, fd);
    return fd;
  }

  private open(path: string, create: boolean): number {
    try {
      return openInRoot(this.root, path, O.RDONLY | O.DIRECTORY);
    } catch (error) {
      if (!create || errorCode(error) !== "ENOENT") throw error;
    }
    const [parent, name] = splitRaw(path);
    try {
      makeDirectoryAt(this.directory(parent, { create }), name, 0o755);
    } catch (error) {
      // The name exists but leads nowhere: a dangling link, which opening reports.
      if (errorCode(error) !== "EEXIST") throw error;
    }
    return openInRoot(this.root, path, O.RDONLY | O.DIRECTORY);
  }

  /** Forgets what paths meant, but for the descriptor still in use: for when a directory was removed or replaced. */
  forgetAllBut(inUse: number): void {
    for (const [path, fd] of this.cache) {
      if (fd === inUse) continue;
      closeFd(fd);
      this.cache.delete(path);
    }
  }

  close(): void {
    this.closeOldest(this.cache.size);
    closeFd(this.root);
  }

  private closeOldest(count: number): void {
    let left = count;
    for (const [path, fd] of this.cache) {
      if (left === 0) return;
      closeFd(fd);
      this.cache.delete(path);
      left -= 1;
    }
  }
}

/** Parent and base name of a raw path without slashes at its ends. */
export function splitRaw(path: string): [parent: string, name: string] {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? ["", path] : [path.slice(0, slash), path.slice(slash + 1)];
}

/** Removes a name and all below it, on one file system or several, following no link. Absent names are fine. @throws {SysError} */
export function removeTreeAt(directory: number, name: string): void {
  try {
    unlinkAt(directory, name);
    return;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    if (errorCode(error) !== "EISDIR") throw error;
  }
  emptyDirectoryAt(directory, name);
  removeDirectoryAt(directory, name);
}

function emptyDirectoryAt(directory: number, name: string): void {
  const fd = openAt(directory, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  try {
    for (const child of listNames(fd)) removeTreeAt(fd, child);
  } finally {
    closeFd(fd);
  }
}
