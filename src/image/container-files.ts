/** Files of containers, running or not: `docker cp`, `diff`, `export`, and what a start needs to read and copy. */
import { chmod, chown } from "node:fs/promises";
import { NaruError } from "../lib/errors.ts";
import type { WorkerPool } from "../lib/worker-pool.ts";
import { type FileStatus, fromRaw, toRaw } from "../linux/file-calls.ts";
import { findLayeredEntry, isLayeredDirectoryEmpty } from "../linux/overlay-layers.ts";
import { measureTree } from "../linux/trees.ts";
import type { FilesystemChange, PathStat } from "../model/container.ts";
import { createArchivePool } from "./archive-pool.ts";
import { type ContainerPath, findContainerPath, resolveContainerPath } from "./container-path.ts";
import type { ContainerFiles, ContainerLayer, RootView } from "./contract.ts";
import { RootViews, type ViewBind } from "./root-views.ts";
import type { PackOptions } from "./tree-packer.ts";
import type { TreeWriterOptions } from "./tree-writer.ts";

/** `execRoot` holds the temporary mounts; what an earlier daemon left there is unmounted. */
export async function createContainerFiles(options: {
  execRoot: string;
  monitorPath: string;
}): Promise<ContainerFiles> {
  const views = new RootViews(options);
  await views.sweep();
  return new LocalContainerFiles(views, createArchivePool());
}

class LocalContainerFiles implements ContainerFiles {
  constructor(
    private readonly views: RootViews,
    private readonly pool: WorkerPool,
  ) {}

  async openRootView(layer: ContainerLayer, binds: ViewBind[], runningPid?: number): Promise<RootView> {
    return await this.views.open(layer, binds, runningPid);
  }

  async openExportView(layer: ContainerLayer): Promise<RootView> {
    return await this.views.openReadOnly(layer.root);
  }

  async statPath(root: string, path: string, container?: string): Promise<PathStat> {
    return getPath(root, path, container).stat;
  }

  async readArchive(
    root: string,
    path: string,
    { signal, container }: { signal?: AbortSignal; container?: string },
  ): Promise<{ stat: PathStat; tar: AsyncIterable<Uint8Array> }> {
    const found = getPath(root, path, container);
    const options: PackOptions = { names: "plain", start: found.rawPath, topName: toRaw(found.stat.name) };
    return { stat: found.stat, tar: this.pool.start("pack", { root, options }, { signal }).output };
  }

  async writeArchive(
    root: string,
    path: string,
    tar: AsyncIterable<Uint8Array>,
    options: {
      noOverwriteDirNonDir: boolean;
      copyUidGid?: { uid: number; gid: number };
      signal?: AbortSignal;
      container?: string;
    },
  ): Promise<void> {
    const writer: TreeWriterOptions = {
      names: "plain",
      applyToRoot: false,
      keepKinds: options.noOverwriteDirNonDir,
      owner: options.copyUidGid,
      prefix: extractionPoint(root, path, options.container),
    };
    try {
      await this.pool.run("unpack", { directory: root, options: writer }, { input: tar, signal: options.signal });
    } catch (error) {
      if (error instanceof NaruError && error.message.endsWith("read-only file system")) {
        throw new NaruError("forbidden", "mounted volume or container rootfs is marked read-only", { cause: error });
      }
      throw error;
    }
  }

  async isArchive(path: string): Promise<boolean> {
    return await this.pool.run("isArchive", { path });
  }

  exportTree(root: string, { signal }: { signal?: AbortSignal }): AsyncIterable<Uint8Array> {
    const options: PackOptions = { names: "plain", start: "", topName: undefined };
    return this.pool.start("pack", { root, options }, { signal }).output;
  }

  async listChanges(layer: ContainerLayer): Promise<FilesystemChange[]> {
    return await this.pool.run("changes", { root: layer.root });
  }

  async copyUp(layer: ContainerLayer, path: string, targetDir: string): Promise<void> {
    const entry = findLayeredEntry([layer.root.upperDir, ...layer.root.lowerDirs], path);
    if (entry?.kind !== "directory") return;
    const isEmpty = isLayeredDirectoryEmpty(entry);
    if (isEmpty) {
      await copyOwner(entry.status, targetDir);
      return;
    }
    const view = await this.views.openReadOnly(layer.root);
    try {
      const start = resolveContainerPath(view.path, path);
      await this.pool.run("copy", { root: view.path, start, directory: targetDir });
    } finally {
      await view.close();
    }
  }

  async writableSize(layer: ContainerLayer): Promise<number> {
    return await measureTree(layer.root.upperDir);
  }
}

/** An empty directory of the image still gives its owner and permissions. */
async function copyOwner({ uid, gid, mode }: FileStatus, targetDir: string): Promise<void> {
  await chown(targetDir, uid, gid);
  await chmod(targetDir, mode & 0o7777);
}

function getPath(root: string, path: string, container: string | undefined): ContainerPath {
  const found = findContainerPath(root, path);
  if (!found) throw couldNotFind(path, container);
  return found;
}

function couldNotFind(path: string, container: string | undefined): NaruError {
  return new NaruError("not-found", `Could not find the file ${path} in container ${container ?? ""}`.trimEnd());
}

/** The directory to extract into, with its links followed. */
function extractionPoint(root: string, path: string, container: string | undefined): string {
  const rawPath = resolveContainerPath(root, path);
  const found = findContainerPath(root, path.endsWith("/") ? path : `${path}/`);
  if (found) return rawPath;
  const asFile = findContainerPath(root, `/${fromRaw(rawPath)}`);
  if (asFile) throw new NaruError("invalid", "extraction point is not a directory");
  throw couldNotFind(path, container);
}
