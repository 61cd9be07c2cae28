/** What `cp` makes here of the archive that a container's tar wrote. The container is not trusted. */

import { chmod, mkdir, open, stat } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { CliError } from "../cli-error.ts";
import { fileErrorText } from "../file-error.ts";
import { writeErr } from "../output.ts";
import { type ArchiveEntry, archiveEntries } from "../tar-format.ts";

/**
 * A file becomes `destination`, a folder's content goes into it. Links are left out and told of: they could lead anywhere.
 * @param source as it was named to tar @throws CliError
 */
export async function unpackFromPod(
  chunks: AsyncIterable<Uint8Array>,
  source: string,
  destination: string,
): Promise<void> {
  const prefix = withoutShortcuts(source);
  for await (const entry of archiveEntries(chunks)) {
    const name = withoutShortcuts(entry.header.name);
    const isInside = name === prefix || prefix === "" || name.startsWith(`${prefix}/`);
    const rest = isInside ? posix.normalize(name.slice(prefix.length)).replace(/^\/+|\/+$/g, "") : "..";
    if (rest === ".." || rest.startsWith("../"))
      throw new CliError(`error: tar contents corrupted: ${JSON.stringify(entry.header.name)} is not in ${source}`);
    await makeEntry(entry, rest === "" || rest === "." ? destination : join(destination, rest));
  }
}

/** Without slashes, "./" and "../" at the beginning, which tar takes away too, and without a slash at the end. */
function withoutShortcuts(path: string): string {
  const plain = posix
    .normalize(path)
    .replace(/^\/+/, "")
    .replace(/\/+$/, "")
    .replace(/^(\.\.\/)+/, "");
  return plain === "." || plain === ".." ? "" : plain;
}

async function makeEntry({ header, body }: ArchiveEntry, path: string): Promise<void> {
  if (header.type === "directory") {
    await mkdir(path, { recursive: true });
    return;
  }
  if (header.type !== "file") {
    const what = header.type === "symlink" || header.type === "hardlink" ? `${header.type}: ` : "special file: ";
    const target = header.linkName ? ` -> ${JSON.stringify(header.linkName)}` : "";
    writeErr(`warning: skipping ${what}${JSON.stringify(path)}${target}\n`);
    return;
  }
  await mkdir(dirname(path), { recursive: true });
  if ((await stat(path).catch(() => undefined))?.isDirectory())
    throw new CliError(`error: open ${path}: is a directory`);
  const file = await open(path, "w", header.mode & 0o777).catch((error: unknown) => {
    throw new CliError(`error: ${fileErrorText("open", path, error)}`);
  });
  try {
    // All of it: write() may take a part when the disk is nearly full.
    for await (const chunk of body()) await file.appendFile(chunk);
  } finally {
    await file.close();
  }
  await chmod(path, header.mode & 0o777);
}
