/** Images of OCI layouts that clients have: taken into the store for as long as builds need them. */
import type { ImageStore, LocalImage } from "../../image/contract.ts";
import { algorithmOf, digestOf, isDigest } from "../../lib/digest.ts";
import { NaruError } from "../../lib/errors.ts";
import { fitsPlatform, platformText } from "../../lib/platform.ts";
import type { Descriptor, Digest, Index, Manifest, Platform } from "../../model/image.ts";
import { isIndexType, MEDIA } from "../../model/media-types.ts";
import type { ClientLayout } from "../contract.ts";
import type { BuildRun } from "./build-run.ts";
import { layoutTar } from "./layout-tar.ts";

/** Manifests and configurations are small; what is larger is none. */
const MAX_METADATA_BYTES = 8 * 1024 * 1024;

export class LayoutImages {
  /** Builds that use an image which is here only for them, by its id. */
  private readonly borrowers = new Map<Digest, number>();

  constructor(private readonly images: ImageStore) {}

  /** @throws {NaruError} not-found when the layout has nothing for the platform; invalid for what is no image */
  async bring(layout: ClientLayout, platform: Platform, run: BuildRun): Promise<LocalImage> {
    const { images, borrowers } = this;
    const { signal } = run;
    const root = await findManifest(layout, platform, signal);
    const id = root.digest;
    if (borrowers.has(id) || images.findImage(id) === undefined) {
      // From here on, so that the end of another build does not take the image away.
      borrowers.set(id, (borrowers.get(id) ?? 0) + 1);
      run.undo.defer(() => this.giveBack(id));
    }
    if (images.findImage(id) === undefined) await this.load(layout, root, signal);
    return images.getImage(id);
  }

  private async load(layout: ClientLayout, root: Descriptor, signal: AbortSignal): Promise<void> {
    const { config, layers } = await readManifest(layout, root.digest, signal);
    const read = (digest: Digest) => layout.read(digest, signal);
    const blobs = [config, ...new Map(layers.map((layer) => [layer.digest, layer])).values(), root];
    const loading = this.images.load(layoutTar({ root, blobs, read }), { signal, quiet: true });
    for await (const line of loading) if (typeof line.error === "string") throw new NaruError("invalid", line.error);
  }

  private async giveBack(id: Digest): Promise<void> {
    const left = (this.borrowers.get(id) ?? 1) - 1;
    if (left > 0) {
      this.borrowers.set(id, left);
      return;
    }
    this.borrowers.delete(id);
    // Somebody may have given it a name meanwhile.
    if (this.images.findImage(id)?.repoTags.length === 0) await this.images.deleteImage(id);
  }
}

/** The manifest itself, or the one of an index that fits. */
async function findManifest(layout: ClientLayout, platform: Platform, signal: AbortSignal): Promise<Descriptor> {
  const digest = await layout.root(signal);
  const data = await readSmall(layout, digest, signal);
  const value = parse(data, digest) as Manifest | Index;
  if (!("manifests" in value)) {
    return { mediaType: value.mediaType ?? MEDIA.manifest, digest, size: data.length };
  }
  const manifests = Array.isArray(value.manifests) ? value.manifests.filter(isDescriptor) : [];
  const found = manifests.find((one) => one.platform && fitsPlatform(one.platform, platform));
  if (!found || isIndexType(found.mediaType)) {
    const known = manifests.flatMap((one) => (one.platform ? [platformText(one.platform)] : []));
    const names = known.filter((name) => name !== "unknown/unknown").join(", ") || "no platform";
    throw new NaruError(
      "not-found",
      `the OCI layout ${layout.name} has nothing for ${platformText(platform)}: it has ${names}`,
    );
  }
  const { mediaType, size } = found;
  return { mediaType, digest: found.digest, size };
}

async function readManifest(layout: ClientLayout, digest: Digest, signal: AbortSignal): Promise<Manifest> {
  const manifest = parse(await readSmall(layout, digest, signal), digest) as Partial<Manifest>;
  const { config, layers } = manifest;
  if (!isDescriptor(config) || !Array.isArray(layers) || !layers.every(isDescriptor)) {
    throw new NaruError("invalid", `${digest} of the OCI layout ${layout.name} is no manifest of an image`);
  }
  return manifest as Manifest;
}

function isDescriptor(value: unknown): value is Descriptor {
  const { digest, size } = (value ?? {}) as Partial<Descriptor>;
  return isDigest(digest) && Number.isSafeInteger(size) && size! >= 0;
}

function parse(data: Uint8Array, digest: Digest): object {
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString("utf8"));
    if (typeof value === "object" && value !== null) return value;
  } catch (cause) {
    throw new NaruError("invalid", `${digest} is not JSON`, { cause });
  }
  throw new NaruError("invalid", `${digest} is no JSON object`);
}

/** The bytes of a blob, which must have its digest. */
async function readSmall(layout: ClientLayout, digest: Digest, signal: AbortSignal): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of layout.read(digest, signal)) {
    parts.push(part);
    length += part.length;
    if (length > MAX_METADATA_BYTES) throw new NaruError("invalid", `${digest} is too large for a manifest`);
  }
  const data = Buffer.concat(parts);
  const found = digestOf(data, algorithmOf(digest));
  if (found !== digest) throw new NaruError("invalid", `${digest} of ${layout.name} has the digest ${found}`);
  return data;
}
