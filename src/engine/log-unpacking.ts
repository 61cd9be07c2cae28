/** Compressed files of a log as plain ones, which can be read from the end as well. */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";

const BLOCK_BYTES = 64 * 1024;

/** A nameless file under `directory` with what `packed` holds; the caller closes it. @throws for what is no gzip file */
export async function unpackLog(packed: FileHandle, directory: string): Promise<FileHandle> {
  const path = join(directory, `.unpacked-${randomBytes(8).toString("hex")}`);
  const text = await open(path, "wx+", 0o600);
  try {
    await unlink(path);
    // Not the handles' own streams: Bun does not let a handle close after them.
    await pipeline(readBlocks(packed), createGunzip(), async (unpacked: AsyncIterable<Buffer>) => {
      for await (const block of unpacked) await text.write(block);
    });
    return text;
  } catch (error) {
    await text.close();
    throw error;
  }
}

async function* readBlocks(file: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(BLOCK_BYTES), 0, BLOCK_BYTES, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
