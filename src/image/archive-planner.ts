/** What an image archive, taken apart into files, would become: records and blobs, checked before anything is kept. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import { digestOf, isDigest } from "../lib/digest.ts";
import { NaruError } from "../lib/errors.ts";
import { canonicalReference, familiarName, parseReference, refuseAmbiguousName } from "../lib/image-reference.ts";
import { fitsPlatform, type PlatformWish, platformText } from "../lib/platform.ts";
import type { Descriptor, Digest, Index, Manifest } from "../model/image.ts";
import { isIndexType, MEDIA } from "../model/media-types.ts";
import {
  asDigest,
  type DockerArchiveItem,
  layoutImages,
  parseDockerManifest,
  parseImageConfig,
  parseIndex,
  parseManifest,
} from "./archive-layout.ts";
import type { StagedArchive, StagedFile } from "./archive-staging.ts";
import { detectCompression } from "./compression.ts";
import { type ContentStore, MAX_METADATA_BYTES } from "./content-store.ts";
import { chainIdsOf } from "./digests.ts";
import { isAttestation } from "./image-manifests.ts";
import { type BlobSource, uniqueBlobs } from "./image-publisher.ts";
import { type ImageRecord, imageRecord, type PlatformImage } from "./image-records.ts";
import { indexLeaves } from "./index-tree.ts";

/** An image found in the archive, checked, with nothing of it kept yet. */
export interface PlannedImage {
  record: ImageRecord;
  blobs: BlobSource[];
  references: string[];
}

/** Reads the archive's own description and turns it into records. */
export class ArchivePlanner {
  private readonly files: Map<string, StagedFile>;
  private readonly links: Map<string, string>;
  private readonly staged = new Map<Digest, StagedFile>();

  constructor(
    private readonly content: ContentStore,
    private readonly directory: string,
    archive: StagedArchive,
    /** Platforms to be taken; all when empty. */
    private readonly wishes: PlatformWish[] = [],
  ) {
    this.files = new Map(archive.files);
    this.links = new Map(archive.links);
  }

  async plan(): Promise<PlannedImage[]> {
    for (const [path, file] of this.files) {
      const named = layoutDigest(path);
      if (named !== undefined && file.digest !== named) {
        throw new NaruError("invalid", `invalid archive: the content of ${path} has the digest ${file.digest}`);
      }
      this.staged.set(file.digest, file);
    }
    const index = this.findFile("index.json");
    const items = this.findFile("manifest.json");
    const dockerItems = items ? parseDockerManifest(await this.read(items, "manifest.json")) : [];
    if (index && this.findFile("oci-layout")) {
      return await this.planLayout(parseIndex(await this.read(index, "index.json"), "index.json"), dockerItems);
    }
    if (!items) {
      throw new NaruError(
        "invalid",
        "invalid archive: does not contain a manifest.json (a root file system is taken in with `import`)",
      );
    }
    const planned: PlannedImage[] = [];
    for (const item of dockerItems) planned.push(await this.planDockerItem(item));
    return planned;
  }

  private async planLayout(index: Index, dockerItems: DockerArchiveItem[]): Promise<PlannedImage[]> {
    const planned: PlannedImage[] = [];
    for (const { descriptor, references } of layoutImages(index)) {
      const image = await this.planDescriptor(descriptor, references);
      // docker save notes every tag in manifest.json too; other writers only there.
      for (const item of dockerItems) {
        if (this.findFile(item.Config)?.digest !== image.record.configDigest) continue;
        for (const tag of dockerReferences(item)) if (!image.references.includes(tag)) image.references.push(tag);
      }
      planned.push(image);
    }
    return planned;
  }

  private async planDescriptor(descriptor: Descriptor, references: string[]): Promise<PlannedImage> {
    if (!isIndexType(descriptor.mediaType)) {
      const manifest = parseManifest(await this.readBlob(descriptor), descriptor.digest);
      const image = await this.platformImage(descriptor, manifest);
      if (this.refuses(image.config)) throw this.otherPlatform([image.config], references);
      return await this.planned(descriptor, [image], [descriptor, manifest.config, ...manifest.layers], references);
    }
    const indexes = new Map<Digest, Descriptor>([[descriptor.digest, descriptor]]);
    const leaves = await indexLeaves(descriptor, async (index) => {
      if (index !== descriptor && !(await this.isPresent(index.digest))) return undefined;
      indexes.set(index.digest, index);
      return await this.readBlob(index);
    });
    const blobs: Descriptor[] = [...indexes.values()];
    const images: PlatformImage[] = [];
    for (const leaf of leaves) {
      const entry = leaf.descriptor;
      const manifest = await this.presentManifest(entry);
      if (!manifest || (entry.platform && !isAttestation(entry) && this.refuses(entry.platform))) continue;
      // Attestations are kept, so that saving or pushing gives all of it back.
      if (!isAttestation(entry)) images.push(await this.platformImage(entry, manifest, leaf.indexes));
      blobs.push(entry, manifest.config, ...manifest.layers);
    }
    if (images.length === 0) {
      const platforms = leaves.flatMap((leaf) => leaf.descriptor.platform ?? []);
      throw this.otherPlatform(platforms, references);
    }
    return await this.planned(descriptor, images, blobs, references);
  }

  private refuses(platform: PlatformWish): boolean {
    return this.wishes.length > 0 && !this.wishes.some((wish) => fitsPlatform(platform, wish));
  }

  /** The manifest, when the archive or the store holds all that it names: archives may leave platforms out. */
  private async presentManifest(entry: Descriptor): Promise<Manifest | undefined> {
    if (isIndexType(entry.mediaType) || !(await this.isPresent(entry.digest))) return undefined;
    const manifest = parseManifest(await this.readBlob(entry), entry.digest);
    for (const { digest } of [manifest.config, ...manifest.layers]) {
      if (!(await this.isPresent(digest))) return undefined;
    }
    return manifest;
  }

  private async isPresent(digest: Digest): Promise<boolean> {
    return this.staged.has(digest) || (await this.content.findSize(digest)) !== undefined;
  }

  private async platformImage(
    { digest }: Descriptor,
    manifest: Manifest,
    indexes: Digest[] = [],
  ): Promise<PlatformImage> {
    const config = parseImageConfig(await this.readBlob(manifest.config), manifest.layers.length);
    return {
      manifest: digest,
      ...(indexes.length > 0 ? { indexes } : {}),
      configDigest: manifest.config.digest,
      config,
      layers: manifest.layers,
      chainIds: chainIdsOf(config.rootfs.diff_ids),
    };
  }

  private otherPlatform(known: PlatformWish[], references: string[]): NaruError {
    const platforms = [...new Set(known.map(platformText))].filter((text) => text !== "unknown/unknown");
    const name = references[0] === undefined ? "the image" : familiarName(references[0]);
    const wished = this.wishes.length > 0 ? this.wishes.map(platformText).join(", ") : "any platform in full";
    return new NaruError(
      "invalid",
      `the archive does not have ${name} for ${wished}; it names: ${platforms.join(", ") || "no platform"}`,
    );
  }

  private async planDockerItem(item: DockerArchiveItem): Promise<PlannedImage> {
    const configFile = this.getFile(item.Config);
    const configData = await this.read(configFile, item.Config);
    const config = parseImageConfig(configData, item.Layers.length);
    const layers: Descriptor[] = [];
    for (const path of item.Layers) layers.push(await this.layerDescriptor(this.getFile(path)));
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      config: { mediaType: MEDIA.config, digest: configFile.digest, size: configFile.size },
      layers,
    };
    const data = Buffer.from(JSON.stringify(manifest));
    const descriptor: Descriptor = { mediaType: MEDIA.manifest, digest: digestOf(data), size: data.length };
    const blobs = [descriptor, manifest.config, ...layers];
    if (this.refuses(config)) throw this.otherPlatform([config], dockerReferences(item));
    const platform: PlatformImage = {
      manifest: descriptor.digest,
      configDigest: configFile.digest,
      config,
      layers,
      chainIds: chainIdsOf(config.rootfs.diff_ids),
    };
    const image = await this.planned(descriptor, [platform], blobs, dockerReferences(item));
    for (const blob of image.blobs) if (blob.digest === descriptor.digest) blob.data = data;
    return image;
  }

  private async layerDescriptor(file: StagedFile): Promise<Descriptor> {
    await using handle = await open(join(this.directory, file.fileName));
    const start = Buffer.alloc(8);
    await handle.read(start, 0, start.length, 0);
    const compression = detectCompression(start);
    const mediaType = compression === "gzip" ? MEDIA.layerGzip : compression === "zstd" ? MEDIA.layerZstd : MEDIA.layer;
    return { mediaType, digest: file.digest, size: file.size };
  }

  private async planned(
    descriptor: Descriptor,
    images: PlatformImage[],
    kept: Descriptor[],
    references: string[],
  ): Promise<PlannedImage> {
    const unique = uniqueBlobs(kept);
    const record = imageRecord(descriptor, images, unique);
    const blobs: BlobSource[] = [];
    for (const blob of unique) blobs.push(await this.blobSource(blob, descriptor));
    return { record, blobs, references: [...references] };
  }

  private async blobSource(blob: { digest: Digest; size: number }, top: Descriptor): Promise<BlobSource> {
    const file = this.staged.get(blob.digest);
    const size = file?.size ?? (await this.content.findSize(blob.digest));
    // The manifest that naru writes for Docker's format exists only in memory until then.
    if (size === undefined && blob.digest === top.digest) return blob;
    if (size === undefined) throw new NaruError("invalid", `invalid archive: the blob ${blob.digest} is missing`);
    if (size !== blob.size) {
      throw new NaruError(
        "invalid",
        `invalid archive: ${blob.digest} has ${size} bytes, its descriptor says ${blob.size}`,
      );
    }
    return file ? { ...blob, path: join(this.directory, file.fileName) } : blob;
  }

  private async readBlob(descriptor: Descriptor): Promise<Uint8Array> {
    const digest = asDigest(descriptor.digest, "a manifest");
    const file = this.staged.get(digest);
    if (file) return await this.read(file, digest);
    if ((await this.content.findSize(digest)) === undefined) {
      throw new NaruError("invalid", `invalid archive: the blob ${digest} is missing`);
    }
    return await this.content.readSmall(digest);
  }

  private async read(file: StagedFile, name: string): Promise<Uint8Array> {
    if (file.size > MAX_METADATA_BYTES) {
      throw new NaruError("invalid", `invalid archive: ${name} is too large (${file.size} bytes)`);
    }
    return await Bun.file(join(this.directory, file.fileName)).bytes();
  }

  private findFile(path: string): StagedFile | undefined {
    let name = path.replace(/^(\.?\/)+/, "");
    for (let hops = 0; hops < 16; hops += 1) {
      const file = this.files.get(name);
      if (file) return file;
      const target = this.links.get(name);
      if (target === undefined) return undefined;
      name = target;
    }
    return undefined;
  }

  private getFile(path: string): StagedFile {
    const file = this.findFile(path);
    if (!file) throw new NaruError("invalid", `invalid archive: manifest.json names ${path}, which is missing`);
    return file;
  }
}

/** What the file must be, by its path in an OCI layout. */
function layoutDigest(path: string): Digest | undefined {
  const [, algorithm, hex] = /^blobs\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : undefined;
}

function dockerReferences(item: DockerArchiveItem): string[] {
  return (item.RepoTags ?? []).map((tag) => {
    const reference = parseReference(tag);
    // A digest as a name would be whatever the archive's writer says it is.
    if (reference.digest !== undefined) throw new NaruError("invalid", `invalid tag ${JSON.stringify(tag)}`);
    refuseAmbiguousName(reference);
    return canonicalReference(reference);
  });
}
