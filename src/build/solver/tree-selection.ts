/**
 * The files that a copy takes from a tree: sources expanded, patterns applied, links on the way followed inside the root and
 * never out of it. Runs in a worker thread. Paths are raw (one character per byte, see linux/file-calls.ts).
 */
import { NaruError } from "../../lib/errors.ts";
import { compileGlob } from "../../lib/glob-pattern.ts";
import { IgnoreMatcher } from "../../lib/ignore-patterns.ts";
import * as files from "../../linux/file-calls.ts";
import { O, S } from "../../linux/file-calls.ts";
import { splitRaw } from "../../linux/rooted-tree.ts";
import { errorCode } from "../../linux/sys-error.ts";

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

/** Something to be copied. The descriptor is valid until the walk goes on behind its directory. */
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
  /** Undefined when nothing is left out. */
  private readonly rootIgnores: IgnoreMatcher | undefined;
  private readonly ignores: IgnoreMatcher | undefined;

  constructor(private readonly selection: Selection) {
    this.root = files.openPath(selection.root, O.RDONLY | O.DIRECTORY);
    this.rootIgnores = matcherOf(selection.rootExclude);
    this.ignores = matcherOf(selection.exclude);
  }

  close(): void {
    files.closeFd(this.root);
  }

  /** @throws {NaruError} not-found `"/x": not found` */
  items(): SelectedItem[] {
    return this.selection.sources.flatMap((source) => this.expand(source));
  }

  /** Paths that the sources stand for, as patterns that fit only them. */
  paths(): string[] {
    const found = this.selection.sources.flatMap((source) => this.expand(source));
    return found.map(({ written }) => `/${files.fromRaw(written)}`.replace(/[*?[\]\\]/g, "\\$&"));
  }

  private expand(source: string): (SelectedItem & { written: string })[] {
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
      if (this.rootIgnores && leavesOut(this.rootIgnores, real, isDirectory)) return undefined;
      return { name, path: real, parents: "", isDirectory, written: path };
    } finally {
      files.closeFd(fd);
    }
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

  /** The item and all below it, a directory's entries at a time and before those below them, in byte order. */
  *walk(item: SelectedItem): Generator<WalkedEntry[], void> {
    const [parentPath, name] = splitRaw(item.path);
    const parent = files.openInRoot(this.root, parentPath, O.RDONLY | O.DIRECTORY);
    try {
      const status = item.path === "" ? files.statFd(this.root) : files.statAt(parent, name);
      const entry: WalkedEntry = { directory: parent, name: name === "" ? "." : name, relative: "", status };
      if (!item.isDirectory) {
        if (!this.ignores?.excludes(files.fromRaw(item.name))) yield [entry];
        return;
      }
      yield [entry];
      yield* this.walkDirectory(this.root, item.path, "");
    } finally {
      files.closeFd(parent);
    }
  }

  private *walkDirectory(from: number, path: string, relative: string): Generator<WalkedEntry[], void> {
    const fd =
      from === this.root
        ? files.openInRoot(this.root, path, O.RDONLY | O.DIRECTORY)
        : files.openAt(from, splitRaw(path)[1], O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    try {
      const { taken, directories } = this.readDirectory(fd, path, relative);
      if (taken.length > 0) yield taken;
      for (const { entry, isTaken } of directories) yield* this.walkBelow(entry, join(path, entry.name), isTaken);
    } finally {
      files.closeFd(fd);
    }
  }

  private readDirectory(fd: number, path: string, relative: string) {
    const taken: WalkedEntry[] = [];
    const directories: { entry: WalkedEntry; isTaken: boolean }[] = [];
    const [pathPrefix, relativePrefix] = [prefixOf(path), prefixOf(relative)];
    for (const name of sorted(files.listNames(fd))) {
      const status = files.findStatusAt(fd, name);
      if (!status) continue;
      const entry: WalkedEntry = { directory: fd, name, relative: relativePrefix + name, status };
      const isTaken = !this.isExcluded(pathPrefix + name, entry.relative);
      if (isTaken) taken.push(entry);
      if ((status.mode & S.IFMT) !== S.IFDIR) continue;
      if (isTaken || this.mayHoldExceptions(pathPrefix + name, entry.relative)) directories.push({ entry, isTaken });
    }
    return { taken, directories };
  }

  private *walkBelow(entry: WalkedEntry, path: string, isTaken: boolean): Generator<WalkedEntry[], void> {
    let isTold = isTaken;
    for (const entries of this.walkDirectory(entry.directory, path, entry.relative)) {
      // An excluded directory is there only for what is excepted in it.
      if (!isTold) yield [entry];
      isTold = true;
      yield entries;
    }
  }

  private isExcluded(path: string, relative: string): boolean {
    const { rootIgnores, ignores } = this;
    if (rootIgnores?.excludes(files.fromRaw(path))) return true;
    return ignores?.excludes(files.fromRaw(relative)) ?? false;
  }

  private mayHoldExceptions(path: string, relative: string): boolean {
    const { rootIgnores, ignores } = this;
    return (
      (rootIgnores?.mayHoldExceptions(files.fromRaw(path)) ?? false) ||
      (ignores?.mayHoldExceptions(files.fromRaw(relative)) ?? false)
    );
  }
}

function matcherOf(patterns: readonly string[]): IgnoreMatcher | undefined {
  return patterns.length === 0 ? undefined : new IgnoreMatcher(patterns);
}

/** A directory that is left out may hold exceptions. */
function leavesOut(ignores: IgnoreMatcher, path: string, isDirectory: boolean): boolean {
  const text = files.fromRaw(path);
  if (path === "" || !ignores.excludes(text)) return false;
  return !isDirectory || !ignores.mayHoldExceptions(text);
}

/** One component of a pattern; undefined when it has no wildcard. */
function componentMatcher(component: string): ((name: string) => boolean) | undefined {
  if (!/[*?[\\]/.test(component)) return undefined;
  const glob = compileGlob(files.fromRaw(component));
  return (name) => glob.matches(files.fromRaw(name));
}

/** As Go's path.Clean of an absolute path, without the slash at its start: "" for the root itself. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function prefixOf(path: string): string {
  return path === "" ? "" : `${path}/`;
}

function join(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

function sorted(names: string[]): string[] {
  // Byte order: that of code units, for raw names.
  return names.sort();
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
