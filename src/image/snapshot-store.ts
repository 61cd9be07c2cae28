/** Unpacked layers by chain ID (OCI image specification, config.md, "Layer ChainID"): each is unpacked once. */
import { mkdir, rename, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { algorithmOf } from "../lib/digest.ts";
import { NaruError } from "../lib/errors.ts";
import type { WorkerPool } from "../lib/worker-pool.ts";
import { errorCode } from "../linux/sys-error.ts";
import type { Digest, DigestAlgorithm } from "../model/image.ts";
import { type DataLayout, randomName } from "./data-layout.ts";
import type { ImageRecords, SnapshotRecord } from "./image-records.ts";
import { DEFAULT_LIMITS, type IngestResult } from "./layer-ingest.ts";
import type { SettledFiles } from "./settled-files.ts";
import type { Trash } from "./trash.ts";

/** Under every container's image, so that mount points need not be made in the writable layer, where `diff` would see them. */
const BASE = "base";
const BASE_DIRECTORIES = ["dev/pts", "dev/shm", "proc", "sys", "etc"];
const BASE_FILES = [".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf"];

/** Where a layer's files come from: a blob of the content store, a stream, or an overlay's upper directory. */
export type LayerSource =
  | { kind: "blob"; path: string }
  | { kind: "stream"; input: AsyncIterable<Uint8Array> }
  | { kind: "upper"; upperDir: string };

/** An unpacked layer that has no name yet. */
export interface UnpackedLayer extends IngestResult {
  /** Under ingest/; holds `fs` and, when one was asked for, `blob`. */
  directory: string;
}

function ignoreExisting(error: unknown): void {
  if (errorCode(error) !== "EEXIST") throw error;
}

export class SnapshotStore {
  private nextNumber = 1;
  /** Chain IDs whose unpacking is under way, so that nobody does it twice. */
  private readonly underWay = new Map<Digest, Promise<void>>();

  constructor(
    private readonly layout: DataLayout,
    private readonly records: ImageRecords,
    private readonly pool: WorkerPool,
    private readonly trash: Trash,
    private readonly settled: SettledFiles,
  ) {
    const directories = [...records.snapshots.values()].map(({ directory }) => directory);
    for (const directory of [...directories, ...[...records.builtLayers.entries()].map(([id]) => id)]) {
      const number = Number.parseInt(directory, 36);
      if (number >= this.nextNumber) this.nextNumber = number + 1;
    }
  }

  /** The name of a directory under snapshots/ that nobody has; short, since an overlay mount names all of its layers. */
  newDirectory(): string {
    return (this.nextNumber++).toString(36);
  }

  /** Makes what lies below every image. */
  async ensureBase(): Promise<void> {
    const root = this.layout.snapshotFiles(BASE);
    if (await Bun.file(join(root, ".dockerenv")).exists()) return;
    await mkdir(root, { recursive: true, mode: 0o755 });
    for (const directory of BASE_DIRECTORIES) await mkdir(join(root, directory), { recursive: true, mode: 0o755 });
    await symlink("/proc/mounts", join(root, "etc/mtab")).catch(ignoreExisting);
    // The mark comes last: when it is there, all is.
    for (const file of [...BASE_FILES].reverse()) await writeFile(join(root, file), "", { mode: 0o755 });
    for (const directory of ["", "etc", ...BASE_DIRECTORIES]) await utimes(join(root, directory), 0, 0);
  }

  /** Directories of an overlay's lower layers, newest first, with the base. `chainIds` come oldest first. */
  lowerDirs(chainIds: Digest[]): string[] {
    const directories = chainIds.map((chainId) => this.layout.snapshotFiles(this.get(chainId).directory));
    return [...directories.reverse(), this.layout.snapshotFiles(BASE)];
  }

  get(chainId: Digest): SnapshotRecord {
    const record = this.records.snapshots.get(chainId);
    if (!record)
      throw new NaruError("internal", `the unpacked layer ${chainId} is missing; load or pull the image again`);
    return record;
  }

  /**
   * Unpacks into ingest/. The caller puts it under its name with commit() or removes the directory.
   * @throws invalid and others of ingestLayer(); nothing is left behind then
   */
  async unpack(
    source: LayerSource,
    options: { writeBlob: boolean; diffAlgorithm?: DigestAlgorithm; signal?: AbortSignal },
  ): Promise<UnpackedLayer> {
    const directory = join(this.layout.ingest, randomName());
    const filesDir = join(directory, "fs");
    await mkdir(filesDir, { recursive: true, mode: 0o755 });
    const params = {
      filesDir,
      blobPath: options.writeBlob ? join(directory, "blob") : undefined,
      limits: DEFAULT_LIMITS,
      diffAlgorithm: options.diffAlgorithm,
    };
    const { signal } = options;
    try {
      const result = await this.runIngest(source, params, signal);
      return { ...result, directory };
    } catch (error) {
      await this.trash.discard(directory);
      throw error;
    }
  }

  private runIngest(source: LayerSource, params: object, signal: AbortSignal | undefined): Promise<IngestResult> {
    switch (source.kind) {
      case "blob":
        return this.pool.run("ingestBlob", { ...params, sourcePath: source.path }, { signal });
      case "upper":
        return this.pool.run("commit", { ...params, upperDir: source.upperDir }, { signal });
      case "stream":
        return this.pool.run("ingest", params, { input: source.input, signal });
    }
  }

  /** True when the snapshot is here and nothing bad is known of it. */
  isUsable(chainId: Digest): boolean {
    const record = this.records.snapshots.get(chainId);
    return record !== undefined && record.isDamaged !== true;
  }

  /** The next who needs the snapshot makes it again. */
  async markDamaged(chainId: Digest): Promise<void> {
    const record = this.records.snapshots.get(chainId);
    if (record) await this.records.snapshots.put(chainId, { ...record, isDamaged: true });
  }

  /** Gives unpacked files their name. Someone else's equal snapshot wins. The chain ID must be pinned. */
  async commit(chainId: Digest, layer: UnpackedLayer): Promise<void> {
    if (this.isUsable(chainId)) return;
    const damaged = this.records.snapshots.get(chainId);
    const directory = this.newDirectory();
    const target = join(this.layout.snapshots, directory);
    await mkdir(target, { mode: 0o700 });
    await rename(join(layer.directory, "fs"), join(target, "fs"));
    await this.records.snapshots.put(chainId, {
      directory,
      diffId: layer.diffId,
      sizeBytes: layer.contentBytes,
      ...this.settled.mark(),
      // Containers may have the old files mounted.
      ...(damaged && this.hasContainers(chainId) ? { retired: [damaged.directory, ...(damaged.retired ?? [])] } : {}),
    });
    if (damaged && !this.hasContainers(chainId)) await this.discardUnused(damaged.directory);
  }

  private hasContainers(chainId: Digest): boolean {
    return [...this.records.layers.values()].some(({ chainIds }) => chainIds.includes(chainId));
  }

  /** Moves unpacked files into a directory under snapshots/ that newDirectory() named. */
  async adopt(layer: UnpackedLayer, directory: string): Promise<void> {
    await rename(join(layer.directory, "fs"), join(this.layout.snapshots, directory, "fs"));
  }

  /** Unpacks a blob as the snapshot `chainId`, unless it is there. @throws invalid when the blob is not what `diffId` says */
  async ensureFromBlob(
    chainId: Digest,
    diffId: Digest,
    blobPath: string,
    options: { index: number; signal?: AbortSignal },
  ): Promise<void> {
    await this.ensure(chainId, () => this.unpackBlob(chainId, diffId, blobPath, options));
  }

  /** Makes the snapshot by `make`, unless it is there; nobody else makes the same one meanwhile. */
  async ensure(chainId: Digest, make: () => Promise<void>): Promise<void> {
    for (let other = this.underWay.get(chainId); other; other = this.underWay.get(chainId)) await other.catch(() => {});
    if (this.isUsable(chainId)) return;
    const work = make();
    this.underWay.set(chainId, work);
    try {
      await work;
    } finally {
      this.underWay.delete(chainId);
    }
  }

  /** As ensureFromBlob(), for use inside ensure(). */
  async unpackBlob(
    chainId: Digest,
    diffId: Digest,
    path: string,
    { index, signal }: { index: number; signal?: AbortSignal },
  ): Promise<void> {
    const options = { writeBlob: false, diffAlgorithm: algorithmOf(diffId), signal };
    await this.commitChecked(chainId, diffId, await this.unpack({ kind: "blob", path }, options), index);
  }

  /** commit() of files that must be those of `diffId`. The rest of the layer's directory goes. @throws invalid */
  async commitChecked(chainId: Digest, diffId: Digest, layer: UnpackedLayer, index: number): Promise<void> {
    try {
      if (layer.diffId !== diffId) {
        throw new NaruError(
          "invalid",
          `invalid diffID for layer ${index}: expected "${diffId}", got "${layer.diffId}"`,
        );
      }
      await this.commit(chainId, layer);
    } finally {
      await this.trash.discard(layer.directory);
    }
  }

  /** Removes a snapshot that nobody uses. */
  async remove(chainId: Digest): Promise<void> {
    const record = this.records.snapshots.get(chainId);
    if (!record) return;
    await this.records.snapshots.delete(chainId);
    for (const directory of [record.directory, ...(record.retired ?? [])]) await this.discardUnused(directory);
  }

  /** Removes a directory unless a snapshot or a built layer still has it: built ones may be both, under several chain IDs. */
  async discardUnused(directory: string): Promise<void> {
    if (this.records.builtLayers.has(directory)) return;
    for (const record of this.records.snapshots.values()) if (record.directory === directory) return;
    await this.trash.discard(join(this.layout.snapshots, directory));
  }

  /** Directories under snapshots/ that no record knows are left from a crash. */
  isKnownDirectory(): (directory: string) => boolean {
    const used = new Set([...this.records.layers.values()].flatMap(({ chainIds }) => chainIds));
    const known = new Set<string>();
    for (const [chainId, record] of this.records.snapshots.entries()) {
      known.add(record.directory);
      if (used.has(chainId as Digest)) for (const directory of record.retired ?? []) known.add(directory);
    }
    return (directory) => directory === BASE || known.has(directory) || this.records.builtLayers.has(directory);
  }
}
