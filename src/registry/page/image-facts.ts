/** What the page shows of an image, gathered from its manifests and its configuration. */

import type { Descriptor, Digest, HistoryEntry, ImageConfig, Index, Manifest, Platform } from "../../model/image.ts";
import { isIndexType } from "../../model/media-types.ts";
import type { RegistryCatalog } from "../contract.ts";

const MAX_CONFIG_BYTES = 8 * 1024 * 1024;
const KNOWN_CONFIGS = 200;
/** More than any real image has. */
const MAX_INDEXES = 64;

export interface PlatformFacts {
  digest: Digest;
  /** "linux/arm64/v8"; undefined: the manifest is no image ("unknown/unknown" of attestations too). */
  platform: string | undefined;
  /** Compressed, as it travels. */
  bytes: number;
}
interface LayerFacts {
  digest: Digest;
  bytes: number;
  mediaType: string;
}
/** A step of the image's making; `layer` is what it added. */
export interface StepFacts {
  command: string;
  createdAt: string | undefined;
  layer: LayerFacts | undefined;
}
export interface ImageFacts {
  descriptor: Descriptor;
  manifest: Manifest;
  config: ImageConfig | undefined;
  steps: StepFacts[];
  bytes: number;
}

export class ImageReader {
  /** Configurations never change; reading the same ones for every visitor would. */
  readonly #configs = new Map<Digest, ImageConfig | undefined>();

  constructor(private readonly catalog: RegistryCatalog) {}

  /** The platforms of a manifest: those of an index, or the one of an image. */
  async platforms(
    repository: string,
    reference: string,
  ): Promise<{ descriptor: Descriptor; platforms: PlatformFacts[] } | undefined> {
    const found = await this.catalog.findManifest(repository, reference);
    if (found === undefined) return undefined;
    const { descriptor, bytes } = found;
    if (!isIndexType(descriptor.mediaType)) {
      const image = await this.#image(repository, descriptor, bytes);
      return {
        descriptor,
        platforms: [{ digest: descriptor.digest, platform: platformOfConfig(image), bytes: image.bytes }],
      };
    }
    return { descriptor, platforms: await this.#ofIndex(repository, bytes, new Set([descriptor.digest])) };
  }

  /** Indexes may hold indexes; `seen` are those whose platforms are told already. */
  async #ofIndex(repository: string, bytes: Uint8Array, seen: Set<Digest>): Promise<PlatformFacts[]> {
    const ofChild = async (child: Descriptor): Promise<PlatformFacts[]> => {
      const { digest, platform } = child;
      if (!isIndexType(child.mediaType)) {
        return [{ digest, platform: platformText(platform), bytes: await this.#sizeOf(repository, child) }];
      }
      if (seen.has(digest) || seen.size >= MAX_INDEXES) return [];
      seen.add(digest);
      const found = await this.catalog.findManifest(repository, digest).catch(() => undefined);
      return found === undefined ? [] : await this.#ofIndex(repository, found.bytes, seen);
    };
    return (await Promise.all((parseJson<Index>(bytes)?.manifests ?? []).map(ofChild))).flat();
  }

  async image(repository: string, digest: Digest): Promise<ImageFacts | undefined> {
    const found = await this.catalog.findManifest(repository, digest);
    if (found === undefined || isIndexType(found.descriptor.mediaType)) return undefined;
    return await this.#image(repository, found.descriptor, found.bytes);
  }

  async #image(repository: string, descriptor: Descriptor, bytes: Uint8Array): Promise<ImageFacts> {
    const manifest = parseJson<Manifest>(bytes) ?? ({ schemaVersion: 2, layers: [] } as unknown as Manifest);
    const layers = manifest.layers ?? [];
    const config = manifest.config === undefined ? undefined : await this.#config(repository, manifest.config);
    return {
      descriptor,
      manifest,
      config,
      steps: stepsOf(layers, config?.history ?? []),
      bytes: sum(layers) + (manifest.config?.size ?? 0),
    };
  }

  async #sizeOf(repository: string, child: Descriptor): Promise<number> {
    const found = await this.catalog.findManifest(repository, child.digest).catch(() => undefined);
    const manifest = found && parseJson<Manifest>(found.bytes);
    return manifest === undefined ? 0 : sum(manifest.layers ?? []) + (manifest.config?.size ?? 0);
  }

  async #config(repository: string, descriptor: Descriptor): Promise<ImageConfig | undefined> {
    const { digest, size } = descriptor;
    if (this.#configs.has(digest)) return this.#configs.get(digest);
    if (size > MAX_CONFIG_BYTES || !/config|container\.image/.test(descriptor.mediaType)) return undefined;
    const pieces = await this.catalog
      .readBlob(repository, digest)
      .then((stream) => Array.fromAsync(stream))
      .catch(() => undefined);
    const config = pieces && parseJson<ImageConfig>(Buffer.concat(pieces));
    const oldest = this.#configs.keys().next();
    if (this.#configs.size >= KNOWN_CONFIGS && !oldest.done) this.#configs.delete(oldest.value);
    if (pieces !== undefined) this.#configs.set(digest, config);
    return config;
  }
}

/** History entries in order, each with its layer; layers that no entry names come last. */
export function stepsOf(layers: readonly Descriptor[], history: readonly HistoryEntry[]): StepFacts[] {
  const rest = layers.map(({ digest, size, mediaType }) => ({ digest, bytes: size, mediaType }));
  const steps = history.map((entry) => ({
    command: commandWords(entry.created_by ?? entry.comment ?? ""),
    createdAt: entry.created,
    layer: entry.empty_layer === true ? undefined : rest.shift(),
  }));
  return [...steps, ...rest.map((layer) => ({ command: "", createdAt: undefined, layer }))];
}

/** The instruction, without the shell that ran it. */
export function commandWords(createdBy: string): string {
  return createdBy
    .replace(/^(?:RUN )?\|\d+ (?:\S+=\S* )*/, "RUN ")
    .replace(/^\/bin\/sh -c #\(nop\)\s+/, "")
    .replace(/^\/bin\/sh -c /, "RUN ")
    .replace(/^RUN \/bin\/sh -c /, "RUN ")
    .replace(/ # buildkit$/, "")
    .trim();
}

export function platformText(platform: Platform | undefined): string | undefined {
  if (platform === undefined || platform.os === "unknown") return undefined;
  return [platform.os, platform.architecture, platform.variant].filter(Boolean).join("/");
}

function platformOfConfig({ config }: ImageFacts): string | undefined {
  return config?.os ? platformText(config as Platform) : undefined;
}

function sum(layers: readonly Descriptor[]): number {
  return layers.reduce((total, layer) => total + layer.size, 0);
}

function parseJson<T>(bytes: Uint8Array): T | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as T;
  } catch {
    return undefined;
  }
}
