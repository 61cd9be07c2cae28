/** Whole images for registries in tests: layers that unpack, configurations, manifests and indexes. */
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Descriptor, Digest, DigestAlgorithm } from "../../src/model/image.ts";
import { MEDIA } from "../../src/model/media-types.ts";
import { digestOf } from "./registry-content.ts";
import { type TestEntry, tarOf } from "./tar-building.ts";

export interface TestLayer {
  descriptor: Descriptor;
  diffId: Digest;
  bytes: Uint8Array;
}
export interface TestImage {
  descriptor: Descriptor;
  bytes: Uint8Array;
  config: { descriptor: Descriptor; bytes: Uint8Array };
  layers: TestLayer[];
}

const PACK = {
  gzip: { mediaType: MEDIA.layerGzip, pack: (tar: Uint8Array) => gzipSync(tar, { level: 1 }) },
  zstd: { mediaType: MEDIA.layerZstd, pack: (tar: Uint8Array) => zstdCompressSync(tar) },
  none: { mediaType: MEDIA.layer, pack: (tar: Uint8Array) => tar },
} as const;

export function layerOf(
  entries: TestEntry[],
  compression: keyof typeof PACK = "gzip",
  algorithm?: DigestAlgorithm,
): TestLayer {
  const tar = tarOf(entries);
  const { mediaType, pack } = PACK[compression];
  const bytes = pack(tar);
  const digest = digestOf(bytes, algorithm);
  return { descriptor: { mediaType, digest, size: bytes.length }, diffId: digestOf(tar, algorithm), bytes };
}

/** A file of bytes that do not compress, so that the layer is as large as it. */
export function largeLayer(name: string, megabytes: number): TestLayer {
  const content = new Uint8Array(megabytes * 1024 * 1024);
  for (let at = 0; at < content.length; at += 65_536) crypto.getRandomValues(content.subarray(at, at + 65_536));
  return layerOf([{ path: name, content }]);
}

export function imageOf(
  layers: TestLayer[],
  options: {
    architecture?: string;
    variant?: string;
    config?: object;
    mediaTypes?: "oci" | "docker";
    algorithm?: DigestAlgorithm;
  } = {},
): TestImage {
  const { architecture = process.arch === "x64" ? "amd64" : process.arch, variant, mediaTypes = "oci" } = options;
  const isDocker = mediaTypes === "docker";
  const configBytes = json({
    architecture,
    ...(variant && { variant }),
    os: "linux",
    created: "2026-01-02T03:04:05Z",
    config: options.config ?? { Cmd: ["/bin/sh"] },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map((_, index) => ({ created: "2026-01-02T03:04:05Z", created_by: `layer ${index}` })),
  });
  const config = described(isDocker ? MEDIA.dockerConfig : MEDIA.config, configBytes, options.algorithm);
  const mediaType = isDocker ? MEDIA.dockerManifest : MEDIA.manifest;
  const bytes = json({
    schemaVersion: 2,
    mediaType,
    config,
    layers: layers.map(({ descriptor }) => ({
      ...descriptor,
      ...(isDocker && !descriptor.urls && { mediaType: MEDIA.dockerLayerGzip }),
    })),
  });
  const descriptor = {
    ...described(mediaType, bytes, options.algorithm),
    platform: { os: "linux", architecture, ...(variant && { variant }) },
  };
  return { descriptor, bytes, config: { descriptor: config, bytes: configBytes }, layers };
}

/** Sends what is missing of an image, and the manifest under `reference` (its digest when absent). */
export async function sendImage(host: string, repository: string, image: TestImage, reference?: string): Promise<void> {
  for (const { descriptor, bytes } of [...image.layers, image.config]) {
    if (!descriptor.urls) await sendBlob(host, repository, descriptor, bytes);
  }
  const target = reference ?? image.descriptor.digest;
  await sendManifest(host, repository, target, image.descriptor.mediaType, image.bytes);
}

/** An index of images that are there already. @returns its descriptor */
export async function sendIndex(
  host: string,
  repository: string,
  tag: string,
  manifests: Descriptor[],
): Promise<Descriptor & { bytes: Uint8Array }> {
  const bytes = json({ schemaVersion: 2, mediaType: MEDIA.index, manifests });
  await sendManifest(host, repository, tag, MEDIA.index, bytes);
  return { ...described(MEDIA.index, bytes), bytes };
}

export async function sendBlob(
  host: string,
  repository: string,
  { digest }: Descriptor,
  bytes: Uint8Array,
): Promise<void> {
  const url = `http://${host}/v2/${repository}/blobs`;
  if ((await fetch(`${url}/${digest}`, { method: "HEAD" })).ok) return;
  const begun = await fetch(`${url}/uploads/`, { method: "POST" });
  const location = new URL(begun.headers.get("location") ?? "", url);
  location.searchParams.set("digest", digest);
  const done = await fetch(location, { method: "PUT", body: bytes as Uint8Array<ArrayBuffer> });
  if (done.status !== 201) throw new Error(`blob ${digest}: ${done.status} ${await done.text()}`);
}

export async function sendManifest(
  host: string,
  repository: string,
  reference: string,
  mediaType: string,
  bytes: Uint8Array,
): Promise<void> {
  const answer = await fetch(`http://${host}/v2/${repository}/manifests/${reference}`, {
    method: "PUT",
    headers: { "Content-Type": mediaType },
    body: bytes as Uint8Array<ArrayBuffer>,
  });
  if (answer.status !== 201) throw new Error(`manifest ${reference}: ${answer.status} ${await answer.text()}`);
}

/** The manifest's bytes as the registry has them. */
export async function readManifest(host: string, repository: string, reference: string): Promise<string> {
  const accept = [MEDIA.index, MEDIA.manifest, MEDIA.dockerIndex, MEDIA.dockerManifest].join(", ");
  const answer = await fetch(`http://${host}/v2/${repository}/manifests/${reference}`, { headers: { Accept: accept } });
  return await answer.text();
}

export function json(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function described(mediaType: string, bytes: Uint8Array, algorithm?: DigestAlgorithm): Descriptor {
  return { mediaType, digest: digestOf(bytes, algorithm), size: bytes.length };
}
