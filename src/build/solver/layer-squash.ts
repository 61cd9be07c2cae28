/**
 * Several layers as one, without mounting them: the newer's files replace the older's, whiteouts and opaque directories go on
 * hiding what lies below all of them. Files are linked, not copied. Runs in a worker thread.
 */
import * as files from "../../linux/file-calls.ts";
import { O, S } from "../../linux/file-calls.ts";
import { isOpaqueAt, isWhiteout, OPAQUE_XATTR } from "../../linux/overlay-marks.ts";
import { removeTreeAt } from "../../linux/rooted-tree.ts";
import { setXattr } from "../../linux/xattr.ts";
import { keptXattrs } from "./tree-digest.ts";

export interface SquashParams {
  /** Oldest first. */
  layers: string[];
  /** Empty directory on the same file system. */
  target: string;
  /** False: nothing lies below the layers, so nothing is to be hidden there. */
  hasBase: boolean;
}

export function squashLayers({ layers, target, hasBase }: SquashParams): void {
  const into = files.openPath(target, O.RDONLY | O.DIRECTORY);
  try {
    for (const layer of layers) {
      const from = files.openPath(layer, O.RDONLY | O.DIRECTORY);
      try {
        merge(from, into, hasBase);
      } finally {
        files.closeFd(from);
      }
    }
  } finally {
    files.closeFd(into);
  }
}

function merge(from: number, into: number, hasBase: boolean): void {
  for (const name of files.listNames(from)) {
    const status = files.findStatusAt(from, name);
    if (!status) continue;
    if ((status.mode & S.IFMT) === S.IFDIR) mergeDirectory(from, into, { name, status, hasBase });
    else {
      removeTreeAt(into, name);
      // A whiteout stays one: it hides what lies below the squashed layers. A device 0:0 cannot be linked on every kernel.
      if (!isWhiteout(status)) files.makeLinkAt(from, name, into, name);
      else if (hasBase) files.makeNodeAt(into, name, S.IFCHR, 0, 0);
    }
  }
}

function mergeDirectory(
  from: number,
  into: number,
  { name, status, hasBase }: { name: string; status: files.FileStatus; hasBase: boolean },
): void {
  const source = files.openAt(from, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  try {
    const existing = files.findStatusAt(into, name);
    const isDirectory = existing !== undefined && (existing.mode & S.IFMT) === S.IFDIR;
    const hidesLower = isOpaqueAt(from, name) || (existing !== undefined && !isDirectory);
    if (existing && (!isDirectory || hidesLower)) removeTreeAt(into, name);
    if (!isDirectory || hidesLower) files.makeDirectoryAt(into, name, 0o700);
    const target = files.openAt(into, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    try {
      if (hidesLower && hasBase) setXattr(target, OPAQUE_XATTR, Buffer.from("y"));
      merge(source, target, hasBase);
      files.changeOwner(target, status.uid, status.gid);
      files.changeMode(target, status.mode & 0o7777);
      for (const [key, value] of keptXattrs(from, name)) setXattr(target, key, value);
      files.setTimes(target, status.modifiedAt);
    } finally {
      files.closeFd(target);
    }
  } finally {
    files.closeFd(source);
  }
}
