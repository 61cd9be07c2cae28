/** The list of images, newest first. */
import type { LocalImage } from "../image/contract.ts";
import type { ImageSummary } from "../model/image.ts";
import type { Filters } from "../model/system.ts";
import { parseRfc3339, unixSeconds } from "./clock.ts";
import type { EngineContext } from "./engine-context.ts";
import { booleanFilter, hasLabels, requireKnownFilters, untilFilter } from "./filter-values.ts";
import { listManifests } from "./image-manifests.ts";
import { matchesReference } from "./image-references.ts";

export async function listImages(
  context: EngineContext,
  options: { filters: Filters; sharedSize: boolean; manifests?: boolean },
): Promise<ImageSummary[]> {
  const { filters } = options;
  requireKnownFilters(filters, ["dangling", "label", "before", "since", "reference", "until"]);
  const dangling = booleanFilter(filters, "dangling");
  const before = bound(context, filters, "before");
  const since = bound(context, filters, "since");
  const until = untilFilter(filters);
  const patterns = filters.get("reference") ?? [];
  const summaries: ImageSummary[] = [];
  for (const image of sortedImages(context)) {
    const created = parseRfc3339(image.createdAt) ?? 0n;
    if (before !== undefined && created >= before) continue;
    if (since !== undefined && created <= since) continue;
    if (until !== undefined && created > until) continue;
    if (!hasLabels(image.config.config?.Labels, filters.get("label"))) continue;
    const isDangling = image.repoTags.length === 0;
    if (dangling !== undefined && isDangling !== dangling) continue;
    const summary = summarizeImage(context, image, options.sharedSize);
    if (patterns.length > 0) {
      const keep = (name: string) => patterns.some((pattern) => matchesReference(name, pattern));
      summary.RepoTags = summary.RepoTags.filter(keep);
      summary.RepoDigests = summary.RepoDigests.filter(keep);
      if (summary.RepoTags.length + summary.RepoDigests.length === 0) continue;
    }
    if (options.manifests) summary.Manifests = await listManifests(context, image.id);
    summaries.push(summary);
  }
  return summaries;
}

function sortedImages(context: EngineContext): LocalImage[] {
  return context.images
    .listImages()
    .sort((a, b) => unixSeconds(b.createdAt) - unixSeconds(a.createdAt) || (a.id < b.id ? -1 : 1));
}

/** The latest (before) or earliest (since) of the named images' moments. */
function bound(context: EngineContext, filters: Filters, name: "before" | "since"): bigint | undefined {
  const times = (filters.get(name) ?? []).map((ref) => parseRfc3339(context.images.getImage(ref).createdAt) ?? 0n);
  if (times.length === 0) return undefined;
  return times.reduce((a, b) => ((name === "before") === a < b ? a : b));
}

function summarizeImage(context: EngineContext, image: LocalImage, sharedSize: boolean): ImageSummary {
  const labels = image.config.config?.Labels;
  return {
    Id: image.id,
    ParentId: "",
    RepoTags: [...image.repoTags].sort(),
    RepoDigests: [...image.repoDigests].sort(),
    Created: image.config.created ? unixSeconds(image.createdAt) : 0,
    Size: image.sizeBytes,
    SharedSize: sharedSize ? context.images.sharedSize(image.id) : -1,
    Labels: labels && Object.keys(labels).length > 0 ? labels : null,
    Containers: context.containers.list().filter(({ record }) => record.imageId === image.id).length,
  };
}
