/** Walks a context: which files it has, without those that are ignored, and a mark that stands for all of them. */
import { readlinkSync } from "node:fs";
import type { FileStat } from "../../lib/file-packets.ts";
import { type FileKind, goMode } from "../../lib/go-file-mode.ts";
import { IgnoreMatcher } from "../../lib/ignore-patterns.ts";
import { DirectoryScanner, type ScannedEntry, travellingXattrs } from "../../linux/tree-scan.ts";
import { type IncludedNode, includedPaths } from "./included-paths.ts";

/** Longer than a tick of any file system's clock: a younger change could be followed by one with the same time. */
const RACY_SECONDS = 0.05;
/** Changes when marks of an older version must not count. */
const MARK_VERSION = "1";

export interface WalkOptions {
  include?: readonly string[] | undefined;
  exclude?: readonly string[] | undefined;
}

export class ContextWalk {
  private readonly scanner = new DirectoryScanner();
  private readonly ignores: IgnoreMatcher | undefined;
  private readonly included: IncludedNode;
  /** Of files with several names. */
  private readonly inodes = new Map<FileStat, string>();

  /** @throws {NaruError} invalid for a bad pattern */
  constructor(
    private readonly root: string,
    private readonly options: WalkOptions,
  ) {
    const { exclude = [] } = options;
    this.ignores = exclude.length > 0 ? new IgnoreMatcher(exclude) : undefined;
    this.included = includedPaths(root, options.include);
  }

  /**
   * Equal marks: no file was changed, added or removed. Undefined when one was changed this very moment.
   * @throws {SysError} for directories that cannot be read
   */
  mark(): string | undefined {
    const hash = new Bun.CryptoHasher("sha256");
    hash.update(JSON.stringify([MARK_VERSION, this.options.include ?? [], this.options.exclude ?? []]));
    const startedAt = Date.now() / 1000;
    const pending: { path: string; node: IncludedNode | undefined }[] = [{ path: "", node: this.included }];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { path, node } = next;
      if (this.takesAll(node)) {
        hash.update(`${path}\0\0`);
        for (const name of this.scanner.digest(this.placeOf(path), hash)) {
          pending.push({ path: join(path, name), node: undefined });
        }
        continue;
      }
      const entries = this.scan(path, node);
      hash.update(`${path}\0${entries.map(({ name }) => name).join("\0")}\0\0`);
      hash.update(this.scanner.allStatusBytes(entries.length));
      for (const { name, kind } of entries) {
        if (kind === "directory") pending.push({ path: join(path, name), node: below(node, name) });
      }
    }
    return this.scanner.newestChange > startedAt - RACY_SECONDS ? undefined : hash.digest("hex");
  }

  /** The files in the order of their transfer: names of a directory by their bytes, what lies in it right after it. */
  list(): FileStat[] {
    const found: FileStat[] = [];
    this.inodes.clear();
    this.listBelow("", this.included, found);
    this.tellHardLinks(found);
    return found;
  }

  /** Of several names of a file the first in the list has the content, the others name it. */
  private tellHardLinks(found: readonly FileStat[]): void {
    if (this.inodes.size === 0) return;
    const firstNames = new Map<string, string>();
    for (const stat of found) {
      const inode = this.inodes.get(stat);
      if (inode === undefined) continue;
      const first = firstNames.get(inode);
      if (first === undefined) firstNames.set(inode, stat.path);
      else {
        stat.linkname = first;
        stat.size = 0;
      }
    }
  }

  private listBelow(directory: string, node: IncludedNode | undefined, found: FileStat[]): void {
    const entries = this.scan(directory, node);
    // The scanner's buffers are used again below this directory.
    const stats = entries.map((entry, index) => this.statOf(join(directory, entry.name), entry, index));
    const order = entries
      .map((_, index) => index)
      .sort((one, other) => byBytes(entries[one]!.name, entries[other]!.name));
    for (const index of order) {
      const { name, kind } = entries[index]!;
      const stat = stats[index];
      if (stat === undefined) continue;
      if (kind !== "directory") found.push(stat);
      else this.listDirectory(stat, below(node, name), found);
    }
  }

  /** A directory that is ignored, but may hold exceptions, is there when it holds some. */
  private listDirectory(stat: FileStat, node: IncludedNode | undefined, found: FileStat[]): void {
    const place = found.length;
    found.push(stat);
    this.listBelow(stat.path, node, found);
    if (found.length === place + 1 && this.ignores?.excludes(stat.path)) found.pop();
  }

  /** Whether nothing below is left out. */
  private takesAll(node: IncludedNode | undefined): boolean {
    return this.ignores === undefined && (node === undefined || node.isWhole);
  }

  private placeOf(directory: string): string {
    return directory === "" ? this.root : `${this.root}/${directory}`;
  }

  private scan(directory: string, node: IncludedNode | undefined): ScannedEntry[] {
    const { ignores } = this;
    const only = node === undefined || node.isWhole ? undefined : node.children;
    const wanted = (name: string) => {
      if (only !== undefined && !only.has(name)) return false;
      if (ignores === undefined) return true;
      const path = join(directory, name);
      return !ignores.excludes(path) || (ignores.hasExceptions && ignores.mayHoldExceptions(path));
    };
    const place = this.placeOf(directory);
    return this.takesAll(node) ? this.scanner.scan(place) : this.scanner.scan(place, wanted);
  }

  /** Undefined for what means nothing elsewhere: sockets, pipes, devices; and for ignored files. */
  private statOf(path: string, { kind }: ScannedEntry, index: number): FileStat | undefined {
    if (kind === "other" || (kind !== "directory" && this.ignores?.excludes(path))) return undefined;
    const { mode, size, links, inode, device, modifiedNs } = this.scanner.status(index);
    const place = `${this.root}/${path}`;
    const stat: FileStat = {
      path,
      mode: goMode(mode & 0o7777, kind as FileKind),
      uid: 0,
      gid: 0,
      size: kind === "file" ? size : 0,
      modTime: modifiedNs,
      linkname: kind === "symlink" ? readlinkSync(place) : "",
      xattrs: kind === "symlink" ? {} : travellingXattrs(place),
    };
    if (kind === "file" && links > 1) this.inodes.set(stat, `${device} ${inode}`);
    return stat;
  }
}

function below(node: IncludedNode | undefined, name: string): IncludedNode | undefined {
  return node === undefined || node.isWhole ? undefined : node.children.get(name);
}

function join(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

function byBytes(one: string, other: string): number {
  // Beyond the first plane the order of UTF-16 is another one than that of the bytes.
  if (/[\ud800-\udfff]/.test(one) || /[\ud800-\udfff]/.test(other)) {
    return Buffer.compare(Buffer.from(one), Buffer.from(other));
  }
  return one < other ? -1 : one > other ? 1 : 0;
}
