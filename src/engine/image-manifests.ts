/** The manifests of an image with the containers that stand on them, for inspect and list. */
import type { PlatformWish } from "../lib/platform.ts";
import type { ImageInspect, ManifestSummary } from "../model/image.ts";
import type { EngineContext } from "./engine-context.ts";

/** @throws {NaruError} not-found, also when the image is not here for the platform */
export async function inspectImage(
  context: EngineContext,
  ref: string,
  options: { platform?: PlatformWish; manifests?: boolean },
): Promise<ImageInspect> {
  const inspect = await context.images.inspectImage(ref, options.platform);
  return options.manifests ? { ...inspect, Manifests: await listManifests(context, ref) } : inspect;
}

export async function listManifests(context: EngineContext, ref: string): Promise<ManifestSummary[]> {
  const { id } = context.images.getImage(ref);
  const containers = context.containers.list().filter(({ record }) => record.imageId === id);
  const manifests = await context.images.listManifests(ref);
  for (const { ID, ImageData } of manifests) {
    if (ImageData === undefined) continue;
    ImageData.Containers = containers
      .filter(({ record }) => (record.imageManifest ?? context.images.getImage(id).manifest) === ID)
      .map((container) => container.id);
  }
  return manifests;
}
