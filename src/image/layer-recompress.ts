/** A layer's blob in another compression: the same archive, other bytes around it. Runs in a worker thread. */
import type { Digest } from "../model/image.ts";
import { asZstdFrame, decompress, detectStream, GzipMembers } from "./compression.ts";
import type { LayerCompression } from "./contract.ts";
import { BlobOutput } from "./layer-ingest.ts";

export interface RecompressParams {
  sourcePath: string;
  /** Where the blob is written; must not exist. */
  blobPath: string;
  compression: LayerCompression;
}

export interface RecompressResult {
  blobDigest: Digest;
  blobBytes: number;
}

export async function recompressLayer(params: RecompressParams, signal: AbortSignal): Promise<RecompressResult> {
  const { compression } = params;
  const blob = new BlobOutput(params.blobPath);
  const write = (data: Uint8Array) => blob.write(data);
  const members =
    compression === "uncompressed"
      ? undefined
      : new GzipMembers(write, ...(compression === "zstd" ? [asZstdFrame] : []));
  try {
    const source = await detectStream(Bun.file(params.sourcePath).stream() as AsyncIterable<Uint8Array>);
    for await (const chunk of decompress(source.chunks, source.compression)) {
      signal.throwIfAborted();
      if (members) await members.push(chunk);
      else write(chunk);
    }
    await members?.finish();
    return { blobDigest: blob.digest(), blobBytes: blob.bytes };
  } finally {
    blob.close();
  }
}
