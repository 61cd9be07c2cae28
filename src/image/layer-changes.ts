/** What a writable layer changed against the layers below it, in Docker's terms and order. Runs in a worker thread. */
import * as files from "../linux/file-calls.ts";
import { O, S } from "../linux/file-calls.ts";
import { isOpaqueAt, isWhiteout } from "../linux/overlay-marks.ts";
import type { FilesystemChange } from "../model/container.ts";
import type { OverlayRoot } from "../runtime/contract.ts";

const MODIFIED = 0;
const ADDED = 1;
const DELETED = 2;

/** Walks the upper directory; a directory counts as changed when it differs or when something in it changed. */
export function layerChanges(root: OverlayRoot): FilesystemChange[] {
  const lowers = root.lowerDirs.map((path) => files.openPath(path, O.RDONLY | O.DIRECTORY));
  const upper = files.openPath(root.upperDir, O.RDONLY | O.DIRECTORY);
  const changes: FilesystemChange[] = [];
  try {
    walk(upper, lowers, "", changes);
  } finally {
    for (const fd of [upper, ...lowers]) files.closeFd(fd);
  }
  return changes;
}

/** `lowers`: the directories that the layers below have at this path, newest first, down to an opaque one. */
function walk(upper: number, lowers: number[], path: string, changes: FilesystemChange[]): void {
  for (const name of files.listNames(upper).sort((a, b) => (a < b ? -1 : 1))) {
    const status = files.findStatusAt(upper, name);
    if (!status) continue;
    const childPath = `${path}/${name}`;
    const below = findBelow(lowers, name);
    if (isWhiteout(status)) {
      changes.push({ Path: files.fromRaw(childPath), Kind: DELETED });
      continue;
    }
    const isDirectory = (status.mode & S.IFMT) === S.IFDIR;
    const position = changes.length;
    if (isDirectory) walkInto(upper, name, lowers, childPath, changes);
    const hasChangesInside = changes.length > position;
    if (below && isDirectory && !hasChangesInside && isSameDirectory(status, below)) continue;
    changes.splice(position, 0, { Path: files.fromRaw(childPath), Kind: below ? MODIFIED : ADDED });
  }
}

function walkInto(upper: number, name: string, lowers: number[], path: string, changes: FilesystemChange[]): void {
  const isOpaque = isOpaqueAt(upper, name);
  const fd = files.openAt(upper, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  const below = isOpaque ? [] : lowerDirectories(lowers, name);
  try {
    walk(fd, below, path, changes);
    if (isOpaque) addHidden(fd, lowerDirectories(lowers, name), path, changes);
  } finally {
    for (const opened of [fd, ...below]) files.closeFd(opened);
  }
}

/** An opaque directory replaced a lower one: names that only the lower one has are deleted. */
function addHidden(upper: number, lowers: number[], path: string, changes: FilesystemChange[]): void {
  const hidden = new Set<string>();
  for (const lower of lowers) {
    for (const name of files.listNames(lower)) {
      const status = files.findStatusAt(lower, name);
      if (status && !isWhiteout(status) && !files.findStatusAt(upper, name)) hidden.add(name);
    }
    files.closeFd(lower);
  }
  for (const name of [...hidden].sort()) changes.push({ Path: files.fromRaw(`${path}/${name}`), Kind: DELETED });
}

/** The topmost thing that the layers below have under the name; undefined when none or deleted there. */
function findBelow(lowers: number[], name: string): files.FileStatus | undefined {
  for (const lower of lowers) {
    const status = files.findStatusAt(lower, name);
    if (status) return isWhiteout(status) ? undefined : status;
  }
  return undefined;
}

function lowerDirectories(lowers: number[], name: string): number[] {
  const found: number[] = [];
  for (const lower of lowers) {
    const status = files.findStatusAt(lower, name);
    if (!status) continue;
    if ((status.mode & S.IFMT) !== S.IFDIR) break;
    found.push(files.openAt(lower, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW));
    if (isOpaqueAt(lower, name)) break;
  }
  return found;
}

function isSameDirectory(a: files.FileStatus, b: files.FileStatus): boolean {
  return (
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.modifiedAt.seconds === b.modifiedAt.seconds &&
    a.modifiedAt.nanoseconds === b.modifiedAt.nanoseconds
  );
}
