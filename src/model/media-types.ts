/** Media types of manifests, configurations and layers (OCI image specification 1.1; Docker's schema 2 of the same). */
export const MEDIA = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  layerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  /** The config of a manifest that is no image (OCI image specification, manifest.md, "Guidance for an Empty Descriptor"). */
  empty: "application/vnd.oci.empty.v1+json",
  dockerIndex: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  dockerForeignLayer: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
} as const;

/** Layers that registries need not have, since their owners do not want them copied; `urls` say where they are. */
export function isForeignLayer({ mediaType, urls }: { mediaType: string; urls?: string[] }): boolean {
  const isForeignType =
    mediaType === MEDIA.dockerForeignLayer || mediaType.startsWith("application/vnd.oci.image.layer.nondistributable.");
  return isForeignType && urls !== undefined && urls.length > 0;
}

export function isIndexType(mediaType: string | undefined): boolean {
  return mediaType === MEDIA.index || mediaType === MEDIA.dockerIndex;
}
