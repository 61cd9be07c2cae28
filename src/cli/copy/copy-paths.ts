/** The rules of `docker cp` about paths: what a slash or a dot at the end means, and what lands where. */
import { basename, dirname, normalize } from "node:path";
import { CliError } from "../cli-error.ts";

/** One side of a copy. */
export interface CopySide {
  path: string;
  exists: boolean;
  isDirectory: boolean;
  /** The name that the first part of the archive's names gets instead of its own. */
  rebaseName?: string;
}

/** Where an archive is unpacked, and how its names change. */
export interface CopyPlan {
  folder: string;
  /** The beginning of each name, and what takes its place. */
  rename?: { from: string; to: string };
}

function hasTrailingSlash(path: string): boolean {
  return path.endsWith("/");
}

/** True for paths that end in `.` or `/.`: the content of a folder is meant, not the folder. */
function meansContent(path: string): boolean {
  return path === "" || basename(path) === ".";
}

function assertsDirectory(path: string): boolean {
  return hasTrailingSlash(path) || meansContent(path);
}

/** Splits a path into its folder and its last part, which is `.` where the content of a folder is meant. */
export function splitPath(path: string): { folder: string; base: string } {
  const cleaned = normalize(path).replace(/(.)\/$/, "$1");
  if (meansContent(path)) return { folder: cleaned, base: "." };
  return { folder: dirname(cleaned), base: cleaned === "/" ? "/" : basename(cleaned) };
}

/** Keeps what the end of `original` says (a slash, a dot) on a path that was made from it. */
export function keepEnding(path: string, original: string): string {
  if (meansContent(original) && !meansContent(path)) return `${path}${hasTrailingSlash(path) ? "" : "/"}.`;
  if (hasTrailingSlash(original) && !hasTrailingSlash(path)) return `${path}/`;
  return path;
}

/** The path that a symbolic link leads to, and the link's own name where the two differ. */
export function followedLink(path: string, target: string): { path: string; rebaseName?: string } {
  const followed = keepEnding(target, path);
  const own = basename(path);
  return own === basename(followed) ? { path: followed } : { path: followed, rebaseName: own };
}

/** Decides where the archive of `source` goes. Throws CliError with docker's words when it fits nowhere. */
export function planCopy(source: CopySide, destination: CopySide): CopyPlan {
  const { base: sourceBase } = splitPath(source.path);
  const { folder, base } = splitPath(destination.path);
  if (destination.exists && destination.isDirectory) return { folder: destination.path };
  if (destination.exists && source.isDirectory) throw new CliError("cannot copy directory");
  if (!destination.exists && !source.isDirectory && assertsDirectory(destination.path)) {
    throw new CliError("no such directory");
  }
  const from = source.rebaseName ?? sourceBase;
  return { folder, rename: { from: from === "/" ? "" : from, to: base } };
}

/** An archive entry's name after the plan's renaming. */
export function renamed(name: string, rename: CopyPlan["rename"]): string {
  if (!rename) return name;
  if (rename.from === "") return `${rename.to}/${name}`;
  return name.replace(rename.from, () => rename.to);
}

/** `container:path`, or a path on this machine: one that begins with `/` or `.`, or has no colon. */
export function splitContainerPath(text: string): { container?: string; path: string } {
  if (text.startsWith("/")) return { path: text };
  const colon = text.indexOf(":");
  if (colon < 0 || text.startsWith(".")) return { path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}
