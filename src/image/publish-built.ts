/** An image of built layers: configuration, manifest and, for several platforms or attestations, an index over them. */
import type { Descriptor, Digest, ImageConfig, Index, Manifest } from "../model/image.ts";
import { MEDIA } from "../model/media-types.ts";
import type { Attestation, ImageToPublish, LayerHandle, LayerWorkshop, PublishedImage } from "./contract.ts";
import { chainIdsOf } from "./digests.ts";
import { type BlobSource, smallBlob, uniqueBlobs } from "./image-publisher.ts";
import type { ImageRecord, PlatformImage } from "./image-records.ts";
import type { WorkshopParts } from "./layer-workshop.ts";

type Platform = ImageToPublish["platforms"][number];

interface SmallBlob {
  descriptor: Descriptor;
  data: Uint8Array;
}

/** What one platform adds to the index. */
interface MadePlatform {
  image: PlatformImage;
  config: Descriptor;
  /** In the index: the image's manifest and that of its attestations. */
  manifests: Descriptor[];
  blobs: SmallBlob[];
  /** Every blob, for the image's record. */
  all: Descriptor[];
  /** Snapshots that get their chain ID now, by their directory. */
  snapshots: { chainId: Digest; diffId: Digest; layer: LayerHandle }[];
}

const DOCKER_TYPES: Record<string, string> = {
  [MEDIA.layerGzip]: MEDIA.dockerLayerGzip,
  [MEDIA.manifest]: MEDIA.dockerManifest,
  [MEDIA.config]: MEDIA.dockerConfig,
  [MEDIA.index]: MEDIA.dockerIndex,
};

/** How BuildKit marks the manifests of attestations, so that clients do not take them for platforms. */
const UNKNOWN_PLATFORM = { architecture: "unknown", os: "unknown" };

export async function publishBuiltImage(
  parts: WorkshopParts,
  workshop: LayerWorkshop,
  image: ImageToPublish,
  signal: AbortSignal,
): Promise<PublishedImage> {
  using held = new DisposableStack();
  const made: MadePlatform[] = [];
  for (const platform of image.platforms) made.push(await makePlatform(workshop, platform, image, { held, signal }));
  const record = recordOf(made, image);
  const chainIds = made.flatMap((platform) => platform.image.chainIds);
  const unpin = parts.records.pin({ chainIds, blobs: record.record.blobs.map(({ digest }) => digest) });
  try {
    for (const { snapshots } of made) await nameSnapshots(parts, snapshots);
    const sources: BlobSource[] = [...record.small.map(({ descriptor, data }) => ({ ...descriptor, data }))];
    await parts.publisher.publish(
      record.record,
      [...sources, ...made.flatMap(({ image: { layers } }) => layers)],
      image.references,
    );
  } finally {
    unpin();
    await parts.publisher.collect(chainIds, []);
  }
  const { id, descriptor: own } = record.record;
  const { descriptorAnnotations: annotations } = image;
  const descriptor = annotations ? { ...own, annotations } : own;
  return { image: parts.catalog.get(id), descriptor, configs: made.map(({ config }) => config) };
}

async function makePlatform(
  workshop: LayerWorkshop,
  platform: Platform,
  image: ImageToPublish,
  { held, signal }: { held: DisposableStack; signal: AbortSignal },
): Promise<MadePlatform> {
  const { compression, mediaTypes } = image;
  const typed = (descriptor: Descriptor): Descriptor =>
    mediaTypes === "docker"
      ? { ...descriptor, mediaType: DOCKER_TYPES[descriptor.mediaType] ?? descriptor.mediaType }
      : descriptor;
  const recompressed = async (own: Descriptor) => {
    const { blob, release } = await workshop.recompress(own, { compression, signal });
    held.defer(release);
    return blob;
  };
  const packing = platform.layers.map(async (layer) =>
    layer.kind === "image"
      ? { diffId: layer.diffId, blob: image.forceCompression ? await recompressed(layer.blob) : layer.blob }
      : await workshop.packLayer(layer.id, { compression, signal }),
  );
  // When one fails, the others still have to be held before all are let go of.
  await Promise.allSettled(packing);
  const packed = await Promise.all(packing);
  const diffIds = packed.map(({ diffId }) => diffId);
  const chainIds = chainIdsOf(diffIds);
  const layers = packed.map(({ blob }) => typed(blob));
  const config: ImageConfig = { ...platform.config, rootfs: { type: "layers", diff_ids: diffIds } };
  const configBlob = smallBlob(mediaTypes === "docker" ? MEDIA.dockerConfig : MEDIA.config, config);
  const manifestType = mediaTypes === "docker" ? MEDIA.dockerManifest : MEDIA.manifest;
  const manifest = smallBlob(manifestType, {
    schemaVersion: 2,
    mediaType: manifestType,
    config: configBlob.descriptor,
    layers,
    ...(platform.annotations ? { annotations: platform.annotations } : {}),
  } satisfies Manifest);
  const { architecture, os, variant } = config;
  const inIndex: Descriptor = {
    ...manifest.descriptor,
    ...(platform.descriptorAnnotations ? { annotations: platform.descriptorAnnotations } : {}),
    platform: { architecture, os, ...(variant ? { variant } : {}) },
  };
  const attestations = (await platform.attest?.(inIndex)) ?? [];
  const attestation = attestations.length > 0 ? attest(inIndex.digest, attestations) : undefined;
  return {
    config: configBlob.descriptor,
    image: { manifest: inIndex.digest, configDigest: configBlob.descriptor.digest, config, layers, chainIds },
    manifests: [inIndex, ...(attestation ? [attestation.manifest] : [])],
    blobs: [manifest, configBlob, ...(attestation?.blobs ?? [])],
    all: [
      manifest.descriptor,
      configBlob.descriptor,
      ...layers,
      ...(attestation?.blobs.map(({ descriptor }) => descriptor) ?? []),
    ],
    snapshots: chainIds.map((chainId, index) => ({ chainId, diffId: diffIds[index]!, layer: platform.layers[index]! })),
  };
}

/** The manifest of a platform's attestations, as BuildKit writes it (docs/attestations/attestation-storage.md there). */
function attest(subject: Digest, attestations: readonly Attestation[]) {
  const layers = attestations.map(({ predicateType, statement }) => {
    const blob = smallBlob("application/vnd.in-toto+json", statement);
    return { ...blob, descriptor: { ...blob.descriptor, annotations: { "in-toto.io/predicate-type": predicateType } } };
  });
  const config = smallBlob(MEDIA.config, {
    ...UNKNOWN_PLATFORM,
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map(({ descriptor }) => descriptor.digest) },
  });
  const manifest = smallBlob(MEDIA.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
  } satisfies Manifest);
  const annotations = {
    "vnd.docker.reference.digest": subject,
    "vnd.docker.reference.type": "attestation-manifest",
  };
  return {
    manifest: { ...manifest.descriptor, annotations, platform: UNKNOWN_PLATFORM },
    blobs: [manifest, config, ...layers],
  };
}

function recordOf(made: MadePlatform[], image: ImageToPublish): { record: ImageRecord; small: SmallBlob[] } {
  const [first, ...others] = made.map((platform) => platform.image);
  const manifests = made.flatMap((platform) => platform.manifests);
  const small = made.flatMap(({ blobs }) => blobs);
  const all = made.flatMap((platform) => platform.all);
  let { descriptor } = small[0]!;
  if (manifests.length > 1 || image.indexAnnotations) {
    const mediaType = image.mediaTypes === "docker" ? MEDIA.dockerIndex : MEDIA.index;
    const index = smallBlob(mediaType, {
      schemaVersion: 2,
      mediaType,
      manifests,
      ...(image.indexAnnotations ? { annotations: image.indexAnnotations } : {}),
    } satisfies Index);
    small.push(index);
    all.push(index.descriptor);
    descriptor = index.descriptor;
  }
  const record: ImageRecord = {
    ...first!,
    id: descriptor.digest,
    descriptor,
    ...(others.length > 0 ? { otherPlatforms: others } : {}),
    blobs: uniqueBlobs(all),
    addedAt: new Date().toISOString(),
    ...(image.parent === undefined ? {} : { parent: image.parent }),
  };
  return { record, small };
}

/** Built layers become snapshots where they lie; whoever has the same chain ID already stays. The chain IDs are pinned. */
async function nameSnapshots({ records, settled }: WorkshopParts, named: MadePlatform["snapshots"]): Promise<void> {
  for (const { chainId, diffId, layer } of named) {
    if (layer.kind === "image" && layer.chainId === chainId) continue;
    if (records.snapshots.has(chainId)) continue;
    const source = layer.kind === "image" ? records.snapshots.get(layer.chainId)?.directory : layer.id;
    const sizeBytes =
      layer.kind === "image"
        ? records.snapshots.get(layer.chainId)?.sizeBytes
        : records.builtLayers.get(layer.id)?.sizeBytes;
    // Also of files that have settled: the mark goes with the next sync.
    const unsettled = settled.mark();
    await records.snapshots.put(chainId, { directory: source!, diffId, sizeBytes: sizeBytes ?? 0, ...unsettled });
  }
}
