/** Artifacts beside an image in its registry: manifests whose `subject` is the image (OCI image specification 1.1). */
import type { RemoteRepository } from "../distribution/contract.ts";
import { algorithmOf, digestOf, isDigest } from "../lib/digest.ts";
import { NaruError } from "../lib/errors.ts";
import type { Descriptor, Manifest } from "../model/image.ts";
import { MEDIA } from "../model/media-types.ts";

interface Options {
  signal?: AbortSignal;
}

/** Uploads a small blob and tells its descriptor. */
export async function pushBytes(
  repository: RemoteRepository,
  blob: { mediaType: string; bytes: Uint8Array; annotations?: Record<string, string> },
  options: Options = {},
): Promise<Descriptor> {
  const { bytes, mediaType, annotations } = blob;
  const digest = digestOf(bytes);
  await repository.pushBlob(
    { digest, size: bytes.length },
    { open: (offset, length) => inOnePiece(bytes, offset, length) },
    options,
  );
  return { mediaType, digest, size: bytes.length, ...(annotations && { annotations }) };
}

async function* inOnePiece(
  bytes: Uint8Array,
  offset: number,
  length = bytes.length - offset,
): AsyncGenerator<Uint8Array> {
  if (length > 0) yield bytes.subarray(offset, offset + length);
}

/** Puts a manifest under a tag, or under its own digest. @returns its descriptor */
export async function pushManifestOf(
  repository: RemoteRepository,
  manifest: Manifest,
  { tag, signal }: Options & { tag?: string } = {},
): Promise<Descriptor> {
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  return await repository.pushManifest(tag ?? digestOf(bytes), { mediaType: MEDIA.manifest, bytes }, { signal });
}

/**
 * Attaches one document to an image (OCI image specification, manifest.md, "Guidelines for Artifact Usage").
 * @returns the descriptor of the artifact's manifest
 */
export async function attachDocument(
  repository: RemoteRepository,
  subject: Descriptor,
  document: { artifactType: string; bytes: Uint8Array; annotations?: Record<string, string> },
  options: Options = {},
): Promise<Descriptor> {
  const config = await pushBytes(repository, { mediaType: MEDIA.empty, bytes: Buffer.from("{}") }, options);
  const layer = await pushBytes(repository, { mediaType: document.artifactType, bytes: document.bytes }, options);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    artifactType: document.artifactType,
    config,
    layers: [layer],
    subject: plainDescriptor(subject),
    ...(document.annotations && { annotations: document.annotations }),
  };
  return await pushManifestOf(repository, manifest, options);
}

/** What names a manifest, and nothing that a registry told beside it. */
export function plainDescriptor({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

/** A manifest that must be no index. @throws {NaruError} not-found; invalid when it is no manifest */
export async function fetchArtifact(
  repository: RemoteRepository,
  reference: string,
  options: Options = {},
): Promise<Manifest> {
  const { bytes, descriptor } = await repository.fetchManifest(reference, options);
  let manifest: Partial<Manifest> | null;
  try {
    manifest = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new NaruError("invalid", `the manifest ${descriptor.digest} is no JSON`, { cause });
  }
  if (!Array.isArray(manifest?.layers) || !manifest.layers.every(isDescriptor)) {
    throw new NaruError("invalid", `the manifest ${descriptor.digest} lists no blobs`);
  }
  return manifest as Manifest;
}

function isDescriptor(value: unknown): boolean {
  const { digest, size, mediaType } = (value ?? {}) as Partial<Descriptor>;
  return isDigest(digest) && Number.isSafeInteger(size) && typeof mediaType === "string";
}

/** A whole blob, checked against its digest. @throws {NaruError} invalid when it is larger than `maxBytes` or not what its digest says */
export async function fetchBytes(
  repository: RemoteRepository,
  blob: Descriptor,
  { maxBytes, signal }: Options & { maxBytes: number },
): Promise<Uint8Array> {
  if (blob.size > maxBytes) {
    throw new NaruError(
      "invalid",
      `the blob ${blob.digest} is too large: ${blob.size} bytes where at most ${maxBytes} are read`,
    );
  }
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of repository.readBlob(blob, { signal })) {
    size += piece.length;
    if (size > blob.size) break;
    pieces.push(piece);
  }
  const bytes = Buffer.concat(pieces);
  if (size !== blob.size || digestOf(bytes, algorithmOf(blob.digest)) !== blob.digest) {
    throw new NaruError("invalid", `the registry's bytes of the blob ${blob.digest} are others than its digest says`);
  }
  return bytes;
}
