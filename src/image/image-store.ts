/** The image store: the parts of this folder put together behind the contract. */
import { NaruError } from "../lib/errors.ts";
import { canonicalReference, familiarName, parseReference } from "../lib/image-reference.ts";
import type { PlatformWish } from "../lib/platform.ts";
import type { Digest, ImageHistoryItem, ImageInspect, ManifestSummary } from "../model/image.ts";
import type { ContainerLayers } from "./container-layers.ts";
import type {
  ContainerLayer,
  ImageStore,
  LayerWorkshop,
  LocalImage,
  ProgressLine,
  PullRequest,
  PushRequest,
} from "./contract.ts";
import { type BuildParts, commitLayer, importRootTar } from "./image-build.ts";
import { describeHistory, describeImage } from "./image-inspect.ts";
import { loadArchive } from "./image-load.ts";
import { describeManifests } from "./image-manifests.ts";
import { allChainIds, type ImageRecords } from "./image-records.ts";
import { planSave, saveImages } from "./image-save.ts";
import { ImageLayerWorkshop } from "./layer-workshop.ts";
import { type PullParts, pullImages } from "./pull/image-pull.ts";
import { type PushParts, pushImages } from "./push/image-push.ts";
import type { SettledFiles } from "./settled-files.ts";
import { verifyImages } from "./verify/image-verify.ts";

/** The store, and its side for builders. */
export interface OpenImageStore extends ImageStore {
  readonly workshop: LayerWorkshop;
}

/** What the store works with; made by open-image-store.ts. */
export interface StoreParts extends BuildParts, PullParts, PushParts {
  layers: ContainerLayers;
  settled: SettledFiles;
}

export class LocalImageStore implements OpenImageStore {
  readonly workshop: LayerWorkshop;

  constructor(private readonly parts: StoreParts) {
    this.workshop = new ImageLayerWorkshop(parts);
  }

  listImages(): LocalImage[] {
    return this.parts.catalog.list();
  }

  getImage(ref: string, platform?: PlatformWish): LocalImage {
    return this.parts.catalog.get(ref, platform);
  }

  findImage(ref: string): LocalImage | undefined {
    return this.parts.catalog.find(ref);
  }

  async inspectImage(ref: string, platform?: PlatformWish): Promise<ImageInspect> {
    const { catalog, layout, snapshots } = this.parts;
    const image = catalog.get(ref, platform);
    const directories = image.chainIds.map((id) => layout.snapshotFiles(snapshots.get(id).directory));
    return describeImage(catalog.getRecord(image.id), image, directories.reverse());
  }

  listManifests(ref: string): Promise<ManifestSummary[]> {
    return describeManifests(this.parts.catalog.getRecord(ref), this.parts.content, this.parts.records);
  }

  history(ref: string, platform?: PlatformWish): ImageHistoryItem[] {
    return describeHistory(this.parts.catalog.get(ref, platform), this.parts.catalog, this.parts.records);
  }

  async tagImage(ref: string, target: string): Promise<LocalImage> {
    const reference = parseReference(target);
    if (reference.digest !== undefined) {
      throw new NaruError("invalid", "refusing to create a tag with a digest reference");
    }
    const { id } = this.parts.catalog.getRecord(ref);
    await this.parts.publisher.name(id, [canonicalReference(reference)]);
    return this.parts.catalog.get(id);
  }

  async untag(reference: string): Promise<void> {
    const { records, catalog } = this.parts;
    const canonical = canonicalReference(parseReference(reference));
    const record = records.references.get(canonical);
    if (!record) throw new NaruError("not-found", `No such image: ${familiarName(canonical)}`);
    await records.deleteReference(canonical);
    catalog.forget(record.id);
  }

  async deleteImage(id: Digest): Promise<Digest[]> {
    return await this.parts.publisher.remove(id);
  }

  async deletePlatform(ref: string, platform: PlatformWish): Promise<Digest[]> {
    const { catalog, publisher } = this.parts;
    const record = catalog.getRecord(ref);
    return await publisher.removePlatform(record.id, catalog.getPlatform(record, platform, ref).manifest);
  }

  sharedSize(id: Digest): number {
    const { records } = this.parts;
    const image = records.images.get(id);
    if (!image) return 0;
    const users = imageUsers(records);
    const sum = (keys: Digest[], sizeOf: (key: Digest) => number) =>
      keys.reduce((total, key) => total + ((users.get(key) ?? 0) > 1 ? sizeOf(key) : 0), 0);
    const blobSizes = new Map(image.blobs.map((blob) => [blob.digest, blob.size]));
    return (
      sum(allChainIds(image), (chainId) => records.snapshots.get(chainId)?.sizeBytes ?? 0) +
      sum([...blobSizes.keys()], (digest) => blobSizes.get(digest)!)
    );
  }

  async layersSize(): Promise<number> {
    const { records } = this.parts;
    const blobs = new Map<Digest, number>();
    for (const image of records.images.values()) for (const { digest, size } of image.blobs) blobs.set(digest, size);
    let total = 0;
    for (const size of blobs.values()) total += size;
    // Built layers may have several chain IDs.
    const directories = new Map<string, number>();
    for (const { directory, sizeBytes } of records.snapshots.values()) directories.set(directory, sizeBytes);
    for (const size of directories.values()) total += size;
    return total;
  }

  load(
    archive: AsyncIterable<Uint8Array>,
    options: { signal?: AbortSignal; quiet?: boolean; platforms?: PlatformWish[] },
  ): AsyncIterable<ProgressLine> {
    return loadArchive(this.parts, archive, options);
  }

  save(refs: string[], options: { signal?: AbortSignal; platforms?: PlatformWish[] }): AsyncIterable<Uint8Array> {
    const saved = planSave(refs, this.parts.catalog, this.parts.records, options.platforms);
    return saveImages(saved, this.parts, options.signal);
  }

  pull(request: PullRequest, { signal }: { signal: AbortSignal }): AsyncIterable<ProgressLine> {
    return pullImages(this.parts, request, signal);
  }

  push(request: PushRequest, { signal }: { signal: AbortSignal }): AsyncIterable<ProgressLine> {
    return pushImages(this.parts, request, signal);
  }

  verify(refs: string[], { signal }: { signal: AbortSignal }): AsyncIterable<ProgressLine> {
    return verifyImages(this.parts, refs, signal);
  }

  async prunePartial(): Promise<number> {
    return await this.parts.partials.sweep({ all: true });
  }

  async importTar(
    archive: AsyncIterable<Uint8Array>,
    options: Parameters<ImageStore["importTar"]>[1],
  ): Promise<LocalImage> {
    const { id } = await importRootTar(this.parts, archive, options);
    return this.parts.catalog.get(id);
  }

  async commit(layer: ContainerLayer, options: Parameters<ImageStore["commit"]>[1]): Promise<LocalImage> {
    const { id } = await commitLayer(this.parts, layer, options);
    return this.parts.catalog.get(id);
  }

  async createContainerLayer(containerId: string, image: LocalImage): Promise<ContainerLayer> {
    return this.parts.layers.create(containerId, image);
  }

  findContainerLayer(containerId: string): ContainerLayer | undefined {
    return this.parts.layers.find(containerId);
  }

  async removeContainerLayer(containerId: string): Promise<void> {
    await this.parts.layers.remove(containerId);
  }

  listContainerLayers(): string[] {
    return [...this.parts.records.layers.entries()].map(([containerId]) => containerId);
  }

  async settle(): Promise<void> {
    await this.parts.trash.settle();
  }

  async close(): Promise<void> {
    this.parts.layers.close();
    await this.parts.settled.close();
    await this.settle();
  }
}

/** How many images use each snapshot (by chain ID) and blob (by digest). */
function imageUsers(records: ImageRecords): Map<Digest, number> {
  const users = new Map<Digest, number>();
  for (const image of records.images.values()) {
    // A first layer's chain ID may equal its blob's digest, when the blob is a plain tar.
    const keys = new Set([...allChainIds(image), ...image.blobs.map((blob) => blob.digest)]);
    for (const key of keys) users.set(key, (users.get(key) ?? 0) + 1);
  }
  return users;
}
