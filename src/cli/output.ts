import { CliError } from "./cli-error.ts";
import { fileSystem } from "./file-system.ts";

/** The exit code that SIGPIPE would give. */
export const READER_HAS_GONE = 141;

/** Writes to standard output. */
export function writeOut(data: string | Uint8Array): void {
  writeAll(1, data);
}

/** Writes to standard error. */
export function writeErr(data: string | Uint8Array): void {
  writeAll(2, data);
}

/**
 * Writes the only text that a command prints to standard output: as `writeOut`, but without node:fs. Not to be mixed with
 * other writing, since a slow reader gets the rest of it later.
 */
export async function writeOnly(text: string): Promise<void> {
  try {
    await Bun.write(Bun.stdout, text);
  } catch (error) {
    if ((error as { code?: string }).code === "EPIPE") process.exit(READER_HAS_GONE);
    throw writeError(1, error);
  }
}

/** Writes all of `data` to a descriptor, waiting where it is non-blocking and full. */
function writeAll(fd: number, data: string | Uint8Array): void {
  let rest: Uint8Array = typeof data === "string" ? Buffer.from(data) : data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fileSystem().writeSync(fd, rest));
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EPIPE") process.exit(READER_HAS_GONE);
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
    const stat = fileSystem().fstatSync(fd);
    if (!stat.isCharacterDevice() || (stat.rdev >> 8) % 4096 === MEMORY_DEVICES) return false;
    return (require("node:tty") as typeof import("node:tty")).isatty(fd);
  } catch {
    return false;
  }
}
