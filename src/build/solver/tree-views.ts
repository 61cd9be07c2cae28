/**
 * Mounts by which the daemon itself looks into results: below `<exec root>/build-mounts/`, which is private, so that no
 * container's mount namespace keeps them. Nothing stays mounted when no build runs; a start of the daemon removes leftovers.
 */
import { mkdir, readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { bindMount, MS, makePrivate, mount, mountOverlay, unmount } from "../../linux/mount.ts";
import { listMountsBelow } from "../../linux/mount-table.ts";

interface TreeView {
  /** Absolute. */
  path: string;
  close(): Promise<void>;
}

export class TreeViews {
  private readonly directory: string;
  private prepared: Promise<void> | undefined;
  private removed: Promise<void> = Promise.resolve();
  private mounted = 0;
  private nextNumber = 1;

  constructor(execRoot: string) {
    this.directory = join(execRoot, "build-mounts");
  }

  /** Unmounts what an earlier process left. */
  async sweep(): Promise<void> {
    const points = await listMountsBelow(this.directory);
    for (const point of points.reverse()) unmount(point);
    for (const name of await readdir(this.directory).catch(() => []))
      await rmdir(join(this.directory, name)).catch(() => {});
  }

  /** Layers as one tree, read-only. `directories` come oldest first. A single one needs no mount. */
  async openLayers(directories: readonly string[]): Promise<TreeView> {
    if (directories.length === 1) return { path: directories[0]!, close: async () => {} };
    const lowerDirs = [...directories].reverse();
    return await this.open((target) => {
      if (lowerDirs.length > 0) mountOverlay({ lowerDirs }, target);
    });
  }

  /** Layers with a writable one on top. */
  async openWritable(directories: readonly string[], draft: { upperDir: string; workDir: string }): Promise<TreeView> {
    if (directories.length === 0) return { path: draft.upperDir, close: async () => {} };
    const lowerDirs = [...directories].reverse();
    return await this.open((target) => mountOverlay({ lowerDirs, ...draft }, target));
  }

  /** An empty file system in memory. */
  async openMemory(sizeBytes: number): Promise<TreeView> {
    return await this.open((target) =>
      mount({
        type: "tmpfs",
        source: "tmpfs",
        target,
        flags: MS.NOSUID | MS.NODEV | MS.NOEXEC,
        data: `mode=755,size=${sizeBytes}`,
      }),
    );
  }

  private async open(mountOn: (target: string) => void): Promise<TreeView> {
    const path = join(this.directory, (this.nextNumber++).toString(36));
    this.mounted += 1;
    try {
      // Whoever comes while the directory goes waits for that.
      this.prepared ??= this.removed.then(() => this.prepare());
      await this.prepared;
      await mkdir(path, { mode: 0o700 });
      mountOn(path);
    } catch (error) {
      await this.close(path);
      throw error;
    }
    let closed: Promise<void> | undefined;
    return {
      path,
      close: () => {
        closed ??= this.close(path);
        return closed;
      },
    };
  }

  private async prepare(): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o711 });
    bindMount(this.directory, this.directory);
    makePrivate(this.directory);
  }

  private async removeDirectory(): Promise<void> {
    unmount(this.directory);
    await rmdir(this.directory).catch(() => {});
  }

  private async close(path: string): Promise<void> {
    unmount(path);
    await rmdir(path).catch(() => {});
    this.mounted -= 1;
    if (this.mounted > 0) return;
    this.prepared = undefined;
    this.removed = this.removeDirectory();
    await this.removed;
  }
}
