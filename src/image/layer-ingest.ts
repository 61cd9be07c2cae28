/** One pass over a layer: its blob to disk, its files into a directory, both digests. Runs in a worker thread. */
import { DigestHasher } from "../lib/digest.ts";
import { NaruError } from "../lib/errors.ts";
import { closeFd, freeBytes, O, openPath, writeAll } from "../linux/file-calls.ts";
import { errorCode } from "../linux/sys-error.ts";
import type { Digest, DigestAlgorithm } from "../model/image.ts";
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

/**
 * The collector does not see in time how large a stream's spent buffers are; left alone, a thread grows by some 40 MB.
 * Collecting takes it about 2 ms.
 */
const COLLECT_BYTES = 8 * 1024 * 1024;

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

export function noSpace(): NaruError {
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
  /** Of the diff ID; sha256 when absent. */
  diffAlgorithm?: DigestAlgorithm;
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
  let members: GzipMembers | undefined;
  try {
    const hooksFor = (found: Compression): StreamHooks => {
      // The OCI image specification knows no other compressed layers (layer.md, "Media Types").
      const isLayerFormat = found === "gzip" || found === "zstd";
      if (isLayerFormat || params.blobPath === undefined) return { onInput: (chunk) => blob.write(chunk) };
      const compressing = new GzipMembers((member) => blob.write(member));
      members = compressing;
      return { onPlain: (chunk) => compressing.push(chunk) };
    };
    const { diffId, compression } = await unpackStream(input, tree, params.limits, hooksFor, params.diffAlgorithm);
    await members?.finish();
    return {
      diffId,
      blobDigest: blob.digest(),
      blobBytes: blob.bytes,
      compression: members ? "gzip" : compression,
      contentBytes: tree.contentBytes,
    };
  } finally {
    blob.close();
    tree.close();
  }
}

/** Who looks on while a stream is unpacked. */
interface StreamHooks {
  /** Each chunk as it came. */
  onInput?: (chunk: Uint8Array) => void;
  /** Each chunk of the tar; it must not be changed. */
  onPlain?: (chunk: Uint8Array) => Promise<void>;
}

/**
 * Writes a layer's tar, compressed or not, into a tree and hashes what it is without compression.
 * @throws what codec and tree writer throw; unavailable when the disk is full
 */
export async function unpackStream(
  input: AsyncIterable<Uint8Array>,
  tree: TreeWriter,
  limits: UnpackLimits,
  hooksFor: (compression: Compression) => StreamHooks,
  diffAlgorithm: DigestAlgorithm = "sha256",
): Promise<{ diffId: Digest; compression: Compression }> {
  try {
    const { compression, chunks } = await detectStream(input);
    const hooks = hooksFor(compression);
    const diffHash = new DigestHasher(diffAlgorithm);
    const reader = new TarReader(tree);
    const guard = new UnpackGuard(tree.rootFd, limits);
    const source = tap(chunks, (chunk) => {
      guard.countInput(chunk.length);
      hooks.onInput?.(chunk);
    });
    let uncollected = 0;
    for await (const chunk of decompress(source, compression)) {
      guard.countUnpacked(chunk.length);
      uncollected += chunk.length;
      if (uncollected >= COLLECT_BYTES) {
        uncollected = 0;
        Bun.gc(true);
      }
      diffHash.update(chunk);
      reader.push(Buffer.from(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength));
      await hooks.onPlain?.(chunk);
    }
    if (uncollected > 0) Bun.gc(true);
    reader.finish();
    tree.finish();
    return { diffId: diffHash.digest(), compression };
  } catch (error) {
    if (errorCode(error) === "ENOSPC") throw noSpace();
    throw error;
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
  private readonly hash: DigestHasher;
  private fd: number | undefined;

  constructor(path: string | undefined, algorithm?: DigestAlgorithm) {
    this.hash = new DigestHasher(algorithm);
    if (path !== undefined) this.fd = openPath(path, O.WRONLY | O.CREAT | O.EXCL);
  }

  write(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.hash.update(chunk);
    this.bytes += chunk.length;
    if (this.fd !== undefined) writeAll(this.fd, chunk, 0, chunk.length);
  }

  digest(): Digest {
    return this.hash.digest();
  }

  close(): void {
    if (this.fd !== undefined) closeFd(this.fd);
    this.fd = undefined;
  }
}
