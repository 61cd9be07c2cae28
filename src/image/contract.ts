/**
 * Contract of images. An image's id is the digest of its manifest or index. Blobs lie in the content store by digest, as
 * they came; a layer is unpacked once into a *snapshot*, named by its chain ID; a container's *writable layer* is the
 * upper directory of an overlay on top of its image's snapshots.
 */
import type { ContainerConfig, FilesystemChange, PathStat } from "../model/container.ts";
import type { Digest, ImageConfig, ImageHistoryItem, ImageInspect } from "../model/image.ts";
import type { OverlayRoot } from "../runtime/contract.ts";

/** An image of this machine's platform, with what running it needs. */
export interface LocalImage {
  id: Digest;
  config: ImageConfig;
  /** Oldest first. */
  chainIds: Digest[];
  /** Familiar names: "debian:bookworm"; empty when dangling. */
  repoTags: string[];
  repoDigests: string[];
  createdAt: string;
  /** Bytes of blobs plus unpacked snapshots. */
  sizeBytes: number;
  /** The image that this one was committed from, while that is here. */
  parentId?: Digest;
}

export interface ProgressLine {
  /** Elements of Docker's JSON progress stream ({"status": …, "id": …, "progressDetail": …}, {"stream": …}, {"error": …}). */
  [key: string]: unknown;
}

export interface ImageStore {
  listImages(): LocalImage[];
  /**
   * By name (normalised: docker.io/library), name@digest, id or unique id prefix.
   * @throws not-found `No such image: x:latest`
   */
  getImage(ref: string): LocalImage;
  findImage(ref: string): LocalImage | undefined;
  inspectImage(ref: string): Promise<ImageInspect>;
  history(ref: string): ImageHistoryItem[];
  /** @throws not-found, or invalid with Docker's words for a bad reference. */
  tagImage(ref: string, target: string): Promise<LocalImage>;
  /** Removes one reference; the reference's familiar form is returned. */
  untag(reference: string): Promise<void>;
  /** Deletes an image whose references are gone: manifest, blobs and snapshots nobody else uses. Returns deleted digests. */
  deleteImage(id: Digest): Promise<Digest[]>;
  /** Bytes that this image shares with others. */
  sharedSize(id: Digest): number;
  /** Bytes of all snapshots and blobs, each counted once. */
  layersSize(): Promise<number>;

  /** A docker-archive or OCI layout tar, plain or compressed. Yields {"stream":"Loaded image: x\n"}. Hostile archives are refused and leave nothing. */
  load(
    archive: AsyncIterable<Uint8Array>,
    options: { signal?: AbortSignal; quiet?: boolean },
  ): AsyncIterable<ProgressLine>;
  /** OCI layout plus Docker's manifest.json, as `docker save` writes it. */
  save(refs: string[], options: { signal?: AbortSignal }): AsyncIterable<Uint8Array>;
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
  /** The whole root as a tar. */
  exportTree(root: string, options: { signal?: AbortSignal }): AsyncIterable<Uint8Array>;
  listChanges(layer: ContainerLayer): Promise<FilesystemChange[]>;
  /** Copies the image's content at `path` into a new, empty volume directory, with owners, modes and xattrs. */
  copyUp(layer: ContainerLayer, path: string, targetDir: string): Promise<void>;
  /** Bytes of the writable layer. */
  writableSize(layer: ContainerLayer): Promise<number>;
}
