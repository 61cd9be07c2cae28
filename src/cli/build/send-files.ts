/** Answers the daemon's call for a directory: "the same as last time", or the list of its files and those that are wanted. */
import { closeSync, openSync, readSync } from "node:fs";
import type { ByteChannel } from "../../lib/build-channels.ts";
import { decodePacket, encodePacket, type FilePacket, type FileStat, PACKET } from "../../lib/file-packets.ts";
import { frame, unframed } from "../../lib/message-stream.ts";
import type { ClientCall, FilesAnswer } from "../../model/build-exchange.ts";
import { fileErrorText } from "../file-error.ts";
import { ContextWalk } from "./context-walk.ts";

type FilesCall = Extract<ClientCall, { name: "files" }>;

const PIECE_BYTES = 256 * 1024;
/** Packets are gathered up to this size. */
const GATHER_BYTES = 256 * 1024;

/** `answer` is told before the first file travels. @throws what the file system says */
export async function sendFiles(
  root: string,
  { include, exclude, known }: FilesCall,
  channel: ByteChannel,
  answer: (answer: FilesAnswer) => void,
): Promise<void> {
  const walk = new ContextWalk(root, { include, exclude });
  const mark = walk.mark();
  if (mark !== undefined && mark === known) {
    answer({ same: true });
    return;
  }
  // Looked at after the mark was taken: what changes in between is found the next time.
  const stats = walk.list();
  answer({ same: false, ...(mark === undefined ? {} : { mark }) });
  const packets = new PacketWriter(channel);
  for (const stat of stats) await packets.send({ type: PACKET.stat, stat });
  await packets.send({ type: PACKET.stat });
  await packets.flush();
  await serveRequests(root, stats, channel, packets);
}

/** Requests are taken in as they come, so that the daemon may ask for everything before it reads the first answer. */
async function serveRequests(
  root: string,
  stats: readonly FileStat[],
  channel: ByteChannel,
  packets: PacketWriter,
): Promise<void> {
  const wanted: number[] = [];
  let isOver = false;
  let failure: unknown;
  let wake = () => {};
  const reading = (async () => {
    try {
      for await (const message of unframed(channel.bytes())) {
        const { type, id, data } = decodePacket(message);
        if (type === PACKET.request) wanted.push(id);
        else if (type === PACKET.failure) throw new Error(Buffer.from(data).toString("utf8"));
        else if (type === PACKET.end) break;
        wake();
      }
    } catch (error) {
      failure = error;
    }
    isOver = true;
    wake();
  })();
  for (let next = 0; ; ) {
    if (next < wanted.length) await sendFile(root, stats, wanted[next++]!, packets);
    else if (isOver) break;
    else {
      await packets.flush();
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (next < wanted.length || isOver) resolve();
      });
    }
  }
  await reading;
  if (failure !== undefined) throw failure;
  await packets.send({ type: PACKET.end });
  await packets.flush();
  channel.end();
}

const piece = Buffer.allocUnsafe(PIECE_BYTES);

async function sendFile(root: string, stats: readonly FileStat[], id: number, packets: PacketWriter): Promise<void> {
  const stat = stats[id];
  if (stat === undefined) throw new Error(`the daemon asked for file ${id}, which is not in the list`);
  let fd: number | undefined;
  try {
    fd = openSync(`${root}/${stat.path}`, "r");
    for (let count = readSync(fd, piece); count > 0; count = readSync(fd, piece)) {
      await packets.send({ type: PACKET.data, id, data: piece.subarray(0, count) });
      // A short read of a file is its end: one call less for each of many small files.
      if (count < PIECE_BYTES && count >= stat.size) break;
    }
  } catch (error) {
    await packets.send({ type: PACKET.failure, data: Buffer.from(fileErrorText("open", stat.path, error)) });
    await packets.flush();
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  await packets.send({ type: PACKET.data, id });
}

/** Packets on their way, many in one write. */
class PacketWriter {
  private parts: Uint8Array[] = [];
  private bytes = 0;

  constructor(private readonly channel: ByteChannel) {}

  async send(packet: Partial<FilePacket> & { type: number }): Promise<void> {
    const framed = frame(encodePacket(packet));
    this.parts.push(framed);
    this.bytes += framed.length;
    if (this.bytes >= GATHER_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.bytes === 0) return;
    const data = Buffer.concat(this.parts);
    this.parts = [];
    this.bytes = 0;
    await this.channel.write(data);
  }
}
