/** The writable layers of containers: made in a few system calls, removed in one and cleared up later. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { digestOf } from "../lib/digest.ts";
import { NaruError } from "../lib/errors.ts";
import { changeMode, closeFd, makeDirectoryAt, O, openAt, openPath } from "../linux/file-calls.ts";
import { errorCode } from "../linux/sys-error.ts";
import type { ContainerLayer, LocalImage } from "./contract.ts";
import type { DataLayout } from "./data-layout.ts";
import type { ImageRecords } from "./image-records.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import type { Trash } from "./trash.ts";

export class ContainerLayers {
  private readonly layersFd: number;

  constructor(
    private readonly layout: DataLayout,
    private readonly records: ImageRecords,
    private readonly snapshots: SnapshotStore,
    private readonly trash: Trash,
  ) {
    this.layersFd = openPath(layout.layers, O.RDONLY | O.DIRECTORY);
  }

  /**
   * Not awaited on purpose: the record travels to the disk with the container's own, which is written after it, so no
   * container is ever known without its layer.
   */
  create(containerId: string, image: LocalImage): ContainerLayer {
    if (!/^[\w.-]+$/.test(containerId)) throw new NaruError("invalid", `invalid container id ${containerId}`);
    const { chainIds } = image;
    try {
      this.makeDirectories(containerId);
    } catch (error) {
      if (errorCode(error) === "EEXIST") {
        throw new NaruError("conflict", `the container ${containerId} has a writable layer already`);
      }
      throw error;
    }
    // Not waited for: the container's own record comes after it, and a full disk is told there.
    this.records.putLayer(containerId, { chainIds }).catch(() => {});
    return this.describe(containerId, chainIds);
  }

  find(containerId: string): ContainerLayer | undefined {
    const record = this.records.layers.get(containerId);
    return record && this.describe(containerId, record.chainIds);
  }

  async remove(containerId: string): Promise<void> {
    const record = this.records.layers.get(containerId);
    // A disk too full to write this down is no reason to keep what fills it; a crash now leaves a record without files.
    await this.records.deleteLayer(containerId).catch(() => {});
    await this.trash.discard(join(this.layout.layers, containerId));
    // Snapshots of a deleted image lived on for this container.
    const unused = record?.chainIds.filter((chainId) => this.records.snapshotUsersOf(chainId) === 0) ?? [];
    for (const chainId of unused.reverse()) await this.snapshots.remove(chainId);
  }

  /** Directories that no record knows are left from a crash. */
  async sweep(): Promise<void> {
    for (const name of await readdir(this.layout.layers)) {
      if (!this.records.layers.has(name)) await this.trash.discard(join(this.layout.layers, name));
    }
  }

  close(): void {
    closeFd(this.layersFd);
  }

  private makeDirectories(containerId: string): void {
    makeDirectoryAt(this.layersFd, containerId, 0o700);
    const layer = openAt(this.layersFd, containerId, O.RDONLY | O.DIRECTORY);
    try {
      makeDirectoryAt(layer, "work", 0o700);
      makeDirectoryAt(layer, "upper", 0o755);
      const upper = openAt(layer, "upper", O.RDONLY | O.DIRECTORY);
      try {
        // What a container sees as its "/": always open to all, as docker has it, whatever the layer's archive says. Many are
        // made of a temporary directory of mode 0700, which would keep all users but root out. The mode again: umask.
        changeMode(upper, 0o755);
      } finally {
        closeFd(upper);
      }
    } finally {
      closeFd(layer);
    }
  }

  private describe(containerId: string, chainIds: LocalImage["chainIds"]): ContainerLayer {
    const directory = join(this.layout.layers, containerId);
    const lowerDirs = this.snapshots.lowerDirs(chainIds);
    return {
      containerId,
      chainId: chainIds.at(-1) ?? digestOf(""),
      imageDirs: lowerDirs.slice(0, chainIds.length),
      root: {
        lowerDirs,
        upperDir: join(directory, "upper"),
        workDir: join(directory, "work"),
      },
    };
  }
}
