/** What an image consists of: the manifests of its index, which of them are here, and what they take. */
import type { Descriptor, Digest, Manifest, ManifestSummary, Platform } from "../model/image.ts";
import { isIndexType } from "../model/media-types.ts";
import { parseManifest } from "./archive-layout.ts";
import type { ContentStore } from "./content-store.ts";
import { type ImageRecord, type ImageRecords, type PlatformImage, platformImages } from "./image-records.ts";
import { indexLeaves } from "./index-tree.ts";

/** BuildKit's marks on the descriptors of attestations. */
const REFERENCE_TYPE = "vnd.docker.reference.type";
const REFERENCE_DIGEST = "vnd.docker.reference.digest";

/** True for the descriptor of a statement about another manifest of the same index. */
export function isAttestation({ annotations, platform }: Descriptor): boolean {
  return annotations?.[REFERENCE_TYPE] === "attestation-manifest" || platform?.os === "unknown";
}

/** Descriptors of an index and the indexes in it, also of what is not here; for a single image its own one. */
async function manifestDescriptors(record: ImageRecord, content: ContentStore): Promise<Descriptor[]> {
  if (!isIndexType(record.descriptor.mediaType)) return [record.descriptor];
  const present = new Set(record.blobs.map(({ digest }) => digest));
  const leaves = await indexLeaves(record.descriptor, async ({ digest }) =>
    present.has(digest) ? await content.readSmall(digest) : undefined,
  );
  return leaves.map(({ descriptor }) => descriptor);
}

export async function describeManifests(
  record: ImageRecord,
  content: ContentStore,
  records: ImageRecords,
): Promise<ManifestSummary[]> {
  const platforms = new Map(platformImages(record).map((image) => [image.manifest, image]));
  const sizes = new Map(record.blobs.map(({ digest, size }) => [digest, size]));
  const summaries: ManifestSummary[] = [];
  for (const descriptor of await manifestDescriptors(record, content)) {
    const parts = await presentParts(descriptor, sizes, content);
    summaries.push(summarize(descriptor, platforms.get(descriptor.digest), parts, records));
  }
  return summaries;
}

interface PresentParts {
  isWhole: boolean;
  bytes: number;
}

async function presentParts(
  descriptor: Descriptor,
  sizes: ReadonlyMap<Digest, number>,
  content: ContentStore,
): Promise<PresentParts> {
  if (!sizes.has(descriptor.digest)) return { isWhole: false, bytes: 0 };
  const manifest: Manifest = parseManifest(await content.readSmall(descriptor.digest), descriptor.digest);
  const parts = new Set([descriptor.digest, manifest.config.digest, ...manifest.layers.map(({ digest }) => digest)]);
  let bytes = 0;
  for (const digest of parts) bytes += sizes.get(digest) ?? 0;
  return { isWhole: [...parts].every((digest) => sizes.has(digest)), bytes };
}

function summarize(
  descriptor: Descriptor,
  image: PlatformImage | undefined,
  parts: PresentParts,
  records: ImageRecords,
): ManifestSummary {
  const summary: ManifestSummary = {
    ID: descriptor.digest,
    Descriptor: descriptor,
    Available: parts.isWhole,
    Size: { Content: parts.bytes, Total: parts.bytes },
    Kind: "unknown",
  };
  const { annotations } = descriptor;
  if (annotations?.[REFERENCE_TYPE] === "attestation-manifest") {
    return { ...summary, Kind: "attestation", AttestationData: { For: annotations[REFERENCE_DIGEST] as Digest } };
  }
  const platform = descriptor.platform ?? (image && platformOf(image));
  if (platform === undefined) return summary;
  const unpacked = [...new Set(image?.chainIds)].reduce(
    (sum, id) => sum + (records.snapshots.get(id)?.sizeBytes ?? 0),
    0,
  );
  return {
    ...summary,
    Size: { Content: parts.bytes, Total: parts.bytes + unpacked },
    Kind: "image",
    ImageData: { Platform: platform, Containers: [], Size: { Unpacked: unpacked } },
  };
}

function platformOf({ config }: PlatformImage): Platform {
  const { architecture, os, variant } = config;
  return { architecture, os, ...(variant ? { variant } : {}) };
}
