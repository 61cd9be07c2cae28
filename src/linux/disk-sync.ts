/** Getting what was written onto the disk, where a power cut does not take it. Calls that wait: for worker threads. */
import { dlopen } from "bun:ffi";
import { readFile } from "node:fs/promises";
import { closeFd, O, openPath } from "./file-calls.ts";

const { symbols: libc } = dlopen("libc.so.6", {
  sync_file_range: { args: ["int", "i64", "i64", "u32"], returns: "int" },
  syncfs: { args: ["int"], returns: "int" },
});

const SYNC_FILE_RANGE_WRITE = 2;

/** Starts writing a stretch of a file to the disk and does not wait. Only a hint: where it is not known nothing happens. */
export function startWriteback(fd: number, offset: number, length: number): void {
  libc.sync_file_range(fd, offset, length, SYNC_FILE_RANGE_WRITE);
}

/** Waits until all that was written to the file system of `path` so far is on the disk. @returns false when some could not be written */
export function syncFileSystem(path: string): boolean {
  const fd = openPath(path, O.RDONLY | O.DIRECTORY);
  try {
    return libc.syncfs(fd) === 0;
  } finally {
    closeFd(fd);
  }
}

/** Another one after every start of the machine; "" where the kernel does not tell. */
export async function readBootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();
}
