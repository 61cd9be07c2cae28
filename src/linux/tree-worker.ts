/** Entry of the worker threads that measure directory trees. See trees.ts. */
import { serveJobs } from "../lib/worker-job.ts";
import { closeFd, type FileStatus, findStatusAt, listNames, O, openAt, openPath, S } from "./file-calls.ts";

serveJobs({ measure });

/** Bytes of the files in a tree, each hard-linked file once, as `du --apparent-size` counts them but for directories. */
async function measure({ path }: { path: string }): Promise<number> {
  const root = openPath(path, O.RDONLY | O.DIRECTORY);
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
  try {
    visit(root);
  } finally {
    closeFd(root);
  }
  return total;
}

function isSeen({ mode, links, device, inode }: FileStatus, seen: Set<string>): boolean {
  if (links < 2 || (mode & S.IFMT) === S.IFDIR) return false;
  const key = `${device}:${inode}`;
  if (seen.has(key)) return true;
  seen.add(key);
  return false;
}
