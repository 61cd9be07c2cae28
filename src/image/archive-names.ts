/** Names in archives, which may try to climb out of where they are unpacked. Raw names, see linux/file-calls.ts. */
import { NaruError } from "../lib/errors.ts";
import { fromRaw } from "../linux/file-calls.ts";
import { splitRaw } from "../linux/rooted-tree.ts";
import type { TarEntry } from "./tar-header.ts";

/** A path of an archive as one below the root, without leading slashes, "." and ".."; undefined when it climbs out. */
export function insideRoot(path: string): string | undefined {
  if (/^[^/.]/.test(path) && !/\/(\.|\/|$)/.test(path)) return path;
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join("/");
}

/** insideRoot() of an entry's own name. @throws invalid */
export function entryPath(entry: TarEntry): string {
  const path = insideRoot(entry.path);
  if (path !== undefined) return path;
  throw new NaruError("invalid", `invalid entry name ${JSON.stringify(fromRaw(entry.path))}`);
}

/** insideRoot() of the name that a hard link repeats. @throws invalid */
export function hardLinkPath(entry: TarEntry): string {
  const path = insideRoot(entry.linkPath);
  if (path !== undefined) return path;
  throw new NaruError("invalid", `invalid hardlink target ${JSON.stringify(fromRaw(entry.linkPath))}`);
}

/** A relative link that climbs over the root does no harm here, but only hostile archives have one. */
export function refuseEscapingLink(path: string, entry: TarEntry): void {
  if (entry.linkPath.startsWith("/")) return;
  const [parent] = splitRaw(path);
  let depth = parent === "" ? 0 : parent.split("/").length;
  for (const part of entry.linkPath.split("/")) {
    if (part === "..") depth -= 1;
    else if (part !== "" && part !== ".") depth += 1;
    if (depth < 0) {
      const [name, target] = [fromRaw(entry.path), fromRaw(entry.linkPath)];
      throw new NaruError("invalid", `invalid symlink ${JSON.stringify(name)} -> ${JSON.stringify(target)}`);
    }
  }
}
