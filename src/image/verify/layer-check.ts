/** Reads a layer back: its blob against its digests, its unpacked files against the blob. Runs in a worker thread. */
import { algorithmOf, DigestHasher } from "../../lib/digest.ts";
import { errorText } from "../../lib/errors.ts";
import type { JobContext } from "../../lib/worker-job.ts";
import type { Digest } from "../../model/image.ts";
import { decompress, detectStream } from "../compression.ts";
import { tap } from "../layer-ingest.ts";
import { TarReader } from "../tar-reader.ts";
import { packTree } from "../tree-packer.ts";
import { TreeFacts } from "./tree-facts.ts";

export interface LayerCheckParams {
  blobPath: string;
  digest: Digest;
  diffId: Digest;
  /** The unpacked layer; absent when only the blob is to be read. */
  filesDir?: string;
}
export interface LayerCheckResult {
  /** What is wrong with the blob; the files cannot be judged then. */
  blobProblem?: string;
  fileProblems: string[];
}

export async function checkLayer(params: LayerCheckParams, { signal }: JobContext): Promise<LayerCheckResult> {
  const expected = new TreeFacts();
  const blobProblem = await checkBlob(params, expected, signal);
  if (blobProblem !== undefined) return { blobProblem, fileProblems: [] };
  return { fileProblems: params.filesDir === undefined ? [] : await checkFiles(params.filesDir, expected, signal) };
}

async function checkBlob(params: LayerCheckParams, facts: TreeFacts, signal: AbortSignal): Promise<string | undefined> {
  const hash = new DigestHasher(algorithmOf(params.digest));
  let hashedBytes = 0;
  const diffHash = new DigestHasher(algorithmOf(params.diffId));
  const reader = new TarReader(facts);
  const file = Bun.file(params.blobPath);
  try {
    const { compression, chunks } = await detectStream(file.stream());
    for await (const chunk of decompress(
      tap(chunks, (bytes) => {
        hash.update(bytes);
        hashedBytes += bytes.length;
      }),
      compression,
    )) {
      signal.throwIfAborted();
      diffHash.update(chunk);
      reader.push(Buffer.from(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength));
    }
    reader.finish();
  } catch (error) {
    signal.throwIfAborted();
    return `cannot be read: ${errorText(error)}`;
  }
  // Bytes behind the end of the compressed stream belong to the blob, too.
  for await (const bytes of file.slice(hashedBytes).stream()) hash.update(bytes);
  const digest = hash.digest();
  if (digest !== params.digest) return `has the digest ${digest}`;
  const diffId = diffHash.digest();
  return diffId === params.diffId ? undefined : `holds ${diffId} instead of ${params.diffId}`;
}

async function checkFiles(filesDir: string, expected: TreeFacts, signal: AbortSignal): Promise<string[]> {
  const actual = new TreeFacts();
  const reader = new TarReader(actual);
  try {
    for await (const chunk of packTree(filesDir, { names: "layer", start: "", topName: undefined })) {
      signal.throwIfAborted();
      reader.push(Buffer.from(chunk.buffer));
      // A turn for the message that says to stop.
      await new Promise((resolve) => setImmediate(resolve));
    }
    reader.finish();
  } catch (error) {
    signal.throwIfAborted();
    return [`cannot be read: ${errorText(error)}`];
  }
  return expected.differences(actual);
}
