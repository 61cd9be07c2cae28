/**
 * The files that a copy takes from a tree: sources expanded, patterns applied, links on the way followed inside the root and
 * never out of it. Runs in a worker thread. Paths are raw (one character per byte, see linux/file-calls.ts).
 */
import { NaruError } from "../../lib/errors.ts";
import * as files from "../../linux/file-calls.ts";
import { O, S } from "../../linux/file-calls.ts";
import { splitRaw } from "../../linux/rooted-tree.ts";
import { errorCode } from "../../linux/sys-error.ts";
import { cleanPath, componentMatcher, type ParentMatches, PathPatterns } from "./path-patterns.ts";

export interface Selection {
  /** Absolute and trusted: a context's directory or a mounted view. */
  root: string;
  /** As the Dockerfile has them. */
  sources: readonly string[];
  /** Patterns relative to each source. */
  exclude: readonly string[];
  /** Patterns relative to the root: .dockerignore. */
  rootExclude: readonly string[];
  keepsParents: boolean;
  allowsNoMatch: boolean;
}

/** One source after its wildcards were expanded. */
export interface SelectedItem {
  /** Its last component as written: links named as source keep their own name. */
  name: string;
  /** Inside the root, without links; "" for the root itself. */
  path: string;
  /** Directories that `--parents` keeps above it; "" for none. */
  parents: string;
  isDirectory: boolean;
}

/** Something to be copied. The descriptor is valid until the walk goes on. */
export interface WalkedEntry {
  directory: number;
  name: string;
  /** Relative to the item; "" for the item itself. */
  relative: string;
  status: files.FileStatus;
}

/** An open root with its selection. Must be closed. */
export class SelectedTree {
  readonly root: number;
  private readonly rootPatterns: PathPatterns;
  private readonly patterns: PathPatterns;

  constructor(private readonly selection: Selection) {
    this.root = files.openPath(selection.root, O.RDONLY | O.DIRECTORY);
    this.rootPatterns = new PathPatterns(selection.rootExclude);
    this.patterns = new PathPatterns(selection.exclude);
  }

  close(): void {
    files.closeFd(this.root);
  }

  /** @throws {NaruError} not-found `"/x": not found` */
  items(): SelectedItem[] {
    return this.selection.sources.flatMap((source) => this.expand(source));
  }

  private expand(source: string): SelectedItem[] {
    const { keepsParents, allowsNoMatch } = this.selection;
    const [base, rest] = pivot(source);
    const raw = files.toRaw(keepsParents && rest !== undefined ? `${base}/${rest}` : source);
    const cleaned = cleanPath(raw);
    const hasWildcard = cleaned.split("/").some((part) => componentMatcher(part) !== undefined);
    const found = hasWildcard ? this.expandWildcards(cleaned) : [cleaned];
    const items = found.map((path) => this.resolve(path)).filter((item) => item !== undefined);
    if (items.length === 0 && !(hasWildcard && allowsNoMatch)) {
      throw new NaruError("not-found", `"/${files.fromRaw(cleaned)}": not found`);
    }
    if (!keepsParents) return items;
    const skip = rest === undefined ? "" : cleanPath(files.toRaw(base));
    return items.map((item) => ({ ...item, parents: parentsOf(item.written, skip) }));
  }

  /** Undefined when it is not there or excluded. */
  private resolve(path: string): (SelectedItem & { written: string }) | undefined {
    const [, name] = splitRaw(path);
    let fd: number;
    try {
      fd = files.openInRoot(this.root, path, O.PATH);
    } catch (error) {
      if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
      throw error;
    }
    try {
      const real = insideRoot(this.root, fd);
      const isDirectory = (files.statFd(fd).mode & S.IFMT) === S.IFDIR;
      // A directory may be excluded and hold exceptions.
      if (!isDirectory && this.isExcluded(real)) return undefined;
      if (isDirectory && real !== "" && !this.rootPatterns.hasExceptions && this.isExcluded(real)) return undefined;
      return { name, path: real, parents: "", isDirectory, written: path };
    } finally {
      files.closeFd(fd);
    }
  }

  private isExcluded(path: string): boolean {
    if (this.rootPatterns.isEmpty) return false;
    return this.rootPatterns.match(path, this.matchesOf(path)).isMatch;
  }

  /** Matches of the directory that a path lies in. */
  private matchesOf(path: string): ParentMatches {
    let matches: ParentMatches;
    const parts = path.split("/").slice(0, -1);
    for (let length = 1; length <= parts.length; length += 1) {
      matches = this.rootPatterns.match(parts.slice(0, length).join("/"), matches).matches;
    }
    return matches;
  }

  private expandWildcards(pattern: string): string[] {
    let found = [""];
    for (const part of pattern.split("/")) {
      if (part === "**") found = found.flatMap((path) => this.directoriesBelow(path));
      else {
        const matches = componentMatcher(part);
        found = found.flatMap((path) => {
          if (!matches) return [join(path, part)];
          return this.names(path)
            .filter(matches)
            .map((name) => join(path, name));
        });
      }
    }
    return [...new Set(found)];
  }

  private directoriesBelow(path: string): string[] {
    const children = this.names(path).filter((name) => {
      const parent = files.openInRoot(this.root, path, O.RDONLY | O.DIRECTORY);
      try {
        const status = files.findStatusAt(parent, name);
        return status !== undefined && (status.mode & S.IFMT) === S.IFDIR;
      } finally {
        files.closeFd(parent);
      }
    });
    return [path, ...children.flatMap((name) => this.directoriesBelow(join(path, name)))];
  }

  private names(path: string): string[] {
    let fd: number;
    try {
      fd = files.openInRoot(this.root, path, O.RDONLY | O.DIRECTORY);
    } catch (error) {
      if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
      throw error;
    }
    try {
      return sorted(files.listNames(fd));
    } finally {
      files.closeFd(fd);
    }
  }

  /** The item and all below it, parents first, in byte order. */
  *walk(item: SelectedItem): Generator<WalkedEntry, void> {
    const [parentPath, name] = splitRaw(item.path);
    const parent = files.openInRoot(this.root, parentPath, O.RDONLY | O.DIRECTORY);
    try {
      const status = item.path === "" ? files.statFd(this.root) : files.statAt(parent, name);
      const entry: WalkedEntry = { directory: parent, name: name === "" ? "." : name, relative: "", status };
      if (!item.isDirectory) {
        if (!this.patterns.match(item.name).isMatch) yield entry;
        return;
      }
      yield entry;
      yield* this.walkDirectory(this.root, item.path, "", {
        root: item.path === "" ? undefined : this.rootPatterns.match(item.path, this.matchesOf(item.path)).matches,
        own: undefined,
      });
    } finally {
      files.closeFd(parent);
    }
  }

  private *walkDirectory(
    from: number,
    path: string,
    relative: string,
    parents: { root: ParentMatches; own: ParentMatches },
  ): Generator<WalkedEntry, void> {
    const fd =
      from === this.root
        ? files.openInRoot(this.root, path, O.RDONLY | O.DIRECTORY)
        : files.openAt(from, splitRaw(path)[1], O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    try {
      for (const name of sorted(files.listNames(fd))) {
        const status = files.findStatusAt(fd, name);
        if (!status) continue;
        yield* this.walkEntry(
          { directory: fd, name, relative: join(relative, name), status },
          join(path, name),
          parents,
        );
      }
    } finally {
      files.closeFd(fd);
    }
  }

  private *walkEntry(
    entry: WalkedEntry,
    path: string,
    parents: { root: ParentMatches; own: ParentMatches },
  ): Generator<WalkedEntry, void> {
    const isDirectory = (entry.status.mode & S.IFMT) === S.IFDIR;
    const root = this.rootPatterns.isEmpty ? NO_MATCH : this.rootPatterns.match(path, parents.root);
    const own = this.patterns.isEmpty ? NO_MATCH : this.patterns.match(entry.relative, parents.own);
    const isExcluded = root.isMatch || own.isMatch;
    if (!isDirectory) {
      if (!isExcluded) yield entry;
      return;
    }
    const below = { root: root.matches, own: own.matches };
    if (!isExcluded) yield entry;
    else if (!this.rootPatterns.hasExceptions && !this.patterns.hasExceptions) return;
    let isTold = !isExcluded;
    for (const child of this.walkDirectory(entry.directory, path, entry.relative, below)) {
      // An excluded directory is there only for what is excepted in it.
      if (!isTold) yield entry;
      isTold = true;
      yield child;
    }
  }
}

const NO_MATCH = { isMatch: false, matches: undefined };

function join(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

function sorted(names: string[]): string[] {
  return names.sort((a, b) => (a < b ? -1 : 1));
}

/** "a/./b": --parents keeps what follows the dot. */
function pivot(source: string): [base: string, rest: string | undefined] {
  const at = source.indexOf("/./");
  return at < 0 ? [source, undefined] : [source.slice(0, at), source.slice(at + 3)];
}

function parentsOf(path: string, skipped: string): string {
  const [parents] = splitRaw(path);
  if (skipped === "") return parents;
  return parents === skipped ? "" : parents.slice(skipped.length + 1);
}

/** Where an open file lies below the root: the kernel's own answer, so no link is left in it. */
function insideRoot(root: number, fd: number): string {
  const own = files.readLinkAt(-1, `/proc/self/fd/${root}`);
  const path = files.readLinkAt(-1, `/proc/self/fd/${fd}`);
  if (path === own) return "";
  if (!path.startsWith(`${own}/`)) throw new NaruError("internal", `${files.fromRaw(path)} lies outside its root`);
  return path.slice(own.length + 1);
}
