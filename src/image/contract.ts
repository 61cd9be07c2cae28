/**
 * Contract of images. An image's id is the digest of its manifest or index. Blobs lie in the content store by digest, as
 * they came; a layer is unpacked once into a *snapshot*, named by its chain ID; a container's *writable layer* is the
 * upper directory of an overlay on top of its image's snapshots.
 */

import type { RegistryCredentials } from "../distribution/contract.ts";
import type { Reference } from "../lib/image-reference.ts";
import type { PlatformWish } from "../lib/platform.ts";
import type { ContainerConfig, FilesystemChange, PathStat } from "../model/container.ts";
import type {
  Descriptor,
  Digest,
  ImageConfig,
  ImageHistoryItem,
  ImageInspect,
  ManifestSummary,
} from "../model/image.ts";
import type { OverlayRoot } from "../runtime/contract.ts";

/** An image for one platform, with what running it needs. */
export interface LocalImage {
  id: Digest;
  /** Of the platform; the id itself when that is no index. */
  manifest: Digest;
  config: ImageConfig;
  /** Oldest first. */
  chainIds: Digest[];
  /** Familiar names: "debian:bookworm"; empty when dangling. */
  repoTags: string[];
  repoDigests: string[];
  createdAt: string;
  /** Bytes of blobs plus unpacked snapshots, of all platforms. */
  sizeBytes: number;
  /** The image that this one was committed from, while that is here. */
  parentId?: Digest;
}

export interface ProgressLine {
  /** Elements of Docker's JSON progress stream ({"status": …, "id": …, "progressDetail": …}, {"stream": …}, {"error": …}). */
  [key: string]: unknown;
}

/** What to bring from a registry. Neither tag nor digest: all tags. */
export interface PullRequest {
  reference: Reference;
  /** Of an index; this machine's when absent. */
  platform?: PlatformWish;
  credentials?: RegistryCredentials;
}

/** What to send to a registry. No tag: every tag of the repository. */
export interface PushRequest {
  reference: Reference;
  /** One platform of an index; everything when absent. */
  platform?: PlatformWish;
  credentials?: RegistryCredentials;
}

/** What verify() found; the last line of its progress. */
export interface VerifyReport {
  Images: number;
  Blobs: number;
  Layers: number;
  /** That were read. */
  Bytes: number;
  /** "blob": what came, by its digest; "layer": unpacked files, by their chain ID. */
  Problems: { Image: Digest; Kind: "blob" | "layer"; Digest: Digest; Problem: string }[];
}

/** How much may travel at once. Looked at again for every layer, so that a changed configuration applies. */
export interface TransferLimits {
  /** Layers; 0 for no limit. */
  downloads: number;
  uploads: number;
}

export interface ImageStore {
  listImages(): LocalImage[];
  /**
   * By name (normalised: docker.io/library), name@digest, id or unique id prefix.
   * `platform`: one of an index' platforms; without it this machine's is preferred.
   * @throws not-found `No such image: x:latest`, and when it is not here for the platform
   */
  getImage(ref: string, platform?: PlatformWish): LocalImage;
  findImage(ref: string): LocalImage | undefined;
  inspectImage(ref: string, platform?: PlatformWish): Promise<ImageInspect>;
  /** Every manifest of an image's index, also those that are not here; for a single image its own one. */
  listManifests(ref: string): Promise<ManifestSummary[]>;
  history(ref: string, platform?: PlatformWish): ImageHistoryItem[];
  /** @throws not-found, or invalid with Docker's words for a bad reference. */
  tagImage(ref: string, target: string): Promise<LocalImage>;
  /** Removes one reference; the reference's familiar form is returned. */
  untag(reference: string): Promise<void>;
  /** Deletes an image whose references are gone: manifest, blobs and snapshots nobody else uses. Returns deleted digests. */
  deleteImage(id: Digest): Promise<Digest[]>;
  /** Deletes one platform of an image that has others. @throws not-found; conflict for the last one */
  deletePlatform(ref: string, platform: PlatformWish): Promise<Digest[]>;
  /** Bytes that this image shares with others. */
  sharedSize(id: Digest): number;
  /** Bytes of all snapshots and blobs, each counted once. */
  layersSize(): Promise<number>;

  /** A docker-archive or OCI layout tar, plain or compressed. Yields {"stream":"Loaded image: x\n"}. Hostile archives are refused and leave nothing. */
  load(
    archive: AsyncIterable<Uint8Array>,
    options: { signal?: AbortSignal; quiet?: boolean; platforms?: PlatformWish[] },
  ): AsyncIterable<ProgressLine>;
  /** OCI layout plus Docker's manifest.json, as `docker save` writes it; of an index all that is here, or these platforms. */
  save(refs: string[], options: { signal?: AbortSignal; platforms?: PlatformWish[] }): AsyncIterable<Uint8Array>;
  /**
   * Brings an image from a registry, in Docker's messages. A missing one is told before the first message.
   * @throws {NaruError} what the registry says; invalid for wrong bytes and for what is no image
   */
  pull(request: PullRequest, options: { signal: AbortSignal }): AsyncIterable<ProgressLine>;
  /**
   * Sends an image to the registry of its name, in Docker's messages; the manifest is the one that was pulled or made.
   * @throws {NaruError} after the first message: what is not here, what the registry says
   */
  push(request: PushRequest, options: { signal: AbortSignal }): AsyncIterable<ProgressLine>;
  /**
   * Reads images back (all when `refs` is empty) against their digests, and their unpacked files against the layers. What is
   * damaged is replaced by the next pull. The last line is {"aux": VerifyReport}. @throws not-found before the first line
   */
  verify(refs: string[], options: { signal: AbortSignal }): AsyncIterable<ProgressLine>;
  /** Removes what has come of downloads that were cut off. @returns the bytes freed */
  prunePartial(): Promise<number>;
  /** A root file system tar becomes a one-layer image. `changes` are Dockerfile instructions (CMD, ENV, …). */
  importTar(
    archive: AsyncIterable<Uint8Array>,
    options: { reference?: string; message?: string; changes?: string[]; platform?: string; signal?: AbortSignal },
  ): Promise<LocalImage>;
  /** A new image: `base` plus the differences in the container's writable layer. */
  commit(
    layer: ContainerLayer,
    options: {
      base: LocalImage;
      config: ContainerConfig;
      reference?: string;
      author?: string;
      comment?: string;
      containerConfigCmd?: string;
      /** Dockerfile instructions applied to `config` last. */
      changes?: string[];
    },
  ): Promise<LocalImage>;

  /** Makes the writable layer of a container. */
  createContainerLayer(containerId: string, image: LocalImage): Promise<ContainerLayer>;
  findContainerLayer(containerId: string): ContainerLayer | undefined;
  removeContainerLayer(containerId: string): Promise<void>;
  /** Ids of the containers that have a writable layer, for finding layers whose container is gone. */
  listContainerLayers(): string[];
  /** Resolves when what was deleted is gone from the disk. */
  settle(): Promise<void>;
  /** Settles and lets go of the data root. */
  close(): Promise<void>;
}

export interface ContainerLayer {
  containerId: string;
  root: OverlayRoot;
  /** The image's own of `root.lowerDirs`, without the mount points that lie below every container. */
  imageDirs: string[];
  chainId: Digest;
}

/** A directory tree that stands for a container's root: /proc/PID/root of a running one, or a temporary mount. */
export interface RootView {
  /** Absolute host path of the tree. */
  path: string;
  /** Must be called; unmounts what was mounted. */
  close(): Promise<void>;
}

/** Files of containers: all paths are resolved inside the root, never outside. */
export interface ContainerFiles {
  /**
   * Mounts a container's root with these volumes bound inside, and nothing else of what a running one has mounted (/proc,
   * /sys, /dev, tmpfs). `runningPid`: its process, when it runs; its root is then the very one that it sees.
   * @throws {NaruError} conflict when the process has ended meanwhile
   */
  openRootView(
    layer: ContainerLayer,
    binds: { source: string; destination: string; readOnly: boolean }[],
    runningPid?: number,
  ): Promise<RootView>;
  /** Read-only view of the layers without volumes, for export. */
  openExportView(layer: ContainerLayer): Promise<RootView>;
  /** `container` is what the user called it, for the error. @throws not-found "Could not find the file /x in container y" */
  statPath(root: string, path: string, container?: string): Promise<PathStat>;
  /** Tar of a path, with docker cp's naming (the base name of the path is the archive's top). */
  readArchive(
    root: string,
    path: string,
    options: { signal?: AbortSignal; container?: string },
  ): Promise<{ stat: PathStat; tar: AsyncIterable<Uint8Array> }>;
  /** Extracts a tar (plain, gzip, bzip2, xz or zstd) into an existing directory. Answers after everything is written. */
  writeArchive(
    root: string,
    path: string,
    tar: AsyncIterable<Uint8Array>,
    options: {
      noOverwriteDirNonDir: boolean;
      copyUidGid?: { uid: number; gid: number };
      signal?: AbortSignal;
      container?: string;
    },
  ): Promise<void>;
  /** Whether a file is a tar archive, plain or compressed in one of the ways that writeArchive() reads. `path` is a host's. */
  isArchive(path: string): Promise<boolean>;
  /** The whole root as a tar. */
  exportTree(root: string, options: { signal?: AbortSignal }): AsyncIterable<Uint8Array>;
  listChanges(layer: ContainerLayer): Promise<FilesystemChange[]>;
  /** Copies the image's content at `path` into a new, empty volume directory, with owners, modes and xattrs. */
  copyUp(layer: ContainerLayer, path: string, targetDir: string): Promise<void>;
  /** Bytes of the writable layer. */
  writableSize(layer: ContainerLayer): Promise<number>;
}

export type LayerCompression = "gzip" | "zstd" | "uncompressed";

/** A layer of an image that is here, or one that a builder made and keeps. */
export type LayerHandle =
  | { kind: "image"; chainId: Digest; diffId: Digest; blob: Descriptor }
  /** `id` from openDraft(). */
  | { kind: "built"; id: string };

/** Directories that are to become a layer: an overlay's upper and work directory on the snapshots' file system. */
export interface LayerDraft {
  id: string;
  upperDir: string;
  workDir: string;
}

export interface PackedLayer {
  diffId: Digest;
  blob: Descriptor;
  /** Bytes of file content. */
  sizeBytes: number;
}

/**
 * Images made layer by layer. A *draft* is forgotten at the next start of the daemon; a kept layer lives until it is removed,
 * and its files on as long as an image has them. Its directory never moves: steps go on reading it while it is packed.
 */
export interface LayerWorkshop {
  openDraft(): Promise<LayerDraft>;
  /** The upper directory becomes a layer as it is. Resolves when it survives `kill -9`. Nobody may write to it any more. */
  keepDraft(draft: LayerDraft): Promise<void>;
  /** Idempotent; drafts and kept layers. */
  removeLayer(id: string): Promise<void>;
  /** Kept layers. */
  listLayers(): string[];
  /** The layers of an image for the platform that has this configuration; oldest first. @throws not-found */
  imageLayers(id: Digest, config: ImageConfig): LayerHandle[];
  /** Keeps the image's layers here, whatever happens to its names; the answer lets go of them. */
  pinImage(id: Digest): () => void;
  /** The layer's files. */
  directoryOf(layer: LayerHandle): string;
  /** What containers have below their image: mount points. An overlay's lowest layer. */
  readonly baseDirectory: string;
  /** What a kept layer takes: its files (when it was packed) and its blobs. `isShared`: images have them too. */
  layerUsage(id: string): { contentBytes: number | undefined; blobBytes: number; isShared: boolean };
  /** Bytes of the layer's content, when it was packed; its blobs are part of the store. */
  findPacked(id: string): PackedLayer | undefined;
  /**
   * The layer as a blob of the store; equal trees give equal blobs. Equal requests share the work.
   * `latestSeconds`: files younger than that become that old, in the directory too.
   */
  packLayer(
    id: string,
    options: { compression: LayerCompression; latestSeconds?: number; signal?: AbortSignal },
  ): Promise<PackedLayer>;
  /**
   * An image's layer as a blob in that compression, which is the blob itself when it has it. Somebody must need the new blob at
   * once: it is the caller's until the answer's `release` is called.
   */
  recompress(
    blob: Descriptor,
    options: { compression: LayerCompression; signal?: AbortSignal },
  ): Promise<{ blob: Descriptor; release(): void }>;
  /**
   * Makes the images of the platforms (the manifests' order is the index's) and names them. One platform without
   * attestations gives a plain manifest, anything else an index.
   */
  publish(image: ImageToPublish, options: { signal: AbortSignal }): Promise<PublishedImage>;
  /**
   * The same images as an archive that docker and OCI tools load, or blob by blob, without keeping them in the store: close()
   * lets go of them. `references` are the names in the archive.
   */
  archive(image: ImageToPublish, options: { signal: AbortSignal }): Promise<ArchivedImage>;

  /** A blob of the store, also of images, from `offset` on. */
  readBlob(digest: Digest, offset?: number): AsyncIterable<Uint8Array>;
  /** Takes a blob in, under the digest that it must have; for layers from elsewhere. @throws invalid when it is another's */
  importLayer(
    blob: Descriptor,
    diffId: Digest,
    content: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<string>;
}

export interface Attestation {
  predicateType: string;
  statement: object;
}

export interface PublishedImage {
  image: LocalImage;
  /** Of the manifest or index. */
  descriptor: Descriptor;
  /** In the order of the platforms. */
  configs: Descriptor[];
}

/** An image that is in the store only to be read from there. */
export interface ArchivedImage extends PublishedImage {
  tar: AsyncIterable<Uint8Array>;
  /** Everything that it consists of; its manifest or index is the last. */
  blobs: Pick<Descriptor, "digest" | "size">[];
  close(): Promise<void>;
}

export interface ImageToPublish {
  platforms: {
    /** Without `rootfs.diff_ids`, which come from the layers. */
    config: ImageConfig;
    layers: LayerHandle[];
    annotations?: Record<string, string>;
    /** On the manifest's descriptor in the index. */
    descriptorAnnotations?: Record<string, string>;
    /** in-toto statements about the platform's manifest. Each is a layer of its attestation manifest. */
    attest?: (manifest: Descriptor) => Promise<Attestation[]>;
  }[];
  /** Canonical. */
  references: string[];
  parent?: Digest;
  compression: LayerCompression;
  /** The base image's layers too get that compression. */
  forceCompression?: boolean;
  mediaTypes: "oci" | "docker";
  indexAnnotations?: Record<string, string>;
  /** On the descriptor of the whole, which layouts and clients are told. */
  descriptorAnnotations?: Record<string, string>;
}
