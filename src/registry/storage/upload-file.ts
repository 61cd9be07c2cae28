/** Appends a stream to a file: few large writes, one of them under way while the next is gathered. */
import type { FileHandle } from "node:fs/promises";

/** Network pieces have 64 kB or less; each write call costs a trip to another thread. */
const GATHER_BYTES = 512 * 1024;
/** The kernel begins writing to the disk this early, so that the sync at the end finds little left. */
const EARLY_SYNC_BYTES = 8 * 1024 * 1024;

/**
 * Writes `data` at `offset`. When the stream fails, what had arrived is written before the failure is thrown on.
 * @returns the file's new size
 */
export async function appendToFile(
  file: FileHandle,
  offset: number,
  data: AsyncIterable<Uint8Array>,
  { syncs }: { syncs: boolean },
): Promise<number> {
  const writer = new OrderedWriter(file, offset, syncs);
  try {
    for await (const piece of data) {
      if (writer.add(piece)) await writer.flush();
    }
  } finally {
    await writer.end();
  }
  return writer.written;
}

class OrderedWriter {
  written: number;
  private gathered: Uint8Array[] = [];
  private gatheredBytes = 0;
  private writing: Promise<void> | undefined;
  private syncing: Promise<void> | undefined;
  private unsynced = 0;

  constructor(
    private readonly file: FileHandle,
    offset: number,
    private readonly syncs: boolean,
  ) {
    this.written = offset;
  }

  /** @returns true when it is time to flush */
  add(piece: Uint8Array): boolean {
    this.gathered.push(piece);
    this.gatheredBytes += piece.length;
    return this.gatheredBytes >= GATHER_BYTES;
  }

  /** Waits for the write before, then begins this one. */
  async flush(): Promise<void> {
    await this.writing;
    if (this.gatheredBytes === 0) return;
    const pieces = this.gathered;
    this.gathered = [];
    this.gatheredBytes = 0;
    this.writing = this.writeAll(pieces);
    // Whoever waits for it next sees the failure; until then nobody listens.
    this.writing.catch(() => {});
  }

  async end(): Promise<void> {
    try {
      await this.flush();
      await this.writing;
    } finally {
      await this.syncing;
    }
  }

  private async writeAll(pieces: Uint8Array[]): Promise<void> {
    let rest = pieces;
    while (rest.length > 0) {
      const { bytesWritten } = await this.file.writev(rest, this.written);
      this.written += bytesWritten;
      this.unsynced += bytesWritten;
      rest = withoutFirst(rest, bytesWritten);
    }
    if (!this.syncs || this.unsynced < EARLY_SYNC_BYTES || this.syncing !== undefined) return;
    this.unsynced = 0;
    // A failure shows again in the sync at the end.
    this.syncing = this.file.datasync().then(
      () => {
        this.syncing = undefined;
      },
      () => {
        this.syncing = undefined;
      },
    );
  }
}

/** What is left of the pieces after a write that may have been short. */
function withoutFirst(pieces: Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  for (const [index, piece] of pieces.entries()) {
    if (skip < piece.length) return [piece.subarray(skip), ...pieces.slice(index + 1)];
    skip -= piece.length;
  }
  return [];
}
