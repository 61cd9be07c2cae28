/** Sends a directory to a client (fsutil's DiffCopy): the list first, then the files that it asks for. Runs in a worker thread. */
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { join } from "node:path";
import { NaruError } from "../../lib/errors.ts";
import { decodePacket, encodePacket, type FilePacket, type FileStat, PACKET } from "../../lib/file-packets.ts";
import { type FileKind, goMode } from "../../lib/go-file-mode.ts";
import { frame, unframed } from "../../lib/message-stream.ts";
import type { JobContext } from "../../lib/worker-job.ts";

const PIECE_BYTES = 32 * 1024;

export async function sendDirectory({ directory }: { directory: string }, context: JobContext): Promise<void> {
  const send = (packet: Partial<FilePacket> & { type: number }) => context.write(frame(encodePacket(packet)));
  const stats: FileStat[] = [];
  const firstNames = new Map<string, string>();
  for (const stat of walk(directory, "", firstNames)) {
    stats.push(stat);
    await send({ type: PACKET.stat, stat });
  }
  await send({ type: PACKET.stat });
  for await (const message of unframed(context.input)) {
    const { type, id, data } = decodePacket(message);
    if (type === PACKET.request) await sendFile(directory, stats[id], id, send);
    else if (type === PACKET.end) {
      await send({ type: PACKET.end });
      return;
    } else if (type === PACKET.failure) throw new NaruError("invalid", Buffer.from(data).toString("utf8"));
  }
}

async function sendFile(
  directory: string,
  stat: FileStat | undefined,
  id: number,
  send: (packet: Partial<FilePacket> & { type: number }) => Promise<void>,
): Promise<void> {
  if (stat === undefined) throw new NaruError("invalid", `the client asked for file ${id}, which is not in the list`);
  const fd = openSync(join(directory, stat.path), "r");
  try {
    const piece = new Uint8Array(PIECE_BYTES);
    for (let count = readSync(fd, piece); count > 0; count = readSync(fd, piece)) {
      await send({ type: PACKET.data, id, data: piece.subarray(0, count) });
    }
    await send({ type: PACKET.data, id });
  } finally {
    closeSync(fd);
  }
}

/** In the order of the protocol: names of a directory by their bytes, what lies in it right after it. */
function* walk(root: string, prefix: string, firstNames: Map<string, string>): Generator<FileStat> {
  const names = readdirSync(join(root, prefix)).sort((one, other) =>
    Buffer.compare(Buffer.from(one), Buffer.from(other)),
  );
  for (const name of names) {
    const path = prefix === "" ? name : `${prefix}/${name}`;
    const found = lstatSync(join(root, path), { bigint: true });
    const kind = kindOf(found);
    // Devices, pipes and sockets mean nothing on the client's side.
    if (kind === "other") continue;
    const inode = `${found.dev}:${found.ino}`;
    const first = kind === "file" && found.nlink > 1n ? firstNames.get(inode) : undefined;
    if (kind === "file" && first === undefined) firstNames.set(inode, path);
    yield {
      path,
      mode: goMode(Number(found.mode) & 0o7777, kind),
      uid: Number(found.uid),
      gid: Number(found.gid),
      size: kind === "file" && first === undefined ? Number(found.size) : 0,
      modTime: found.mtimeNs,
      linkname: kind === "symlink" ? readlinkSync(join(root, path)) : (first ?? ""),
      xattrs: {},
    };
    if (kind === "directory") yield* walk(root, path, firstNames);
  }
}

function kindOf(stat: { isFile(): boolean; isDirectory(): boolean; isSymbolicLink(): boolean }): FileKind {
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  return stat.isFile() ? "file" : "other";
}
