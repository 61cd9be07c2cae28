/** Reads and checks manifests: Docker's schema 2 and manifest list, OCI's manifest and index (image specification 1.1). */
import type { Descriptor, Digest } from "../../model/image.ts";
import { isIndexType, MEDIA } from "../../model/media-types.ts";
import { parseDigest } from "../names.ts";
import { RegistryError } from "../registry-error.ts";

/** The specification's recommendation, "Pushing Manifests". */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const TYPES: ReadonlySet<string> = new Set([MEDIA.manifest, MEDIA.index, MEDIA.dockerManifest, MEDIA.dockerIndex]);
const SCHEMA_1 = /^application\/(?:vnd\.docker\.distribution\.manifest\.v1\+(?:json|prettyjws)|json)$/;

export interface ManifestContent {
  mediaType: string;
  /** Config and layers that the repository must have. */
  blobs: Descriptor[];
  /** Layers that may also lie elsewhere (they name addresses). */
  foreign: Descriptor[];
  /** Manifests of an index. */
  manifests: Descriptor[];
  subject?: Descriptor;
  /** As the referrers list shows it: the manifest's own, or its config's type. */
  artifactType?: string;
  annotations?: Record<string, string>;
}

/**
 * `contentType` is the request's, which must agree with the content's own.
 * @throws MANIFEST_INVALID saying which field; SIZE_INVALID (413)
 */
export function readManifest(contentType: string | undefined, bytes: Uint8Array): ManifestContent {
  if (bytes.length > MAX_MANIFEST_BYTES) throw tooLarge();
  const json = parseObject(bytes);
  const stated = json.mediaType === undefined ? undefined : text(json.mediaType, "mediaType");
  const sent = contentType?.split(";")[0]?.trim().toLowerCase() || undefined;
  if (SCHEMA_1.test(sent ?? "") && json.schemaVersion === 1) {
    throw invalid("schema 1 manifests are not taken: push the image again with a newer client");
  }
  const mediaType = stated ?? sent;
  if (mediaType === undefined) throw invalid("the request needs a Content-Type with the manifest's media type");
  if (sent !== undefined && sent !== mediaType) {
    throw invalid(`the Content-Type ${sent} is not the manifest's mediaType ${mediaType}`);
  }
  if (!TYPES.has(mediaType)) throw invalid(`manifests of type ${mediaType} are not taken`);
  if (json.schemaVersion !== 2) throw invalid("schemaVersion must be 2");
  return isIndexType(mediaType) ? readIndex(mediaType, json) : readImage(mediaType, json);
}

/** The digests that must stay as long as the manifest does. */
export function referencedDigests(content: ManifestContent): Digest[] {
  return [...content.blobs, ...content.foreign, ...content.manifests].map(({ digest }) => digest);
}

export function tooLarge(): RegistryError {
  return new RegistryError("SIZE_INVALID", `a manifest may have up to ${MAX_MANIFEST_BYTES} bytes`, { status: 413 });
}

type Json = Record<string, unknown>;

function readImage(mediaType: string, json: Json): ManifestContent {
  // One text must not be two things to two clients (CVE-2021-41190).
  if (json.manifests !== undefined) throw invalid("an image manifest must not have the field manifests");
  const config = descriptor(json.config, "config");
  const layers = descriptors(json.layers, "layers");
  const isForeign = (layer: Descriptor) => (layer.urls?.length ?? 0) > 0;
  return {
    mediaType,
    blobs: [config, ...layers.filter((layer) => !isForeign(layer))],
    foreign: layers.filter(isForeign),
    manifests: [],
    artifactType: optionalText(json.artifactType, "artifactType") ?? config.mediaType,
    ...common(json),
  };
}

function readIndex(mediaType: string, json: Json): ManifestContent {
  if (json.layers !== undefined || json.config !== undefined) {
    throw invalid("an index must not have the fields config and layers");
  }
  return {
    mediaType,
    blobs: [],
    foreign: [],
    manifests: descriptors(json.manifests, "manifests"),
    artifactType: optionalText(json.artifactType, "artifactType"),
    ...common(json),
  };
}

function common(json: Json): Pick<ManifestContent, "subject" | "annotations"> {
  return {
    subject: json.subject === undefined || json.subject === null ? undefined : descriptor(json.subject, "subject"),
    annotations: annotations(json.annotations, "annotations"),
  };
}

function parseObject(bytes: Uint8Array): Json {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalid("it is not JSON", cause);
  }
  return object(value, "the manifest");
}

function descriptors(value: unknown, field: string): Descriptor[] {
  if (!Array.isArray(value)) throw invalid(`${field} must be a list`);
  return value.map((entry, index) => descriptor(entry, `${field}[${index}]`));
}

function descriptor(value: unknown, field: string): Descriptor {
  const entry = object(value, field);
  const { digest, size, urls } = entry;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw invalid(`${field}.size must be a number of bytes`);
  }
  if (urls !== undefined && urls !== null && !(Array.isArray(urls) && urls.every((url) => typeof url === "string"))) {
    throw invalid(`${field}.urls must be a list of texts`);
  }
  return {
    mediaType: text(entry.mediaType, `${field}.mediaType`),
    digest: digestField(text(digest, `${field}.digest`), field),
    size,
    ...(urls ? { urls: urls as string[] } : {}),
  };
}

function digestField(digest: string, field: string): Digest {
  try {
    return parseDigest(digest);
  } catch (cause) {
    throw invalid(`${field}.digest is no sha256 or sha512 digest`, cause);
  }
}

function annotations(value: unknown, field: string): Record<string, string> | undefined {
  if (value === undefined || value === null) return undefined;
  const entries = object(value, field);
  if (Object.values(entries).some((entry) => typeof entry !== "string")) throw invalid(`${field} must hold texts only`);
  return entries as Record<string, string>;
}

function object(value: unknown, field: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(`${field} must be an object`);
  return value as Json;
}

function text(value: unknown, field: string): string {
  if (typeof value !== "string" || value === "") throw invalid(`${field} must be a text`);
  return value;
}

function optionalText(value: unknown, field: string): string | undefined {
  return value === undefined || value === null || value === "" ? undefined : text(value, field);
}

function invalid(reason: string, cause?: unknown): RegistryError {
  return new RegistryError("MANIFEST_INVALID", `manifest invalid: ${reason}`, { cause });
}
