/**
 * The actions of a file operation, done inside a mounted root and nowhere else: what a context or another stage holds may be
 * hostile. Runs in a worker thread. What an action makes has times that depend only on its input, so that equal inputs give
 * equal layers: copies keep their sources' times, what is made has the time that the caller gives.
 */
import { NaruError } from "../../lib/errors.ts";
import * as files from "../../linux/file-calls.ts";
import { O, S } from "../../linux/file-calls.ts";
import { removeTreeAt, splitRaw } from "../../linux/rooted-tree.ts";
import { errorCode } from "../../linux/sys-error.ts";
import { parseMode } from "./file-mode.ts";
import { Copier, OpenDirectories, type Owner, replaceNonDirectory } from "./tree-copier.ts";
import { cleanPath, type SelectedItem, SelectedTree, type Selection, type WalkedEntry } from "./tree-selection.ts";

/** An action whose names are resolved: owners are numbers, other trees have a place. */
export type TreeAction =
  | {
      action: "copy";
      selection: Selection;
      destination: string;
      owner?: Owner;
      mode?: string;
      /** More than one source: the destination is a directory in any case. */
      isDirectory: boolean;
      /** Of all that is copied, instead of their own times. */
      timeSeconds?: number;
    }
  | { action: "mkdir"; path: string; owner?: Owner; mode?: string }
  | { action: "mkfile"; path: string; name: string; data: Uint8Array; owner?: Owner; mode?: string }
  | { action: "symlink"; path: string; target: string }
  | { action: "rm"; path: string; allowsNoMatch: boolean };

const DIRECTORY_MODE = 0o755;
const ROOT: Owner = { uid: 0, gid: 0 };

/** @throws {NaruError} invalid, not-found; {SysError} ENOSPC and others */
export async function changeTree(
  root: string,
  actions: readonly TreeAction[],
  madeAtSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  const change = new TreeChange(root, { seconds: madeAtSeconds, nanoseconds: 0 });
  try {
    for (const action of actions) await change.apply(action, signal);
    change.finish();
  } finally {
    change.close();
  }
}

/** Where a walk's entries go, and what directories are like that are missing there. */
interface CopyPlace {
  open: OpenDirectories;
  copier: Copier;
  made: { owner: Owner; mode: number };
}

/** As docker has it: octal digits are the mode of the directories, too, that a copy has to make; words are not. */
function madeMode(mode: string | undefined): number {
  return mode !== undefined && /^[0-7]+$/.test(mode) ? Number.parseInt(mode, 8) : DIRECTORY_MODE;
}

class TreeChange {
  private readonly root: number;
  /** Times of directories, set when nothing is written into them any more; by raw path. */
  private readonly times = new Map<string, files.FileTime>();

  constructor(
    root: string,
    private readonly madeAt: files.FileTime,
  ) {
    this.root = files.openPath(root, O.RDONLY | O.DIRECTORY);
  }

  close(): void {
    files.closeFd(this.root);
  }

  async apply(action: TreeAction, signal: AbortSignal): Promise<void> {
    switch (action.action) {
      case "copy":
        return await this.copy(action, signal);
      case "mkdir":
        return this.makeDirectory(action);
      case "mkfile":
        return this.makeFile(action);
      case "symlink":
        return this.makeLink(action);
      case "rm":
        return this.remove(action);
    }
  }

  finish(): void {
    // The deepest first: setting a directory's time does not touch the one it lies in.
    for (const [path, time] of this.times) {
      const fd = this.tryOpen(path);
      if (fd === undefined) continue;
      files.setTimes(fd, time);
      files.closeFd(fd);
    }
  }

  private tryOpen(path: string): number | undefined {
    try {
      return files.openInRoot(this.root, path, O.RDONLY | O.DIRECTORY);
    } catch (error) {
      // A later action removed it.
      if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
      throw error;
    }
  }

  /** Opens a directory by path; missing ones are made. Links are followed inside the root. Must be closed. */
  private openDirectory(path: string, owner: Owner, mode = DIRECTORY_MODE): number {
    try {
      const fd = files.openInRoot(this.root, path, O.RDONLY | O.DIRECTORY);
      this.keepTime(path, fd);
      return fd;
    } catch (error) {
      if (errorCode(error) === "ENOTDIR") {
        throw new NaruError("invalid", `cannot copy to non-directory: /${files.fromRaw(path)}`);
      }
      if (errorCode(error) !== "ENOENT") throw error;
    }
    const [parentPath, name] = splitRaw(path);
    const parent = this.openDirectory(parentPath, owner, mode);
    try {
      return this.makeDirectoryIn(parent, name, path, owner, mode);
    } finally {
      files.closeFd(parent);
    }
  }

  private makeDirectoryIn(parent: number, name: string, path: string, owner: Owner, mode: number): number {
    try {
      files.makeDirectoryAt(parent, name, 0o700);
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
      throw new NaruError("invalid", `/${files.fromRaw(path)} is a link to a directory that does not exist`);
    }
    const fd = files.openAt(parent, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    files.changeOwner(fd, owner.uid, owner.gid);
    files.changeMode(fd, mode);
    this.times.set(path, this.madeAt);
    return fd;
  }

  /** A directory that gets new entries keeps the time that it had. */
  private keepTime(path: string, fd: number): void {
    if (!this.times.has(path)) this.times.set(path, files.statFd(fd).modifiedAt);
  }

  private makeDirectory({ path, owner = ROOT, mode }: TreeAction & { action: "mkdir" }): void {
    const bits = mode === undefined ? DIRECTORY_MODE : parseMode(mode)(DIRECTORY_MODE, true);
    files.closeFd(this.openDirectory(cleanPath(files.toRaw(path)), owner, bits));
  }

  private makeFile({ path, name, data, owner = ROOT, mode }: TreeAction & { action: "mkfile" }): void {
    const raw = cleanPath(files.toRaw(path));
    const isDirectory = path.endsWith("/") || this.isDirectory(raw);
    const [parentPath, base] = isDirectory ? [raw, files.toRaw(name)] : splitRaw(raw);
    const parent = this.openDirectory(parentPath, owner, madeMode(mode));
    try {
      replaceNonDirectory(parent, base);
      const fd = files.openAt(parent, base, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0o600);
      try {
        files.writeAll(fd, data, 0, data.length);
        files.changeOwner(fd, owner.uid, owner.gid);
        files.changeMode(fd, mode === undefined ? 0o644 : parseMode(mode)(0o644, false));
        files.setTimes(fd, this.madeAt);
      } finally {
        files.closeFd(fd);
      }
    } finally {
      files.closeFd(parent);
    }
  }

  private makeLink({ path, target }: TreeAction & { action: "symlink" }): void {
    const [parentPath, name] = splitRaw(cleanPath(files.toRaw(path)));
    const parent = this.openDirectory(parentPath, ROOT, DIRECTORY_MODE);
    try {
      replaceNonDirectory(parent, name);
      files.makeSymlinkAt(parent, name, files.toRaw(target));
      files.setTimesAt(parent, name, this.madeAt);
    } finally {
      files.closeFd(parent);
    }
  }

  private remove({ path, allowsNoMatch }: TreeAction & { action: "rm" }): void {
    const [parentPath, name] = splitRaw(cleanPath(files.toRaw(path)));
    const parent = this.tryOpen(parentPath);
    const status = parent === undefined ? undefined : files.findStatusAt(parent, name);
    if (parent === undefined || !status) {
      if (!allowsNoMatch) throw new NaruError("not-found", `${path}: not found`);
      return;
    }
    try {
      this.keepTime(parentPath, parent);
      removeTreeAt(parent, name);
    } finally {
      files.closeFd(parent);
    }
  }

  private isDirectory(path: string): boolean {
    const fd = this.tryOpen(path);
    if (fd !== undefined) files.closeFd(fd);
    return fd !== undefined;
  }

  private async copy(action: TreeAction & { action: "copy" }, signal: AbortSignal): Promise<void> {
    const tree = new SelectedTree(action.selection);
    try {
      const mode = action.mode === undefined ? undefined : parseMode(action.mode);
      const time = action.timeSeconds === undefined ? undefined : { seconds: action.timeSeconds, nanoseconds: 0 };
      const copier = new Copier(action.owner, mode, time);
      const items = tree.items();
      const isDirectory = action.isDirectory || items.length > 1;
      for (const item of items) await this.copyItem(tree, item, { ...action, isDirectory }, copier, signal);
    } finally {
      tree.close();
    }
  }

  private async copyItem(
    tree: SelectedTree,
    item: SelectedItem,
    action: TreeAction & { action: "copy" },
    copier: Copier,
    signal: AbortSignal,
  ): Promise<void> {
    const { owner = ROOT } = action;
    const made = { owner, mode: madeMode(action.mode) };
    const place = this.placeOf(item, action);
    let sinceTurn = 0;
    // Directories are opened as the walk enters them; their times are set at the end.
    const open = new OpenDirectories();
    try {
      for (const entries of tree.walk(item)) {
        for (const entry of entries) {
          this.copyEntry(entry, [place, entry.relative].filter(Boolean).join("/"), { open, copier, made });
          sinceTurn += 1;
          if (sinceTurn % 500 !== 0) continue;
          await new Promise((resolve) => setImmediate(resolve));
          signal.throwIfAborted();
        }
      }
    } finally {
      open.close();
    }
  }

  private copyEntry(entry: WalkedEntry, path: string, { open, copier, made }: CopyPlace): void {
    if ((entry.status.mode & S.IFMT) === S.IFDIR) {
      this.copyDirectory(entry, path, entry.relative === "", { open, copier, made });
      return;
    }
    const [parentPath, name] = splitRaw(path);
    const parent = open.get(parentPath) ?? open.add(parentPath, this.openDirectory(parentPath, made.owner, made.mode));
    this.keepTime(parentPath, parent);
    copier.copy(entry, parent, name);
  }

  /** Raw path of what the item becomes. */
  private placeOf(item: SelectedItem, action: TreeAction & { action: "copy" }): string {
    const { destination, selection, isDirectory } = action;
    const target = cleanPath(files.toRaw(destination));
    const below = item.parents === "" ? target : [target, item.parents].filter(Boolean).join("/");
    if (selection.keepsParents) return [below, item.name].filter(Boolean).join("/");
    if (item.isDirectory) return target;
    const intoDirectory = isDirectory || /(^|\/)\.?$/.test(destination) || this.isDirectory(target);
    return intoDirectory ? [target, item.name].filter(Boolean).join("/") : target;
  }

  private copyDirectory(entry: WalkedEntry, path: string, isTop: boolean, { open, copier, made }: CopyPlace): void {
    const fd = this.openDirectory(path, made.owner, made.mode);
    open.add(path, fd);
    // The destination itself stays as it is, or is made with the usual permissions.
    if (isTop) return;
    copier.applyToDirectory(fd, entry);
    this.times.set(path, copier.time ?? entry.status.modifiedAt);
  }
}
