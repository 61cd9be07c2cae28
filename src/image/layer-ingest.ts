/** One pass over a layer: its blob to disk, its files into a directory, both digests. Runs in a worker thread. */
import { NaruError } from "../lib/errors.ts";
import { closeFd, freeBytes, O, openPath, writeAll } from "../linux/file-calls.ts";
import { errorCode } from "../linux/sys-error.ts";
import type { Digest } from "../model/image.ts";
import { type Compression, decompress, detectStream, GzipMembers } from "./compression.ts";
import { TarReader } from "./tar-reader.ts";
import { TreeWriter } from "./tree-writer.ts";

/** What an archive may become: bombs are refused before they fill the disk. */
export interface UnpackLimits {
  /** Unpacked bytes per byte of input, looked at from `ratioFromBytes` unpacked bytes on. */
  maxRatio: number;
  ratioFromBytes: number;
  /** What must stay free on the file system. */
  reserveBytes: number;
}

export const DEFAULT_LIMITS: UnpackLimits = {
  maxRatio: 200,
  ratioFromBytes: 1024 * 1024 * 1024,
  reserveBytes: 64 * 1024 * 1024,
};

const SPACE_CHECK_BYTES = 32 * 1024 * 1024;

/** Watches how an archive grows while it is unpacked. */
export class UnpackGuard {
  private input = 0;
  private unpacked = 0;
  private nextSpaceCheck = SPACE_CHECK_BYTES;

  constructor(
    private readonly fd: number,
    private readonly limits: UnpackLimits,
  ) {}

  countInput(bytes: number): void {
    this.input += bytes;
  }

  /** @throws invalid for a bomb, unavailable when the disk has no room */
  countUnpacked(bytes: number): void {
    this.unpacked += bytes;
    const { maxRatio, ratioFromBytes, reserveBytes } = this.limits;
    if (this.unpacked > ratioFromBytes && this.unpacked > this.input * maxRatio) {
      throw new NaruError(
        "invalid",
        `refused: ${this.input} bytes of archive grew to more than ${maxRatio} times as many, as a decompression bomb does`,
      );
    }
    if (this.unpacked < this.nextSpaceCheck) return;
    this.nextSpaceCheck = this.unpacked + SPACE_CHECK_BYTES;
    if (freeBytes(this.fd) < reserveBytes) throw noSpace();
  }
}

function noSpace(): NaruError {
  return new NaruError(
    "unavailable",
    "no space left on device: the archive does not fit under the data root; free some space (prune) and try again",
  );
}

export interface IngestParams {
  /** Existing empty directory for the files. */
  filesDir: string;
  /**
   * Where the blob is written: gzip and zstd as they came, all else as gzip. Absent when the blob exists already.
   */
  blobPath?: string;
  limits: UnpackLimits;
}

export interface IngestResult {
  diffId: Digest;
  /** Of what was read, when no blob was to be written; else of the blob. */
  blobDigest: Digest;
  blobBytes: number;
  compression: Compression;
  /** Bytes of file content. */
  contentBytes: number;
}

/** @throws what the archive's codec and tree writer throw; what was written until then is the caller's to remove */
export async function ingestLayer(input: AsyncIterable<Uint8Array>, params: IngestParams): Promise<IngestResult> {
  const tree = new TreeWriter(params.filesDir, { names: "layer", applyToRoot: true });
  const blob = new BlobOutput(params.blobPath);
  try {
    const detected = await detectStream(input);
    const diffHash = new Bun.CryptoHasher("sha256");
    const reader = new TarReader(tree);
    const guard = new UnpackGuard(tree.rootFd, params.limits);
    // The OCI image specification knows no other compressed layers (layer.md, "Media Types").
    const isLayerFormat = detected.compression === "gzip" || detected.compression === "zstd";
    const compress = !isLayerFormat && params.blobPath !== undefined;
    const members = compress ? new GzipMembers((member) => blob.write(member)) : undefined;
    const source = tap(detected.chunks, (chunk) => {
      guard.countInput(chunk.length);
      if (!compress) blob.write(chunk);
    });
    for await (const chunk of decompress(source, detected.compression)) {
      guard.countUnpacked(chunk.length);
      diffHash.update(chunk);
      reader.push(Buffer.from(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength));
      await members?.push(chunk);
    }
    reader.finish();
    tree.finish();
    await members?.finish();
    return {
      diffId: `sha256:${diffHash.digest("hex")}`,
      blobDigest: blob.digest(),
      blobBytes: blob.bytes,
      compression: compress ? "gzip" : detected.compression,
      contentBytes: tree.contentBytes,
    };
  } catch (error) {
    if (errorCode(error) === "ENOSPC") throw noSpace();
    throw error;
  } finally {
    blob.close();
    tree.close();
  }
}

/** Passes chunks on and shows each to `look`. */
export async function* tap(
  input: AsyncIterable<Uint8Array>,
  look: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array, undefined> {
  for await (const chunk of input) {
    look(chunk);
    yield chunk;
  }
}

/** A file being written, with its digest; without a path only the digest. */
export class BlobOutput {
  bytes = 0;
  private readonly hash = new Bun.CryptoHasher("sha256");
  private fd: number | undefined;

  constructor(path: string | undefined) {
    if (path !== undefined) this.fd = openPath(path, O.WRONLY | O.CREAT | O.EXCL);
  }

  write(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.hash.update(chunk);
    this.bytes += chunk.length;
    if (this.fd !== undefined) writeAll(this.fd, chunk, 0, chunk.length);
  }

  digest(): Digest {
    return `sha256:${this.hash.digest("hex")}`;
  }

  close(): void {
    if (this.fd !== undefined) closeFd(this.fd);
    this.fd = undefined;
  }
}
