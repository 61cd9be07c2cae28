/** What is written down about images, references, snapshots and container layers, with the counts that keep them alive. */
import type { Descriptor, Digest, ImageConfig } from "../model/image.ts";
import type { Collection, StateStore } from "../store/contract.ts";

export interface ImageRecord {
  id: Digest;
  /** Descriptor of the manifest or index that names the image. */
  descriptor: Descriptor;
  /** Manifest for this machine's platform; the image itself when it is no index. */
  manifest: Digest;
  configDigest: Digest;
  config: ImageConfig;
  /** Oldest first, as in the manifest. */
  layers: Descriptor[];
  chainIds: Digest[];
  /** Every blob that the image keeps: manifests, configuration, layers. */
  blobs: { digest: Digest; size: number }[];
  /** The image that this one was committed from; it may be gone. */
  parent?: Digest;
  /** RFC 3339: when it came to this machine. */
  addedAt: string;
  /** RFC 3339; absent when it never had a tag. */
  lastTaggedAt?: string;
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
}

interface LayerRecord {
  chainIds: Digest[];
}

export class ImageRecords {
  readonly images: Collection<ImageRecord>;
  /** Keys are canonical references. */
  readonly references: Collection<ReferenceRecord>;
  /** Keys are chain IDs. */
  readonly snapshots: Collection<SnapshotRecord>;
  /** Keys are container ids. */
  readonly layers: Collection<LayerRecord>;
  private readonly snapshotUsers = new Map<Digest, number>();
  private readonly blobUsers = new Map<Digest, number>();
  private readonly referencesOf = new Map<Digest, Set<string>>();

  constructor(store: StateStore) {
    this.images = store.collection("images");
    this.references = store.collection("image-references");
    this.snapshots = store.collection("snapshots");
    this.layers = store.collection("container-layers");
    for (const image of this.images.values()) this.use(image, 1);
    for (const layer of this.layers.values()) this.useSnapshots(layer.chainIds, 1);
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

  private linkReference(reference: string, id: Digest): void {
    const references = this.referencesOf.get(id) ?? new Set();
    references.add(reference);
    this.referencesOf.set(id, references);
  }

  private use(image: ImageRecord, by: number): void {
    this.useSnapshots(image.chainIds, by);
    for (const { digest } of image.blobs) count(this.blobUsers, digest, by);
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
