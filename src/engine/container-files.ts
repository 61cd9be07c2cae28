/** Files in and out of containers: copy, export, changes. Its root is mounted for that, running or not. */

import { randomUUID } from "node:crypto";
import { exists } from "node:fs/promises";
import type { ContainerLayer, RootView } from "../image/contract.ts";
import { errorText, NaruError } from "../lib/errors.ts";
import { taggedReference } from "../lib/image-reference.ts";
import type { ContainerConfig, FilesystemChange, PathStat } from "../model/container.ts";
import type { Container } from "./container.ts";
import { publishVolumeMounts, publishVolumeUnmounts } from "./container-start.ts";
import { type EngineContext, publishContainerEvent } from "./engine-context.ts";
import { familiarReference } from "./image-references.ts";
import { publishImageEvent } from "./image-remove.ts";
import { resolveMounts } from "./resolve-mounts.ts";

function layerOf(context: EngineContext, { id }: Container): ContainerLayer {
  const layer = context.images.findContainerLayer(id);
  if (layer === undefined) throw new NaruError("not-found", `No such container: ${id}`);
  return layer;
}

/** The container's root with its volumes and the files that the engine writes for it. Must be closed. */
async function openRoot(context: EngineContext, container: Container): Promise<RootView> {
  // What was mounted for the view is let go with it.
  const undo = new AsyncDisposableStack();
  try {
    const mounts = await resolveMounts(context, container, undo, `view-${randomUUID()}`);
    const isShown = await Promise.all(
      mounts.map(
        // The engine's own files are missing until the first start.
        async ({ type, source, destination }) =>
          type === "bind" && destination !== "/dev/shm" && (await exists(source)),
      ),
    );
    const binds = mounts
      .filter((_, index) => isShown[index])
      .map(({ source, destination, readOnly }) => ({ source, destination, readOnly }));
    const runningPid = container.hasProcess ? container.record.state.pid : undefined;
    const view = await context.files.openRootView(layerOf(context, container), binds, runningPid);
    publishVolumeMounts(context, container);
    undo.defer(async () => {
      await view.close();
      publishVolumeUnmounts(context, container);
    });
    return { path: view.path, close: () => undo.disposeAsync() };
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
}

export async function statContainerPath(context: EngineContext, ref: string, path: string): Promise<PathStat> {
  const container = context.containers.get(ref);
  const view = await openRoot(context, container);
  try {
    return await context.files.statPath(view.path, path, ref);
  } finally {
    await view.close();
  }
}

export async function readContainerArchive(
  context: EngineContext,
  ref: string,
  path: string,
  signal: AbortSignal,
): Promise<{ stat: PathStat; tar: AsyncIterable<Uint8Array> }> {
  const container = context.containers.get(ref);
  const view = await openRoot(context, container);
  try {
    const { stat, tar } = await context.files.readArchive(view.path, path, { signal, container: ref });
    publishContainerEvent(context, container, "archive-path");
    return { stat, tar: closingAfter(tar, view) };
  } catch (error) {
    await view.close();
    throw error;
  }
}

export async function writeContainerArchive(
  context: EngineContext,
  ref: string,
  path: string,
  tar: AsyncIterable<Uint8Array>,
  options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean; signal: AbortSignal },
): Promise<void> {
  const container = context.containers.get(ref);
  refuseReadOnly(container, path);
  const view = await openRoot(context, container);
  try {
    await context.files.writeArchive(view.path, path, tar, {
      noOverwriteDirNonDir: options.noOverwriteDirNonDir,
      copyUidGid: options.copyUidGid
        ? await context.runtime.findUser(layerOf(context, container).root, container.record.config.User ?? "")
        : undefined,
      signal: options.signal,
      container: ref,
    });
    publishContainerEvent(context, container, "extract-to-dir");
  } finally {
    await view.close();
  }
}

/** A path that the container itself could not write to. */
function refuseReadOnly({ record }: Container, path: string): void {
  const clean = `/${path.replace(/^\/+/, "")}`;
  const mount = record.mounts
    .filter(({ destination }) => clean === destination || clean.startsWith(`${destination}/`))
    .sort((a, b) => b.destination.length - a.destination.length)[0];
  if (mount?.readOnly) throw new NaruError("invalid", "mounted volume is marked read-only");
  if (mount === undefined && record.hostConfig.ReadonlyRootfs) {
    throw new NaruError("invalid", "container rootfs is marked read-only");
  }
}

export async function exportContainer(
  context: EngineContext,
  ref: string,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const container = context.containers.get(ref);
  const { status } = container.record.state;
  if (status === "dead" || status === "removing") {
    throw new NaruError("conflict", `You cannot export container ${container.id} which is ${status}`);
  }
  const view = await context.files.openExportView(layerOf(context, container));
  publishContainerEvent(context, container, "export");
  return closingAfter(context.files.exportTree(view.path, { signal }), view);
}

/** Null when nothing has changed. */
export async function containerChanges(context: EngineContext, ref: string): Promise<FilesystemChange[] | null> {
  const container = context.containers.get(ref);
  const changes = await context.files.listChanges(layerOf(context, container));
  return changes.length > 0 ? changes : null;
}

async function* closingAfter(tar: AsyncIterable<Uint8Array>, view: RootView): AsyncGenerator<Uint8Array> {
  try {
    yield* tar;
  } finally {
    await view.close();
  }
}

interface CommitOptions {
  repo: string;
  tag: string;
  comment: string;
  author: string;
  pause: boolean;
  changes: string[];
  config?: ContainerConfig;
}

/** A new image from a container's layer; a running one is held still meanwhile. */
export async function commitContainer(
  context: EngineContext,
  ref: string,
  options: CommitOptions,
): Promise<{ Id: string }> {
  const reference = options.repo === "" ? undefined : taggedReference(options.repo, options.tag);
  const container = context.containers.get(ref);
  using _turn = await context.locks.acquire(container.id);
  const { record } = container;
  if (record.state.status === "removing" || record.state.status === "dead") {
    throw new NaruError("conflict", `You cannot commit container ${record.id} which is ${record.state.status}`);
  }
  const isHeld = options.pause && record.state.status === "running";
  if (isHeld) {
    await context.runtime.pause(record.id);
    publishContainerEvent(context, container, "pause");
  }
  try {
    const image = await context.images.commit(layerOf(context, container), {
      base: context.images.getImage(record.imageId),
      config: { ...record.config, ...withoutEmpty(options.config ?? {}) },
      reference,
      author: options.author,
      comment: options.comment,
      containerConfigCmd: [...(record.config.Entrypoint ?? []), ...(record.config.Cmd ?? [])].join(" "),
      changes: options.changes,
    });
    publishImageEvent(context, "create", image.id, image.id);
    const name = reference === undefined ? undefined : familiarReference(reference);
    if (name !== undefined) publishImageEvent(context, "tag", image.id, name);
    publishContainerEvent(context, container, "commit", {
      comment: options.comment,
      imageID: image.id,
      imageRef: name ?? "",
    });
    return { Id: image.id };
  } finally {
    if (isHeld) {
      await context.runtime
        .resume(record.id)
        .then(() => publishContainerEvent(context, container, "unpause"))
        .catch((error) =>
          context.log.error(`container ${record.name} was not resumed after commit: ${errorText(error)}`),
        );
    }
  }
}

/** Fields of the request that say something. */
function withoutEmpty<T extends object>(config: T): Partial<T> {
  const isSaid = (value: unknown) =>
    value !== null &&
    value !== undefined &&
    value !== "" &&
    value !== false &&
    !(Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(config).filter(([, value]) => isSaid(value))) as Partial<T>;
}
