/** Images made here: `docker import` (a root file system becomes a layer) and `docker commit` (a container's changes do). */
import { join } from "node:path";
import { NaruError } from "../lib/errors.ts";
import { canonicalReference, parseReference } from "../lib/image-reference.ts";
import { machineArchitecture } from "../lib/machine-architecture.ts";
import type { ContainerConfig } from "../model/container.ts";
import type { Descriptor, Digest, HistoryEntry, ImageConfig } from "../model/image.ts";
import { MEDIA } from "../model/media-types.ts";
import type { ContainerLayer, ImageStore } from "./contract.ts";
import { chainIdsOf } from "./digests.ts";
import { applyChanges } from "./dockerfile-changes.ts";
import type { ImageCatalog } from "./image-catalog.ts";
import type { LoadParts } from "./image-load.ts";
import type { LayerBlob } from "./image-publisher.ts";
import { type ImageRecord, platformImages } from "./image-records.ts";
import type { LayerSource, UnpackedLayer } from "./snapshot-store.ts";

export interface BuildParts extends LoadParts {
  catalog: ImageCatalog;
}

/** sha256 of an archive without entries: the container changed nothing, and the image gets no layer for it. */
const EMPTY_TAR: Digest = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

/** @throws invalid for a bad reference or change, before the archive is read */
export async function importRootTar(
  parts: BuildParts,
  archive: AsyncIterable<Uint8Array>,
  options: Parameters<ImageStore["importTar"]>[1],
): Promise<ImageRecord> {
  const references = referencesOf(options.reference);
  const config = applyChanges({}, options.changes ?? []);
  const platform = parsePlatform(options.platform);
  const created = new Date().toISOString();
  const comment = options.message || "Imported from -";
  const source: LayerSource = { kind: "stream", input: archive };
  return await withNewLayer(parts, source, options.signal, async (layer) => {
    const imageConfig: ImageConfig = {
      ...platform,
      comment,
      created,
      config,
      rootfs: { type: "layers", diff_ids: [layer.diffId] },
      history: [{ created, comment }],
    };
    return await publishWithLayer(parts, imageConfig, { layers: [] }, layer, references);
  });
}

export async function commitLayer(
  parts: BuildParts,
  layer: ContainerLayer,
  options: Parameters<ImageStore["commit"]>[1],
): Promise<ImageRecord> {
  const references = referencesOf(options.reference);
  const record = parts.catalog.getRecord(options.base.id);
  // The container may stand on another platform of the image than the one taken by default.
  const base = platformImages(record).find(({ chainIds }) => chainIds.at(-1) === layer.chainId) ?? record;
  const config = imageConfigOf(applyChanges(options.config, options.changes ?? []));
  const created = new Date().toISOString();
  const source: LayerSource = { kind: "upper", upperDir: layer.root.upperDir };
  return await withNewLayer(parts, source, undefined, async (unpacked) => {
    const isEmpty = unpacked.diffId === EMPTY_TAR;
    const entry: HistoryEntry = {
      created,
      ...(options.author ? { author: options.author } : {}),
      ...(options.containerConfigCmd ? { created_by: options.containerConfigCmd } : {}),
      ...(options.comment ? { comment: options.comment } : {}),
      ...(isEmpty ? { empty_layer: true } : {}),
    };
    const diffIds = [...base.config.rootfs.diff_ids, ...(isEmpty ? [] : [unpacked.diffId])];
    const imageConfig: ImageConfig = {
      architecture: base.config.architecture,
      os: base.config.os,
      ...(base.config.variant ? { variant: base.config.variant } : {}),
      ...(options.author ? { author: options.author } : {}),
      ...(options.comment ? { comment: options.comment } : {}),
      created,
      config,
      rootfs: { type: "layers", diff_ids: diffIds },
      history: [...(base.config.history ?? []), entry],
    };
    const below = { layers: base.layers, parent: record.id };
    return await publishWithLayer(parts, imageConfig, below, isEmpty ? undefined : unpacked, references);
  });
}

/** What of a container's configuration an image keeps: not what belongs to one run. */
function imageConfigOf(config: ContainerConfig): ContainerConfig {
  const { Hostname, Domainname, AttachStdin, AttachStdout, AttachStderr, Tty, OpenStdin, StdinOnce, Image, ...kept } =
    config;
  const { NetworkDisabled, MacAddress, StopTimeout, ...rest } = kept;
  const entries = Object.entries(rest).filter(([, value]) => value !== null && value !== "" && value !== undefined);
  return Object.fromEntries(entries);
}

async function withNewLayer<Result>(
  parts: BuildParts,
  source: LayerSource,
  signal: AbortSignal | undefined,
  use: (layer: UnpackedLayer) => Promise<Result>,
): Promise<Result> {
  const layer = await parts.snapshots.unpack(source, { writeBlob: true, signal });
  try {
    signal?.throwIfAborted();
    return await use(layer);
  } finally {
    await parts.trash.discard(layer.directory);
  }
}

async function publishWithLayer(
  parts: BuildParts,
  config: ImageConfig,
  below: { layers: Descriptor[]; parent?: Digest },
  layer: UnpackedLayer | undefined,
  references: string[],
): Promise<ImageRecord> {
  const chainIds = chainIdsOf(config.rootfs.diff_ids);
  const unpin = parts.records.pin({ chainIds });
  try {
    const layers: LayerBlob[] = below.layers.map((descriptor) => ({ descriptor }));
    if (layer) {
      await parts.snapshots.commit(chainIds.at(-1)!, layer);
      layers.push({ descriptor: layerDescriptor(layer), path: join(layer.directory, "blob") });
    }
    return await parts.publisher.publishBuilt(config, layers, { references, parent: below.parent });
  } finally {
    unpin();
    await parts.publisher.collect(chainIds, []);
  }
}

function layerDescriptor({ compression, blobDigest, blobBytes }: UnpackedLayer): Descriptor {
  const mediaType = compression === "zstd" ? MEDIA.layerZstd : MEDIA.layerGzip;
  return { mediaType, digest: blobDigest, size: blobBytes };
}

function referencesOf(reference: string | undefined): string[] {
  if (!reference) return [];
  const parsed = parseReference(reference);
  if (parsed.digest !== undefined) {
    throw new NaruError("invalid", "cannot import digest reference");
  }
  return [canonicalReference(parsed)];
}

function parsePlatform(platform: string | undefined): Pick<ImageConfig, "architecture" | "os" | "variant"> {
  if (!platform) return { architecture: machineArchitecture(), os: "linux" };
  const [os = "", architecture, variant] = platform.toLowerCase().split("/");
  if (os !== "linux")
    throw new NaruError("invalid", `operating system is not supported: ${os || platform} (naru runs linux images)`);
  return {
    architecture: architecture || machineArchitecture(),
    os,
    ...(variant ? { variant } : {}),
  };
}
