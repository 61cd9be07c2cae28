/** `docker load`: an archive becomes images. What is wrong with it is found before anything of it is kept. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { shortDigest } from "../lib/digest.ts";
import { NaruError } from "../lib/errors.ts";
import { familiarName } from "../lib/image-reference.ts";
import type { PlatformWish } from "../lib/platform.ts";
import type { WorkerPool } from "../lib/worker-pool.ts";
import type { Descriptor } from "../model/image.ts";
import { ArchivePlanner, type PlannedImage } from "./archive-planner.ts";
import type { StagedArchive } from "./archive-staging.ts";
import type { ContentStore } from "./content-store.ts";
import type { ProgressLine } from "./contract.ts";
import { type DataLayout, randomName } from "./data-layout.ts";
import type { BlobSource, ImagePublisher } from "./image-publisher.ts";
import { allChainIds, type ImageRecords, type PlatformImage, platformImages } from "./image-records.ts";
import { DEFAULT_LIMITS } from "./layer-ingest.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import type { Trash } from "./trash.ts";

export interface LoadParts {
  layout: DataLayout;
  records: ImageRecords;
  content: ContentStore;
  snapshots: SnapshotStore;
  publisher: ImagePublisher;
  pool: WorkerPool;
  trash: Trash;
}

export async function* loadArchive(
  parts: LoadParts,
  archive: AsyncIterable<Uint8Array>,
  options: { signal?: AbortSignal; quiet?: boolean; platforms?: PlatformWish[] },
): AsyncGenerator<ProgressLine, void> {
  const directory = join(parts.layout.ingest, randomName());
  await mkdir(directory, { mode: 0o700 });
  try {
    const params = { directory, limits: DEFAULT_LIMITS };
    const staged = await parts.pool.run<StagedArchive>("stage", params, { input: archive, signal: options.signal });
    const plan = await new ArchivePlanner(parts.content, directory, staged, options.platforms).plan();
    for (const image of plan) {
      yield* loadImage(parts, image, options);
    }
  } finally {
    await parts.trash.discard(directory);
  }
}

async function* loadImage(
  parts: LoadParts,
  image: PlannedImage,
  options: { signal?: AbortSignal; quiet?: boolean },
): AsyncGenerator<ProgressLine, void> {
  const { records, publisher } = parts;
  const { blobs, id } = image.record;
  const chainIds = allChainIds(image.record);
  const digests = blobs.map((blob) => blob.digest);
  const unpin = records.pin({ chainIds, blobs: digests });
  let published = false;
  try {
    for (const platform of platformImages(image.record)) yield* unpackLayers(parts, platform, image.blobs, options);
    for (const reference of image.references) {
      const before = records.references.get(reference)?.id;
      if (before === undefined || before === id) continue;
      const name = familiarName(reference);
      yield { stream: `The image ${name} already exists, renaming the old one with ID ${before} to empty string\n` };
    }
    await publisher.publish(image.record, image.blobs, image.references);
    published = true;
  } finally {
    unpin();
    if (!published) await publisher.collect(chainIds, []);
  }
  for (const reference of image.references) yield { stream: `Loaded image: ${familiarName(reference)}\n` };
  if (image.references.length === 0) yield { stream: `Loaded image ID: ${id}\n` };
}

async function* unpackLayers(
  parts: LoadParts,
  record: PlatformImage,
  blobs: BlobSource[],
  { signal, quiet }: { signal?: AbortSignal; quiet?: boolean },
): AsyncGenerator<ProgressLine, void> {
  const failure = new AbortController();
  const stop = signal ? AbortSignal.any([signal, failure.signal]) : failure.signal;
  const paths = new Map(blobs.map((blob) => [blob.digest, blob.path]));
  const missing = record.layers.map((_, index) => !parts.snapshots.isUsable(record.chainIds[index]!));
  const unpack = async (layer: Descriptor, index: number) => {
    // An image before this one in the archive may have taken the blob into the store.
    const isDamaged = parts.records.damagedBlobs.has(layer.digest);
    const isStored = !isDamaged && (await parts.content.findSize(layer.digest)) === layer.size;
    const path = isStored ? parts.content.path(layer.digest) : paths.get(layer.digest)!;
    const diffId = record.config.rootfs.diff_ids[index]!;
    await parts.snapshots.ensureFromBlob(record.chainIds[index]!, diffId, path, { index, signal: stop });
  };
  const unpacking = record.layers.map(unpack);
  // Failures are looked at in order, below.
  for (const work of unpacking) work.catch(() => {});
  try {
    for (const [index, layer] of record.layers.entries()) {
      const id = shortDigest(record.config.rootfs.diff_ids[index]!);
      const progress = (current: number) => ({
        status: "Loading layer",
        progressDetail: { current, total: layer.size },
        id,
      });
      if (missing[index] && !quiet) yield progress(0);
      await unpacking[index];
      if (missing[index] && !quiet) yield progress(layer.size);
    }
  } finally {
    failure.abort(new NaruError("unavailable", "another layer of the image could not be unpacked"));
    await Promise.allSettled(unpacking);
  }
}
