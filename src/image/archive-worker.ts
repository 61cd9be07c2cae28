/** Entry of the worker threads that read, write and compare archives and layers. See lib/worker-pool.ts. */

import { ChunkLister } from "../lib/chunk-list.ts";
import { isKind } from "../lib/errors.ts";
import { type JobContext, serveJobs } from "../lib/worker-job.ts";
import { syncFileSystem } from "../linux/disk-sync.ts";
import type { OverlayRoot } from "../runtime/contract.ts";
import { stageArchive } from "./archive-staging.ts";
import { decompress, detectStream } from "./compression.ts";
import { layerChanges } from "./layer-changes.ts";
import { type IngestParams, ingestLayer, type UnpackLimits } from "./layer-ingest.ts";
import { type LayerPackParams, packLayerFiles } from "./layer-pack.ts";
import { type RecompressParams, recompressLayer } from "./layer-recompress.ts";
import { type DownloadParams, ingestDownload } from "./pull/download-ingest.ts";
import { BLOCK_BYTES, decodeHeader, isEndBlock } from "./tar-header.ts";
import { TarReader } from "./tar-reader.ts";
import { type PackOptions, packTree } from "./tree-packer.ts";
import { TreeWriter, type TreeWriterOptions } from "./tree-writer.ts";
import { checkLayer } from "./verify/layer-check.ts";

serveJobs({
  checkLayer,
  download,
  ingest,
  ingestBlob,
  stage,
  commit,
  packLayer,
  recompress,
  pack,
  unpack,
  copy,
  changes,
  isArchive,
  chunkList,
  syncFiles,
});

async function ingest(params: IngestParams, { input }: JobContext) {
  return await ingestLayer(input, params);
}

async function download(params: DownloadParams, { input }: JobContext) {
  return await ingestDownload(input, params);
}

/** Unpacks a blob that lies in the content store. */
async function ingestBlob(params: IngestParams & { sourcePath: string }, { signal }: JobContext) {
  return await ingestLayer(abortable(Bun.file(params.sourcePath).stream(), signal), params);
}

async function stage(params: { directory: string; limits: UnpackLimits }, { input }: JobContext) {
  return await stageArchive(input, params);
}

/** Makes a layer of an overlay's upper directory. */
async function commit(params: IngestParams & { upperDir: string }, { signal }: JobContext) {
  const tar = packTree(params.upperDir, { names: "layer", start: "", topName: undefined });
  return await ingestLayer(abortable(tar, signal), params);
}

/** Makes a blob of a layer's files, which stay where they are. */
async function packLayer(params: LayerPackParams, { signal }: JobContext) {
  return await packLayerFiles(params, signal);
}

async function recompress(params: RecompressParams, { signal }: JobContext) {
  return await recompressLayer(params, signal);
}

async function pack(params: { root: string; options: PackOptions }, context: JobContext) {
  for await (const chunk of packTree(params.root, params.options)) await context.write(chunk);
}

async function unpack(params: { directory: string; options: TreeWriterOptions }, { input }: JobContext) {
  const detected = await detectStream(input);
  await unpackInto(decompress(detected.chunks, detected.compression), params.directory, params.options);
}

/** Copies a tree with owners, permissions, times, links and attributes into an existing directory. */
async function copy(params: { root: string; start: string; directory: string }, { signal }: JobContext) {
  const tar = packTree(params.root, { names: "plain", start: params.start, topName: "." });
  await unpackInto(abortable(tar, signal), params.directory, { names: "plain", applyToRoot: true });
}

async function unpackInto(tar: AsyncIterable<Uint8Array>, directory: string, options: TreeWriterOptions) {
  const tree = new TreeWriter(directory, options);
  try {
    const reader = new TarReader(tree);
    for await (const chunk of tar) {
      reader.push(Buffer.from(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength));
    }
    reader.finish();
    tree.finish();
  } finally {
    tree.close();
  }
}

async function changes(params: { root: OverlayRoot }) {
  return layerChanges(params.root);
}

async function syncFiles({ path }: { path: string }): Promise<boolean> {
  return syncFileSystem(path);
}

/** Encoded: which chunks a blob consists of. */
async function chunkList(params: { path: string }, { signal }: JobContext): Promise<Uint8Array> {
  const lister = new ChunkLister();
  for await (const piece of abortable(Bun.file(params.path).stream(), signal)) lister.push(piece);
  return lister.finish().encode();
}

/** Whether the file's beginning, decompressed, is a tar header. */
async function isArchive({ path }: { path: string }): Promise<boolean> {
  const file = Bun.file(path);
  if (!(await file.stat()).isFile() || file.size === 0) return false;
  const detected = await detectStream(file.stream());
  let start = Buffer.alloc(0);
  try {
    for await (const chunk of decompress(detected.chunks, detected.compression)) {
      start = Buffer.concat([start, chunk]);
      if (start.length >= BLOCK_BYTES) break;
    }
    if (start.length < BLOCK_BYTES || isEndBlock(start, 0)) return false;
    decodeHeader(start, 0);
    return true;
  } catch (error) {
    // Neither an archive nor what its first bytes said it is.
    if (isKind(error, "invalid")) return false;
    throw error;
  }
}

/** Looks at the signal between chunks; gives the thread's message loop a turn to hear of it. */
async function* abortable(
  input: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, undefined> {
  let sinceTurn = 0;
  for await (const chunk of input) {
    sinceTurn += chunk.length;
    if (sinceTurn > 8 * 1024 * 1024) {
      sinceTurn = 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
    signal.throwIfAborted();
    yield chunk;
  }
}
