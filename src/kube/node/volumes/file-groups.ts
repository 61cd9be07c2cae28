/** fsGroup: the files of a volume belong to the group, which may read and write them. */

import { chmod, lchown, lstat, readdir } from "node:fs/promises";

const GROUP_FILE = 0o060;
const GROUP_DIRECTORY = 0o2070;

/** The whole tree; links stay links. */
export async function applyGroup(
  path: string,
  group: number,
  { onlyWhenRootDiffers = false }: { onlyWhenRootDiffers?: boolean } = {},
): Promise<void> {
  const root = await lstat(path);
  if (onlyWhenRootDiffers && root.gid === group && (root.mode & GROUP_DIRECTORY) === GROUP_DIRECTORY) return;
  await changeOne(path, group);
  if (!root.isDirectory()) return;
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const below = `${path}/${entry.name}`;
    if (entry.isDirectory()) await applyGroup(below, group);
    else await changeOne(below, group);
  }
}

async function changeOne(path: string, group: number): Promise<void> {
  const status = await lstat(path);
  await lchown(path, status.uid, group);
  if (status.isSymbolicLink()) return;
  await chmod(path, (status.mode & 0o7777) | (status.isDirectory() ? GROUP_DIRECTORY : GROUP_FILE));
}
