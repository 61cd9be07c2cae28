/** Layers that a builder makes one by one, and the images it makes of them. Their directories lie among the snapshots'. */
import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { NaruError } from "../lib/errors.ts";
import type { WorkerPool } from "../lib/worker-pool.ts";
import type { Descriptor, Digest, ImageConfig } from "../model/image.ts";
import { MEDIA } from "../model/media-types.ts";
import type { ContentStore } from "./content-store.ts";
import type {
  ArchivedImage,
  ImageToPublish,
  LayerCompression,
  LayerDraft,
  LayerHandle,
  LayerWorkshop,
  PackedLayer,
  PublishedImage,
} from "./contract.ts";
import { type DataLayout, randomName } from "./data-layout.ts";
import type { ImageCatalog } from "./image-catalog.ts";
import type { ImagePublisher } from "./image-publisher.ts";
import { allChainIds, type ImageRecords, platformImages } from "./image-records.ts";
import { saveImages } from "./image-save.ts";
import type { LayerPackParams, LayerPackResult } from "./layer-pack.ts";
import type { RecompressParams, RecompressResult } from "./layer-recompress.ts";
import { publishBuiltImage } from "./publish-built.ts";
import type { SettledFiles } from "./settled-files.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import type { Trash } from "./trash.ts";

export interface WorkshopParts {
  layout: DataLayout;
  records: ImageRecords;
  content: ContentStore;
  snapshots: SnapshotStore;
  settled: SettledFiles;
  catalog: ImageCatalog;
  publisher: ImagePublisher;
  pool: WorkerPool;
  trash: Trash;
}

const MEDIA_TYPES: Record<LayerCompression, string> = {
  gzip: MEDIA.layerGzip,
  zstd: MEDIA.layerZstd,
  uncompressed: MEDIA.layer,
};

export class ImageLayerWorkshop implements LayerWorkshop {
  private readonly packing = new Map<string, Promise<PackedLayer>>();

  constructor(private readonly parts: WorkshopParts) {}

  get baseDirectory(): string {
    return this.parts.layout.snapshotFiles("base");
  }

  async openDraft(): Promise<LayerDraft> {
    const id = this.parts.snapshots.newDirectory();
    const directory = join(this.parts.layout.snapshots, id);
    const draft = { id, upperDir: join(directory, "fs"), workDir: join(directory, "work") };
    await mkdir(directory, { mode: 0o700 });
    await Promise.all([mkdir(draft.upperDir), mkdir(draft.workDir, { mode: 0o700 })]);
    // As docker has it for every root, whatever the umask.
    await chmod(draft.upperDir, 0o755);
    return draft;
  }

  async keepDraft({ id, workDir }: LayerDraft): Promise<void> {
    await rm(workDir, { recursive: true, force: true });
    await this.parts.records.builtLayers.propose(id, { blobs: {}, ...this.parts.settled.mark() });
  }

  async removeLayer(id: string): Promise<void> {
    const { records, snapshots, publisher } = this.parts;
    await this.packing.get(id)?.catch(() => {});
    const blobs = Object.values(records.builtLayers.get(id)?.blobs ?? {}).map(({ digest }) => digest);
    try {
      await records.deleteBuiltLayer(id);
    } finally {
      // Also when the disk is too full to write that the layer is gone: its files make room.
      await snapshots.discardUnused(id);
      await publisher.collect([], blobs);
    }
  }

  listLayers(): string[] {
    return [...this.parts.records.builtLayers.entries()].map(([id]) => id);
  }

  imageLayers(id: Digest, { rootfs }: ImageConfig): LayerHandle[] {
    const wanted = rootfs.diff_ids.join();
    const image = platformImages(this.parts.catalog.getRecord(id)).find(
      ({ config }) => config.rootfs.diff_ids.join() === wanted,
    );
    if (!image) throw new NaruError("not-found", `the image ${id} has no layers of that platform here`);
    return image.chainIds.map((chainId, index) => ({
      kind: "image",
      chainId,
      diffId: rootfs.diff_ids[index]!,
      blob: image.layers[index]!,
    }));
  }

  pinImage(id: Digest): () => void {
    const record = this.parts.catalog.getRecord(id);
    const chainIds = allChainIds(record);
    const blobs = record.blobs.map(({ digest }) => digest);
    const unpin = this.parts.records.pin({ chainIds, blobs });
    return () => {
      unpin();
      // The image may have been removed meanwhile.
      this.parts.publisher.collect(chainIds, blobs).catch(() => {});
    };
  }

  directoryOf(layer: LayerHandle): string {
    const { layout, snapshots } = this.parts;
    return layout.snapshotFiles(layer.kind === "built" ? layer.id : snapshots.get(layer.chainId).directory);
  }

  layerUsage(id: string): { contentBytes: number | undefined; blobBytes: number; isShared: boolean } {
    const { records } = this.parts;
    const record = records.builtLayers.get(id);
    const blobBytes = Object.values(record?.blobs ?? {}).reduce((sum, { size }) => sum + size, 0);
    let isShared = false;
    for (const [chainId, { directory }] of records.snapshots.entries()) {
      if (directory === id && records.snapshotUsersOf(chainId as Digest) > 0) isShared = true;
    }
    return { contentBytes: record?.sizeBytes, blobBytes, isShared };
  }

  findPacked(id: string): PackedLayer | undefined {
    const record = this.parts.records.builtLayers.get(id);
    const blob = record && (record.blobs.gzip ?? record.blobs.zstd ?? record.blobs.uncompressed);
    return blob && { diffId: record.diffId!, sizeBytes: record.sizeBytes!, blob };
  }

  packLayer(
    id: string,
    options: { compression: LayerCompression; latestSeconds?: number; signal?: AbortSignal },
  ): Promise<PackedLayer> {
    const record = this.parts.records.builtLayers.get(id);
    const known = record?.blobs[options.compression];
    if (known) return Promise.resolve({ diffId: record.diffId!, sizeBytes: record.sizeBytes!, blob: known });
    // One at a time for a layer: each adds its blob to the layer's record.
    const before = this.packing.get(id);
    const work = before
      ? before.then(
          () => this.packLayer(id, options),
          () => this.pack(id, options),
        )
      : this.pack(id, options);
    this.packing.set(id, work);
    const forget = () => {
      if (this.packing.get(id) === work) this.packing.delete(id);
    };
    work.then(forget, forget);
    return work;
  }

  private async pack(
    id: string,
    { compression, latestSeconds, signal }: Parameters<LayerWorkshop["packLayer"]>[1],
  ): Promise<PackedLayer> {
    const { layout, pool, records, content, trash } = this.parts;
    const blobPath = join(layout.ingest, randomName());
    const params: LayerPackParams = { filesDir: layout.snapshotFiles(id), blobPath, compression, latestSeconds };
    try {
      const result = await pool.run<LayerPackResult>("packLayer", params, { signal });
      const { diffId, contentBytes: sizeBytes, blobDigest: digest, blobBytes: size } = result;
      const blob: Descriptor = { mediaType: MEDIA_TYPES[compression], digest, size };
      const unpin = records.pin({ blobs: [digest] });
      try {
        await content.adopt(blobPath, digest);
        const record = records.builtLayers.get(id);
        if (!record) throw new NaruError("conflict", `the layer ${id} was removed while it was packed`);
        await records.putBuiltLayer(id, {
          ...record,
          diffId,
          sizeBytes,
          blobs: { ...record.blobs, [compression]: blob },
        });
      } finally {
        unpin();
        // When the layer was removed meanwhile nobody has the blob.
        await this.parts.publisher.collect([], [digest]);
      }
      return { diffId, blob, sizeBytes };
    } finally {
      await trash.discard(blobPath);
    }
  }

  async recompress(
    blob: Descriptor,
    { compression, signal }: Parameters<LayerWorkshop["recompress"]>[1],
  ): Promise<{ blob: Descriptor; release(): void }> {
    const { layout, pool, records, content, trash } = this.parts;
    const mediaType = MEDIA_TYPES[compression];
    const isGzip = compression === "gzip" && blob.mediaType === MEDIA.dockerLayerGzip;
    if (blob.mediaType === mediaType || isGzip) return { blob, release: () => {} };
    const blobPath = join(layout.ingest, randomName());
    const params: RecompressParams = { sourcePath: content.path(blob.digest), blobPath, compression };
    try {
      const { blobDigest: digest, blobBytes: size } = await pool.run<RecompressResult>("recompress", params, {
        signal,
      });
      const unpin = records.pin({ blobs: [digest] });
      const release = () => {
        unpin();
        this.parts.publisher.collect([], [digest]).catch(() => {});
      };
      try {
        await content.adopt(blobPath, digest);
      } catch (error) {
        release();
        throw error;
      }
      return { blob: { mediaType, digest, size }, release };
    } finally {
      await trash.discard(blobPath);
    }
  }

  async publish(image: ImageToPublish, { signal }: { signal: AbortSignal }): Promise<PublishedImage> {
    return await publishBuiltImage(this.parts, this, image, signal);
  }

  async archive(image: ImageToPublish, { signal }: { signal: AbortSignal }): Promise<ArchivedImage> {
    const { records, publisher, catalog } = this.parts;
    const published = await publishBuiltImage(this.parts, this, { ...image, references: [] }, signal);
    const { id } = published.image;
    const record = catalog.getRecord(id);
    const { references, descriptorAnnotations: annotations } = image;
    const saved = { image: record, platforms: undefined, references, ...(annotations ? { annotations } : {}) };
    return {
      ...published,
      tar: saveImages([saved], this.parts, signal),
      blobs: [...record.blobs.filter(({ digest }) => digest !== id), published.descriptor],
      // Somebody may have named it meanwhile.
      close: async () => {
        if (records.images.has(id) && records.listReferences(id).length === 0) await publisher.remove(id);
      },
    };
  }

  readBlob(digest: Digest, offset = 0): AsyncIterable<Uint8Array> {
    return Bun.file(this.parts.content.path(digest)).slice(offset).stream();
  }

  async importLayer(
    blob: Descriptor,
    diffId: Digest,
    content: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<string> {
    const { snapshots, records, trash, content: store, layout } = this.parts;
    const unpacked = await snapshots.unpack({ kind: "stream", input: content }, { writeBlob: true, signal });
    try {
      if (unpacked.diffId !== diffId) {
        throw new NaruError("invalid", `the layer ${blob.digest} unpacks to ${unpacked.diffId}, not to ${diffId}`);
      }
      const id = snapshots.newDirectory();
      await mkdir(join(layout.snapshots, id), { mode: 0o700 });
      await snapshots.adopt(unpacked, id);
      const compression: LayerCompression = unpacked.compression === "zstd" ? "zstd" : "gzip";
      const descriptor = { mediaType: MEDIA_TYPES[compression], digest: unpacked.blobDigest, size: unpacked.blobBytes };
      const unpin = records.pin({ blobs: [descriptor.digest] });
      try {
        await store.adopt(join(unpacked.directory, "blob"), descriptor.digest);
        await records.putBuiltLayer(id, {
          diffId,
          sizeBytes: unpacked.contentBytes,
          blobs: { [compression]: descriptor },
          ...this.parts.settled.mark(),
        });
      } finally {
        unpin();
      }
      return id;
    } finally {
      await trash.discard(unpacked.directory);
    }
  }
}
