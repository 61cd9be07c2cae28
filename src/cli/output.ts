import { fstatSync, writeSync } from "node:fs";
import { CliError } from "./cli-error.ts";

/** Writes to standard output. The exit code 141 stands for a reader that has gone, as SIGPIPE would give. */
export function writeOut(data: string | Uint8Array): void {
  writeAll(1, data);
}

/** Writes to standard error. */
export function writeErr(data: string | Uint8Array): void {
  writeAll(2, data);
}

/** Writes all of `data` to a descriptor, waiting where it is non-blocking and full. */
function writeAll(fd: number, data: string | Uint8Array): void {
  let rest: Uint8Array = typeof data === "string" ? Buffer.from(data) : data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EPIPE") process.exit(141);
      if (code !== "EAGAIN") throw writeError(fd, error);
      Bun.sleepSync(1); // a terminal shared with a program that made it non-blocking
    }
  }
}

/** The failure in docker's words; they are loaded only here. */
export function writeError(fd: number, error: unknown): CliError {
  const { fileErrorText } = require("./file-error.ts") as typeof import("./file-error.ts");
  return new CliError(fileErrorText("write", fd === 1 ? "/dev/stdout" : "/dev/stderr", error));
}

/** Device numbers of memory devices such as /dev/null, which are character devices but no terminals. */
const MEMORY_DEVICES = 1;

/** True when the descriptor is a terminal. Does without node:tty, whose loading costs 2 ms, unless it must ask. */
export function isTerminal(fd: 0 | 1 | 2): boolean {
  try {
    const stat = fstatSync(fd);
    if (!stat.isCharacterDevice() || (stat.rdev >> 8) % 4096 === MEMORY_DEVICES) return false;
    return (require("node:tty") as typeof import("node:tty")).isatty(fd);
  } catch {
    return false;
  }
}
