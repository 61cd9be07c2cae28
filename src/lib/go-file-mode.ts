/** Go's os.FileMode, in which fsutil tells modes, and the kernel's. */

const GO = {
  directory: 0x80000000,
  symlink: 0x08000000,
  device: 0x04000000,
  pipe: 0x02000000,
  socket: 0x01000000,
  setuid: 0x00800000,
  setgid: 0x00400000,
  charDevice: 0x00200000,
  sticky: 0x00100000,
} as const;
const PERMISSIONS = 0o777;
const SETUID = 0o4000;
const SETGID = 0o2000;
const STICKY = 0o1000;

export type FileKind = "file" | "directory" | "symlink" | "other";

export function fileKind(goMode: number): FileKind {
  const has = (bit: number) => (goMode & bit) !== 0;
  if (has(GO.directory)) return "directory";
  if (has(GO.symlink)) return "symlink";
  return has(GO.device) || has(GO.pipe) || has(GO.socket) || has(GO.charDevice) ? "other" : "file";
}

/** Permission bits as chmod(2) takes them. */
export function permissionBits(goMode: number): number {
  let mode = goMode & PERMISSIONS;
  if (goMode & GO.setuid) mode |= SETUID;
  if (goMode & GO.setgid) mode |= SETGID;
  if (goMode & GO.sticky) mode |= STICKY;
  return mode;
}

/** `mode` is stat(2)'s. */
export function goMode(mode: number, kind: FileKind): number {
  let go = mode & PERMISSIONS;
  if (mode & SETUID) go |= GO.setuid;
  if (mode & SETGID) go |= GO.setgid;
  if (mode & STICKY) go |= GO.sticky;
  if (kind === "directory") go |= GO.directory;
  if (kind === "symlink") go |= GO.symlink;
  return go >>> 0;
}
