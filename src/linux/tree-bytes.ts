/** What a directory tree holds, in bytes. */
import { closeFd, type FileStatus, findStatusAt, listNames, O, openAt, S } from "./file-calls.ts";

/**
 * Bytes of the files and links below an open directory, each hard-linked file once, as `du --apparent-size` counts them but
 * for directories. Blocks the thread: for workers.
 */
export function treeBytes(root: number): number {
  const seen = new Set<string>();
  let total = 0;
  const visit = (directory: number) => {
    for (const name of listNames(directory)) {
      const status = findStatusAt(directory, name);
      if (!status || isSeen(status, seen)) continue;
      const type = status.mode & S.IFMT;
      if (type === S.IFREG || type === S.IFLNK) total += status.size;
      if (type !== S.IFDIR) continue;
      const child = openAt(directory, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
      try {
        visit(child);
      } finally {
        closeFd(child);
      }
    }
  };
  visit(root);
  return total;
}

function isSeen({ mode, links, device, inode }: FileStatus, seen: Set<string>): boolean {
  if (links < 2 || (mode & S.IFMT) === S.IFDIR) return false;
  const key = `${device}:${inode}`;
  if (seen.has(key)) return true;
  seen.add(key);
  return false;
}
