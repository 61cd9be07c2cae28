/** The files of a directory as a client listed them, in order, checked; and kept beside the directory for the next time. */

import { NaruError } from "../../lib/errors.ts";
import { decodeStat, encodeStat, type FileStat } from "../../lib/file-packets.ts";
import { fileKind } from "../../lib/go-file-mode.ts";

const HEAD_BYTES = 4;

export class FileList {
  readonly stats: FileStat[] = [];
  private readonly kinds = new Map<string, ReturnType<typeof fileKind>>();
  private last = "";

  /** @throws {NaruError} invalid for a path that leads out, comes twice, or lies in something that is no directory */
  add(stat: FileStat): void {
    const { path, linkname } = stat;
    const parts = path.split("/");
    const isSafe = !path.includes("\0") && parts.every((part) => part !== "" && part !== "." && part !== "..");
    if (!isSafe) throw refused(`invalid path ${JSON.stringify(path)}`);
    if (this.last !== "" && comparePaths(this.last, path) >= 0) {
      throw refused(`changes out of order: ${JSON.stringify(path)} after ${JSON.stringify(this.last)}`);
    }
    this.last = path;
    const parent = parts.slice(0, -1).join("/");
    if (parent !== "" && this.kinds.get(parent) !== "directory") {
      throw refused(`${JSON.stringify(path)} lies in ${JSON.stringify(parent)}, which is no directory of the transfer`);
    }
    const kind = fileKind(stat.mode);
    if (kind === "other") throw refused(`${JSON.stringify(path)} is neither a file nor a directory nor a link`);
    if (kind === "file" && linkname !== "" && this.kinds.get(linkname) !== "file") {
      throw refused(
        `${JSON.stringify(path)} is a hard link to ${JSON.stringify(linkname)}, which is no file of the transfer`,
      );
    }
    this.kinds.set(path, kind);
    this.stats.push(stat);
  }

  encode(): Uint8Array {
    const parts: Uint8Array[] = [];
    for (const stat of this.stats) {
      const encoded = encodeStat(stat);
      const head = Buffer.alloc(HEAD_BYTES);
      head.writeUInt32BE(encoded.length);
      parts.push(head, encoded);
    }
    return Buffer.concat(parts);
  }

  static decode(data: Buffer): FileList {
    const list = new FileList();
    for (let at = 0; at < data.length; ) {
      const length = data.readUInt32BE(at);
      list.add(decodeStat(data.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length)));
      at += HEAD_BYTES + length;
    }
    return list;
  }
}

/** By components: what lies in a directory comes right after it. */
function comparePaths(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one.replaceAll("/", "\0")), Buffer.from(other.replaceAll("/", "\0")));
}

function refused(message: string): NaruError {
  return new NaruError("invalid", message);
}

/** What two lists differ in. */
export interface ListDifference {
  /** Paths that are gone or become something else; the deepest first. */
  removed: string[];
  /** What is new or changed, in order, with its place in the new list. */
  changed: { id: number; stat: FileStat }[];
}

export function differenceOf(before: FileList, after: FileList): ListDifference {
  const known = new Map(before.stats.map((stat) => [stat.path, stat]));
  const removed: string[] = [];
  const changed: ListDifference["changed"] = [];
  const changedFiles = new Set<string>();
  for (const [id, stat] of after.stats.entries()) {
    const old = known.get(stat.path);
    known.delete(stat.path);
    // A hard link to a file that is written anew is made anew.
    if (old !== undefined && isSame(old, stat) && !changedFiles.has(stat.linkname)) continue;
    changed.push({ id, stat });
    if (fileKind(stat.mode) === "file") changedFiles.add(stat.path);
    const staysDirectory = old && fileKind(old.mode) === "directory" && fileKind(stat.mode) === "directory";
    if (old !== undefined && !staysDirectory) removed.push(stat.path);
  }
  removed.push(...known.keys());
  return { removed: removed.sort((one, other) => comparePaths(other, one)), changed };
}

function isSame(one: FileStat, other: FileStat): boolean {
  const isEqual =
    one.mode === other.mode && one.uid === other.uid && one.gid === other.gid && one.linkname === other.linkname;
  if (!isEqual || !sameAttributes(one.xattrs, other.xattrs)) return false;
  // A directory's own size and time say nothing about what is copied from it but its time.
  if (fileKind(one.mode) === "directory") return one.modTime === other.modTime;
  return one.size === other.size && one.modTime === other.modTime;
}

function sameAttributes(one: FileStat["xattrs"], other: FileStat["xattrs"]): boolean {
  const names = Object.keys(one);
  if (names.length !== Object.keys(other).length) return false;
  return names.every((name) => other[name] !== undefined && Buffer.compare(one[name]!, other[name]) === 0);
}
