/**
 * The files of an image as its layers make them up, read without mounting anything: whiteouts and opaque directories hide
 * what lies below, links are followed inside the image only. All names come from strangers.
 */
import { closeSync, readSync } from "node:fs";
import {
  closeFd,
  type FileStatus,
  fromRaw,
  listNames,
  O,
  openAt,
  openInRoot,
  openPath,
  readLinkAt,
  S,
  statAt,
  statFd,
} from "../linux/file-calls.ts";
import { isOpaqueAt, isWhiteout } from "../linux/overlay-marks.ts";
import { splitRaw } from "../linux/rooted-tree.ts";
import { errorCode } from "../linux/sys-error.ts";

/** Each level of a walk holds a descriptor. */
const MAX_DEPTH = 200;
const MAX_FILES = 1_000_000;
const MAX_LINKS = 40;

export interface TreeFile {
  kind: "file";
  /** Raw path from the image's root, without a slash at its start. */
  path: string;
  size: number;
  isExecutable: boolean;
  /** Index of the layer that holds it. */
  layer: number;
}
interface TreeLink {
  kind: "link";
  path: string;
  layer: number;
}
interface TreeDirectory {
  kind: "directory";
  path: string;
  children: Map<string, TreeNode>;
}
type TreeNode = TreeFile | TreeLink | TreeDirectory;

export class ImageTree {
  private readonly top: TreeDirectory = { kind: "directory", path: "", children: new Map() };
  private readonly roots: number[] = [];
  private count = 0;
  /** Directories that were too deep to be looked into. */
  readonly skipped: string[] = [];

  private constructor() {}

  /** Must be closed. `layers` come newest first. @throws {SysError}; RangeError for more files than any image has */
  static open(layers: readonly string[]): ImageTree {
    const tree = new ImageTree();
    try {
      for (const layer of [...layers].reverse()) {
        const root = openPath(layer, O.RDONLY | O.DIRECTORY);
        tree.roots.push(root);
        tree.addDirectory(tree.top, root, tree.roots.length - 1, 0);
      }
    } catch (error) {
      tree.close();
      throw error;
    }
    return tree;
  }

  close(): void {
    for (const root of this.roots.splice(0)) closeFd(root);
  }

  private addDirectory(directory: TreeDirectory, fd: number, layer: number, depth: number): void {
    for (const name of listNames(fd)) {
      this.count += 1;
      if (this.count > MAX_FILES) throw new RangeError(`the image has more than ${MAX_FILES} files`);
      const status = statAt(fd, name);
      const path = directory.path === "" ? name : `${directory.path}/${name}`;
      if ((status.mode & S.IFMT) === S.IFDIR) this.addSubdirectory(directory, fd, { name, path, layer, depth });
      else addOther(directory, name, path, status, layer);
    }
  }

  private addSubdirectory(
    parent: TreeDirectory,
    fd: number,
    { name, path, layer, depth }: { name: string; path: string; layer: number; depth: number },
  ): void {
    const below = parent.children.get(name);
    const isMerged = below?.kind === "directory" && !isOpaqueAt(fd, name);
    const directory: TreeDirectory = isMerged ? below : { kind: "directory", path, children: new Map() };
    parent.children.set(name, directory);
    if (depth >= MAX_DEPTH) {
      this.skipped.push(fromRaw(path));
      return;
    }
    const child = openAt(fd, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    try {
      this.addDirectory(directory, child, layer, depth + 1);
    } finally {
      closeFd(child);
    }
  }

  /** Every file, in the order of its path, so that equal images are read in equal order. */
  *files(): Generator<TreeFile> {
    yield* filesBelow(this.top);
  }

  /** The file at a path, links followed; undefined when there is none, or no plain one. */
  findFile(path: string): TreeFile | undefined {
    const node = this.find(path);
    return node?.kind === "file" ? node : undefined;
  }

  /** The plain files of a directory, sorted by name. */
  listFiles(path: string): TreeFile[] {
    const node = this.find(path);
    if (node?.kind !== "directory") return [];
    const files = [...node.children.values()].filter((child) => child.kind === "file");
    return files.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** As path, so to speak, of the tree: `directory` of a file and a name beside it. */
  hasBeside(file: TreeFile, name: string): boolean {
    return this.find(`${splitRaw(file.path)[0]}/${name}`) !== undefined;
  }

  private find(path: string): TreeNode | undefined {
    const walked: TreeNode[] = [this.top];
    const todo = path.split("/");
    let links = 0;
    for (let name = todo.shift(); name !== undefined; name = todo.shift()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        if (walked.length > 1) walked.pop();
        continue;
      }
      const parent = walked.at(-1)!;
      const child = parent.kind === "directory" ? parent.children.get(name) : undefined;
      if (child === undefined) return undefined;
      if (child.kind !== "link") {
        walked.push(child);
        continue;
      }
      links += 1;
      if (links > MAX_LINKS) return undefined;
      const target = this.readLink(child);
      if (target.startsWith("/")) walked.splice(1);
      todo.unshift(...target.split("/"));
    }
    return walked.at(-1);
  }

  private readLink(link: TreeLink): string {
    const [parent, name] = splitRaw(link.path);
    const fd = openInRoot(this.roots[link.layer]!, parent, O.PATH | O.DIRECTORY);
    try {
      return readLinkAt(fd, name);
    } finally {
      closeFd(fd);
    }
  }

  /** Opens a file for reading at any place. Must be closed. @throws {SysError} */
  openFile(file: TreeFile): OpenFile {
    const fd = openInRoot(this.roots[file.layer]!, file.path, O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
    return new OpenFile(fd, statFd(fd).size);
  }

  /** All bytes of a file; undefined when it has more than `maxBytes`. @throws {SysError} */
  readFile(file: TreeFile, maxBytes: number): Buffer | undefined {
    if (file.size > maxBytes) return undefined;
    using open = this.openFile(file);
    return open.size > maxBytes ? undefined : open.read(0, open.size);
  }
}

/** A file open for reading. */
export class OpenFile {
  constructor(
    private readonly fd: number,
    readonly size: number,
  ) {}

  /** Fewer bytes than asked for only at the end of the file. */
  read(offset: number, length: number): Buffer {
    const wanted = Math.max(0, Math.min(length, this.size - offset));
    const buffer = Buffer.allocUnsafe(wanted);
    let filled = 0;
    while (filled < wanted) {
      const count = readSync(this.fd, buffer, filled, wanted - filled, offset + filled);
      if (count === 0) break;
      filled += count;
    }
    return buffer.subarray(0, filled);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

function addOther(directory: TreeDirectory, name: string, path: string, status: FileStatus, layer: number): void {
  const type = status.mode & S.IFMT;
  if (isWhiteout(status)) directory.children.delete(name);
  else if (type === S.IFLNK) directory.children.set(name, { kind: "link", path, layer });
  else if (type === S.IFREG) {
    const isExecutable = (status.mode & 0o111) !== 0;
    directory.children.set(name, { kind: "file", path, size: status.size, isExecutable, layer });
  } else directory.children.delete(name);
}

function* filesBelow(directory: TreeDirectory): Generator<TreeFile> {
  const nodes = [...directory.children].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [, node] of nodes) {
    if (node.kind === "file") yield node;
    else if (node.kind === "directory") yield* filesBelow(node);
  }
}

/** True for what a damaged or odd file of an image causes: it is noted and passed over. */
export function isReadingFault(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "ELOOP", "EIO", "EACCES", "ENXIO", "EISDIR"].includes(errorCode(error));
}
