/** Files that are there whole or not at all, after a crash and after a power cut. */
import { open, rename } from "node:fs/promises";

/** Waits until a file, or the names in a directory, are on the disk (fsync(2): a name is durable only with its directory). */
export async function syncFile(path: string): Promise<void> {
  await using file = await open(path);
  await file.sync();
}

/**
 * Writes a small text beside `path` and renames it into place: whoever reads it, also after a power cut, finds the old text or the new one.
 * Two writers of one path must not overlap. @param mode whatever the umask
 */
export async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const beside = `${path}.new`;
  {
    await using file = await open(beside, "w", mode);
    // What an earlier process left there may have another mode.
    await file.chmod(mode);
    await file.writeFile(text);
    await file.datasync();
  }
  await rename(beside, path);
}
