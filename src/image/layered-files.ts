/** Files of an overlay read without mounting it: whiteouts, opaque directories and links as the kernel would see them. */
import { readFile } from "node:fs/promises";
import { NaruError } from "../lib/errors.ts";
import * as files from "../linux/file-calls.ts";
import { O, S } from "../linux/file-calls.ts";
import type { OverlayRoot } from "../runtime/contract.ts";
import { isOpaqueAt, isWhiteout } from "./overlay-marks.ts";

const MAX_LINKS = 40;

/** What a path is, and in which layers: a directory may lie in several, anything else in one. */
interface LayeredEntry {
  kind: "directory" | "file" | "other";
  /** Absolute paths, the newest layer first. */
  places: string[];
  status: files.FileStatus;
}

/** `path` is absolute; links are followed inside the root, the last one too. Undefined when there is nothing. */
export function findLayeredEntry(root: OverlayRoot, path: string): LayeredEntry | undefined {
  const layers = [root.upperDir, ...root.lowerDirs];
  const top = topEntry(layers);
  const walked: LayeredEntry[] = [top];
  const todo = components(files.toRaw(path));
  let links = 0;
  for (let name = todo.shift(); name !== undefined; name = todo.shift()) {
    if (name === "..") {
      if (walked.length > 1) walked.pop();
      continue;
    }
    const parent = walked.at(-1)!;
    if (parent.kind !== "directory") return undefined;
    const child = findChild(parent, name);
    if (!child) return undefined;
    if ((child.status.mode & S.IFMT) !== S.IFLNK) {
      walked.push(child);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return undefined;
    const target = readLink(child.places[0]!);
    if (target.startsWith("/")) walked.splice(1);
    todo.unshift(...components(target));
  }
  return walked.at(-1);
}

/** @throws invalid when the file is larger than `maxBytes` or no regular file */
export async function readLayeredFile(root: OverlayRoot, path: string, maxBytes: number): Promise<string | undefined> {
  const entry = findLayeredEntry(root, path);
  if (!entry) return undefined;
  if (entry.kind !== "file") throw new NaruError("invalid", `${path} in the container is not a regular file`);
  if (entry.status.size > maxBytes) {
    throw new NaruError("invalid", `${path} in the container is too large (${entry.status.size} bytes)`);
  }
  return await readFile(Buffer.from(entry.places[0]!, "latin1"), "utf8");
}

/** True when a directory has no entry in any layer. */
export function isLayeredDirectoryEmpty(entry: LayeredEntry): boolean {
  for (const place of entry.places) {
    const fd = openRaw(place);
    try {
      for (const name of files.listNames(fd)) if (findChild(entry, name)) return false;
    } finally {
      files.closeFd(fd);
    }
  }
  return true;
}

function components(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function topEntry(layers: string[]): LayeredEntry {
  const places = layers.map(files.toRaw);
  const fd = openRaw(places[0]!);
  try {
    return { kind: "directory", places, status: files.statFd(fd) };
  } finally {
    files.closeFd(fd);
  }
}

function findChild(parent: LayeredEntry, name: string): LayeredEntry | undefined {
  let found: LayeredEntry | undefined;
  for (const place of parent.places) {
    const fd = openRaw(place);
    try {
      const status = files.findStatusAt(fd, name);
      if (!status) continue;
      // Below it, nothing of the name is visible.
      if (isWhiteout(status)) break;
      const kind = kindOf(status);
      if (found && kind !== "directory") break;
      found ??= { kind, places: [], status };
      found.places.push(`${place}/${name}`);
      if (kind !== "directory" || isOpaqueAt(fd, name)) break;
    } finally {
      files.closeFd(fd);
    }
  }
  return found;
}

function kindOf({ mode }: files.FileStatus): LayeredEntry["kind"] {
  const type = mode & S.IFMT;
  return type === S.IFDIR ? "directory" : type === S.IFREG ? "file" : "other";
}

// No link lies on these paths: every component below the layer's own directory was looked at before.
function openRaw(path: string): number {
  return files.openAt(-1, path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
}

function readLink(path: string): string {
  const slash = path.lastIndexOf("/");
  const fd = openRaw(path.slice(0, slash));
  try {
    return files.readLinkAt(fd, path.slice(slash + 1));
  } finally {
    files.closeFd(fd);
  }
}
