import { lstat, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CliError } from "./cli-error.ts";
import { fileErrorText } from "./file-error.ts";
import { isTerminal, writeOut } from "./output.ts";

/** Throws CliError when standard output is a terminal that an archive would fill with garbage. */
export function refuseTerminal(output: string): void {
  if (output === "" && isTerminal(1)) {
    throw new CliError("cowardly refusing to save to a terminal. Use the -o flag or redirect");
  }
}

/** Throws CliError, starting with `complaint`, when no file can be made at that path. */
export async function checkOutputPath(path: string, complaint: string): Promise<void> {
  const folder = dirname(path);
  try {
    await stat(folder);
  } catch (error) {
    throw new CliError(`${complaint}: invalid output path: ${fileErrorText("stat", folder, error)}`);
  }
  const found = await lstat(path).catch(() => undefined);
  if (found?.isDirectory()) throw new CliError(`${complaint}: cannot write to a directory`);
  if (found?.isBlockDevice()) throw new CliError(`${complaint}: cannot write to a block device`);
  if (found?.isCharacterDevice()) throw new CliError(`${complaint}: cannot write to a character device file`);
}

/**
 * Writes a stream to a file, or to standard output when `path` is empty. The file appears under its name only once it
 * is whole; only its owner may read it, since it may hold secrets.
 */
export async function saveStream(chunks: AsyncIterable<Uint8Array>, path: string) {
  if (path === "") {
    for await (const chunk of chunks) writeOut(chunk);
    return;
  }
  const partial = join(dirname(path), `.tmp-${basename(path)}${process.pid}`);
  try {
    const file = await open(partial, "wx", 0o600);
    try {
      // All of it: write() may take a part when the disk is nearly full.
      for await (const chunk of chunks) await file.appendFile(chunk);
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
