/** `system df`: what images, containers and volumes take on the disk. */
import type { DiskUsage } from "../model/system.ts";
import { summarizeAll } from "./container-list.ts";
import type { EngineContext } from "./engine-context.ts";
import { listImages } from "./image-list.ts";
import { volumeUsers } from "./mount-points.ts";

type Part = "container" | "image" | "volume" | "build-cache";

/** All parts, or the wished ones. */
export async function diskUsage(
  context: EngineContext,
  types: ReadonlySet<Part> | undefined,
): Promise<Partial<DiskUsage>> {
  const wants = (part: Part) => types === undefined || types.has(part);
  const usage: Partial<DiskUsage> = {};
  const work: Promise<void>[] = [];
  if (wants("image")) work.push(addImages(context, usage));
  if (wants("container")) work.push(addContainers(context, usage));
  if (wants("volume")) work.push(addVolumes(context, usage));
  if (wants("build-cache")) usage.BuildCache = [];
  await Promise.all(work);
  return usage;
}

async function addImages(context: EngineContext, usage: Partial<DiskUsage>): Promise<void> {
  usage.LayersSize = await context.images.layersSize();
  usage.Images = await listImages(context, { filters: new Map(), sharedSize: true });
}

async function addContainers(context: EngineContext, usage: Partial<DiskUsage>): Promise<void> {
  const containers = context.containers.list().sort((a, b) => (a.record.created < b.record.created ? 1 : -1));
  usage.Containers = await summarizeAll(context, containers, true);
}

async function addVolumes(context: EngineContext, usage: Partial<DiskUsage>): Promise<void> {
  usage.Volumes = await Promise.all(
    context.volumes.listVolumes().map(async (volume) => ({
      ...volume,
      UsageData: {
        Size: await context.volumes.sizeOf(volume.Name),
        RefCount: volumeUsers(context, volume.Name).length,
      },
    })),
  );
}
