/** What is written down about images, references, snapshots and container layers, with the counts that keep them alive. */
import { NaruError } from "../lib/errors.ts";
import { byPlatform } from "../lib/platform.ts";
import type { Descriptor, Digest, ImageConfig } from "../model/image.ts";
import type { Collection, StateStore } from "../store/contract.ts";
import type { LayerCompression } from "./contract.ts";

/** An image for one platform: what containers stand on. */
export interface PlatformImage {
  manifest: Digest;
  /** Indexes in the image's index through which the manifest is reached, the outermost first; mostly there are none. */
  indexes?: Digest[];
  configDigest: Digest;
  config: ImageConfig;
  /** Oldest first, as in the manifest. */
  layers: Descriptor[];
  chainIds: Digest[];
}

/**
 * An image under one id. Its own fields are the platform that is taken when none is asked for: this machine's when it is
 * here, else the one that came first.
 */
export interface ImageRecord extends PlatformImage {
  id: Digest;
  /** Descriptor of the manifest or index that names the image. */
  descriptor: Descriptor;
  /** The further platforms of an index that are here. */
  otherPlatforms?: PlatformImage[];
  /** Every blob that the image keeps: manifests, configurations, layers. */
  blobs: { digest: Digest; size: number }[];
  /** The image that this one was committed from; it may be gone. */
  parent?: Digest;
  /** RFC 3339: when it came to this machine. */
  addedAt: string;
  /** RFC 3339; absent when it never had a tag. */
  lastTaggedAt?: string;
}

/** The image for every platform that is here, the one taken by default first. */
export function platformImages(record: ImageRecord): PlatformImage[] {
  return [record, ...(record.otherPlatforms ?? [])];
}

/** Chain IDs of all platforms, each once. */
export function allChainIds(record: ImageRecord): Digest[] {
  if (record.otherPlatforms === undefined) return record.chainIds;
  return [...new Set(platformImages(record).flatMap(({ chainIds }) => chainIds))];
}

/** A record for what was found here just now; the platform that this machine prefers comes first. `images`: at least one. */
export function imageRecord(
  descriptor: Descriptor,
  images: PlatformImage[],
  blobs: { digest: Digest; size: number }[],
): ImageRecord {
  const [first, ...others] = preferredFirst(images);
  if (first === undefined) throw new NaruError("internal", `image ${descriptor.digest} without a platform`);
  return {
    id: descriptor.digest,
    descriptor,
    ...first,
    ...(others.length > 0 ? { otherPlatforms: others } : {}),
    blobs,
    addedAt: new Date().toISOString(),
  };
}

function preferredFirst(images: PlatformImage[]): PlatformImage[] {
  return [...new Set([...byPlatform(images, ({ config }) => config, undefined), ...images])];
}

/** Two states of knowledge about the same index: the platforms and blobs of both. `known` keeps its history. */
export function mergeRecords(known: ImageRecord, added: ImageRecord): ImageRecord {
  const found = new Map<Digest, PlatformImage>();
  for (const image of [...platformImages(known), ...platformImages(added)]) found.set(image.manifest, bare(image));
  const [first = known, ...others] = preferredFirst([...found.values()]);
  const blobs = new Map([...known.blobs, ...added.blobs].map((blob) => [blob.digest, blob]));
  return { ...known, ...first, otherPlatforms: others.length > 0 ? others : undefined, blobs: [...blobs.values()] };
}

function bare({ manifest, indexes, configDigest, config, layers, chainIds }: PlatformImage): PlatformImage {
  return { manifest, indexes, configDigest, config, layers, chainIds };
}

interface ReferenceRecord {
  id: Digest;
}

export interface SnapshotRecord {
  /** Name under snapshots/. */
  directory: string;
  diffId: Digest;
  /** Bytes of file content. */
  sizeBytes: number;
  /** Its files are not what they were when they were unpacked. */
  isDamaged?: boolean;
  /** The machine's boot in which they were written, until they are known to be on the disk (settled-files.ts). */
  unsettledIn?: string;
  /** Directories of files that it was repaired from; they go when no container can have them mounted. */
  retired?: string[];
}

interface LayerRecord {
  chainIds: Digest[];
}

/** A layer that a builder keeps, whether or not an image has it. Its directory lies among the snapshots'. */
interface BuiltLayerRecord {
  /** Bytes of file content; known when it was packed. */
  sizeBytes?: number;
  diffId?: Digest;
  /** As a snapshot's. */
  unsettledIn?: string;
  /** By compression. */
  blobs: Partial<Record<LayerCompression, Descriptor>>;
}

export class ImageRecords {
  readonly images: Collection<ImageRecord>;
  /** Keys are canonical references. */
  readonly references: Collection<ReferenceRecord>;
  /** Keys are chain IDs. */
  readonly snapshots: Collection<SnapshotRecord>;
  /** Keys are container ids. */
  readonly layers: Collection<LayerRecord>;
  /** Keys are the layers' directories under snapshots/. */
  readonly builtLayers: Collection<BuiltLayerRecord>;
  /** Keys are digests of blobs in the store whose bytes were found to be others; the next pull replaces them. */
  readonly damagedBlobs: Collection<{ foundAt: string }>;
  private readonly snapshotUsers = new Map<Digest, number>();
  private readonly blobUsers = new Map<Digest, number>();
  private readonly referencesOf = new Map<Digest, Set<string>>();

  constructor(private readonly store: StateStore) {
    this.images = store.collection("images");
    this.references = store.collection("image-references");
    this.snapshots = store.collection("snapshots");
    this.layers = store.collection("container-layers");
    this.builtLayers = store.collection("built-layers");
    this.damagedBlobs = store.collection("damaged-blobs");
    for (const image of this.images.values()) this.use(image, 1);
    for (const layer of this.layers.values()) this.useSnapshots(layer.chainIds, 1);
    for (const layer of this.builtLayers.values()) this.useBlobsOf(layer, 1);
    for (const [reference, { id }] of this.references.entries()) this.linkReference(reference, id);
  }

  async putImage(image: ImageRecord): Promise<void> {
    const before = this.images.get(image.id);
    this.use(image, 1);
    if (before) this.use(before, -1);
    await this.images.put(image.id, image);
  }

  async deleteImage(image: ImageRecord): Promise<void> {
    this.use(image, -1);
    await this.images.delete(image.id);
  }

  async putReference(reference: string, id: Digest): Promise<void> {
    const before = this.references.get(reference);
    if (before) this.referencesOf.get(before.id)?.delete(reference);
    this.linkReference(reference, id);
    await this.references.put(reference, { id });
  }

  async deleteReference(reference: string): Promise<void> {
    const before = this.references.get(reference);
    if (before) this.referencesOf.get(before.id)?.delete(reference);
    await this.references.delete(reference);
  }

  /** Canonical references of an image, sorted. */
  listReferences(id: Digest): string[] {
    return [...(this.referencesOf.get(id) ?? [])].sort();
  }

  putLayer(containerId: string, layer: LayerRecord): Promise<void> {
    this.useSnapshots(layer.chainIds, 1);
    return this.layers.put(containerId, layer);
  }

  async deleteLayer(containerId: string): Promise<LayerRecord | undefined> {
    const layer = this.layers.get(containerId);
    if (!layer) return undefined;
    this.useSnapshots(layer.chainIds, -1);
    await this.layers.delete(containerId);
    return layer;
  }

  async putBuiltLayer(id: string, layer: BuiltLayerRecord): Promise<void> {
    const before = this.builtLayers.get(id);
    this.useBlobsOf(layer, 1);
    if (before) this.useBlobsOf(before, -1);
    await this.builtLayers.put(id, layer);
  }

  async deleteBuiltLayer(id: string): Promise<BuiltLayerRecord | undefined> {
    const layer = this.builtLayers.get(id);
    if (!layer) return undefined;
    this.useBlobsOf(layer, -1);
    await this.builtLayers.delete(id);
    return layer;
  }

  /** Keeps blobs and snapshots from being collected while an image is being put together; the answer lets go of them. */
  pin(kept: { chainIds?: Digest[]; blobs?: Digest[] }): () => void {
    const change = (by: number) => {
      this.useSnapshots(kept.chainIds ?? [], by);
      for (const digest of kept.blobs ?? []) count(this.blobUsers, digest, by);
    };
    change(1);
    return () => change(-1);
  }

  snapshotUsersOf(chainId: Digest): number {
    return this.snapshotUsers.get(chainId) ?? 0;
  }

  blobUsersOf(digest: Digest): number {
    return this.blobUsers.get(digest) ?? 0;
  }

  /** Resolves when all that was written down so far survives a power cut, or when a full disk does not let it. */
  async sync(): Promise<void> {
    // The writer goes on trying, and what is waited for here may be what makes room.
    await this.store.sync().catch(() => {});
  }

  private linkReference(reference: string, id: Digest): void {
    const references = this.referencesOf.get(id) ?? new Set();
    references.add(reference);
    this.referencesOf.set(id, references);
  }

  private use(image: ImageRecord, by: number): void {
    this.useSnapshots(allChainIds(image), by);
    for (const { digest } of image.blobs) count(this.blobUsers, digest, by);
  }

  private useBlobsOf(layer: BuiltLayerRecord, by: number): void {
    for (const { digest } of Object.values(layer.blobs)) count(this.blobUsers, digest, by);
  }

  private useSnapshots(chainIds: Digest[], by: number): void {
    for (const chainId of chainIds) count(this.snapshotUsers, chainId, by);
  }
}

function count(users: Map<Digest, number>, key: Digest, by: number): void {
  const now = (users.get(key) ?? 0) + by;
  if (now > 0) users.set(key, now);
  else users.delete(key);
}
