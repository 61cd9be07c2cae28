/** Deletion in two steps: renamed away at once, removed from the disk in the background. */
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../linux/sys-error.ts";
import { randomName } from "./data-layout.ts";

export class Trash {
  private readonly removals = new Set<Promise<void>>();

  constructor(private readonly directory: string) {}

  /** Resolves when `path` is free again; an absent one is fine. */
  async discard(path: string): Promise<void> {
    const target = join(this.directory, randomName());
    try {
      await rename(path, target);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return;
      throw error;
    }
    this.removeLater(target);
  }

  /** Removes what an earlier process left. */
  async sweep(): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.directory)) this.removeLater(join(this.directory, name));
  }

  /** Resolves when all that was discarded is gone. */
  async settle(): Promise<void> {
    await Promise.all(this.removals);
  }

  private removeLater(path: string): void {
    // What cannot be removed now (a mount in it, say) is tried again at the next start.
    const removal = rm(path, { recursive: true, force: true }).catch(() => {});
    this.removals.add(removal);
    removal.finally(() => this.removals.delete(removal));
  }
}
