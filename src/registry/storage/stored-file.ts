/** Stored files: their sizes, their content piece by piece, their names made durable. */
import { type FileHandle, open, stat } from "node:fs/promises";
import { NaruError } from "../../lib/errors.ts";
import type { StoredObject } from "../contract.ts";
import { isAbsent } from "./disk-failure.ts";

const READ_BYTES = 1024 * 1024;

/** Undefined also for a directory. */
export async function statOf(path: string): Promise<StoredObject | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? { size: found.size, modifiedAt: found.mtimeMs } : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** A file or a part of it (`end` is exclusive). @throws not-found, calling it `name` */
export async function* readPieces(
  path: string,
  range: { start: number; end: number } | undefined,
  name: string,
): AsyncGenerator<Uint8Array> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    if (isAbsent(error)) throw new NaruError("not-found", `there is no object ${name}`);
    throw error;
  }
  try {
    let at = range?.start ?? 0;
    const end = range?.end ?? Number.POSITIVE_INFINITY;
    while (at < end) {
      const piece = new Uint8Array(Math.min(READ_BYTES, end - at));
      const { bytesRead } = await file.read(piece, 0, piece.length, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
