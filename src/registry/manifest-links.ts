/** What a manifest refers to, of any type that a registry stores. */
import type { Descriptor, Digest } from "../model/image.ts";

interface ManifestLinks {
  children: Digest[];
  subject: Digest | undefined;
  /** Config and layers. */
  blobs: Descriptor[];
  /** Of the manifest itself, its config and its layers. */
  bytes: number;
}

interface AnyManifest {
  manifests?: Descriptor[];
  config?: Descriptor;
  layers?: Descriptor[];
  /** OCI artifact manifests of registries before 1.1's final form. */
  blobs?: Descriptor[];
  subject?: Descriptor;
}

/** Nothing for bytes that are no JSON: a registry stores them as they came. */
export function parseManifestLinks(bytes: Uint8Array): ManifestLinks {
  let manifest: AnyManifest = {};
  try {
    manifest = (JSON.parse(new TextDecoder().decode(bytes)) as AnyManifest | null) ?? {};
  } catch {
    // No links.
  }
  const blobs = [...(manifest.config ? [manifest.config] : []), ...(manifest.layers ?? []), ...(manifest.blobs ?? [])];
  return {
    children: (manifest.manifests ?? []).map(({ digest }) => digest),
    subject: manifest.subject?.digest,
    blobs,
    bytes: bytes.length + blobs.reduce((sum, blob) => sum + blob.size, 0),
  };
}
