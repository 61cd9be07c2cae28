/** `docker save`: images as an OCI image layout that also holds Docker's manifest.json, so that every tool reads it. */
import { algorithmOf, hexOf } from "../lib/digest.ts";
import { NaruError } from "../lib/errors.ts";
import { familiarName, parseReference, repositoryOf } from "../lib/image-reference.ts";
import type { PlatformWish } from "../lib/platform.ts";
import type { Descriptor, Digest } from "../model/image.ts";
import { MEDIA } from "../model/media-types.ts";
import type { ContentStore } from "./content-store.ts";
import type { ImageCatalog } from "./image-catalog.ts";
import type { ImagePublisher } from "./image-publisher.ts";
import type { ImageRecord, ImageRecords, PlatformImage } from "./image-records.ts";
import { encodeHeader, padding, type TarEntry } from "./tar-header.ts";

interface SavedImage {
  image: ImageRecord;
  /** The platforms to be saved; undefined: all that is here, attestations too. */
  platforms?: PlatformImage[];
  /** Canonical references to be saved; none for one asked for by id. */
  references: string[];
  /** On its descriptor in index.json. */
  annotations?: Record<string, string>;
}

/** @throws not-found before the first byte, also when an image is not here for one of the wished platforms */
export function planSave(
  refs: string[],
  catalog: ImageCatalog,
  records: ImageRecords,
  wishes: PlatformWish[] = [],
): SavedImage[] {
  const saved = new Map<Digest, SavedImage>();
  for (const ref of refs) {
    for (const [image, reference] of imagesOf(ref, catalog, records)) {
      const platforms = wishes.length > 0 ? wishes.map((wish) => catalog.getPlatform(image, wish, ref)) : undefined;
      const entry = saved.get(image.id) ?? { image, platforms, references: [] };
      if (reference !== undefined && !entry.references.includes(reference)) entry.references.push(reference);
      saved.set(image.id, entry);
    }
  }
  return [...saved.values()];
}

/** A repository's bare name means all of its tags, as in Docker. */
function imagesOf(ref: string, catalog: ImageCatalog, records: ImageRecords): [ImageRecord, string | undefined][] {
  const found = catalog.find(ref);
  const bareName = bareRepository(ref);
  if (bareName !== undefined) {
    const tags = [...records.references.entries()].filter(([name]) => name.startsWith(`${bareName}:`));
    if (tags.length > 0) return tags.map(([name, { id }]) => [records.images.get(id)!, name]);
  }
  const image = catalog.getRecord(ref);
  const reference = found && records.listReferences(image.id).find((name) => matches(ref, name));
  return [[image, reference]];
}

function bareRepository(ref: string): string | undefined {
  try {
    const reference = parseReference(ref);
    return reference.tag === undefined && reference.digest === undefined ? repositoryOf(reference) : undefined;
  } catch {
    return undefined;
  }
}

function matches(ref: string, canonical: string): boolean {
  try {
    const reference = parseReference(ref);
    return `${repositoryOf(reference)}:${reference.tag ?? "latest"}` === canonical;
  } catch {
    return false;
  }
}

/**
 * The archive: blobs in the order of their digests, then the indexes. Equal images give equal bytes. What is being saved is
 * not collected meanwhile.
 */
export async function* saveImages(
  saved: SavedImage[],
  parts: { content: ContentStore; publisher: ImagePublisher },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  const blobs = new Map<Digest, number>();
  for (const item of saved) for (const { digest, size } of savedBlobs(item)) blobs.set(digest, size);
  const letGo = parts.publisher.keep({ blobs: [...blobs.keys()] });
  try {
    yield* archive(saved, blobs, parts.content, signal);
  } finally {
    await letGo();
  }
}

function savedBlobs({ image, platforms }: SavedImage): { digest: Digest; size: number }[] {
  if (platforms === undefined) return image.blobs;
  const wanted = new Set<Digest>([image.id]);
  for (const { manifest, indexes = [], configDigest, layers } of platforms) {
    for (const digest of [...indexes, manifest, configDigest, ...layers.map((layer) => layer.digest)])
      wanted.add(digest);
  }
  return image.blobs.filter(({ digest }) => wanted.has(digest));
}

async function* archive(
  saved: SavedImage[],
  blobs: ReadonlyMap<Digest, number>,
  content: ContentStore,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  yield entryHeader("directory", "blobs/", 0);
  for (const algorithm of new Set([...blobs.keys()].map(algorithmOf).sort())) {
    yield entryHeader("directory", `blobs/${algorithm}/`, 0);
  }
  for (const digest of [...blobs.keys()].sort()) {
    yield* blobEntry(content, digest, blobs.get(digest)!, signal);
  }
  yield* jsonEntry("index.json", layoutIndex(saved));
  yield* jsonEntry("manifest.json", saved.map(dockerItem));
  yield* jsonEntry("oci-layout", { imageLayoutVersion: "1.0.0" });
  yield* jsonEntry("repositories", repositories(saved));
  yield Buffer.alloc(1024);
}

async function* blobEntry(content: ContentStore, digest: Digest, size: number, signal: AbortSignal | undefined) {
  yield entryHeader("file", blobPath(digest), size);
  let written = 0;
  for await (const chunk of Bun.file(content.path(digest)).stream()) {
    signal?.throwIfAborted();
    written += chunk.length;
    yield chunk;
  }
  if (written !== size) {
    throw new NaruError("internal", `blob ${digest} has ${written} bytes instead of ${size}: the data root is damaged`);
  }
  yield padding(size);
}

function* jsonEntry(name: string, value: object): Generator<Uint8Array> {
  const data = Buffer.from(JSON.stringify(value));
  yield entryHeader("file", name, data.length);
  yield data;
  yield padding(data.length);
}

function entryHeader(type: "file" | "directory", path: string, size: number): Buffer {
  const entry: TarEntry = {
    type,
    path,
    linkPath: "",
    mode: type === "file" ? 0o644 : 0o755,
    uid: 0,
    gid: 0,
    size,
    modifiedAt: { seconds: 0, nanoseconds: 0 },
    major: 0,
    minor: 0,
    xattrs: new Map(),
  };
  return encodeHeader(entry);
}

function blobPath(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}

function layoutIndex(saved: SavedImage[]): object {
  const manifests: Descriptor[] = [];
  for (const { image, references, annotations: own } of saved) {
    if (references.length === 0) manifests.push({ ...image.descriptor, ...(own ? { annotations: own } : {}) });
    for (const reference of references) {
      const annotations = {
        ...own,
        "io.containerd.image.name": reference,
        "org.opencontainers.image.ref.name": reference.slice(reference.lastIndexOf(":") + 1),
      };
      manifests.push({ ...image.descriptor, annotations });
    }
  }
  return { schemaVersion: 2, mediaType: MEDIA.index, manifests };
}

/** Docker's own format knows one platform an image. */
function dockerItem({ image: record, platforms, references }: SavedImage): object {
  const image = platforms?.[0] ?? record;
  const sources = image.layers.map(({ mediaType, size, digest }, index) => [
    image.config.rootfs.diff_ids[index]!,
    { mediaType, size, digest },
  ]);
  return {
    Config: blobPath(image.configDigest),
    RepoTags: references.length > 0 ? references.map(familiarName) : null,
    Layers: image.layers.map(({ digest }) => blobPath(digest)),
    LayerSources: Object.fromEntries(sources),
  };
}

/** The oldest of Docker's formats: repository → tag → top layer. */
function repositories(saved: SavedImage[]): object {
  const found: Record<string, Record<string, string>> = {};
  for (const { image, references } of saved) {
    for (const reference of references.map(familiarName)) {
      const colon = reference.lastIndexOf(":");
      const name = reference.slice(0, colon);
      found[name] = {
        ...found[name],
        [reference.slice(colon + 1)]: hexOf(image.layers.at(-1)?.digest ?? ("" as Digest)),
      };
    }
  }
  return found;
}
