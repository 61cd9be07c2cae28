/**
 * What an image archive says is in it: an OCI image layout (index.json; OCI image specification, image-layout.md) or
 * Docker's own format (manifest.json). Pure: files are read through a function.
 */
import { isDigest } from "../lib/digest.ts";
import { NaruError } from "../lib/errors.ts";
import { canonicalReference, parseReference, refuseAmbiguousName } from "../lib/image-reference.ts";
import { machineArchitecture } from "../lib/machine-architecture.ts";
import type { Descriptor, Digest, ImageConfig, Index, Manifest } from "../model/image.ts";

export interface DockerArchiveItem {
  Config: string;
  RepoTags: string[] | null;
  Layers: string[];
}

/** An image of an OCI layout, with the names that it shall have (canonical). */
interface LayoutImage {
  descriptor: Descriptor;
  references: string[];
}

const CONTAINERD_NAME = "io.containerd.image.name";
const OCI_NAME = "org.opencontainers.image.ref.name";

/** @throws invalid, in words that name the file */
export function parseJson<T>(data: Uint8Array, name: string): T {
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString("utf8"));
    if (typeof value === "object" && value !== null) return value as T;
  } catch (cause) {
    throw new NaruError("invalid", `invalid archive: ${name} is not JSON: ${(cause as Error).message}`, { cause });
  }
  throw new NaruError("invalid", `invalid archive: ${name} is not a JSON object`);
}

/** @throws invalid */
export function asDigest(text: unknown, where: string): Digest {
  if (isDigest(text)) return text;
  throw new NaruError("invalid", `invalid archive: ${where} has no valid digest (${JSON.stringify(text)})`);
}

function asDescriptor(value: unknown, where: string): Descriptor {
  const descriptor = value as Descriptor | null;
  if (typeof descriptor !== "object" || descriptor === null) {
    throw new NaruError("invalid", `invalid archive: bad descriptor in ${where}`);
  }
  asDigest(descriptor.digest, where);
  if (!Number.isSafeInteger(descriptor.size) || descriptor.size < 0) {
    throw new NaruError("invalid", `invalid archive: bad size of ${descriptor.digest} in ${where}`);
  }
  return descriptor;
}

/** Images of index.json, each once. */
export function layoutImages(index: Index): LayoutImage[] {
  const images = new Map<Digest, LayoutImage>();
  for (const value of asArray(index.manifests, "index.json")) {
    const descriptor = asDescriptor(value, "index.json");
    const known = images.get(descriptor.digest) ?? { descriptor: bare(descriptor), references: [] };
    const reference = referenceOf(descriptor);
    if (reference !== undefined && !known.references.includes(reference)) known.references.push(reference);
    images.set(descriptor.digest, known);
  }
  return [...images.values()];
}

/** The annotations name the image in that archive only. */
function bare({ mediaType, digest, size, platform }: Descriptor): Descriptor {
  return platform ? { mediaType, digest, size, platform } : { mediaType, digest, size };
}

function referenceOf(descriptor: Descriptor): string | undefined {
  const name = descriptor.annotations?.[CONTAINERD_NAME] ?? descriptor.annotations?.[OCI_NAME];
  // A bare tag without a repository ("latest", as skopeo writes for oci-archive:x:latest) names nothing here.
  if (name === undefined || !/[:/]/.test(name)) return undefined;
  const reference = parseReference(name);
  if (reference.digest !== undefined && reference.digest !== descriptor.digest) {
    throw new NaruError("invalid", `invalid archive: index.json gives ${descriptor.digest} the name ${name}`);
  }
  refuseAmbiguousName(reference);
  return canonicalReference(reference);
}

/** @throws invalid */
export function parseIndex(data: Uint8Array, name: string): Index {
  const index = parseJson<Index>(data, name);
  for (const descriptor of asArray(index.manifests, name)) asDescriptor(descriptor, name);
  return index;
}

/** @throws invalid */
export function parseManifest(data: Uint8Array, name: string): Manifest {
  const manifest = parseJson<Manifest>(data, name);
  asDescriptor(manifest.config, name);
  for (const layer of asArray(manifest.layers, name)) asDescriptor(layer, name);
  return manifest;
}

/** @throws invalid when it is no configuration that fits the number of layers, or not for Linux */
export function parseImageConfig(data: Uint8Array, layerCount: number): ImageConfig {
  const config = parseJson<ImageConfig>(data, "the image configuration");
  const diffIds = asArray(config.rootfs?.diff_ids, "the image configuration's rootfs");
  for (const diffId of diffIds) asDigest(diffId, "the image configuration's rootfs");
  if (diffIds.length !== layerCount) {
    throw new NaruError(
      "invalid",
      `invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${layerCount}`,
    );
  }
  checkConfigFields(config);
  if (config.os && config.os !== "linux") {
    throw new NaruError("invalid", `cannot load ${config.os} image on linux`);
  }
  return { ...config, os: config.os || "linux", architecture: config.architecture || machineArchitecture() };
}

type Kind = "text" | "list of texts" | "object" | "list of objects" | "object of texts";
const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown): boolean => typeof value === "string";
const KINDS: Record<Kind, (value: unknown) => boolean> = {
  text: isText,
  "list of texts": (value) => Array.isArray(value) && value.every(isText),
  object: isObject,
  "list of objects": (value) => Array.isArray(value) && value.every(isObject),
  "object of texts": (value) => isObject(value) && Object.values(value).every(isText),
};
const IMAGE_FIELDS: Record<string, Kind> = {
  ...{ created: "text", author: "text", architecture: "text", os: "text", variant: "text" },
  ...{ "os.version": "text", config: "object", history: "list of objects" },
};
const CONTAINER_FIELDS: Record<string, Kind> = {
  ...{ User: "text", WorkingDir: "text", StopSignal: "text", ExposedPorts: "object", Volumes: "object" },
  ...{ Env: "list of texts", Cmd: "list of texts", Entrypoint: "list of texts", Shell: "list of texts" },
  ...{ OnBuild: "list of texts", Labels: "object of texts", Healthcheck: "object" },
};

/** What containers are made of must be what it says it is. @throws invalid, naming the field */
function checkConfigFields(config: ImageConfig): void {
  const check = (holder: object, fields: Record<string, Kind>, where: string) => {
    for (const [field, value] of Object.entries(holder)) {
      const kind = fields[field];
      if (kind === undefined || value === null || KINDS[kind](value)) continue;
      throw new NaruError("invalid", `invalid archive: the image configuration's ${where}${field} is no ${kind}`);
    }
  };
  check(config, IMAGE_FIELDS, "");
  check(config.config ?? {}, CONTAINER_FIELDS, "config.");
}

/** @throws invalid */
export function parseDockerManifest(data: Uint8Array): DockerArchiveItem[] {
  const items = parseJson<DockerArchiveItem[]>(data, "manifest.json");
  for (const item of asArray(items, "manifest.json")) {
    const fits =
      typeof item?.Config === "string" &&
      Array.isArray(item.Layers) &&
      item.Layers.every((layer) => typeof layer === "string") &&
      (item.RepoTags ?? []).every((tag) => typeof tag === "string");
    if (!fits) throw new NaruError("invalid", "invalid archive: manifest.json lacks Config or Layers");
  }
  return items;
}

function asArray<T>(value: T[] | undefined | null, where: string): T[] {
  if (!Array.isArray(value)) throw new NaruError("invalid", `invalid archive: ${where} lacks its list`);
  return value;
}
