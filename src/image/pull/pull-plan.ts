/** What an image in a registry consists of, and which of its platforms is wanted: everything a pull knows before its layers. */
import type { RemoteRepository } from "../../distribution/contract.ts";
import { NaruError } from "../../lib/errors.ts";
import { machineArchitecture } from "../../lib/machine-architecture.ts";
import { byPlatform, fitsPlatform, type PlatformWish, platformText } from "../../lib/platform.ts";
import type { Descriptor, Digest } from "../../model/image.ts";
import { isIndexType, MEDIA } from "../../model/media-types.ts";
import { parseImageConfig, parseManifest } from "../archive-layout.ts";
import { type ContentStore, MAX_METADATA_BYTES } from "../content-store.ts";
import { chainIdsOf } from "../digests.ts";
import { isAttestation } from "../image-manifests.ts";
import type { BlobSource } from "../image-publisher.ts";
import type { PlatformImage } from "../image-records.ts";
import { type IndexLeaf, indexLeaves } from "../index-tree.ts";

export interface PullPlan {
  /** Of the index or manifest that the reference names. */
  descriptor: Descriptor;
  image: PlatformImage;
  /** Indexes, manifest and configuration. */
  metadata: BlobSource[];
}

const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+(prettyjws|json)$/;
/** Registries hold layers under more names than the specifications know. */
const LAYER_TYPE = /tar|layer|rootfs|octet-stream/;
/** The third is what old clients of Docker wrote. */
const CONFIG_TYPES: readonly string[] = [MEDIA.config, MEDIA.dockerConfig, "application/octet-stream"];

/** @throws {NaruError} invalid for what is no image, or not one for the wished platform */
export async function planPull(
  remote: RemoteRepository,
  descriptor: Descriptor,
  content: ContentStore,
  options: { name: string; platform?: PlatformWish; signal: AbortSignal },
): Promise<PullPlan> {
  const reader = new MetadataReader(remote, content, options.signal);
  refuseSchema1(descriptor, options.name);
  let chosen: IndexLeaf = { descriptor, indexes: [] };
  if (isIndexType(descriptor.mediaType)) {
    chosen = selectManifest(await indexLeaves(descriptor, (index) => reader.manifest(index)), options.platform);
    refuseSchema1(chosen.descriptor, options.name);
  } else if (!isManifestType(descriptor.mediaType)) {
    throw new NaruError("invalid", `unsupported media type ${descriptor.mediaType}`);
  }
  const manifest = parseManifest(await reader.manifest(chosen.descriptor), chosen.descriptor.digest);
  if (!CONFIG_TYPES.includes(manifest.config.mediaType)) {
    throw new NaruError("invalid", `unsupported media type ${manifest.config.mediaType}`);
  }
  // Signatures have a configuration as images have, but no layers that are archives.
  const odd = manifest.layers.find(({ mediaType }) => !LAYER_TYPE.test(mediaType));
  if (odd) throw new NaruError("invalid", `unsupported media type ${odd.mediaType}`);
  const config = parseImageConfig(await reader.blob(manifest.config), manifest.layers.length);
  return {
    descriptor,
    image: {
      manifest: chosen.descriptor.digest,
      ...(chosen.indexes.length > 0 ? { indexes: chosen.indexes } : {}),
      configDigest: manifest.config.digest,
      config,
      layers: manifest.layers,
      chainIds: chainIdsOf(config.rootfs.diff_ids),
    },
    metadata: reader.sourcesOf([
      descriptor.digest,
      ...chosen.indexes,
      chosen.descriptor.digest,
      manifest.config.digest,
    ]),
  };
}

function isManifestType(mediaType: string): boolean {
  return mediaType === MEDIA.manifest || mediaType === MEDIA.dockerManifest;
}

function refuseSchema1({ mediaType }: Descriptor, name: string): void {
  if (!SCHEMA_1.test(mediaType)) return;
  throw new NaruError(
    "invalid",
    `${name} is stored in Docker's old manifest format, schema 1, which is not supported: pull it with an old client and ` +
      "push it again, or ask its author to",
  );
}

/** The manifest for the wish, else for this machine. @throws invalid, telling which platforms there are */
function selectManifest(leaves: readonly IndexLeaf[], wished: PlatformWish | undefined): IndexLeaf {
  const entries = leaves.filter(({ descriptor }) => !isAttestation(descriptor));
  const named = entries.filter(({ descriptor }) => descriptor.platform !== undefined);
  const platformOf = ({ descriptor }: IndexLeaf) => descriptor.platform!;
  const best = byPlatform(named, platformOf, wished && { ...wished, os: wished.os || "linux" });
  // An exact variant, or the nearest below it.
  const chosen = best.find((entry) => !wished || fitsPlatform(platformOf(entry), wished)) ?? best[0];
  const found = chosen ?? entries.find(({ descriptor }) => descriptor.platform === undefined);
  if (found) return found;
  const wanted = platformText({ os: "linux", architecture: machineArchitecture(), ...wished });
  const known = named.map((entry) => platformText(platformOf(entry))).join(", ") || "none";
  throw new NaruError(
    "not-found",
    `no matching manifest for ${wanted} in the manifest list entries (there is: ${known}); choose one with --platform`,
  );
}

/** Small blobs, from here when they are here; remembers all that it read. */
class MetadataReader {
  private readonly sources = new Map<Digest, BlobSource>();

  constructor(
    private readonly remote: RemoteRepository,
    private readonly content: ContentStore,
    private readonly signal: AbortSignal,
  ) {}

  /** What was read under these digests. */
  sourcesOf(digests: readonly Digest[]): BlobSource[] {
    return [...new Set(digests)].map((digest) => this.sources.get(digest)!);
  }

  async manifest(descriptor: Descriptor): Promise<Uint8Array> {
    return await this.read(descriptor, async () => {
      return (await this.remote.fetchManifest(descriptor.digest, { signal: this.signal })).bytes;
    });
  }

  async blob(descriptor: Descriptor): Promise<Uint8Array> {
    return await this.read(descriptor, async () => {
      if (descriptor.size > MAX_METADATA_BYTES) {
        throw new NaruError(
          "invalid",
          `the image configuration ${descriptor.digest} is too large (${descriptor.size} bytes)`,
        );
      }
      const chunks: Uint8Array[] = [];
      for await (const chunk of this.remote.readBlob(descriptor, { signal: this.signal })) chunks.push(chunk);
      return Buffer.concat(chunks);
    });
  }

  private async read(descriptor: Descriptor, fetch: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const { digest } = descriptor;
    const known = await this.content.findWhole(digest);
    const data = known ?? (await fetch());
    // With its bytes also when it is here: it may be removed before the pull holds it.
    this.sources.set(digest, { digest, size: data.length, data, replaces: known === undefined });
    return data;
  }
}

/** Digests of everything that a pull keeps. */
export function planDigests({ metadata, image }: PullPlan): Digest[] {
  return [...new Set([...metadata.map(({ digest }) => digest), ...image.layers.map(({ digest }) => digest)])];
}
