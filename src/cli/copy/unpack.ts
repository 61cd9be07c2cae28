import { chmod, link, lstat, lutimes, mkdir, open, rm, symlink, utimes } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { CliError } from "../cli-error.ts";
import { type ArchiveEntry, archiveEntries, type TarHeader } from "../tar-format.ts";
import { type CopyPlan, renamed } from "./copy-paths.ts";

interface FolderTime {
  path: string;
  modifiedSeconds: number;
}

/**
 * Unpacks an archive that came out of a container. The container is not trusted: no entry may leave the folder, and
 * none may pass through a symbolic link that the archive itself brought. Devices are left out.
 */
export async function unpackArchive(chunks: AsyncIterable<Uint8Array>, plan: CopyPlan): Promise<void> {
  const madeLinks = new Set<string>();
  const folderTimes: FolderTime[] = [];
  for await (const entry of archiveEntries(chunks)) {
    const path = safePath(plan, entry.header.name, madeLinks);
    await clearPlace(path, entry.header, plan.folder);
    await mkdir(dirname(path), { recursive: true });
    await makeEntry(entry, path, plan, madeLinks, folderTimes);
  }
  // writing into a folder changes its time, so folders come last
  for (const { path, modifiedSeconds } of folderTimes.reverse()) await utimes(path, modifiedSeconds, modifiedSeconds);
}

function safePath(plan: CopyPlan, name: string, madeLinks: ReadonlySet<string>): string {
  const relative = normalize(renamed(name, plan.rename)).replace(/^\/+|\/+$/g, "");
  if (relative === ".." || relative.startsWith("../")) {
    throw new CliError(`invalid archive: ${JSON.stringify(name)} is outside of ${plan.folder}`);
  }
  const path = join(plan.folder, relative);
  for (let folder = dirname(path); folder.length > plan.folder.length; folder = dirname(folder)) {
    if (madeLinks.has(folder)) {
      throw new CliError(`invalid archive: ${JSON.stringify(name)} passes through a symbolic link of the archive`);
    }
  }
  return path;
}

/** Takes away what is in the way; a folder is never replaced by something else. */
async function clearPlace(path: string, header: TarHeader, root: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return;
  const isFolder = header.type === "directory";
  if (found.isDirectory() && !isFolder) {
    throw new CliError(`cannot overwrite directory "${path}" with non-directory "${header.name}" in "${root}"`);
  }
  if (!found.isDirectory() && isFolder) {
    throw new CliError(`cannot overwrite non-directory "${path}" with directory "${header.name}" in "${root}"`);
  }
  if (!isFolder) await rm(path);
}

async function makeEntry(
  { header, body }: ArchiveEntry,
  path: string,
  plan: CopyPlan,
  madeLinks: Set<string>,
  folderTimes: FolderTime[],
): Promise<void> {
  const { type, mode, modifiedSeconds = 0 } = header;
  madeLinks.delete(path);
  switch (type) {
    case "directory":
      await mkdir(path, { recursive: true });
      await chmod(path, mode & 0o7777);
      folderTimes.push({ path, modifiedSeconds });
      return;
    case "symlink":
      await symlink(header.linkName ?? "", path);
      madeLinks.add(path);
      await lutimes(path, modifiedSeconds, modifiedSeconds);
      return;
    case "hardlink":
      await link(safePath(plan, header.linkName ?? "", madeLinks), path);
      return;
    case "file": {
      const file = await open(path, "wx", mode & 0o777);
      try {
        // All of it: write() may take a part when the disk is nearly full.
        for await (const chunk of body()) await file.appendFile(chunk);
      } finally {
        await file.close();
      }
      await chmod(path, mode & 0o7777);
      await utimes(path, modifiedSeconds, modifiedSeconds);
      return;
    }
    default:
      return;
  }
}
