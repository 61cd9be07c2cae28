/** Bills of materials that lie beside an image in its registry, as OCI referrers. */
import { isKind } from "../lib/errors.ts";
import { machineArchitecture } from "../lib/machine-architecture.ts";
import type { Descriptor, Digest, Index } from "../model/image.ts";
import { isIndexType } from "../model/media-types.ts";
import { attachDocument, fetchArtifact, fetchBytes } from "../signature/attached-artifact.ts";
import { CliError } from "./cli-error.ts";
import type { RemoteImage } from "./registry-access.ts";

const SPDX_TYPE = "application/spdx+json";
const CREATED_ANNOTATION = "org.opencontainers.image.created";
const MAX_DOCUMENT_BYTES = 512 * 1024 * 1024;

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

/** The document of the image, or of this machine's image in an index; of several the newest. @throws CliError when there is none */
export async function readAttachedSbom(remote: RemoteImage, image: string): Promise<string> {
  const { repository, target } = remote;
  const found: Descriptor[] = [];
  for (const digest of await candidates(remote, await repository.resolve(target))) {
    found.push(...(await repository.listReferrers(digest, { artifactType: SPDX_TYPE })));
    if (found.length > 0) break;
  }
  const createdAt = ({ annotations }: Descriptor) => annotations?.[CREATED_ANNOTATION] ?? "";
  const newest = found.sort((a, b) => (createdAt(a) < createdAt(b) ? -1 : 1)).at(-1);
  if (!newest)
    throw new CliError(
      `${image} has no bill of materials in its registry; make one with \`naru sbom --attach ${image}\``,
    );
  const { layers } = await fetchArtifact(repository, newest.digest);
  const layer = layers.find(({ mediaType }) => mediaType === SPDX_TYPE);
  if (!layer) throw new CliError(`the artifact ${newest.digest} holds no SPDX document`);
  return new TextDecoder().decode(await fetchBytes(repository, layer, { maxBytes: MAX_DOCUMENT_BYTES }));
}

async function candidates({ repository }: RemoteImage, descriptor: Descriptor): Promise<Digest[]> {
  if (!isIndexType(descriptor.mediaType)) return [descriptor.digest];
  const { bytes } = await repository.fetchManifest(descriptor.digest);
  const { manifests = [] } = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Index>;
  const own = manifests.filter(
    ({ platform }) => platform?.os === "linux" && platform.architecture === machineArchitecture(),
  );
  return [...own.map(({ digest }) => digest), descriptor.digest];
}
