import { type FSWatcher, watch } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Changes are gathered until nothing happened for so long: editors write in several steps. */
const QUIET_MS = 100;
/** But no longer than this, where something changes all the time. */
const LONGEST_MS = 2000;

interface WatchedPaths {
  paths: readonly string[];
  /** Folders that nobody minds are not looked into. */
  ignores(path: string): boolean;
  /** Hears of all paths that came, changed or went since the last call. */
  onChanges(paths: Set<string>): void;
  onError(error: Error): void;
}

/** Watches files and folders with all below them. What is made later below them is watched too. */
export class PathWatcher {
  private readonly watchers = new Map<string, FSWatcher>();
  /** For files: the names in their folder that are meant. */
  private readonly singles = new Map<string, Set<string>>();
  private changed = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private firstAt = 0;
  private isClosed = false;

  private constructor(private readonly options: WatchedPaths) {}

  /** Resolves when every folder is watched. */
  static async open(options: WatchedPaths): Promise<PathWatcher> {
    const watcher = new PathWatcher(options);
    try {
      for (const path of options.paths) await watcher.addRoot(path);
    } catch (error) {
      watcher.close();
      throw error;
    }
    return watcher;
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    for (const watcher of this.watchers.values()) watcher.close();
    this.watchers.clear();
  }

  private async addRoot(path: string): Promise<void> {
    const stat = await lstat(path).catch(() => undefined);
    if (stat?.isDirectory()) return await this.addFolder(path, false);
    // A file is replaced rather than changed by many editors, so its folder is watched.
    const folder = dirname(path);
    this.singles.set(folder, (this.singles.get(folder) ?? new Set()).add(path));
    if (!this.watchers.has(folder)) this.watch(folder);
  }

  /** `tells` reports what is in it already: it came after the start. */
  private async addFolder(folder: string, tells: boolean): Promise<void> {
    if (this.isClosed || this.options.ignores(folder)) return;
    this.singles.delete(folder);
    if (!this.watchers.has(folder)) this.watch(folder);
    const children = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const child of children) {
      const path = join(folder, child.name);
      if (tells) this.note(path);
      if (child.isDirectory()) await this.addFolder(path, tells);
    }
  }

  private watch(folder: string): void {
    try {
      const watcher = watch(folder, (event, name) => {
        if (name !== null) void this.hear(folder, join(folder, name), event);
      });
      watcher.on("error", () => this.drop(folder));
      this.watchers.set(folder, watcher);
    } catch (error) {
      // A folder that went away in this moment is told as gone by the one above it.
      const { code } = error as { code?: string };
      if (code !== "ENOENT") throw new Error(watchErrorText(folder, code ?? String(error)));
    }
  }

  private async hear(folder: string, path: string, event: string): Promise<void> {
    const singles = this.singles.get(folder);
    if (this.isClosed || (singles && !singles.has(path))) return;
    this.note(path);
    if (event !== "rename" || singles) return;
    const stat = await lstat(path).catch(() => undefined);
    if (stat?.isDirectory()) await this.addFolder(path, true).catch((error: Error) => this.options.onError(error));
    else if (!stat) this.drop(path);
  }

  /** The folder has gone, and all below it. */
  private drop(folder: string): void {
    for (const [path, watcher] of this.watchers) {
      if (path !== folder && !path.startsWith(`${folder}/`)) continue;
      watcher.close();
      this.watchers.delete(path);
    }
  }

  private note(path: string): void {
    const now = Date.now();
    if (this.changed.size === 0) this.firstAt = now;
    this.changed.add(path);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.tell(), Math.max(0, Math.min(QUIET_MS, this.firstAt + LONGEST_MS - now)));
  }

  private tell(): void {
    const paths = this.changed;
    this.changed = new Set();
    if (paths.size > 0) this.options.onChanges(paths);
  }
}

function watchErrorText(folder: string, code: string): string {
  if (code !== "ENOSPC") return `cannot watch ${folder}: ${code}`;
  return `cannot watch ${folder}: this machine watches no more folders; raise fs.inotify.max_user_watches with sysctl, or name what is not to be watched in develop.watch's ignore`;
}
