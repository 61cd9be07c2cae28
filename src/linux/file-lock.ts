/** Advisory locks on files (flock(2)), kept as long as the process lives or until released. */
import { dlopen, read } from "bun:ffi";
import { open } from "node:fs/promises";
import { SysError } from "./sys-error.ts";

const { symbols: libc } = dlopen("libc.so.6", {
  flock: { args: ["int", "int"], returns: "int" },
  __errno_location: { args: [], returns: "ptr" },
});

const LOCK_EX = 2;
const LOCK_NB = 4;
const EWOULDBLOCK = 11;

export interface FileLock {
  /** Gives the lock back. Idempotent. */
  release(): Promise<void>;
}

/**
 * Takes the exclusive lock of `path` (the file is made when absent), or answers undefined when another process holds it.
 * The kernel drops the lock when this process ends, however it ends.
 * @throws {SysError} when the file system cannot lock.
 */
export async function tryLockFile(path: string): Promise<FileLock | undefined> {
  const file = await open(path, "a", 0o600);
  if (libc.flock(file.fd, LOCK_EX | LOCK_NB) !== 0) {
    const errno = read.i32(libc.__errno_location()!, 0);
    await file.close();
    if (errno === EWOULDBLOCK) return undefined;
    throw new SysError(errno, `lock ${path}`);
  }
  let isReleased = false;
  return {
    async release() {
      if (isReleased) return;
      isReleased = true;
      await file.close();
    },
  };
}
