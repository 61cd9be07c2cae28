/** The images by name and id, from memory. */
import { digestOfHex, hexOf, isDigest } from "../lib/digest.ts";
import { NaruError } from "../lib/errors.ts";
import {
  canonicalReference,
  familiarName,
  parseReference,
  type Reference,
  repositoryOf,
} from "../lib/image-reference.ts";
import { byPlatform, fitsPlatform, type PlatformWish, platformText } from "../lib/platform.ts";
import { ZERO_TIME } from "../model/container.ts";
import type { Digest } from "../model/image.ts";
import type { LocalImage } from "./contract.ts";
import {
  allChainIds,
  type ImageRecord,
  type ImageRecords,
  type PlatformImage,
  platformImages,
} from "./image-records.ts";

const ID_PREFIX = /^(sha256:|sha512:|)([0-9a-f]{1,128})$/;

export class ImageCatalog {
  private readonly views = new Map<Digest, LocalImage>();

  constructor(private readonly records: ImageRecords) {}

  list(): LocalImage[] {
    return [...this.records.images.values()].map((record) => this.view(record));
  }

  /** By name, name@digest, id or unique start of an id; undefined also for what is no reference at all. */
  find(ref: string): LocalImage | undefined {
    const record = this.findRecord(ref);
    return record && this.view(record);
  }

  /** @throws invalid for a bad reference, not-found `No such image: x:latest`, or when it is not here for the platform */
  get(ref: string, wished?: PlatformWish): LocalImage {
    const record = this.getRecord(ref);
    const view = this.view(record);
    if (wished === undefined) return view;
    const platform = this.getPlatform(record, wished, ref);
    return platform.manifest === record.manifest ? view : { ...view, ...ofPlatform(platform) };
  }

  /** The image for the wished platform, or the one taken by default. @throws not-found in Docker's words */
  getPlatform(record: ImageRecord, wished: PlatformWish | undefined, ref: string): PlatformImage {
    if (wished === undefined) return record;
    const all = platformImages(record);
    const best = byPlatform(all, ({ config }) => config, { ...wished, os: wished.os || "linux" });
    const found = best.find(({ config }) => fitsPlatform(config, wished));
    if (found) return found;
    const known = all.map(({ config }) => platformText(config)).join(", ");
    throw new NaruError(
      "not-found",
      `image with reference ${ref} was found but its platform (${known}) does not match the specified platform ` +
        `(${platformText(wished)})`,
    );
  }

  getRecord(ref: string): ImageRecord {
    const record = this.findRecord(ref);
    if (record) return record;
    const id = isDigest(ref) ? ref : `sha256:${ref}`;
    if (isDigest(id)) throw new NaruError("not-found", `No such image: ${id}`);
    const reference = parseReference(ref);
    if (reference.digest !== undefined) throw new NaruError("not-found", `No such image: ${ref}`);
    throw new NaruError("not-found", `No such image: ${familiarName(canonicalReference(reference))}`);
  }

  /** To be called when an image or its references changed. */
  forget(id: Digest): void {
    this.views.delete(id);
    // Its children name it as their parent while it is here.
    for (const [child, view] of this.views) if (view.parentId === id) this.views.delete(child);
  }

  private findRecord(ref: string): ImageRecord | undefined {
    const { images } = this.records;
    const exact = images.get(ref) ?? images.get(digestOfHex(ref));
    if (exact) return exact;
    const reference = tryParse(ref);
    const named = reference && this.findByReference(reference);
    return named ?? this.findByPrefix(ref);
  }

  private findByReference(reference: Reference): ImageRecord | undefined {
    const { images, references } = this.records;
    const found = references.get(canonicalReference(reference));
    if (found) return images.get(found.id);
    if (reference.digest === undefined) return undefined;
    const image = images.get(reference.digest);
    const repository = `${repositoryOf(reference)}:`;
    return image && this.records.listReferences(image.id).some((name) => name.startsWith(repository))
      ? image
      : undefined;
  }

  private findByPrefix(ref: string): ImageRecord | undefined {
    const [, algorithm = "", prefix] = ID_PREFIX.exec(ref) ?? [];
    if (prefix === undefined) return undefined;
    let found: ImageRecord | undefined;
    for (const image of this.records.images.values()) {
      if (!image.id.startsWith(algorithm) || !hexOf(image.id).startsWith(prefix)) continue;
      if (found) return undefined;
      found = image;
    }
    return found;
  }

  private view(record: ImageRecord): LocalImage {
    const known = this.views.get(record.id);
    if (known) return known;
    const names = this.records.listReferences(record.id);
    const { parent } = record;
    const view: LocalImage = {
      id: record.id,
      ...ofPlatform(record),
      repoTags: names.filter((name) => !name.includes("@")).map(familiarName),
      repoDigests: names.filter((name) => name.includes("@")).map(familiarName),
      sizeBytes: this.sizeOf(record),
      ...(parent !== undefined && this.records.images.has(parent) ? { parentId: parent } : {}),
    };
    this.views.set(record.id, view);
    return view;
  }

  private sizeOf(record: ImageRecord): number {
    const blobs = record.blobs.reduce((sum, blob) => sum + blob.size, 0);
    return allChainIds(record).reduce((sum, id) => sum + (this.records.snapshots.get(id)?.sizeBytes ?? 0), blobs);
  }
}

function ofPlatform({ manifest, config, chainIds }: PlatformImage) {
  return { manifest, config, chainIds, createdAt: config.created ?? ZERO_TIME };
}

function tryParse(ref: string): Reference | undefined {
  try {
    return parseReference(ref);
  } catch {
    return undefined;
  }
}
