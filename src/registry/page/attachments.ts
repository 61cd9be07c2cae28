/** Signatures, SBOMs and other things that belong to an image: referrers, and tags of clients that know none. */
import type { Descriptor, Digest } from "../../model/image.ts";
import type { RegistryCatalog } from "../contract.ts";

export interface Attachment {
  descriptor: Descriptor;
  type: string;
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
  const found = new Map<Digest, Attachment>();
  for (const digest of digests) {
    for (const descriptor of await catalog.listReferrers(repository, digest).catch(() => [])) {
      found.set(descriptor.digest, { descriptor, type: descriptor.artifactType ?? descriptor.mediaType });
    }
    for (const [ending, type] of Object.entries(TAG_TYPES)) {
      const descriptor = await catalog
        .findDescriptor(repository, `${digest.replace(":", "-")}.${ending}`)
        .catch(() => undefined);
      if (descriptor !== undefined) found.set(descriptor.digest, { descriptor, type });
    }
  }
  return [...found.values()];
}
