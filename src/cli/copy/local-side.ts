import { lstat, readlink, realpath, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { CliError } from "../cli-error.ts";
import { fileErrorText } from "../file-error.ts";
import { type CopySide, followedLink, keepEnding, splitPath } from "./copy-paths.ts";

const MOST_LINKS = 10;

/** A path on this machine in full, with the slash or dot at its end kept. */
export function fullPath(path: string): string {
  return keepEnding(resolve(path), path);
}

/** The source of a copy on this machine. Throws CliError when it does not exist. */
export async function localSource(path: string, followLink: boolean): Promise<CopySide> {
  try {
    const { path: resolved, rebaseName } = await resolveSource(path, followLink);
    const found = await lstat(resolved);
    return { path: resolved, exists: true, isDirectory: found.isDirectory(), rebaseName };
  } catch (error) {
    throw new CliError(fileErrorText("lstat", path, error));
  }
}

async function resolveSource(path: string, followLink: boolean): Promise<{ path: string; rebaseName?: string }> {
  if (followLink) return followedLink(path, await realpath(path));
  const { folder, base } = splitPath(path);
  return { path: join(await realpath(folder), base) + (base === "." ? "/." : "") };
}

/** The destination of a copy on this machine: where links lead to is what counts. */
export async function localDestination(path: string): Promise<CopySide> {
  let current = path;
  for (let links = 0; links <= MOST_LINKS; links++) {
    let found: Awaited<ReturnType<typeof lstat>>;
    try {
      found = await lstat(current);
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT") throw new CliError(fileErrorText("lstat", current, error));
      await checkFolder(splitPath(current).folder);
      return { path: current, exists: false, isDirectory: false };
    }
    if (!found.isSymbolicLink()) return { path: current, exists: true, isDirectory: found.isDirectory() };
    const target = await readlink(current);
    current = isAbsolute(target) ? target : join(dirname(current), target);
  }
  throw new CliError(`too many symbolic links in ${JSON.stringify(path)}`);
}

async function checkFolder(folder: string): Promise<void> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(folder)).isDirectory();
  } catch (error) {
    throw new CliError(fileErrorText("stat", folder, error));
  }
  if (!isFolder) throw new CliError("not a directory");
}

/** Throws CliError unless a file or folder can be made at that path. */
export async function checkDestination(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  if (!(await stat(folder).catch(() => undefined))) {
    throw new CliError(`invalid output path: directory "${folder}" does not exist`);
  }
  let found: Awaited<ReturnType<typeof stat>>;
  try {
    found = await stat(path);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return;
    throw new CliError(fileErrorText("stat", path, error));
  }
  if (found.isDirectory() || found.isFile()) return;
  const kind = found.isBlockDevice() || found.isCharacterDevice() ? "a device" : "an irregular file";
  throw new CliError(`invalid output path: "${path}" must be a directory or a regular file: got ${kind}`);
}
