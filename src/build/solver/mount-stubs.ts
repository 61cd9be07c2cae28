/**
 * What a process leaves in its layer without having written it: places that the runtime made for mounts, and nothing else.
 * Runs in a worker thread.
 */
import * as files from "../../linux/file-calls.ts";
import { O, S } from "../../linux/file-calls.ts";
import { isOpaqueAt } from "../../linux/overlay-marks.ts";
import { splitRaw } from "../../linux/rooted-tree.ts";
import { errorCode } from "../../linux/sys-error.ts";

export interface StubParams {
  upperDir: string;
  /** Destinations of mounts and the directories above them, deepest first. `lower`: what the layers below have there. */
  places: { path: string; lower?: { mode: number; uid: number; gid: number } }[];
}

/** Removes the empty places with the directories made for them. @returns whether the layer holds nothing at all */
export function removeStubs({ upperDir, places }: StubParams): { isEmpty: boolean } {
  const root = files.openPath(upperDir, O.RDONLY | O.DIRECTORY);
  try {
    for (const { path, lower } of places) removeStub(root, files.toRaw(path).replace(/^\/+|\/+$/g, ""), lower);
  } finally {
    files.closeFd(root);
  }
  const again = files.openPath(upperDir, O.RDONLY | O.DIRECTORY);
  try {
    return { isEmpty: files.listNames(again).length === 0 };
  } finally {
    files.closeFd(again);
  }
}

function removeStub(root: number, path: string, lower: StubParams["places"][number]["lower"]): void {
  if (path === "") return;
  const [parentPath, name] = splitRaw(path);
  let parent: number;
  try {
    parent = files.openInRoot(root, parentPath, O.RDONLY | O.DIRECTORY);
  } catch {
    // The step itself has removed it, with all above it.
    return;
  }
  try {
    const status = files.findStatusAt(parent, name);
    if (!status) return;
    // A directory that is there below was copied up for the sake of a place in it, unless somebody changed it.
    if (lower && (lower.mode !== status.mode || lower.uid !== status.uid || lower.gid !== status.gid)) return;
    if (lower && isOpaqueAt(parent, name)) return;
    if (lower && (status.mode & S.IFMT) !== S.IFDIR) return;
    const { modifiedAt } = files.statFd(parent);
    if ((status.mode & S.IFMT) === S.IFDIR) files.removeDirectoryAt(parent, name);
    else if ((status.mode & S.IFMT) === S.IFREG && status.size === 0) files.unlinkAt(parent, name);
    files.setTimes(parent, modifiedAt);
  } catch (error) {
    // The process put something there.
    if (errorCode(error) !== "ENOTEMPTY") throw error;
  } finally {
    files.closeFd(parent);
  }
}
