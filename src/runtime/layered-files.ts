/**
 * Reads small files of a container's root file system before it is mounted, by the rules of overlayfs: upper layers
 * first, a whiteout hides what lies below, an opaque directory hides its namesakes, links stay inside the root.
 * Source: Documentation/filesystems/overlayfs in the kernel.
 */
import type { Stats } from "node:fs";
import { constants } from "node:fs";
import { lstat, open, readlink } from "node:fs/promises";
import { join, posix } from "node:path";
import { findXattr } from "../linux/xattr.ts";
import type { OverlayRoot } from "./contract.ts";

const MAX_LINKS = 40;
/** More than any real account file; what an image claims beyond that is not read. */
const MAX_FILE_BYTES = 4 << 20;
const MAX_REMEMBERED_ROOTS = 64;

/** Reads files of overlay roots, remembering what the (immutable) lower layers say. */
export class LayeredFiles {
  /** Key: the lower directories. Value: path in the container to contents ("" when absent). */
  readonly #lowerContents = new Map<string, Map<string, Promise<string>>>();

  /** The text of a regular file, "" when there is none. `path` is absolute, as the container sees it. */
  async read(root: OverlayRoot, path: string): Promise<string> {
    if (await isUntouched(root.upperDir, path)) return this.#readLower(root.lowerDirs, path);
    return readMerged([root.upperDir, ...root.lowerDirs], path);
  }

  #readLower(lowerDirs: string[], path: string): Promise<string> {
    const key = lowerDirs.join(":");
    const contents = this.#lowerContents.get(key) ?? new Map<string, Promise<string>>();
    // Deleted and set again: the map's order is that of last use.
    this.#lowerContents.delete(key);
    this.#lowerContents.set(key, contents);
    if (this.#lowerContents.size > MAX_REMEMBERED_ROOTS) {
      this.#lowerContents.delete(this.#lowerContents.keys().next().value!);
    }
    let text = contents.get(path);
    if (text === undefined) {
      text = readMerged(lowerDirs, path);
      contents.set(path, text);
      text.catch(() => contents.delete(path));
    }
    return text;
  }
}

/** True when the upper layer says nothing about the path: every parent is absent there, or a plain directory. */
async function isUntouched(upperDir: string, path: string): Promise<boolean> {
  let directory = upperDir;
  const names = path.split("/").filter(Boolean);
  for (const name of names.slice(0, -1)) {
    directory = join(directory, name);
    const status = await findStatus(directory);
    if (!status) return true;
    if (!status.isDirectory() || (await isOpaque(directory))) return false;
  }
  return (await findStatus(join(directory, names.at(-1) ?? ""))) === undefined;
}

async function readMerged(layers: string[], path: string): Promise<string> {
  const file = await findFile(layers, path);
  return file === undefined ? "" : readRegular(file);
}

/** Walks the merged tree. @returns the file's place on the host, undefined when it is absent or a directory. */
async function findFile(layers: string[], path: string): Promise<string | undefined> {
  let pending = path.split("/").filter(Boolean);
  let trail: string[] = [];
  let links = 0;
  let directories = layers;
  while (pending.length > 0) {
    const [name = "", ...rest] = pending;
    if (name === "." || name === "..") {
      // Starts over: going up in a merged tree is walking down the shorter trail.
      pending = [...(name === ".." ? trail.slice(0, -1) : trail), ...rest];
      [trail, directories] = [[], layers];
      continue;
    }
    const found = await lookUp(directories, name);
    if (found === undefined) return undefined;
    if (found.kind === "link") {
      if (++links > MAX_LINKS) return undefined;
      const target = posix.resolve(`/${trail.join("/")}`, await readlink(found.path));
      pending = [...target.split("/").filter(Boolean), ...rest];
      [trail, directories] = [[], layers];
      continue;
    }
    if (found.kind === "file") return rest.length === 0 ? found.path : undefined;
    directories = found.directories;
    trail = [...trail, name];
    pending = rest;
  }
  return undefined;
}

type Found =
  | { kind: "file"; path: string }
  | { kind: "link"; path: string }
  | { kind: "directory"; directories: string[] };

/** One name in a merged directory, whose parts come newest first. */
async function lookUp(directories: string[], name: string): Promise<Found | undefined> {
  const parts: string[] = [];
  for (const directory of directories) {
    const path = join(directory, name);
    const status = await findStatus(path);
    if (!status) continue;
    if (!status.isDirectory()) {
      if (parts.length > 0 || isWhiteout(status)) break;
      return { kind: status.isSymbolicLink() ? "link" : "file", path };
    }
    parts.push(path);
    if (await isOpaque(path)) break;
  }
  return parts.length > 0 ? { kind: "directory", directories: parts } : undefined;
}

const isWhiteout = (status: Stats): boolean => status.isCharacterDevice() && status.rdev === 0;

async function isOpaque(directory: string): Promise<boolean> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    return findXattr(handle.fd, "trusted.overlay.opaque")?.toString() === "y";
  } finally {
    await handle.close();
  }
}

async function findStatus(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

const isAbsence = (error: unknown): boolean =>
  ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");

/** Contents of a regular file that is not too large, else "". Never waits: a FIFO is opened without blocking. */
export async function readRegular(path: string): Promise<string> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = await handle.stat();
    if (!status.isFile() || status.size > MAX_FILE_BYTES) return "";
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}
