/** Files of an overlay found without mounting it: whiteouts, opaque directories and links as the kernel would see them. */
import * as files from "./file-calls.ts";
import { O, S } from "./file-calls.ts";
import { isOpaqueAt, isWhiteout } from "./overlay-marks.ts";

const MAX_LINKS = 40;

/** What a path is, and in which layers: a directory may lie in several, anything else in one. */
interface LayeredEntry {
  kind: "directory" | "file" | "other";
  /** Absolute paths, the newest layer first. */
  places: string[];
  status: files.FileStatus;
}

/**
 * `layers` are the layers' directories, newest first; `path` is absolute. Links are followed inside the root, the last one
 * too. Undefined when there is nothing.
 */
export function findLayeredEntry(layers: readonly string[], path: string): LayeredEntry | undefined {
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

function topEntry(layers: readonly string[]): LayeredEntry {
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
