/** Makes images out of blobs and snapshots that are in place, and takes them away again. */

import { rm } from "node:fs/promises";
import { digestOf } from "../lib/digest.ts";
import { NaruError } from "../lib/errors.ts";
import { OneAtATime } from "../lib/one-at-a-time.ts";
import { syncFile } from "../lib/whole-file.ts";
import { errorCode } from "../linux/sys-error.ts";
import type { Descriptor, Digest, ImageConfig, Manifest } from "../model/image.ts";
import { MEDIA } from "../model/media-types.ts";
import type { ContentStore } from "./content-store.ts";
import { chainIdsOf } from "./digests.ts";
import type { ImageCatalog } from "./image-catalog.ts";
import {
  allChainIds,
  type ImageRecord,
  type ImageRecords,
  mergeRecords,
  type PlatformImage,
  platformImages,
} from "./image-records.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

/** Waits for the disk side by side; each holds a file open. */
const STAGED_AT_ONCE = 16;

export interface Parts {
  records: ImageRecords;
  content: ContentStore;
  snapshots: SnapshotStore;
  catalog: ImageCatalog;
}

/** A blob that is to become part of an image: a finished file, bytes, or neither when it is in the store already. */
export interface BlobSource {
  digest: Digest;
  size: number;
  path?: string;
  data?: Uint8Array;
  /** What the store has under this digest, if anything, was found to be something else. */
  replaces?: boolean;
}

/** A layer's blob: `path` is a finished file when it is not in the content store yet. */
export interface LayerBlob {
  descriptor: Descriptor;
  path?: string;
}

export class ImagePublisher {
  /** Blobs appear and disappear one step at a time, so that none is removed between being found and being referred to. */
  private readonly works = new OneAtATime();

  constructor(private readonly parts: Parts) {}

  /**
   * Writes the image's record and its names after all it stands on is in place; from then on it exists. When it was here
   * already, it gains the record's platforms. The caller has pinned the blobs and snapshots.
   */
  async publish(record: ImageRecord, blobs: BlobSource[], references: string[]): Promise<void> {
    const { records, catalog } = this.parts;
    await this.placeBlobs(blobs);
    const known = records.images.get(record.id);
    // Begun in one turn, so that nobody sees the image without its names, or removes it before it has them.
    const writes = [records.putImage(known ? mergeRecords(known, record) : record)];
    catalog.forget(record.id);
    if (references.length > 0) writes.push(this.name(record.id, references));
    await Promise.all(writes);
    await records.sync();
  }

  /** Brings blobs into the store that are not there; the disk is waited for before the one turn that all share. */
  private async placeBlobs(blobs: BlobSource[]): Promise<void> {
    const { content, records } = this.parts;
    const sources = eachOnce(blobs);
    const staged = new Map<Digest, string>();
    try {
      const rest = sources.values();
      const staging = Array.from({ length: STAGED_AT_ONCE }, async () => {
        for (const blob of rest) await this.stage(blob, staged);
      });
      // When one fails, the files of the others have to go too.
      await Promise.allSettled(staging);
      await Promise.all(staging);
      await this.works.run(async () => {
        const wanted: { path: string; digest: Digest }[] = [];
        for (const blob of sources) {
          if (!(await this.isWanted(blob))) continue;
          const { digest } = blob;
          const path = staged.get(digest) ?? blob.path;
          if (path !== undefined) wanted.push({ path, digest });
          else throw new NaruError("internal", `blob ${digest} is missing or damaged; load or pull the image again`);
        }
        await content.place(wanted);
        for (const { digest } of wanted) {
          if (records.damagedBlobs.has(digest)) await records.damagedBlobs.delete(digest);
        }
      });
    } finally {
      // Of those that somebody else brought meanwhile.
      for (const path of staged.values()) await rm(path, { force: true });
    }
  }

  private async isWanted({ digest, size, replaces }: BlobSource): Promise<boolean> {
    const { content, records } = this.parts;
    return replaces === true || records.damagedBlobs.has(digest) || (await content.findSize(digest)) !== size;
  }

  /** The blob's bytes on the disk, under a name of their own. */
  private async stage(blob: BlobSource, staged: Map<Digest, string>): Promise<void> {
    if (!(await this.isWanted(blob))) return;
    if (blob.data) staged.set(blob.digest, await this.parts.content.stage(blob.data));
    else if (blob.path !== undefined) await syncFile(blob.path).catch(ignoreMissing);
  }

  /**
   * Points canonical references at the image: tags, and digests of repositories that have it. All begins in the caller's
   * turn. @throws {NaruError} not-found when the image has gone
   */
  async name(id: Digest, references: string[]): Promise<void> {
    const { records, catalog } = this.parts;
    const image = records.images.get(id);
    if (!image) throw new NaruError("not-found", `No such image: ${id}`);
    const writes: Promise<void>[] = [];
    for (const reference of references) {
      const before = records.references.get(reference)?.id;
      writes.push(records.putReference(reference, id));
      if (before) catalog.forget(before);
    }
    const hasTag = references.some((reference) => !reference.includes("@"));
    if (hasTag) writes.push(records.putImage({ ...image, lastTaggedAt: new Date().toISOString() }));
    catalog.forget(id);
    await Promise.all(writes);
  }

  /** Makes configuration and manifest of an image whose layers are unpacked, and publishes it. */
  async publishBuilt(
    config: ImageConfig,
    layers: LayerBlob[],
    { references, parent }: { references: string[]; parent?: Digest },
  ): Promise<ImageRecord> {
    const { records } = this.parts;
    const descriptors = layers.map((layer) => layer.descriptor);
    const configBlob = smallBlob(MEDIA.config, config);
    const manifestBlob = smallBlob(MEDIA.manifest, {
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      config: configBlob.descriptor,
      layers: descriptors,
    } satisfies Manifest);
    const record: ImageRecord = {
      id: manifestBlob.descriptor.digest,
      descriptor: manifestBlob.descriptor,
      manifest: manifestBlob.descriptor.digest,
      configDigest: configBlob.descriptor.digest,
      config,
      layers: descriptors,
      chainIds: chainIdsOf(config.rootfs.diff_ids),
      blobs: uniqueBlobs([manifestBlob.descriptor, configBlob.descriptor, ...descriptors]),
      addedAt: new Date().toISOString(),
      ...(parent === undefined ? {} : { parent }),
    };
    const sources = [manifestBlob, configBlob, ...layers].map(({ descriptor, ...source }) => ({
      digest: descriptor.digest,
      size: descriptor.size,
      ...source,
    }));
    const unpin = records.pin({ chainIds: record.chainIds, blobs: record.blobs.map((blob) => blob.digest) });
    try {
      await this.publish(record, sources, references);
    } finally {
      unpin();
    }
    return record;
  }

  /** Removes an image with what only it used. @returns the digests that are gone: the image, then its layers from the top */
  async remove(id: Digest): Promise<Digest[]> {
    const { records, catalog } = this.parts;
    const image = records.images.get(id);
    if (!image) throw new NaruError("not-found", `No such image: ${id}`);
    // Begun in one turn: a name that came in between would name nothing.
    const writes = records.listReferences(id).map((reference) => records.deleteReference(reference));
    writes.push(records.deleteImage(image));
    catalog.forget(id);
    await Promise.all(writes);
    const removed = await this.collect(
      allChainIds(image),
      image.blobs.map((blob) => blob.digest),
    );
    return [id, ...removed];
  }

  /**
   * Takes one platform out of an image that has others. @returns the digests that are gone
   * @throws {NaruError} conflict when it is the only one here
   */
  async removePlatform(id: Digest, manifest: Digest): Promise<Digest[]> {
    const { records, catalog } = this.parts;
    const image = records.images.get(id);
    if (!image) throw new NaruError("not-found", `No such image: ${id}`);
    const [first, ...others] = platformImages(image).filter((platform) => platform.manifest !== manifest);
    const gone = platformImages(image).find((platform) => platform.manifest === manifest);
    if (!gone) throw new NaruError("not-found", `image ${id} has no manifest ${manifest} here`);
    if (!first) throw new NaruError("conflict", "it is the only platform of the image here: remove the image itself");
    const stillUsed = new Set([first, ...others].flatMap(blobsBelow));
    const dropped = new Set([manifest, ...blobsBelow(gone)].filter((digest) => !stillUsed.has(digest)));
    await records.putImage({
      ...image,
      manifest: first.manifest,
      indexes: first.indexes,
      configDigest: first.configDigest,
      config: first.config,
      layers: first.layers,
      chainIds: first.chainIds,
      otherPlatforms: others.length > 0 ? others : undefined,
      blobs: image.blobs.filter(({ digest }) => !dropped.has(digest)),
    });
    catalog.forget(id);
    return [manifest, ...(await this.collect(gone.chainIds, [...dropped]))];
  }

  /** Keeps what is being read, whatever becomes of its image meanwhile; the answer lets go of it and clears up. */
  keep({ chainIds = [], blobs = [] }: { chainIds?: Digest[]; blobs?: Digest[] }): () => Promise<void> {
    const unpin = this.parts.records.pin({ chainIds, blobs });
    return async () => {
      unpin();
      await this.collect(chainIds, blobs);
    };
  }

  /** Removes those of the snapshots and blobs that nobody uses. @returns the chain IDs removed, the newest first */
  async collect(chainIds: Digest[], blobs: Digest[]): Promise<Digest[]> {
    const { records, content, snapshots } = this.parts;
    const removed: Digest[] = [];
    const isLeft = (chainId: Digest) => records.snapshotUsersOf(chainId) === 0 && records.snapshots.has(chainId);
    // No image may come back without them after a power cut.
    if (chainIds.some(isLeft) || blobs.some((digest) => records.blobUsersOf(digest) === 0)) await records.sync();
    for (const chainId of [...chainIds].reverse()) {
      if (!isLeft(chainId)) continue;
      await snapshots.remove(chainId);
      removed.push(chainId);
    }
    await this.works.run(async () => {
      for (const digest of blobs) {
        if (records.blobUsersOf(digest) > 0) continue;
        await content.remove(digest);
        if (records.damagedBlobs.has(digest)) await records.damagedBlobs.delete(digest);
      }
    });
    return removed;
  }
}

/** A pull that shares the download may have put the file into the store already. */
function ignoreMissing(error: unknown): void {
  if (errorCode(error) !== "ENOENT") throw error;
}

/** One source for each blob, one with bytes where there is one. */
function eachOnce(blobs: BlobSource[]): BlobSource[] {
  const found = new Map<Digest, BlobSource>();
  for (const blob of blobs) {
    const known = found.get(blob.digest);
    if (known === undefined || (known.data === undefined && known.path === undefined)) found.set(blob.digest, blob);
  }
  return [...found.values()];
}

/** What a platform needs beside the image's index and its own manifest. */
function blobsBelow({ indexes = [], configDigest, layers }: PlatformImage): Digest[] {
  return [...indexes, configDigest, ...layers.map(({ digest }) => digest)];
}

/** A blob of JSON with its descriptor. */
export function smallBlob(mediaType: string, value: object): { descriptor: Descriptor; data: Buffer } {
  const data = Buffer.from(JSON.stringify(value));
  return { descriptor: { mediaType, digest: digestOf(data), size: data.length }, data };
}

/** Digests and sizes, each once, in order. */
export function uniqueBlobs(descriptors: { digest: Digest; size: number }[]): { digest: Digest; size: number }[] {
  const found = new Map(descriptors.map(({ digest, size }) => [digest, { digest, size }]));
  return [...found.values()];
}
