/** Signatures, SBOMs and other things that belong to an image: referrers, and tags of clients that know none. */
import type { Descriptor, Digest } from "../../model/image.ts";
import type { RegistryCatalog } from "../contract.ts";
import { parseManifestLinks } from "../manifest-links.ts";

export interface Attachment {
  descriptor: Descriptor;
  type: string;
  /** Of its content; undefined when that is not here. */
  bytes: number | undefined;
}

const KINDS: readonly (readonly [RegExp, string])[] = [
  [/cosign|sigstore|notary|signature/, "Signature"],
  [/spdx|cyclonedx|sbom|syft/, "SBOM"],
  [/in-toto|attestation|provenance|slsa/, "Attestation"],
  [/naru.*chunk/, "Chunk list"],
];
/** cosign's tags, by what they hold. */
const TAG_TYPES = { sig: "cosign signature", att: "in-toto attestation", sbom: "SBOM" } as const;

/** A word for an artifact type. */
export function attachmentKind(type: string): string {
  return KINDS.find(([pattern]) => pattern.test(type.toLowerCase()))?.[1] ?? "Artifact";
}

export async function listAttachments(
  catalog: RegistryCatalog,
  repository: string,
  digests: readonly Digest[],
): Promise<Attachment[]> {
  const found = new Map<Digest, { descriptor: Descriptor; type: string }>();
  for (const digest of digests) {
    for (const descriptor of await catalog.listReferrers(repository, digest).catch(() => [])) {
      found.set(descriptor.digest, { descriptor, type: descriptor.artifactType ?? descriptor.mediaType });
    }
    for (const [ending, type] of Object.entries(TAG_TYPES)) {
      const tag = `${digest.replace(":", "-")}.${ending}`;
      const descriptor = await catalog.findDescriptor(repository, tag).catch(() => undefined);
      if (descriptor !== undefined) found.set(descriptor.digest, { descriptor, type });
    }
  }
  return await Promise.all(
    [...found.values()].map(async (attachment) => {
      const stored = await catalog.findManifest(repository, attachment.descriptor.digest).catch(() => undefined);
      const blobs = stored && parseManifestLinks(stored.bytes).blobs;
      return { ...attachment, bytes: blobs?.reduce((sum, blob) => sum + blob.size, 0) };
    }),
  );
}
