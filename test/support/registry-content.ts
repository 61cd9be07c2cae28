/** Blobs and images for registries in tests. */
import { createHash } from "node:crypto";
import type { RegistryCredentials, RemoteRepository } from "../../src/distribution/contract.ts";
import { createRegistryClient, type RegistryTiming } from "../../src/distribution/registry-client.ts";
import type { Descriptor, Digest, DigestAlgorithm } from "../../src/model/image.ts";
import { MEDIA } from "../../src/model/media-types.ts";

/** Quick to give up, so that tests of failures are short. */
export const QUICK: Partial<RegistryTiming> = {
  idleTimeoutMs: 400,
  requests: { attempts: 4, firstDelayMs: 5, longestDelayMs: 1500 },
  blobs: { attempts: 4, firstDelayMs: 5, longestDelayMs: 1500 },
};

interface ClientOptions {
  mirrors?: string[];
  hostMirrors?: Record<string, string[]>;
  insecureRegistries?: string[];
  certificateDirs?: string[];
}

export function testClient(options: ClientOptions = {}) {
  const settings = { mirrors: [], insecureRegistries: [], certificateDirs: [], downloadAttempts: 4, ...options };
  return createRegistryClient({ settings: () => settings, userAgent: "naru/test", timing: QUICK });
}

export interface RepositoryOptions extends ClientOptions {
  credentials?: RegistryCredentials;
  actions?: "pull" | "pull,push" | "pull,push,delete";
  mountFrom?: string[];
}

export function testRepository(host: string, path: string, options: RepositoryOptions = {}): RemoteRepository {
  const { credentials, actions = "pull,push,delete", mountFrom, ...settings } = options;
  return testClient(settings).repository({ domain: host, path }, { credentials, actions, mountFrom });
}

export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = "sha256"): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

/** Bytes that do not repeat, the same at every call. */
export function blobOf(size: number, seed = 1): { bytes: Uint8Array; descriptor: Descriptor } {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = seed;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state;
  }
  const bytes = new Uint8Array(words.buffer, 0, size);
  return { bytes, descriptor: { mediaType: MEDIA.layer, digest: digestOf(bytes), size } };
}

export function sourceOf(bytes: Uint8Array, piece = 64 * 1024) {
  return {
    async *open(offset: number, length = bytes.length - offset) {
      for (let at = offset; at < offset + length; at += piece)
        yield bytes.subarray(at, Math.min(offset + length, at + piece));
    },
  };
}

export async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  return Buffer.concat(parts);
}

/** Pushes a tiny image, and says what its manifest is. */
export async function pushImage(
  repository: RemoteRepository,
  tag: string,
  options: { layer?: Uint8Array; architecture?: string; subject?: Descriptor; artifactType?: string } = {},
): Promise<Descriptor> {
  const { layer = blobOf(1000).bytes, architecture = "amd64", subject, artifactType } = options;
  const config = JSON.stringify({
    architecture,
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
  });
  const blobs = [new TextEncoder().encode(config), layer];
  for (const bytes of blobs)
    await repository.pushBlob({ digest: digestOf(bytes), size: bytes.length }, sourceOf(bytes));
  const [configBytes, layerBytes] = blobs as [Uint8Array, Uint8Array];
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    ...(artifactType && { artifactType }),
    config: { mediaType: MEDIA.config, digest: digestOf(configBytes), size: configBytes.length },
    layers: [{ mediaType: MEDIA.layer, digest: digestOf(layerBytes), size: layerBytes.length }],
    ...(subject && { subject }),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  return await repository.pushManifest(tag === "" ? digestOf(bytes) : tag, { mediaType: MEDIA.manifest, bytes });
}
