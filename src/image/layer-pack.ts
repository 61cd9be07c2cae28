/** A layer's files as a blob, without moving them. Runs in a worker thread. */

import { DigestHasher } from "../lib/digest.ts";
import type { Digest } from "../model/image.ts";
import { asZstdFrame, GzipMembers } from "./compression.ts";
import type { LayerCompression } from "./contract.ts";
import { BlobOutput } from "./layer-ingest.ts";
import { packTree } from "./tree-packer.ts";

export interface LayerPackParams {
  filesDir: string;
  /** Where the blob is written; must not exist. */
  blobPath: string;
  compression: LayerCompression;
  latestSeconds?: number;
}

export interface LayerPackResult {
  diffId: Digest;
  blobDigest: Digest;
  blobBytes: number;
  /** Of the files' content. */
  contentBytes: number;
}

export async function packLayerFiles(params: LayerPackParams, signal: AbortSignal): Promise<LayerPackResult> {
  const blob = new BlobOutput(params.blobPath);
  const write = (data: Uint8Array) => blob.write(data);
  const parts =
    params.compression === "uncompressed"
      ? undefined
      : params.compression === "zstd"
        ? new GzipMembers(write, asZstdFrame)
        : new GzipMembers(write);
  const diffHash = new DigestHasher();
  const { filesDir, latestSeconds } = params;
  const tar = packTree(filesDir, { names: "layer", start: "", topName: undefined, latestSeconds });
  try {
    let next = await tar.next();
    for (; !next.done; next = await tar.next()) {
      signal.throwIfAborted();
      diffHash.update(next.value);
      if (parts) await parts.push(next.value);
      else write(next.value);
    }
    await parts?.finish();
    const contentBytes = next.value;
    return { diffId: diffHash.digest(), blobDigest: blob.digest(), blobBytes: blob.bytes, contentBytes };
  } finally {
    await tar.return(0);
    blob.close();
  }
}
