/** Paths as `docker cp` means them: links in parent directories are followed, the last name is not unless it ends in "/". */
import * as files from "../linux/file-calls.ts";
import { O, S } from "../linux/file-calls.ts";
import { splitRaw } from "../linux/rooted-tree.ts";
import { errorCode } from "../linux/sys-error.ts";
import type { PathStat } from "../model/container.ts";

export interface ContainerPath {
  /** Inside the root, with the parents' links followed; raw, without slashes at its ends; "" is the root. */
  rawPath: string;
  stat: PathStat;
}

const MAX_LINKS = 255;

/** Undefined when there is nothing at the path. @throws {SysError} */
export function findContainerPath(root: string, path: string): ContainerPath | undefined {
  const rootFd = files.openPath(root, O.PATH | O.DIRECTORY);
  try {
    const { parent, base, name } = splitPath(path);
    const rawParent = resolve(rootFd, parent);
    const rawPath = base === "" ? rawParent : joinRaw(rawParent, base);
    const status = statusOf(rootFd, rawPath);
    if (!status) return undefined;
    const isLink = (status.mode & S.IFMT) === S.IFLNK;
    if (base === "" && (status.mode & S.IFMT) !== S.IFDIR) return undefined;
    const linkTarget = isLink ? `/${files.fromRaw(resolve(rootFd, rawPath))}` : "";
    return {
      rawPath,
      stat: {
        name,
        size: status.size,
        mode: goFileMode(status.mode),
        mtime: goTime(status.modifiedAt),
        linkTarget,
      },
    };
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errorCode(error))) return undefined;
    throw error;
  } finally {
    files.closeFd(rootFd);
  }
}

/** The path inside the root with all links followed, the last one too. Parts that do not exist stay as they are. */
export function resolveContainerPath(root: string, path: string): string {
  const rootFd = files.openPath(root, O.PATH | O.DIRECTORY);
  try {
    return resolve(rootFd, files.toRaw(path));
  } finally {
    files.closeFd(rootFd);
  }
}

/** What Go's path.Split and path.Base make of it; a trailing "/" or "/." means what the path leads to. */
function splitPath(path: string): { parent: string; base: string; name: string } {
  const parts = path.split("/").filter((part) => part !== "");
  const endsInDot = parts.at(-1) === ".";
  const names = normalize(parts);
  const last = names.at(-1) ?? "";
  const whole = files.toRaw(names.join("/"));
  if (endsInDot) return { parent: whole, base: "", name: "." };
  if (last === "") return { parent: "", base: "", name: "/" };
  if (path.endsWith("/")) return { parent: whole, base: "", name: last };
  return { parent: files.toRaw(names.slice(0, -1).join("/")), base: files.toRaw(last), name: last };
}

function normalize(parts: string[]): string[] {
  const names: string[] = [];
  for (const part of parts) {
    if (part === "..") names.pop();
    else if (part !== ".") names.push(part);
  }
  return names;
}

function joinRaw(parent: string, name: string): string {
  return parent === "" ? name : `${parent}/${name}`;
}

function statusOf(rootFd: number, rawPath: string): files.FileStatus | undefined {
  if (rawPath === "") return files.statFd(rootFd);
  const [parentPath, name] = splitRaw(rawPath);
  const parent = files.openInRoot(rootFd, parentPath, O.PATH | O.DIRECTORY);
  try {
    return files.findStatusAt(parent, name);
  } finally {
    files.closeFd(parent);
  }
}

/** Follows links by hand, since the kernel opens a path but does not tell how it came there. */
function resolve(rootFd: number, path: string): string {
  let resolved: string[] = [];
  const todo = path.split("/");
  let links = 0;
  for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      resolved.pop();
      continue;
    }
    const next = [...resolved, part].join("/");
    const target = findLinkTarget(rootFd, next);
    if (target === undefined) {
      resolved.push(part);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return next;
    if (target.startsWith("/")) resolved = [];
    todo.unshift(...target.split("/"));
  }
  return resolved.join("/");
}

function findLinkTarget(rootFd: number, rawPath: string): string | undefined {
  const [parentPath, name] = splitRaw(rawPath);
  try {
    const parent = files.openInRoot(rootFd, parentPath, O.PATH | O.DIRECTORY);
    try {
      return files.readLinkAt(parent, name);
    } finally {
      files.closeFd(parent);
    }
  } catch (error) {
    // No link, or nothing at all.
    if (["EINVAL", "ENOENT", "ENOTDIR"].includes(errorCode(error))) return undefined;
    throw error;
  }
}

const GO_TYPES: Record<number, number> = {
  [S.IFDIR]: 2 ** 31,
  [S.IFLNK]: 2 ** 27,
  [S.IFBLK]: 2 ** 26,
  [S.IFCHR]: 2 ** 26 + 2 ** 21,
  [S.IFIFO]: 2 ** 25,
  [S.IFSOCK]: 2 ** 24,
};

/** The mode in the bits of Go's os.FileMode, which the path stat header has. */
function goFileMode(mode: number): number {
  const special = (mode & 0o4000 ? 2 ** 23 : 0) + (mode & 0o2000 ? 2 ** 22 : 0) + (mode & 0o1000 ? 2 ** 20 : 0);
  return (mode & 0o777) + special + (GO_TYPES[mode & S.IFMT] ?? 0);
}

/** RFC 3339 as Go prints it: nanoseconds without trailing zeros. */
function goTime({ seconds, nanoseconds }: files.FileTime): string {
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  const fraction = nanoseconds === 0 ? "" : `.${String(nanoseconds).padStart(9, "0").replace(/0+$/, "")}`;
  return `${whole}${fraction}Z`;
}
