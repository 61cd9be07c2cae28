/** The layers of an image to be pulled: what is here already, what has to come, and their progress in Docker's words. */
import { stat } from "node:fs/promises";
import type { RemoteRepository } from "../../distribution/contract.ts";
import { algorithmOf, shortDigest } from "../../lib/digest.ts";
import { NaruError } from "../../lib/errors.ts";
import type { Descriptor, Digest, DigestAlgorithm } from "../../model/image.ts";
import type { ContentStore } from "../content-store.ts";
import type { DataLayout } from "../data-layout.ts";
import type { BlobSource } from "../image-publisher.ts";
import type { ImageRecords, PlatformImage } from "../image-records.ts";
import type { ProgressLines } from "../progress-lines.ts";
import type { SnapshotStore, UnpackedLayer } from "../snapshot-store.ts";
import type { Trash } from "../trash.ts";
import type { ArrivedLayer, LayerTransfers } from "./layer-transfers.ts";

interface LayerParts {
  layout: DataLayout;
  records: ImageRecords;
  content: ContentStore;
  snapshots: SnapshotStore;
  transfers: LayerTransfers;
  trash: Trash;
}

interface WantedLayer {
  index: number;
  layer: Descriptor;
  diffId: Digest;
  chainId: Digest;
  hasBlob: boolean;
  hasSnapshot: boolean;
}

/** The layers of an image; those that are `missing` anything must be fetched. */
export async function missingLayers(parts: LayerParts, image: PlatformImage): Promise<WantedLayer[]> {
  const layers = await Promise.all(image.layers.map((_, index) => lookAt(parts, image, index)));
  return layers.filter(({ hasBlob, hasSnapshot }) => !hasBlob || !hasSnapshot);
}

async function lookAt(parts: LayerParts, image: PlatformImage, index: number): Promise<WantedLayer> {
  const layer = image.layers[index]!;
  const chainId = image.chainIds[index]!;
  const snapshot = parts.records.snapshots.get(chainId);
  const [blobSize, hasFiles] = await Promise.all([
    parts.content.findSize(layer.digest),
    snapshot !== undefined && exists(parts.layout.snapshotFiles(snapshot.directory)),
  ]);
  if (snapshot !== undefined && !hasFiles) await parts.snapshots.markDamaged(chainId);
  return {
    index,
    layer,
    diffId: image.config.rootfs.diff_ids[index]!,
    chainId,
    hasBlob: blobSize === layer.size && !parts.records.damagedBlobs.has(layer.digest),
    hasSnapshot: parts.snapshots.isUsable(chainId),
  };
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Brings everything that is missing; the blobs and chain IDs must be pinned. All stops when one fails.
 * @returns the layers' blobs, and the way to let go of them once they are adopted
 */
export async function bringLayers(
  parts: LayerParts,
  image: PlatformImage,
  from: RemoteRepository,
  lines: ProgressLines,
  signal: AbortSignal,
): Promise<{ blobs: BlobSource[]; release: () => Promise<void> }> {
  const missing = await missingLayers(parts, image);
  const missingIndexes = new Set(missing.map(({ index }) => index));
  for (const [index, layer] of image.layers.entries()) {
    lines.step(shortDigest(layer.digest), missingIndexes.has(index) ? "Pulling fs layer" : "Already exists");
  }
  const failure = new AbortController();
  const stop = AbortSignal.any([signal, failure.signal]);
  const arrived: ArrivedLayer[] = [];
  const release = async () => {
    await Promise.all(arrived.map((layer) => layer.release()));
  };
  let before: Promise<void> = Promise.resolve();
  const work = missing.map((wanted) => {
    const coming = bring(parts, wanted, from, lines, stop).then((layer) => {
      if (layer) arrived.push(layer);
    });
    coming.catch((error) => failure.abort(error));
    // Docker tells layers complete from the lowest to the top.
    const turn = before;
    before = coming.then(() => turn).then(() => lines.step(shortDigest(wanted.layer.digest), "Pull complete"));
    return before;
  });
  const results = await Promise.allSettled(work);
  if (results.some(({ status }) => status === "rejected")) {
    await release();
    throw signal.aborted ? signal.reason : failure.signal.reason;
  }
  const blobs = image.layers.map(({ digest, size }) => ({ digest, size, path: pathOf(digest, arrived) }));
  return { blobs, release };
}

function pathOf(digest: Digest, arrived: ArrivedLayer[]): string | undefined {
  return arrived.find((layer) => layer.digest === digest)?.path;
}

async function bring(
  parts: LayerParts,
  wanted: WantedLayer,
  from: RemoteRepository,
  lines: ProgressLines,
  signal: AbortSignal,
): Promise<ArrivedLayer | undefined> {
  const { layer, chainId, diffId, index } = wanted;
  const id = shortDigest(layer.digest);
  if (wanted.hasBlob) {
    lines.progress(id, "Extracting", layer.size, layer.size);
    await parts.snapshots.ensureFromBlob(chainId, diffId, parts.content.path(layer.digest), { index, signal });
    return undefined;
  }
  const arrived = await parts.transfers.fetch(layer, from, {
    unpack: !wanted.hasSnapshot,
    listener: {
      onWaiting: () => lines.step(id, "Waiting"),
      onProgress: (bytes) => lines.progress(id, "Downloading", bytes, layer.size),
      onRetry: (seconds) => lines.step(id, `Retrying in ${seconds} second${seconds === 1 ? "" : "s"}`),
      onArrived: () => lines.step(id, "Verifying Checksum"),
    },
    signal,
  });
  try {
    lines.step(id, "Download complete");
    if (!wanted.hasSnapshot) {
      lines.progress(id, "Extracting", layer.size, layer.size);
      await unpack(parts, wanted, arrived, signal);
    }
    return arrived;
  } catch (error) {
    await arrived.release();
    throw error;
  }
}

async function unpack(
  parts: LayerParts,
  { layer, chainId, diffId, index }: WantedLayer,
  arrived: ArrivedLayer,
  signal: AbortSignal,
): Promise<void> {
  const { snapshots } = parts;
  try {
    await snapshots.ensure(chainId, async () => {
      const unpacked = await takeUnpacked(parts, arrived, algorithmOf(diffId));
      if (unpacked) await snapshots.commitChecked(chainId, diffId, unpacked, index);
      // Whoever shares the download took its files for another place in another image, or they are named otherwise.
      else
        await unpackArrived(
          parts,
          layer,
          (path) => snapshots.unpackBlob(chainId, diffId, path, { index, signal }),
          arrived,
        );
    });
  } catch (error) {
    if (error instanceof NaruError && error.message.startsWith("invalid diffID")) {
      throw new NaruError("invalid", `layers from manifest don't match image configuration: ${error.message}`);
    }
    throw error;
  }
}

/** The files that came with the download, if their diff ID, a sha256 digest then, can be compared with the wanted one. */
async function takeUnpacked(
  { trash }: LayerParts,
  arrived: ArrivedLayer,
  algorithm: DigestAlgorithm,
): Promise<UnpackedLayer | undefined> {
  const unpacked = arrived.takeUnpacked();
  if (!unpacked || algorithmOf(unpacked.diffId) === algorithm) return unpacked;
  await trash.discard(unpacked.directory);
  return undefined;
}

/** The blob lies in the store as soon as one of those who share it has published its image. */
async function unpackArrived(
  { content }: LayerParts,
  { digest, size }: Descriptor,
  unpackFrom: (path: string) => Promise<void>,
  arrived: ArrivedLayer,
): Promise<void> {
  const isStored = async () => (await content.findSize(digest)) === size;
  if (await isStored()) return await unpackFrom(content.path(digest));
  try {
    await unpackFrom(arrived.path);
  } catch (error) {
    if (!(await isStored())) throw error;
    await unpackFrom(content.path(digest));
  }
}
