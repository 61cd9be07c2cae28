/**
 * Receives a directory from a client (fsutil's DiffCopy): the client lists its files, naru asks for those that are not here or
 * have changed, the client sends them. Runs in a worker thread.
 */
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { NaruError } from "../../lib/errors.ts";
import { decodePacket, encodePacket, type FileStat, PACKET } from "../../lib/file-packets.ts";
import { fileKind, permissionBits } from "../../lib/go-file-mode.ts";
import { frame, unframed } from "../../lib/message-stream.ts";
import type { JobContext } from "../../lib/worker-job.ts";
import { setXattr } from "../../linux/xattr.ts";
import { differenceOf, FileList, type ListDifference } from "./file-list.ts";

export interface ReceiveParams {
  /** Of the version that is here: `tree` and, when that is whole, `list`. */
  directory: string;
  /** Where a changed directory is put when the one here is in use: a path that does not exist. */
  copyTo: string | undefined;
}

export interface ReceiveResult {
  /** False: the version here is what the client has. */
  isChanged: boolean;
  files: number;
  bytes: number;
}

const LIST = "list";
const TREE = "tree";
const REQUESTS_AT_ONCE = 4096;

/** @throws {NaruError} invalid for hostile lists, and with the client's words when it failed */
export async function receiveDirectory(params: ReceiveParams, context: JobContext): Promise<ReceiveResult> {
  const messages = unframed(context.input)[Symbol.asyncIterator]();
  const next = async () => {
    const { done, value } = await messages.next();
    if (done) throw new NaruError("unavailable", "the client ended the transfer before all files were here");
    const packet = decodePacket(value);
    if (packet.type === PACKET.failure) {
      throw new NaruError("invalid", `error from sender: ${Buffer.from(packet.data).toString("utf8")}`);
    }
    return packet;
  };
  const send = (packet: Parameters<typeof encodePacket>[0]) => context.write(frame(encodePacket(packet)));
  const after = new FileList();
  for (let packet = await next(); packet.stat !== undefined; packet = await next()) after.add(packet.stat);
  const before = readList(params.directory);
  const difference = differenceOf(before ?? new FileList(), after);
  const isChanged = before === undefined || difference.changed.length > 0 || difference.removed.length > 0;
  const result: ReceiveResult = { isChanged, files: 0, bytes: 0 };
  if (isChanged) {
    const directory = prepare(params, before);
    const tree = new TreeUpdate(join(directory, TREE));
    tree.begin(difference);
    const wanted = new Map(difference.changed.filter(({ stat }) => hasContent(stat)).map(({ id, stat }) => [id, stat]));
    await sendRequests(wanted.keys(), context);
    while (wanted.size > 0) {
      const { type, id, data } = await next();
      const stat = wanted.get(id);
      if (type !== PACKET.data || stat === undefined) throw new NaruError("invalid", `an unexpected packet (${type})`);
      if (data.length === 0) {
        wanted.delete(id);
        result.files += 1;
        tree.endFile(id, stat);
      } else {
        result.bytes += data.length;
        tree.write(id, stat, data);
      }
    }
    tree.finish(difference, after.stats);
    writeFileSync(join(directory, `${LIST}.new`), after.encode());
    renameSync(join(directory, `${LIST}.new`), join(directory, LIST));
  }
  await send({ type: PACKET.end });
  // The client's answer; one that has hung up instead has sent everything all the same.
  for (let { done, value } = await messages.next(); !done; { done, value } = await messages.next()) {
    if (decodePacket(value).type === PACKET.end) break;
  }
  return result;
}

/** Many in one piece, since every piece that leaves the thread has its price. */
async function sendRequests(ids: Iterable<number>, context: JobContext): Promise<void> {
  let parts: Uint8Array[] = [];
  const flush = async () => {
    await context.write(new Uint8Array(Buffer.concat(parts)));
    parts = [];
  };
  for (const id of ids) {
    parts.push(frame(encodePacket({ type: PACKET.request, id })));
    if (parts.length >= REQUESTS_AT_ONCE) await flush();
  }
  if (parts.length > 0) await flush();
}

function hasContent(stat: FileStat): boolean {
  return fileKind(stat.mode) === "file" && stat.linkname === "";
}

/** Undefined when the version was never finished. */
function readList(directory: string): FileList | undefined {
  const path = join(directory, LIST);
  return existsSync(path) ? FileList.decode(readFileSync(path)) : undefined;
}

/** Where the changes are made; from here on the directory is unfinished until its list is written. */
function prepare({ directory, copyTo }: ReceiveParams, before: FileList | undefined): string {
  if (copyTo !== undefined) {
    mkdirSync(join(copyTo, TREE), { recursive: true, mode: 0o755 });
    if (before !== undefined) linkAll(join(directory, TREE), join(copyTo, TREE), before.stats);
    return copyTo;
  }
  rmSync(join(directory, LIST), { force: true });
  if (before === undefined) rmSync(join(directory, TREE), { recursive: true, force: true });
  mkdirSync(join(directory, TREE), { recursive: true, mode: 0o755 });
  return directory;
}

/** Files are shared between versions: they are replaced, never written to. */
function linkAll(from: string, to: string, stats: readonly FileStat[]): void {
  const directories: FileStat[] = [];
  for (const stat of stats) {
    const target = join(to, stat.path);
    const kind = fileKind(stat.mode);
    if (kind === "directory") {
      mkdirSync(target, { mode: 0o700 });
      directories.push(stat);
    } else linkSync(join(from, stat.path), target);
  }
  for (const stat of directories.reverse()) applyToDirectory(to, stat);
}

class TreeUpdate {
  private readonly open = new Map<number, { fd: number; bytes: number }>();

  constructor(private readonly root: string) {}

  /** Takes away what is gone and makes everything that needs no bytes. */
  begin({ removed, changed }: ListDifference): void {
    for (const path of removed) rmSync(join(this.root, path), { recursive: true, force: true });
    for (const { stat } of changed) {
      const path = join(this.root, stat.path);
      const kind = fileKind(stat.mode);
      if (kind === "directory") mkdirSync(path, { recursive: true, mode: 0o700 });
      else if (kind === "symlink") {
        symlinkSync(stat.linkname, path);
        lchownSync(path, stat.uid, stat.gid);
        lutimesSync(path, seconds(stat), seconds(stat));
      }
    }
  }

  write(id: number, stat: FileStat, data: Uint8Array): void {
    const file = this.fileOf(id, stat);
    file.bytes += data.length;
    for (let written = 0; written < data.length; ) written += writeSync(file.fd, data, written);
  }

  endFile(id: number, stat: FileStat): void {
    const { fd } = this.fileOf(id, stat);
    this.open.delete(id);
    try {
      applyAttributes(fd, stat);
      // A new file is root's already.
      if (stat.uid !== 0 || stat.gid !== 0) fchownSync(fd, stat.uid, stat.gid);
      fchmodSync(fd, permissionBits(stat.mode));
      futimesSync(fd, seconds(stat), seconds(stat));
    } finally {
      closeSync(fd);
    }
  }

  /** Hard links, and what directories are told last, since making files in them changes it. */
  finish({ changed, removed }: ListDifference, all: readonly FileStat[]): void {
    const touched = new Set([...changed.map(({ stat }) => stat.path), ...removed].map((path) => dirname(path)));
    for (const { stat } of changed) {
      if (fileKind(stat.mode) === "file" && stat.linkname !== "") {
        linkSync(join(this.root, stat.linkname), join(this.root, stat.path));
      }
      if (fileKind(stat.mode) === "directory") touched.add(stat.path);
    }
    for (const stat of all.toReversed()) {
      if (fileKind(stat.mode) === "directory" && touched.has(stat.path)) applyToDirectory(this.root, stat);
    }
  }

  private fileOf(id: number, stat: FileStat): { fd: number; bytes: number } {
    let file = this.open.get(id);
    if (file === undefined) {
      // "wx": what is there is a mistake of ours or somebody's trick, and is never followed.
      file = { fd: openSync(join(this.root, stat.path), "wx", 0o600), bytes: 0 };
      this.open.set(id, file);
    }
    return file;
  }
}

function applyToDirectory(root: string, stat: FileStat): void {
  const fd = openSync(join(root, stat.path), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    fchownSync(fd, stat.uid, stat.gid);
    fchmodSync(fd, permissionBits(stat.mode));
    applyAttributes(fd, stat);
    futimesSync(fd, seconds(stat), seconds(stat));
  } finally {
    closeSync(fd);
  }
}

/** Those that a context may hold; others (an overlay's marks, say) would change what the files mean here. */
function applyAttributes(fd: number, { xattrs }: FileStat): void {
  for (const [name, value] of Object.entries(xattrs)) {
    if (name.startsWith("user.") || name === "security.capability") setXattr(fd, name, value);
  }
}

function seconds(stat: FileStat): number {
  return Number(stat.modTime) / 1e9;
}
