/** Pages of the program file that this process has touched (madvise(2), proc_pid_maps(5)). */
import { dlopen } from "bun:ffi";
import { readFile } from "node:fs/promises";

const { symbols: libc } = dlopen("libc.so.6", {
  madvise: { args: ["u64", "u64", "int"], returns: "int" },
});

const MADV_DONTNEED = 4;

/**
 * Lets go of the executable's code pages that were only needed once, such as those of the start: they stay in the page
 * cache and are mapped again when code in them runs. Only code is meant; it is never written, so nothing can be lost.
 */
export async function releaseProgramCode(): Promise<void> {
  const maps = await readFile("/proc/self/maps", "utf8");
  const program = process.execPath;
  for (const line of maps.split("\n")) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ [1-9]\d* +(\S.*)$/.exec(line);
    if (match === null || match[3] !== program) continue;
    const start = BigInt(`0x${match[1]}`);
    libc.madvise(start, BigInt(`0x${match[2]}`) - start, MADV_DONTNEED);
  }
}
