import { constants, type Stats } from "node:fs";
import { lstat, open, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { CliError } from "../cli-error.ts";
import { fileErrorText } from "../file-error.ts";
import { TAR_END, type TarEntryType, tarHeader, tarPadding } from "../tar-format.ts";

const CHUNK_BYTES = 256 * 1024;

/** The archive of one file or folder; `name` is what its entries' names begin with. */
export async function* packPath(path: string, name: string): AsyncGenerator<Uint8Array> {
  const linkedFiles = new Map<string, string>();
  yield* packEntry(path, name, linkedFiles);
  yield TAR_END;
}

interface Owner {
  uid: number;
  gid: number;
}

/** The archive of files and folders, each alone: a folder without what is in it. What went away meanwhile is left out. */
export async function* packNodes(
  nodes: Iterable<{ path: string; name: string }>,
  owner: Owner,
): AsyncGenerator<Uint8Array> {
  const linkedFiles = new Map<string, string>();
  for (const { path, name } of nodes) {
    const stat = await lstat(path).catch(() => undefined);
    if (stat) yield* packNode(path, name, stat, linkedFiles, owner);
  }
  yield TAR_END;
}

async function* packEntry(path: string, name: string, linkedFiles: Map<string, string>): AsyncGenerator<Uint8Array> {
  const stat = await lstat(path);
  yield* packNode(path, name, stat, linkedFiles, stat);
  if (!stat.isDirectory()) return;
  for (const child of (await readdir(path)).sort())
    yield* packEntry(join(path, child), `${name}/${child}`, linkedFiles);
}

async function* packNode(
  path: string,
  name: string,
  stat: Stats,
  linkedFiles: Map<string, string>,
  { uid, gid }: Owner,
): AsyncGenerator<Uint8Array> {
  const type = typeOf(stat);
  if (type === undefined) return; // a socket: no archive can hold it
  const common = {
    name,
    mode: stat.mode & 0o7777,
    uid,
    gid,
    modifiedSeconds: Math.trunc(stat.mtimeMs) / 1000,
  };
  const inode = `${stat.dev}:${stat.ino}`;
  const first = stat.nlink > 1 && type === "file" ? linkedFiles.get(inode) : undefined;
  if (first !== undefined) {
    yield tarHeader({ ...common, type: "hardlink", size: 0, linkName: first });
    return;
  }
  if (stat.nlink > 1) linkedFiles.set(inode, name);
  if (type === "file") yield* packFile(path, stat.size, (size) => tarHeader({ ...common, type, size }));
  else if (type === "symlink") yield tarHeader({ ...common, type, size: 0, linkName: await readlink(path) });
  else {
    const device = {
      deviceMajor: (stat.rdev >> 8) & 0xfff,
      deviceMinor: (stat.rdev & 0xff) | ((stat.rdev >> 12) & 0xfff00),
    };
    yield tarHeader({ ...common, type, size: 0, ...(type === "char" || type === "block" ? device : {}) });
  }
}

/** A file's header and content. It may change meanwhile: what grew is left out, what shrank is an error. */
async function* packFile(path: string, size: number, header: (size: number) => Uint8Array): AsyncGenerator<Uint8Array> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, constants.O_RDONLY);
  } catch (error) {
    throw new CliError(fileErrorText("open", path, error));
  }
  try {
    yield header(size);
    let left = size;
    while (left > 0) {
      const { bytesRead, buffer } = await file.read(new Uint8Array(Math.min(left, CHUNK_BYTES)));
      if (bytesRead === 0) throw new CliError(`${path} became shorter while it was read; copy it again`);
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
    yield tarPadding(size);
  } finally {
    await file.close();
  }
}

function typeOf(stat: Stats): TarEntryType | undefined {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isCharacterDevice()) return "char";
  if (stat.isBlockDevice()) return "block";
  return stat.isFIFO() ? "fifo" : undefined;
}
