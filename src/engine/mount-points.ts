/** From wishes to a container's mounts: volumes are made and filled from the image. */

import type { ContainerLayer, LocalImage } from "../image/contract.ts";
import { errorText, isKind, NaruError } from "../lib/errors.ts";
import type { ContainerConfig, HostConfig } from "../model/container.ts";
import type { ContainerRecord, MountRecord } from "./container-record.ts";
import type { EngineContext } from "./engine-context.ts";
import {
  cleanDestination,
  type MountWish,
  parseBind,
  parseMount,
  parseTmpfs,
  parseVolumesFrom,
} from "./mount-specs.ts";
import { randomId } from "./names.ts";

/** All wishes of a create request by destination. @throws {NaruError} with Docker's words and kinds */
export async function collectMountWishes(
  context: EngineContext,
  config: ContainerConfig,
  host: HostConfig,
): Promise<MountWish[]> {
  const byDestination = new Map<string, MountWish>();
  const own = new Set<string>();
  for (const spec of host.VolumesFrom ?? []) {
    for (const wish of inheritedMounts(context, spec)) byDestination.set(wish.destination, wish);
  }
  const add = (wish: MountWish, asWritten = wish.destination) => {
    if (own.has(wish.destination)) throw new NaruError("invalid", `Duplicate mount point: ${asWritten}`);
    own.add(wish.destination);
    byDestination.set(wish.destination, wish);
  };
  for (const spec of host.Binds ?? []) add(parseBind(spec));
  for (const mount of host.Mounts ?? []) {
    if (mount.BindOptions?.ReadOnlyForceRecursive && !context.runtime.info.hasRecursiveReadOnly) {
      throw new NaruError(
        "invalid",
        `${mount.Target} cannot be made read-only with the mounts inside it: that needs Linux 5.12 and crun 1.4 or newer; ` +
          "leave bind-recursive=readonly out",
      );
    }
    add(await parseMount(mount), mount.Target);
  }
  for (const [destination, options] of Object.entries(host.Tmpfs ?? {})) add(parseTmpfs(destination, options));
  for (const path of Object.keys(config.Volumes ?? {})) {
    const destination = cleanDestination(path);
    if (byDestination.has(destination)) continue;
    byDestination.set(destination, {
      type: "volume",
      source: "",
      destination,
      mode: "",
      readOnly: false,
      propagation: "",
      recursive: true,
    });
  }
  return [...byDestination.values()];
}

function inheritedMounts(context: EngineContext, spec: string): MountWish[] {
  const { container, readOnly } = parseVolumesFrom(spec);
  const donor = context.containers.find(container);
  if (donor === undefined) throw new NaruError("invalid", `No such container: ${container}`);
  return donor.record.mounts
    .filter(({ isHidden, type }) => !isHidden && type !== "image")
    .map((mount) => ({ ...mount, readOnly: readOnly || mount.readOnly, noCopy: true, isAnonymous: false }));
}

/** Makes what the wishes need (volumes, image layers), registered with `undo`, and answers the records. */
export async function realizeMounts(
  context: EngineContext,
  id: string,
  wishes: readonly MountWish[],
  layer: ContainerLayer,
  undo: AsyncDisposableStack,
): Promise<MountRecord[]> {
  const records: MountRecord[] = [];
  for (const [index, wish] of wishes.entries()) {
    const { noCopy, volumeOptions, ...record } = wish;
    if (wish.type === "volume") records.push(await realizeVolume(context, id, { ...wish }, layer, undo));
    else if (wish.type === "image") records.push(await realizeImage(context, `${id}-m${index}`, record, undo));
    else records.push(record);
  }
  return records;
}

async function realizeVolume(
  context: EngineContext,
  id: string,
  wish: MountWish,
  layer: ContainerLayer,
  undo: AsyncDisposableStack,
): Promise<MountRecord> {
  const { noCopy, volumeOptions, ...record } = wish;
  const isAnonymous = wish.name === undefined;
  const name = wish.name ?? randomId();
  using _turn = await context.volumeLocks.acquire(name);
  const isNew = context.volumes.findVolume(name) === undefined;
  const volume = await context.volumes.createVolume({
    Name: name,
    Driver: volumeOptions?.DriverConfig?.Name || "local",
    DriverOpts: volumeOptions?.DriverConfig?.Options ?? undefined,
    Labels: isAnonymous ? { ...volumeOptions?.Labels, "com.docker.volume.anonymous": "" } : volumeOptions?.Labels,
  });
  if (isNew) {
    context.events.publish("volume", "create", name, { driver: volume.Driver });
    // A named volume may be used by another container by now; only one of our own is taken back.
    if (isAnonymous) undo.defer(() => context.volumes.removeVolume(name, { force: true }));
  }
  if (!noCopy && wish.subpath === undefined) await populate(context, id, name, wish.destination, layer);
  return { ...record, name, source: volume.Mountpoint, driver: volume.Driver, ...(isAnonymous ? { isAnonymous } : {}) };
}

/** Fills an empty volume with what the image has at the mount's destination. */
async function populate(context: EngineContext, id: string, name: string, destination: string, layer: ContainerLayer) {
  if (!(await context.volumes.isEmpty(name))) return;
  const user = `${id}-populate`;
  const target = await context.volumes.mountVolume(name, user);
  try {
    await context.files.copyUp(layer, destination, target);
  } catch (error) {
    // The image has nothing there: the volume stays empty.
    if (!isKind(error, "not-found")) throw error;
  } finally {
    await context.volumes.unmountVolume(name, user);
  }
}

async function realizeImage(
  context: EngineContext,
  layerId: string,
  record: MountRecord,
  undo: AsyncDisposableStack,
): Promise<MountRecord> {
  const image: LocalImage = context.images.getImage(record.name ?? "");
  context.policy.admitRun(record.name ?? "", image);
  await context.images.createContainerLayer(layerId, image);
  undo.defer(() => context.images.removeContainerLayer(layerId));
  return { ...record, layerId };
}

/** Names of the volumes that a container uses. */
export function volumeNames({ mounts }: ContainerRecord): string[] {
  return mounts.flatMap(({ type, name }) => (type === "volume" && name !== undefined ? [name] : []));
}

/** Ids of the containers that use a volume. */
export function volumeUsers(context: EngineContext, name: string): string[] {
  return context.containers
    .list()
    .filter(({ record }) => volumeNames(record).includes(name))
    .map(({ id }) => id);
}

/** Removes a container's anonymous volumes that nobody else uses; failures are logged. */
export async function removeAnonymousVolumes(context: EngineContext, record: ContainerRecord): Promise<void> {
  for (const { name, isAnonymous } of record.mounts) {
    if (!isAnonymous || name === undefined) continue;
    using _turn = await context.volumeLocks.acquire(name);
    const others = volumeUsers(context, name).filter((id) => id !== record.id);
    const volume = context.volumes.findVolume(name);
    if (others.length > 0 || volume === undefined) continue;
    try {
      await context.volumes.removeVolume(name, { force: true });
      context.events.publish("volume", "destroy", name, { driver: volume.Driver });
    } catch (error) {
      context.log.warn(`volume ${name} of container ${record.name} was not removed: ${errorText(error)}`);
    }
  }
}
