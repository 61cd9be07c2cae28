/** Removing images: names first, the image itself when nothing holds it any more. */

import type { LocalImage } from "../image/contract.ts";
import { shortDigest } from "../lib/digest.ts";
import { NaruError } from "../lib/errors.ts";
import { type PlatformWish, platformText } from "../lib/platform.ts";
import type { ImageDeleteItem } from "../model/image.ts";
import type { Filters } from "../model/system.ts";
import { parseRfc3339 } from "./clock.ts";
import type { EngineContext } from "./engine-context.ts";
import { booleanFilter, passesLabelFilters, requireKnownFilters, untilFilter } from "./filter-values.ts";
import { matchingReference } from "./image-references.ts";

/** Publishes an event of an image with its labels. */
export function publishImageEvent(context: EngineContext, action: string, id: string, name: string): void {
  const labels = context.images.findImage(id)?.config.config?.Labels ?? {};
  context.events.publish("image", action, id, { ...labels, name });
}

/** @throws {NaruError} not-found, or conflict in Docker's words while containers or other names hold it */
export async function removeImage(
  context: EngineContext,
  ref: string,
  options: { force: boolean; platforms?: PlatformWish[] },
): Promise<ImageDeleteItem[]> {
  if (options.platforms?.length) return removePlatforms(context, ref, options.platforms, options.force);
  const image = context.images.getImage(ref);
  const reference = matchingReference(image, ref);
  return reference === undefined
    ? removeById(context, image, options.force)
    : removeByName(context, image, ref, reference, options.force);
}

/** What the image has for these platforms; all of the image when it has nothing else. */
async function removePlatforms(
  context: EngineContext,
  ref: string,
  platforms: PlatformWish[],
  force: boolean,
): Promise<ImageDeleteItem[]> {
  const items: ImageDeleteItem[] = [];
  for (const platform of platforms) {
    const image = context.images.getImage(ref, platform);
    const others = (await context.images.listManifests(ref)).filter(
      ({ Available, Kind, ID }) => Available && Kind === "image" && ID !== image.manifest,
    );
    if (others.length === 0) return [...items, ...(await removeImage(context, ref, { force }))];
    const user = context.containers
      .list()
      .find(({ record }) => record.imageId === image.id && (record.imageManifest ?? image.manifest) === image.manifest);
    if (user !== undefined && !force) {
      throw new NaruError(
        "conflict",
        `conflict: unable to delete platform ${platformText(platform)} of ${shortDigest(image.id)} (must be forced) - ` +
          `container ${user.id.slice(0, 12)} is using it`,
      );
    }
    const digests = await context.images.deletePlatform(ref, platform);
    items.push(...digests.map((digest) => ({ Deleted: digest })));
  }
  return items;
}

async function removeByName(
  context: EngineContext,
  image: LocalImage,
  ref: string,
  reference: string,
  force: boolean,
): Promise<ImageDeleteItem[]> {
  const isLastTag = image.repoTags.every((tag) => tag === reference);
  const user = findUser(context, image.id, () => true);
  if (isLastTag && user !== undefined && !force) {
    throw new NaruError(
      "conflict",
      `conflict: unable to remove repository reference "${ref}" (must force) - container ${user.slice(0, 12)} is using ` +
        `its referenced image ${shortDigest(image.id)}`,
    );
  }
  const items = await untag(context, image, reference);
  const left = context.images.findImage(image.id);
  if (left === undefined) return items;
  // Digests of a repository whose last tag is gone say nothing any more.
  const repository = repositoryName(reference);
  const hasOthers = left.repoTags.some((tag) => repositoryName(tag) === repository);
  for (const digest of hasOthers ? [] : left.repoDigests) {
    if (repositoryName(digest) === repository) items.push(...(await untag(context, left, digest)));
  }
  if ((context.images.findImage(image.id) ?? left).repoTags.length > 0) return items;
  for (const digest of context.images.findImage(image.id)?.repoDigests ?? []) {
    items.push(...(await untag(context, left, digest)));
  }
  const named = context.images.findImage(image.id);
  if (user !== undefined || named === undefined || named.repoTags.length > 0) return items;
  return [...items, ...(await deleteImage(context, image))];
}

/** "debian:1", "debian@sha256:…" → "debian". */
function repositoryName(reference: string): string {
  const name = reference.split("@")[0]!;
  const colon = name.lastIndexOf(":");
  return colon > name.lastIndexOf("/") ? name.slice(0, colon) : name;
}

async function removeById(context: EngineContext, image: LocalImage, force: boolean): Promise<ImageDeleteItem[]> {
  const refuse = (reason: string, canForce: boolean) =>
    new NaruError(
      "conflict",
      `conflict: unable to delete ${shortDigest(image.id)} (${canForce ? "must be" : "cannot be"} forced) - ${reason}`,
    );
  if (image.repoTags.length > 1 && !force) throw refuse("image is referenced in multiple repositories", true);
  const running = findUser(context, image.id, (isRunning) => isRunning);
  if (running !== undefined) {
    throw refuse(`image is being used by running container ${running.slice(0, 12)}`, false);
  }
  const stopped = findUser(context, image.id, () => true);
  if (stopped !== undefined && !force) {
    throw refuse(`image is being used by stopped container ${stopped.slice(0, 12)}`, true);
  }
  const items: ImageDeleteItem[] = [];
  for (const name of [...image.repoTags, ...image.repoDigests]) items.push(...(await untag(context, image, name)));
  return [...items, ...(await deleteImage(context, image))];
}

function findUser(
  context: EngineContext,
  imageId: string,
  accepts: (isRunning: boolean) => boolean,
): string | undefined {
  return context.containers
    .list()
    .find((container) => container.record.imageId === imageId && accepts(container.isRunning))?.id;
}

async function untag(context: EngineContext, image: LocalImage, name: string): Promise<ImageDeleteItem[]> {
  await context.images.untag(name);
  publishImageEvent(context, "untag", image.id, image.id);
  return [{ Untagged: name }];
}

async function deleteImage(context: EngineContext, image: LocalImage): Promise<ImageDeleteItem[]> {
  const digests = await context.images.deleteImage(image.id);
  publishImageEvent(context, "delete", image.id, image.id);
  return digests.map((digest) => ({ Deleted: digest }));
}

/** Removes dangling images (or, with dangling=false, all) that no container uses. */
export async function pruneImages(
  context: EngineContext,
  filters: Filters,
): Promise<{ deleted: ImageDeleteItem[]; spaceReclaimed: number }> {
  requireKnownFilters(filters, ["dangling", "label", "label!", "until"]);
  const isDanglingOnly = booleanFilter(filters, "dangling") ?? true;
  const until = untilFilter(filters);
  const deleted: ImageDeleteItem[] = [];
  let spaceReclaimed = await context.images.prunePartial();
  for (const image of context.images.listImages()) {
    if (isDanglingOnly && image.repoTags.length > 0) continue;
    if (findUser(context, image.id, () => true) !== undefined) continue;
    if (until !== undefined && (parseRfc3339(image.createdAt) ?? 0n) > until) continue;
    if (!passesLabelFilters(image.config.config?.Labels, filters)) continue;
    const ownBytes = Math.max(0, image.sizeBytes - context.images.sharedSize(image.id));
    deleted.push(...(await removeById(context, image, true)));
    spaceReclaimed += ownBytes;
  }
  context.events.publish("image", "prune", "", { reclaimed: String(spaceReclaimed) });
  return { deleted, spaceReclaimed };
}
