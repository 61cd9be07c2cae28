/** Bytes that a directory tree takes on disk, without blocking: a step at a time on the thread pool. */
import type { Dirent } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** How many files are asked for at once. */
const BATCH = 64;

/**
 * Sum of the sizes of all regular files and links; a file with several names counts once. What vanishes meanwhile
 * counts nothing.
 */
export async function directorySizeBytes(path: string): Promise<number> {
  const seen = new Set<string>();
  const pending = [path];
  let total = 0;
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    const parent = directory;
    const entries = await readdir(parent, { withFileTypes: true }).catch((): Dirent[] => []);
    for (let i = 0; i < entries.length; i += BATCH) {
      const sizes = entries.slice(i, i + BATCH).map(async (entry) => {
        const child = join(parent, entry.name);
        if (entry.isDirectory()) {
          pending.push(child);
          return 0;
        }
        const info = await lstat(child).catch(() => undefined);
        if (!info) return 0;
        const identity = `${info.dev}:${info.ino}`;
        if (info.nlink > 1 && seen.has(identity)) return 0;
        seen.add(identity);
        return info.size;
      });
      for (const size of await Promise.all(sizes)) total += size;
    }
  }
  return total;
}
