/** Bills of materials that lie beside an image in its registry, as OCI referrers. */
import { isKind } from "../lib/errors.ts";
import { fitsPlatform, type PlatformWish } from "../lib/platform.ts";
import type { Descriptor, Digest, Index } from "../model/image.ts";
import { isIndexType } from "../model/media-types.ts";
import { attachDocument, fetchArtifact, fetchBytes } from "../signature/attached-artifact.ts";
import { CliError } from "./cli-error.ts";
import type { RemoteImage } from "./registry-access.ts";

const SPDX_TYPE = "application/spdx+json";
/** On an attestation in an index: the image that it is about. */
const ATTESTED_ANNOTATION = "vnd.docker.reference.digest";
const PREDICATE_ANNOTATION = "in-toto.io/predicate-type";
const SPDX_PREDICATE = "https://spdx.dev/Document";
const CREATED_ANNOTATION = "org.opencontainers.image.created";
const MAX_DOCUMENT_BYTES = 512 * 1024 * 1024;
/** More than any real image has. */
const MAX_INDEXES = 64;

/** `manifest` is the image's own for the platform that was described. */
export async function attachSbom(
  { repository }: RemoteImage,
  manifest: Digest,
  document: string,
): Promise<{ subject: Descriptor; artifact: Descriptor }> {
  const subject = await findSubject(repository, manifest);
  const { creationInfo } = JSON.parse(document) as { creationInfo: { created: string } };
  const artifact = await attachDocument(repository, subject, {
    artifactType: SPDX_TYPE,
    bytes: new TextEncoder().encode(document),
    annotations: { [CREATED_ANNOTATION]: creationInfo.created },
  });
  return { subject, artifact };
}

async function findSubject(repository: RemoteImage["repository"], manifest: Digest): Promise<Descriptor> {
  try {
    return await repository.resolve(manifest);
  } catch (error) {
    if (!isKind(error, "not-found")) throw error;
    const name = `${repository.domain}/${repository.path}`;
    throw new CliError(`${name} holds no image ${manifest}, which is what the image here is: push it first`);
  }
}

/**
 * The document of the image, or of an index' image for `platform`: the newest referrer, else what a build put into the
 * index ("buildx build --sbom"). @throws CliError when there is none
 */
export async function readAttachedSbom(remote: RemoteImage, image: string, platform: PlatformWish): Promise<string> {
  const { repository, target } = remote;
  const descriptor = await repository.resolve(target);
  const manifests = isIndexType(descriptor.mediaType) ? await fetchMembers(remote, descriptor.digest) : [];
  const own = manifests.filter((one) => one.platform && fitsPlatform(one.platform, platform));
  for (const digest of new Set([...own.map((one) => one.digest), descriptor.digest])) {
    const found = await repository.listReferrers(digest, { artifactType: SPDX_TYPE });
    if (found.length > 0) return await readReferrer(remote, newest(found));
  }
  for (const { digest } of own) {
    const attestation = manifests.find(({ annotations }) => annotations?.[ATTESTED_ANNOTATION] === digest);
    const document = attestation && (await readAttestation(remote, attestation.digest));
    if (document !== undefined) return document;
  }
  throw new CliError(
    `${image} has no bill of materials in its registry; make one with \`naru sbom --attach ${image}\``,
  );
}

/** What an index and the indexes in it list. */
async function fetchMembers(remote: RemoteImage, index: Digest, seen = new Set<Digest>()): Promise<Descriptor[]> {
  if (seen.has(index) || seen.size >= MAX_INDEXES) return [];
  seen.add(index);
  const { bytes } = await remote.repository.fetchManifest(index);
  const { manifests = [] } = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Index>;
  const found: Descriptor[] = [];
  for (const member of manifests) {
    if (isIndexType(member.mediaType)) found.push(...(await fetchMembers(remote, member.digest, seen)));
    else found.push(member);
  }
  return found;
}

function newest(referrers: readonly Descriptor[]): Descriptor {
  const createdAt = ({ annotations }: Descriptor) => annotations?.[CREATED_ANNOTATION] ?? "";
  return [...referrers].sort((a, b) => (createdAt(a) < createdAt(b) ? -1 : 1)).at(-1)!;
}

async function readReferrer({ repository }: RemoteImage, { digest }: Descriptor): Promise<string> {
  const { layers } = await fetchArtifact(repository, digest);
  const layer = layers.find(({ mediaType }) => mediaType === SPDX_TYPE);
  if (!layer) throw new CliError(`the artifact ${digest} holds no SPDX document`);
  return new TextDecoder().decode(await fetchBytes(repository, layer, { maxBytes: MAX_DOCUMENT_BYTES }));
}

/** BuildKit's attestations are in-toto statements; the one about the contents has an SPDX document as its predicate. */
async function readAttestation({ repository }: RemoteImage, manifest: Digest): Promise<string | undefined> {
  const { layers } = await fetchArtifact(repository, manifest);
  const layer = layers.find(({ annotations }) => annotations?.[PREDICATE_ANNOTATION] === SPDX_PREDICATE);
  if (!layer) return undefined;
  const text = new TextDecoder().decode(await fetchBytes(repository, layer, { maxBytes: MAX_DOCUMENT_BYTES }));
  const { predicate } = JSON.parse(text) as { predicate?: unknown };
  return `${JSON.stringify(predicate, undefined, 1)}\n`;
}
