/** How overlayfs marks what a layer removed (Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories"). */
import { type FileStatus, S } from "./file-calls.ts";
import { findXattrAt } from "./xattr.ts";

/** Value "y" on a directory: the lower layers' directory of that name is hidden. */
export const OPAQUE_XATTR = "trusted.overlay.opaque";

/** A character device 0:0 stands for a name that the layer removed. */
export function isWhiteout({ mode, rdev }: FileStatus): boolean {
  return (mode & S.IFMT) === S.IFCHR && rdev.major === 0 && rdev.minor === 0;
}

export function isOpaqueAt(directory: number, name: string): boolean {
  return findXattrAt(directory, name, OPAQUE_XATTR)?.toString("latin1") === "y";
}
