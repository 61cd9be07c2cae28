/** Sends what a registry of naru's lacks of a blob, and tells it where the rest lies in blobs that it has (docs/chunked-transfer.md). */
import { BLOB_EDIT_TYPE, type BlobEditRecord, editSize, encodeEdit } from "../lib/blob-edit.ts";
import { CHUNK_LIST_TYPE, type ChunkList } from "../lib/chunk-list.ts";
import type { Digest } from "../model/image.ts";
import {
  type BlobBytes,
  type BlobToSend,
  nextAddress,
  SMALL_BLOB_BYTES,
  type UploadOptions,
  type UploadTarget,
} from "./blob-upload.ts";
import { ConnectionError } from "./connection-error.ts";
import { errorOfReply, RegistryError } from "./registry-error.ts";

/** When less than this share is known, the blob goes whole: it is resumed better. */
const LEAST_KNOWN_SHARE = 0.1;
const MAX_REPLY_BYTES = 64 * 1024 * 1024;

/** [offset, length, digest, offset there]. */
type KnownStretch = [number, number, Digest, number];

/** @returns false when nothing of the blob is known, or the way failed: the whole blob is to be sent then */
export async function pushChanges(
  target: UploadTarget,
  blob: BlobToSend,
  source: BlobBytes,
  options: UploadOptions,
): Promise<boolean> {
  if (blob.size <= SMALL_BLOB_BYTES || source.listChunks === undefined) return false;
  try {
    const known = await askKnown(target, await source.listChunks(), options.signal);
    const knownBytes = known.reduce((sum, [, length]) => sum + length, 0);
    if (knownBytes < blob.size * LEAST_KNOWN_SHARE) return false;
    await sendEdit(target, blob, () => editOf(blob, known, source), options);
    return true;
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    if (error instanceof RegistryError || error instanceof ConnectionError) return false;
    throw error;
  }
}

async function askKnown(target: UploadTarget, list: ChunkList, signal?: AbortSignal): Promise<KnownStretch[]> {
  const reply = await target.send(target.chunksPath, {
    method: "POST",
    headers: { "Content-Type": CHUNK_LIST_TYPE },
    body: () => list.encode(),
    signal,
  });
  if (!reply.isSuccess) throw await errorOfReply(reply);
  const { known } = (await reply.json(MAX_REPLY_BYTES)) as { known: KnownStretch[] };
  return known;
}

function editOf({ size }: BlobToSend, known: KnownStretch[], source: BlobBytes): BlobEditRecord[] {
  const records: BlobEditRecord[] = [];
  let position = 0;
  const fresh = (end: number) => {
    const [start, length] = [position, end - position];
    if (length > 0) records.push({ kind: "data", length, bytes: source.open(start, length) });
  };
  for (const [offset, length, digest, sourceOffset] of known) {
    fresh(offset);
    records.push({ kind: "copy", source: digest, offset: sourceOffset, length });
    position = offset + length;
  }
  fresh(size);
  return records;
}

async function sendEdit(
  target: UploadTarget,
  blob: BlobToSend,
  makeRecords: () => BlobEditRecord[],
  { signal, onProgress }: UploadOptions,
): Promise<void> {
  const opened = await target.send(target.uploadsPath, { method: "POST", signal });
  if (opened.status !== 202) throw await errorOfReply(opened);
  await opened.discard();
  let session = nextAddress(opened);
  try {
    const patched = await target.send(session, {
      method: "PATCH",
      headers: { "Content-Type": BLOB_EDIT_TYPE, "Content-Length": String(editSize(makeRecords())) },
      // Made anew for a second attempt, since a stream that was sent is gone.
      body: () => encodeEdit(makeRecords()),
      signal,
    });
    if (!patched.isSuccess) throw await errorOfReply(patched);
    await patched.discard();
    session = nextAddress(patched, session);
    const closing = new URL(session);
    closing.searchParams.set("digest", blob.digest);
    const closed = await target.send(closing, { method: "PUT", headers: { "Content-Length": "0" }, signal });
    if (closed.status !== 201) throw await errorOfReply(closed);
    await closed.discard();
    onProgress?.(blob.size);
  } catch (error) {
    // A session that ended by itself is not found; nothing depends on it.
    const reply = await target.send(session, { method: "DELETE" }).catch(() => undefined);
    await reply?.discard();
    throw error;
  }
}
