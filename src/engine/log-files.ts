/** The files of a rotated log, `log`, `log.1` (newer), `log.2.gz`, … as one text, oldest line first. */
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { errorCode } from "../linux/sys-error.ts";
import { unpackLog } from "./log-unpacking.ts";

const BLOCK_BYTES = 256 * 1024;
const NEWLINE = 10;

/** One file of a log, held open: rotation and removal do not take it away. */
export class LogFile {
  #text: Promise<FileHandle> | undefined;

  constructor(
    readonly path: string,
    readonly handle: FileHandle,
    readonly inode: number,
    readonly isCompressed: boolean,
  ) {}

  /** The lines; those of a compressed file are unpacked when they are first asked for. */
  text(): Promise<FileHandle> {
    if (!this.isCompressed) return Promise.resolve(this.handle);
    this.#text ??= unpackLog(this.handle, dirname(this.path));
    return this.#text;
  }

  /** The same lines as `other`: the same file, or the one that it was compressed to, which keeps its time. */
  async isSameAs(other: LogFile): Promise<boolean> {
    if (this.inode === other.inode) return true;
    if (this.isCompressed === other.isCompressed) return false;
    const [own, others] = await Promise.all([this, other].map(({ handle }) => handle.stat({ bigint: true })));
    return own!.mtimeNs === others!.mtimeNs;
  }

  async close(): Promise<void> {
    await this.handle.close();
    const text = await this.#text?.catch(() => undefined);
    await text?.close();
  }
}

/** A rotation while the files are opened is rare; one in each of several attempts does not happen. */
const OPEN_ATTEMPTS = 5;

/** Opens every file of the log, oldest first; empty when there is none. The caller closes them. */
export async function openLogFiles(path: string): Promise<LogFile[]> {
  for (let attempt = 1; ; attempt++) {
    const files = await openOnce(path);
    const present = await stat(path).catch(() => undefined);
    if (attempt === OPEN_ATTEMPTS || present === undefined || present.ino === files.at(-1)?.inode) return files;
    for (const file of files) await file.close();
  }
}

async function openOnce(path: string): Promise<LogFile[]> {
  const files: LogFile[] = [];
  const newest = await openLogFile(path);
  if (newest !== undefined) files.push(newest);
  // Listed after the newest is open: a rotation meanwhile shows a file twice rather than hiding one.
  for (const number of await rotationNumbers(path)) {
    const file = (await openLogFile(`${path}.${number}`)) ?? (await openLogFile(`${path}.${number}.gz`));
    if (file === undefined) continue;
    if (await includes(files, file)) await file.close();
    else files.push(file);
  }
  return files.reverse();
}

async function includes(files: readonly LogFile[], wanted: LogFile): Promise<boolean> {
  for (const file of files) if (await file.isSameAs(wanted)) return true;
  return false;
}

/** The numbers behind the log's name, newest file first. */
async function rotationNumbers(path: string): Promise<number[]> {
  const prefix = `${basename(path)}.`;
  const entries = await readdir(dirname(path)).catch(() => [] as string[]);
  const numbers = entries
    .filter((entry) => entry.startsWith(prefix))
    .map((entry) => /^([1-9]\d*)(\.gz)?$/.exec(entry.slice(prefix.length))?.[1])
    .filter((number) => number !== undefined);
  return [...new Set(numbers.map(Number))].sort((a, b) => a - b);
}

export async function openLogFile(path: string): Promise<LogFile | undefined> {
  try {
    const handle = await open(path, "r");
    return new LogFile(path, handle, (await handle.stat()).ino, path.endsWith(".gz"));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Blocks of complete lines from `offset` to the end as it is now; answers where the next read goes on. */
export async function* readBlocks(handle: FileHandle, offset: number): AsyncGenerator<Buffer, number> {
  let position = offset;
  let size = BLOCK_BYTES;
  while (true) {
    const buffer = Buffer.allocUnsafe(size);
    const { bytesRead } = await handle.read(buffer, 0, size, position);
    if (bytesRead === 0) return position;
    const end = buffer.lastIndexOf(NEWLINE, bytesRead - 1);
    if (end < 0 && bytesRead < size) return position;
    if (end < 0) {
      // One line longer than the block.
      size *= 2;
      continue;
    }
    position += end + 1;
    size = BLOCK_BYTES;
    yield buffer.subarray(0, end + 1);
  }
}

/** Where the last `count` lines begin: index of the file and offset in it. Reads backwards in blocks. */
export async function findTail(
  files: readonly LogFile[],
  count: number,
): Promise<{ fileIndex: number; offset: number }> {
  let missing = count;
  for (let fileIndex = files.length - 1; fileIndex >= 0; fileIndex--) {
    const handle = await files[fileIndex]!.text();
    const { size } = await handle.stat();
    if (missing === 0) return { fileIndex, offset: size };
    const found = await findTailInFile(handle, size, missing);
    if (found.offset !== undefined) return { fileIndex, offset: found.offset };
    missing -= found.lines;
    if (missing <= 0) return { fileIndex, offset: 0 };
  }
  return { fileIndex: 0, offset: 0 };
}

async function findTailInFile(handle: FileHandle, size: number, count: number) {
  const buffer = Buffer.allocUnsafe(BLOCK_BYTES);
  let lines = 0;
  let end = size;
  while (end > 0) {
    const start = Math.max(0, end - BLOCK_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, end - start, start);
    let at = bytesRead;
    while (at > 0) {
      const newline = buffer.lastIndexOf(NEWLINE, at - 1);
      if (newline < 0) break;
      // The newline that ends the file's last line is not one between lines.
      if (start + newline !== size - 1) {
        lines++;
        if (lines === count) return { offset: start + newline + 1, lines };
      }
      at = newline;
    }
    end = start;
  }
  return { offset: undefined, lines: size > 0 ? lines + 1 : 0 };
}
