/** A manifest as `manifest` keeps and shows it: who it is, and what it says. */
import { type Reference, repositoryOf } from "../../lib/image-reference.ts";
import type { Descriptor, ImageConfig, Index, Manifest, Platform } from "../../model/image.ts";
import { isIndexType, MEDIA } from "../../model/media-types.ts";
import { CliError } from "../cli-error.ts";
import type { RemoteImage } from "../registry-access.ts";

/** The layout of docker's files under `manifests/`, and of `manifest inspect --verbose`. */
export interface ManifestEntry {
  Ref: string;
  Descriptor: Descriptor;
  /** Base64 of the manifest as the registry has it. */
  Raw: string;
  SchemaV2Manifest?: Manifest;
  OCIManifest?: Manifest;
}

const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/** A full name as text: "docker.io/library/debian:12". */
export function referenceText(reference: Reference): string {
  const tag = reference.tag ?? (reference.digest === undefined ? "latest" : undefined);
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${repositoryOf(reference)}${tag === undefined ? "" : `:${tag}`}${digest}`;
}

/** Reads a manifest from its registry; a list or index comes back as such. */
export async function fetchEntry(remote: RemoteImage): Promise<{ index: Index } | { entry: ManifestEntry }> {
  const { descriptor, bytes } = await remote.repository.fetchManifest(remote.target);
  const parsed = JSON.parse(new TextDecoder().decode(bytes));
  if (isIndexType(descriptor.mediaType)) return { index: parsed };
  const platform = await platformOf(remote, parsed);
  return { entry: manifestEntry(referenceText(remote.reference), { ...descriptor, platform }, bytes) };
}

function manifestEntry(ref: string, descriptor: Descriptor, bytes: Uint8Array): ManifestEntry {
  const { mediaType, digest, size, platform } = descriptor;
  const parsed: Manifest = JSON.parse(new TextDecoder().decode(bytes));
  return {
    Ref: ref,
    Descriptor: { mediaType, digest, size, ...(platform && { platform }) },
    Raw: Buffer.from(bytes).toString("base64"),
    ...(mediaType === MEDIA.manifest ? { OCIManifest: parsed } : { SchemaV2Manifest: parsed }),
  };
}

/** Every manifest of an index, with the platform that the index tells. */
export async function fetchMembers(remote: RemoteImage, index: Index): Promise<ManifestEntry[]> {
  const entries: ManifestEntry[] = [];
  for (const member of index.manifests) {
    const { bytes } = await remote.repository.fetchManifest(member.digest);
    entries.push(manifestEntry(`${referenceText(remote.reference)}@${member.digest}`, member, bytes));
  }
  return entries;
}

async function platformOf(remote: RemoteImage, manifest: Manifest): Promise<Platform> {
  const { config } = manifest;
  if (!config || config.size > MAX_CONFIG_BYTES) {
    throw new CliError(`${referenceText(remote.reference)}: the manifest has no image configuration`);
  }
  const parts: Uint8Array[] = [];
  for await (const part of remote.repository.readBlob(config)) parts.push(part);
  const image: ImageConfig & Partial<Platform> = JSON.parse(Buffer.concat(parts).toString());
  return orderedPlatform(image);
}

/** With its keys in docker's order, so that equal lists have equal digests. */
export function orderedPlatform(platform: Platform): Platform {
  const { architecture, os, variant, "os.version": version, "os.features": features } = platform;
  return {
    architecture: architecture ?? "",
    os: os ?? "",
    ...(version && { "os.version": version }),
    ...(features && features.length > 0 && { "os.features": features }),
    ...(variant && { variant }),
  };
}

/** The text of a list, byte for byte as docker's client writes it. */
export function indexText(mediaType: string, manifests: readonly Descriptor[]): string {
  const members = manifests.map(({ mediaType: type, size, digest, urls, annotations, platform }) => ({
    mediaType: type,
    size,
    digest,
    ...(urls && urls.length > 0 && { urls }),
    ...(annotations && { annotations }),
    ...(platform && { platform: orderedPlatform(platform) }),
  }));
  return JSON.stringify({ schemaVersion: 2, mediaType, manifests: members }, undefined, 3);
}

/** OCI as soon as one member is; Docker's list otherwise. */
export function listMediaType(entries: readonly ManifestEntry[]): string {
  return entries.some((entry) => entry.OCIManifest !== undefined) ? MEDIA.index : MEDIA.dockerIndex;
}
