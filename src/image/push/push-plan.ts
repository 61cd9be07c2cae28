/** What pushing an image sends: manifests from the leaves to the top, and the blobs that they name. */
import { shortDigest } from "../../lib/digest.ts";
import { NaruError } from "../../lib/errors.ts";
import type { PlatformWish } from "../../lib/platform.ts";
import type { Descriptor, Digest, Manifest } from "../../model/image.ts";
import { isForeignLayer, isIndexType } from "../../model/media-types.ts";
import { parseIndex, parseManifest } from "../archive-layout.ts";
import type { ContentStore } from "../content-store.ts";
import type { ImageCatalog } from "../image-catalog.ts";
import { type ImageRecord, type PlatformImage, platformImages } from "../image-records.ts";

interface ManifestToPush {
  descriptor: Descriptor;
  bytes: Uint8Array;
}
export interface LayerToPush {
  descriptor: Descriptor;
  /** Twelve digits, of what Docker shows for it: the digest without compression. */
  label: string;
  /** Its owners want it to be fetched from them: only its address travels. */
  isForeign: boolean;
}
export interface PushPlan {
  /** What the tag shall name. */
  top: ManifestToPush;
  /** Manifests of an index that are here. */
  children: ManifestToPush[];
  /** Manifests of the index that are not here whole: the registry must have them. */
  missing: Descriptor[];
  /** The top layer first, each once. */
  layers: LayerToPush[];
  configs: Descriptor[];
  /** The image for this machine, to fall back to when the index cannot be pushed; undefined when there are several here. */
  onlyPlatform: PlatformImage | undefined;
}

/** @throws {NaruError} not-found when the image is not here for the platform */
export async function planPush(
  record: ImageRecord,
  wished: PlatformWish | undefined,
  ref: string,
  parts: { content: ContentStore; catalog: ImageCatalog },
): Promise<PushPlan> {
  const planner = new Planner(record, parts.content);
  if (wished) return await planner.single(parts.catalog.getPlatform(record, wished, ref).manifest);
  return isIndexType(record.descriptor.mediaType) ? await planner.index() : await planner.single(record.id);
}

/** The plan for one platform of an index alone. */
export async function planSinglePush(
  record: ImageRecord,
  image: PlatformImage,
  content: ContentStore,
): Promise<PushPlan> {
  return await new Planner(record, content).single(image.manifest);
}

class Planner {
  private readonly layers = new Map<Digest, LayerToPush>();
  private readonly configs = new Map<Digest, Descriptor>();
  private readonly labels = new Map<Digest, string>();
  private readonly present: Set<Digest>;
  /** Indexes that are read already: what hostile ones hold many times is pushed once. */
  private readonly seen = new Set<Digest>();

  constructor(
    private readonly record: ImageRecord,
    private readonly content: ContentStore,
  ) {
    this.present = new Set(record.blobs.map(({ digest }) => digest));
    for (const { layers, config } of platformImages(record)) {
      for (const [index, { digest }] of layers.entries())
        this.labels.set(digest, shortDigest(config.rootfs.diff_ids[index]!));
    }
  }

  async single(digest: Digest): Promise<PushPlan> {
    const bytes = await this.content.readSmall(digest);
    const manifest = parseManifest(bytes, digest);
    this.add(manifest);
    const mediaType = digest === this.record.id ? this.record.descriptor.mediaType : mediaTypeOf(manifest, digest);
    return this.plan({ descriptor: { mediaType, digest, size: bytes.length }, bytes }, [], []);
  }

  async index(): Promise<PushPlan> {
    const children: ManifestToPush[] = [];
    const missing: Descriptor[] = [];
    const bytes = await this.readIndex(this.record.descriptor, children, missing);
    return this.plan({ descriptor: this.record.descriptor, bytes }, children, missing);
  }

  /** What an index holds comes before it. */
  private async readIndex(
    { digest }: Descriptor,
    children: ManifestToPush[],
    missing: Descriptor[],
  ): Promise<Uint8Array> {
    const bytes = await this.content.readSmall(digest);
    for (const descriptor of parseIndex(bytes, digest).manifests) {
      if (isIndexType(descriptor.mediaType) && this.present.has(descriptor.digest)) {
        if (this.seen.has(descriptor.digest)) continue;
        this.seen.add(descriptor.digest);
        children.push({ descriptor, bytes: await this.readIndex(descriptor, children, missing) });
        continue;
      }
      const child = await this.child(descriptor);
      if (child) children.push(child);
      else missing.push(descriptor);
    }
    return bytes;
  }

  private async child(descriptor: Descriptor): Promise<ManifestToPush | undefined> {
    if (!this.present.has(descriptor.digest) || isIndexType(descriptor.mediaType)) return undefined;
    const bytes = await this.content.readSmall(descriptor.digest);
    const manifest = parseManifest(bytes, descriptor.digest);
    const isWhole = [manifest.config, ...manifest.layers].every(({ digest }) => this.present.has(digest));
    if (!isWhole) return undefined;
    this.add(manifest);
    return { descriptor, bytes };
  }

  private add({ config, layers }: Manifest): void {
    this.configs.set(config.digest, config);
    for (const descriptor of [...layers].reverse()) {
      if (this.layers.has(descriptor.digest)) continue;
      const label = this.labels.get(descriptor.digest) ?? shortDigest(descriptor.digest);
      this.layers.set(descriptor.digest, { descriptor, label, isForeign: isForeignLayer(descriptor) });
    }
  }

  private plan(top: ManifestToPush, children: ManifestToPush[], missing: Descriptor[]): PushPlan {
    const [first, another] = platformImages(this.record);
    return {
      top,
      children,
      missing,
      layers: [...this.layers.values()],
      configs: [...this.configs.values()],
      onlyPlatform: another === undefined ? first : undefined,
    };
  }
}

function mediaTypeOf({ mediaType }: Manifest, digest: Digest): string {
  if (mediaType !== undefined) return mediaType;
  throw new NaruError("invalid", `the manifest ${digest} does not say its media type: push the whole index`);
}
