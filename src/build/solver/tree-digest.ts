/**
 * Digest of what a copy takes: names, types, permissions, owners, links, contents; not the times. Runs in a worker thread.
 */
import * as files from "../../linux/file-calls.ts";
import { O, S } from "../../linux/file-calls.ts";
import { findXattrAt, listXattrsAt } from "../../linux/xattr.ts";
import type { Digest } from "../../model/image.ts";
import type { StatCache } from "./stat-cache.ts";
import { SelectedTree, type Selection, type WalkedEntry } from "./tree-selection.ts";

export interface DigestOptions {
  /** Owners and permissions that the copy sets itself have no part in the digest. */
  ignoresOwner: boolean;
  ignoresMode: boolean;
}

export interface TreeDigest {
  digest: Digest;
  entryCount: number;
  fileBytes: number;
  /** Path and the start of its digest, for telling what changed; absent when there are too many. */
  listing?: Record<string, string>;
}

const MAX_LISTING = 5000;
const READ_BYTES = 256 * 1024;

/** @throws {NaruError} not-found when a source is not there */
export async function digestSelection(
  selection: Selection,
  options: DigestOptions,
  cache: StatCache,
  signal: AbortSignal,
): Promise<TreeDigest> {
  const tree = new SelectedTree(selection);
  try {
    const digester = new Digester(options, cache);
    let sinceTurn = 0;
    for (const item of tree.items()) {
      digester.begin(item.parents, item.name, item.isDirectory);
      for (const entries of tree.walk(item)) {
        for (const entry of entries) digester.add(entry, item.path);
        // Lets the thread hear of a cancellation.
        sinceTurn += entries.length;
        if (sinceTurn < 5000) continue;
        sinceTurn = 0;
        await new Promise((resolve) => setImmediate(resolve));
        signal.throwIfAborted();
      }
    }
    return digester.finish();
  } finally {
    tree.close();
  }
}

class Digester {
  private readonly hash = new Bun.CryptoHasher("sha256");
  private readonly links = new Map<string, string>();
  private readonly buffer = new Uint8Array(READ_BYTES);
  private listing: Record<string, string> | undefined = {};
  private entryCount = 0;
  private fileBytes = 0;

  constructor(
    private readonly options: DigestOptions,
    private readonly cache: StatCache,
  ) {}

  begin(parents: string, name: string, isDirectory: boolean): void {
    // A directory's own name plays no part: its content is copied.
    this.hash.update(`item\0${parents}\0${isDirectory ? "" : name}\0`);
  }

  add({ directory, name, relative, status }: WalkedEntry, itemPath: string): void {
    const type = status.mode & S.IFMT;
    // The destination's own directory keeps its permissions when it is there already, and gets fixed ones when not.
    const isTop = relative === "" && type === S.IFDIR;
    const mode = this.options.ignoresMode || isTop || type === S.IFLNK ? 0 : status.mode & 0o7777;
    const owner = this.options.ignoresOwner || isTop ? "" : `${status.uid}:${status.gid}`;
    const content = this.contentOf(directory, name, status, type, relative);
    const xattrs = type === S.IFDIR && !isTop ? xattrText(directory, name) : "";
    this.hash.update(`${relative}\0${type >> 12}\0${mode}\0${owner}\0${content}\0${xattrs}\0`);
    this.entryCount += 1;
    if (this.listing) this.note(itemPath, relative, `${content.slice(0, 12)} ${mode} ${owner}`);
  }

  finish(): TreeDigest {
    return {
      digest: `sha256:${this.hash.digest("hex")}`,
      entryCount: this.entryCount,
      fileBytes: this.fileBytes,
      ...(this.listing ? { listing: this.listing } : {}),
    };
  }

  private note(itemPath: string, relative: string, what: string): void {
    const path = files.fromRaw([itemPath, relative].filter(Boolean).join("/"));
    if (this.entryCount > MAX_LISTING) this.listing = undefined;
    else this.listing![path] = what;
  }

  private contentOf(directory: number, name: string, status: files.FileStatus, type: number, relative: string): string {
    if (type === S.IFREG) {
      this.fileBytes += status.size;
      if (status.links > 1) {
        const key = `${status.device}:${status.inode}`;
        const first = this.links.get(key);
        if (first !== undefined) return `link ${first}`;
        this.links.set(key, relative);
      }
      return this.cache.digestOf(status, () => this.hashFile(directory, name));
    }
    if (type === S.IFLNK) return files.readLinkAt(directory, name);
    if (type === S.IFCHR || type === S.IFBLK) return `${status.rdev.major}:${status.rdev.minor}`;
    return "";
  }

  /** Content and attributes: both cannot change without the file's ctime. */
  private hashFile(directory: number, name: string): string {
    const content = this.hashContent(directory, name);
    const xattrs = xattrText(directory, name);
    return xattrs === "" ? content : Bun.CryptoHasher.hash("sha256", `${content}\0${xattrs}`, "hex");
  }

  private hashContent(directory: number, name: string): string {
    const fd = files.openAt(directory, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
    try {
      let length = files.readInto(fd, this.buffer);
      if (length < READ_BYTES) return Bun.CryptoHasher.hash("sha256", this.buffer.subarray(0, length), "hex");
      const hash = new Bun.CryptoHasher("sha256");
      for (; length > 0; length = files.readInto(fd, this.buffer)) hash.update(this.buffer.subarray(0, length));
      return hash.digest("hex");
    } finally {
      files.closeFd(fd);
    }
  }
}

/** Capabilities and what users set; the others belong to the host. */
export function keptXattrs(directory: number, name: string): [key: string, value: Buffer][] {
  return listXattrsAt(directory, name)
    .filter((key) => key === "security.capability" || (key.startsWith("user.") && !key.startsWith("user.overlay.")))
    .map((key) => [key, findXattrAt(directory, name, key)] as const)
    .filter((pair): pair is [string, Buffer] => pair[1] !== undefined);
}

function xattrText(directory: number, name: string): string {
  return keptXattrs(directory, name)
    .map(([key, value]) => `${key}=${value.toString("latin1")}`)
    .join("\0");
}
