import type { RemoteRepository } from "../../../distribution/contract.ts";
import type { Descriptor, Manifest } from "../../../model/image.ts";
import { isIndexType } from "../../../model/media-types.ts";

interface Copy {
  from: RemoteRepository;
  to: RemoteRepository;
  signal: AbortSignal;
}

/** Brings an image, of all its platforms, into another repository, under its digest. Resolves to its descriptor. */
export async function copyImage(copy: Copy, reference: string): Promise<Descriptor> {
  const { from, to, signal } = copy;
  const { bytes, descriptor } = await from.fetchManifest(reference, { signal });
  const content = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Manifest> & { manifests?: Descriptor[] };
  if (isIndexType(descriptor.mediaType))
    for (const { digest } of content.manifests ?? []) await copyImage(copy, digest);
  else for (const blob of [content.config!, ...content.layers!]) await copyBlob(copy, blob);
  return await to.pushManifest(descriptor.digest, { mediaType: descriptor.mediaType, bytes }, { signal });
}

async function copyBlob({ from, to, signal }: Copy, blob: Descriptor): Promise<void> {
  if (await to.hasBlob(blob.digest, { signal })) return;
  if (from.domain === to.domain && (await to.mountBlob(blob.digest, from.path, { signal }))) return;
  await to.pushBlob(blob, { open: (offset, length) => from.readBlob(blob, { offset, length, signal }) }, { signal });
}
