/** Opens the image store: makes its parts in the order in which they need each other, and clears up what a crash left. */
import { mkdir, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { RegistryClient } from "../distribution/contract.ts";
import { digestOfHex } from "../lib/digest.ts";
import { NaruError } from "../lib/errors.ts";
import { Slots } from "../lib/slots.ts";
import { spreadChildren } from "../linux/directory-spread.ts";
import { readBootId } from "../linux/disk-sync.ts";
import { mountOverlay, unmount } from "../linux/mount.ts";
import { errorCode } from "../linux/sys-error.ts";
import type { Digest } from "../model/image.ts";
import type { ImagePolicy } from "../signature/contract.ts";
import type { StateStore } from "../store/contract.ts";
import { createArchivePool, createTransferPool } from "./archive-pool.ts";
import { LayerChangesSource } from "./chunks/layer-changes-source.ts";
import { LocalChunkLists } from "./chunks/local-chunk-lists.ts";
import { ContainerLayers } from "./container-layers.ts";
import { ContentStore } from "./content-store.ts";
import type { TransferLimits } from "./contract.ts";
import { DataLayout } from "./data-layout.ts";
import { ImageCatalog } from "./image-catalog.ts";
import { ImagePublisher } from "./image-publisher.ts";
import { ImageRecords } from "./image-records.ts";
import { LocalImageStore, type OpenImageStore, type StoreParts } from "./image-store.ts";
import { LayerTransfers } from "./pull/layer-transfers.ts";
import { PartialBlobs } from "./pull/partial-blobs.ts";
import { SettledFiles } from "./settled-files.ts";
import { SnapshotStore } from "./snapshot-store.ts";
import { Trash } from "./trash.ts";
import { forgetSuspectBuilds, unpackSuspectLayers } from "./unpack-anew.ts";

/**
 * Opens the store under `dataRoot` and clears up what a crash left there.
 * @throws unavailable when the data root's file system cannot hold overlay layers
 */
export async function createImageStore(options: {
  dataRoot: string;
  execRoot: string;
  store: StateStore;
  registries: RegistryClient;
  limits: TransferLimits;
  policy: ImagePolicy;
  /** Hears what of the store is not whole. */
  warn?: (message: string) => void;
}): Promise<OpenImageStore> {
  const layout = new DataLayout(options.dataRoot);
  for (const directory of [
    ...layout.blobs,
    layout.snapshots,
    layout.layers,
    layout.partial,
    layout.chunks,
    layout.trash,
  ]) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  }
  for (const directory of [layout.ingest, layout.snapshots, layout.layers]) spreadChildren(directory);
  const trash = new Trash(layout.trash);
  const records = new ImageRecords(options.store);
  const pool = createArchivePool();
  const settled = new SettledFiles({ layout, records, pool }, await readBootId());
  const snapshots = new SnapshotStore(layout, records, pool, trash, settled);
  await snapshots.ensureBase();
  await probeOverlay(layout, trash);
  const content = new ContentStore(layout);
  const catalog = new ImageCatalog(records);
  const publisher = new ImagePublisher({ records, content, snapshots, catalog });
  const layers = new ContainerLayers(layout, records, snapshots, trash);
  const base = { layout, settled, records, content, snapshots, catalog, publisher, pool, trash, layers };
  const partials = new PartialBlobs(layout);
  const slots = new Slots(() => options.limits.downloads);
  const chunkLists = new LocalChunkLists(layout, pool);
  const source = new LayerChangesSource({ layout, records, lists: chunkLists });
  const transfers = new LayerTransfers({ layout, partials, pool: createTransferPool(), trash, slots, source });
  const { registries, policy } = options;
  const uploadSlots = new Slots(() => options.limits.uploads);
  const parts: StoreParts = { ...base, partials, transfers, registries, policy, uploadSlots, chunkLists };
  await forgetSuspectBuilds(parts);
  await sweep(parts);
  await unpackSuspectLayers(parts, options.warn ?? (() => {}));
  settled.resume();
  return new LocalImageStore(parts);
}

/** Mounts an overlay once, so that an unfit file system is told at the start and not at the first container. */
async function probeOverlay(layout: DataLayout, trash: Trash): Promise<void> {
  const probe = join(layout.ingest, "probe");
  await trash.discard(probe);
  for (const name of ["lower", "upper", "work", "merged"]) await mkdir(join(probe, name), { recursive: true });
  const target = join(probe, "merged");
  try {
    const spec = { lowerDirs: [join(probe, "lower")], upperDir: join(probe, "upper"), workDir: join(probe, "work") };
    mountOverlay(spec, target);
    unmount(target);
  } catch (cause) {
    const reason =
      errorCode(cause) === "EPERM"
        ? "naru may not mount there: run it as root"
        : "its file system cannot hold an overlay's upper directory (an overlay itself, perhaps): choose a data root on ext4, xfs, btrfs or tmpfs";
    throw new NaruError("unavailable", `the data root ${layout.dataRoot} cannot be used: ${reason}`, { cause });
  } finally {
    await trash.discard(probe);
  }
}

/** Removes what no record knows: it was on its way in or out when an earlier process ended. */
async function sweep({ layout, records, snapshots, layers, trash, partials }: StoreParts): Promise<void> {
  await trash.sweep();
  for (const name of await readdir(layout.ingest)) {
    if (name !== basename(layout.partial)) await trash.discard(join(layout.ingest, name));
  }
  await partials.sweep();
  for (const chainId of [...records.snapshots.entries()].map(([key]) => key as Digest)) {
    if (records.snapshotUsersOf(chainId) === 0) await snapshots.remove(chainId);
  }
  const isKnown = snapshots.isKnownDirectory();
  for (const name of await readdir(layout.snapshots)) {
    if (!isKnown(name)) await trash.discard(join(layout.snapshots, name));
  }
  for (const directory of [...layout.blobs, layout.chunks]) {
    for (const name of await readdir(directory)) {
      if (records.blobUsersOf(digestOfHex(name)) === 0) await trash.discard(join(directory, name));
    }
  }
  await layers.sweep();
}
