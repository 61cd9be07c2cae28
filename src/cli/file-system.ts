/**
 * The file system for what every command does on its way. Loading node:fs takes more than a millisecond, a tenth of a short
 * command's life: it is loaded where it is used, and not at all where a question to stat(2) will do.
 */
import { dirname } from "node:path";

/** node:fs, loaded by the first who asks. */
export const fileSystem = () => require("node:fs") as typeof import("node:fs");

/** What Bun says of a file when stat(2) fails; test/unit/cli/file-system.test.ts tells when a newer one says another thing. */
const NO_TIME = 2 ** 52 - 1;

/** True when something is at `path`, as existsSync says it. */
export function isPresent(path: string): boolean {
  return Bun.file(path).lastModified !== NO_TIME;
}

/** True when nothing is at `path`, and not merely out of our sight: its folder can be looked into. */
export function isAbsent(path: string): boolean {
  return !isPresent(path) && isPresent(`${dirname(path)}/.`);
}
