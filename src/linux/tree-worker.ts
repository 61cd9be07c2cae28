/** Entry of the worker threads that measure directory trees. See trees.ts. */
import { serveJobs } from "../lib/worker-job.ts";
import { closeFd, O, openPath } from "./file-calls.ts";
import { treeBytes } from "./tree-bytes.ts";

serveJobs({ measure });

async function measure({ path }: { path: string }): Promise<number> {
  const root = openPath(path, O.RDONLY | O.DIRECTORY);
  try {
    return treeBytes(root);
  } finally {
    closeFd(root);
  }
}
