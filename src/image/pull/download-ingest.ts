/**
 * A layer on its way in, in one pass: what is here of its blob is read again, the rest arrives and is added to it, and all of
 * it is hashed and unpacked. Runs in a worker thread.
 */
import { algorithmOf, DigestHasher } from "../../lib/digest.ts";
import { NaruError } from "../../lib/errors.ts";
import { startWriteback } from "../../linux/disk-sync.ts";
import { closeFd, O, openPath, readInto, writeAll } from "../../linux/file-calls.ts";
import { errorCode } from "../../linux/sys-error.ts";
import type { Digest, DigestAlgorithm } from "../../model/image.ts";
import type { Compression } from "../compression.ts";
import { noSpace, type UnpackLimits, unpackStream } from "../layer-ingest.ts";
import { TreeWriter } from "../tree-writer.ts";

export interface DownloadParams {
  /** The blob's file; what it holds already are the blob's first bytes. */
  partialPath: string;
  /** What the blob must be. */
  digest: Digest;
  /** Existing empty directory for the files; absent when only the blob is wanted. */
  filesDir?: string;
  limits: UnpackLimits;
}

export interface DownloadResult {
  /** Absent without `filesDir`. */
  unpacked?: { diffId: Digest; compression: Compression; contentBytes: number };
}

const READ_BYTES = 1024 * 1024;
const FLUSH_BYTES = 8 * 1024 * 1024;

/**
 * `input` brings the bytes from the end of the partial file on. When it fails or is cancelled, the file keeps what has come.
 * @throws {NaruError} invalid when the whole blob is not what its digest says (the file is worthless then), or no layer
 */
export async function ingestDownload(
  input: AsyncIterable<Uint8Array>,
  params: DownloadParams,
): Promise<DownloadResult> {
  const blob = new PartialBlob(params.partialPath, algorithmOf(params.digest));
  const tree = params.filesDir === undefined ? undefined : new TreeWriter(params.filesDir, LAYER_TREE);
  try {
    const unpacked = tree && (await unpackBlob(blob, input, tree, params.limits));
    for await (const chunk of blob.arriving(input)) void chunk;
    checkDigest(blob, params.digest);
    return { unpacked };
  } catch (error) {
    if (errorCode(error) === "ENOSPC") throw noSpace();
    throw error;
  } finally {
    blob.close();
    tree?.close();
  }

  async function unpackBlob(
    blob: PartialBlob,
    input: AsyncIterable<Uint8Array>,
    tree: TreeWriter,
    limits: UnpackLimits,
  ) {
    let failure: unknown;
    try {
      const found = await unpackStream(blob.arriving(input), tree, limits, () => ({}));
      return { ...found, contentBytes: tree.contentBytes };
    } catch (error) {
      if (!(error instanceof NaruError) || error.kind !== "invalid" || blob.inputFailed) throw error;
      failure = error;
    }
    // Nonsense in a layer is a broken download first of all: only when the bytes are the right ones it is the layer's fault.
    for await (const chunk of blob.arriving(input)) void chunk;
    checkDigest(blob, params.digest);
    throw failure;
  }
}

const LAYER_TREE = { names: "layer", applyToRoot: true } as const;

function checkDigest(blob: PartialBlob, expected: Digest): void {
  const digest = blob.digest();
  if (digest === expected) return;
  throw new NaruError(
    "invalid",
    `filesystem layer verification failed for digest ${expected}: the bytes are ${digest}`,
  );
}

/** A blob's file that grows, with the digest of all of it. */
class PartialBlob {
  inputFailed = false;
  private readonly fd: number;
  private readonly hash: DigestHasher;
  private isReadBack = false;
  private written = 0;
  private flushed = 0;

  constructor(path: string, algorithm: DigestAlgorithm) {
    this.hash = new DigestHasher(algorithm);
    this.fd = openPath(path, O.RDWR | O.CREAT);
  }

  /** What the file has, then what comes, which is added to it. May be left and entered again. */
  async *arriving(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
    while (!this.isReadBack) {
      const chunk = new Uint8Array(READ_BYTES);
      const length = readInto(this.fd, chunk);
      if (length === 0) this.isReadBack = true;
      else {
        this.hash.update(chunk.subarray(0, length));
        yield chunk.subarray(0, length);
      }
    }
    try {
      for await (const chunk of input) {
        this.hash.update(chunk);
        writeAll(this.fd, chunk, 0, chunk.length);
        this.written += chunk.length;
        if (this.written - this.flushed >= FLUSH_BYTES) this.flush();
        yield chunk;
      }
    } catch (error) {
      this.inputFailed = true;
      throw error;
    }
  }

  /** So that little is left to be written when the blob is whole and has to be on the disk. */
  private flush(): void {
    // Zero bytes: to the end of the file.
    startWriteback(this.fd, 0, 0);
    this.flushed = this.written;
  }

  digest(): Digest {
    return this.hash.digest();
  }

  close(): void {
    closeFd(this.fd);
  }
}
