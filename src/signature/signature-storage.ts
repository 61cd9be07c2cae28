/**
 * Where signatures lie in a registry (sigstore's cosign signature specification). Each is a blob, the payload, listed in a
 * manifest with the signature as an annotation. The manifest is found in one of two ways:
 *   tag       sha256-<hex of the image's digest>.sig; what every cosign, skopeo and podman looks for
 *   referrer  its `subject` is the image (OCI 1.1); cosign's "oci-1-1" mode
 * Both are read; all signatures of an image lie in one manifest each way, as cosign expects.
 */
import type { RemoteRepository } from "../distribution/contract.ts";
import { errorText, isKind, NaruError } from "../lib/errors.ts";
import type { Descriptor, Digest, Manifest } from "../model/image.ts";
import { MEDIA } from "../model/media-types.ts";
import { fetchArtifact, fetchBytes, plainDescriptor, pushBytes, pushManifestOf } from "./attached-artifact.ts";
import type { StoredSignature } from "./contract.ts";

export type SignaturePlace = "tag" | "referrer";

const PAYLOAD_MEDIA_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature";
const ARTIFACT_TYPE = "application/vnd.dev.cosign.artifact.sig.v1+json";
/** A payload is some 300 bytes; hostile registries get no further. */
const MAX_PAYLOAD_BYTES = 256 * 1024;
const MAX_SIGNATURES = 200;
const ZERO_TIME = "0001-01-01T00:00:00Z";
/** Somebody else may sign at the same moment; the tag then holds only the later manifest. */
const STORE_ATTEMPTS = 5;

interface Options {
  signal?: AbortSignal;
}

/** The signatures of an image. */
interface FoundSignatures {
  signatures: StoredSignature[];
  /** What lay among them and could not be read, in words. */
  damage: string[];
}

export function signatureTag(digest: Digest): string {
  return `${digest.replace(":", "-")}.sig`;
}

/** Signatures of both places, each once. Finding none is no error. @throws {NaruError} those of the registry's client */
export async function listSignatures(
  repository: RemoteRepository,
  digest: Digest,
  { only, ...options }: Options & { only?: SignaturePlace } = {},
): Promise<FoundSignatures> {
  const damage: string[] = [];
  const manifests = [
    only === "referrer" ? undefined : await findTagged(repository, digest, damage, options),
    ...(only === "tag" ? [] : await listReferring(repository, digest, damage, options)),
  ];
  const signatures = new Map<string, StoredSignature>();
  for (const layer of manifests.flatMap((manifest) => signatureLayers(manifest))) {
    const key = layerKey(layer);
    if (signatures.has(key)) continue;
    if (signatures.size >= MAX_SIGNATURES) {
      damage.push(`only the first ${MAX_SIGNATURES} signatures were read`);
      break;
    }
    try {
      const payload = await fetchBytes(repository, layer, { ...options, maxBytes: MAX_PAYLOAD_BYTES });
      signatures.set(key, { payload: new TextDecoder().decode(payload), signature: signatureOf(layer) });
    } catch (error) {
      keepDamage(error, damage);
    }
  }
  return { signatures: [...signatures.values()], damage };
}

/** Damage of one signature must not hide the others; a registry that cannot be reached is another matter. */
function keepDamage(error: unknown, damage: string[]): void {
  if (!isKind(error, "invalid") && !isKind(error, "not-found")) throw error;
  damage.push(errorText(error));
}

async function findTagged(
  repository: RemoteRepository,
  digest: Digest,
  damage: string[],
  options: Options,
): Promise<Manifest | undefined> {
  try {
    return await fetchArtifact(repository, signatureTag(digest), options);
  } catch (error) {
    if (isKind(error, "not-found")) return undefined;
    keepDamage(error, damage);
    return undefined;
  }
}

async function listReferring(
  repository: RemoteRepository,
  digest: Digest,
  damage: string[],
  options: Options,
): Promise<Manifest[]> {
  const referrers = await repository.listReferrers(digest, { ...options, artifactType: ARTIFACT_TYPE });
  const manifests: Manifest[] = [];
  for (const { digest: referrer } of referrers.slice(0, MAX_SIGNATURES)) {
    try {
      const manifest = await fetchArtifact(repository, referrer, options);
      if (manifest.subject?.digest === digest) manifests.push(manifest);
    } catch (error) {
      keepDamage(error, damage);
    }
  }
  return manifests;
}

function signatureLayers(manifest: Manifest | undefined): Descriptor[] {
  return (manifest?.layers ?? []).filter(
    (layer) => layer.mediaType === PAYLOAD_MEDIA_TYPE && signatureOf(layer) !== "",
  );
}

function signatureOf({ annotations }: Descriptor): string {
  const signature = annotations?.[SIGNATURE_ANNOTATION];
  return typeof signature === "string" ? signature : "";
}

function layerKey(layer: Descriptor): string {
  return `${layer.digest} ${signatureOf(layer)}`;
}

/** Adds a signature to those that the image has. @throws {NaruError} those of the registry's client */
export async function storeSignature(
  repository: RemoteRepository,
  subject: Descriptor,
  signature: StoredSignature,
  place: SignaturePlace,
  options: Options = {},
): Promise<void> {
  const layer = await pushBytes(
    repository,
    {
      mediaType: PAYLOAD_MEDIA_TYPE,
      bytes: new TextEncoder().encode(signature.payload),
      annotations: { [SIGNATURE_ANNOTATION]: signature.signature },
    },
    options,
  );
  if (place === "referrer") {
    const known = await listReferring(repository, subject.digest, [], options);
    await pushSignatures(repository, withLayer(known, layer), { subject, options });
    return;
  }
  for (let attempt = 1; attempt <= STORE_ATTEMPTS; attempt += 1) {
    const known = await findTagged(repository, subject.digest, [], options);
    await pushSignatures(repository, withLayer([known], layer), { tag: signatureTag(subject.digest), options });
    const after = await findTagged(repository, subject.digest, [], options);
    if (signatureLayers(after).some((one) => layerKey(one) === layerKey(layer))) return;
  }
  throw new NaruError("conflict", `the signatures of ${subject.digest} are being changed by others; sign again`);
}

/** Everything that the manifests list, also what is no signature of ours to read, and the new one. */
function withLayer(manifests: (Manifest | undefined)[], layer: Descriptor): Descriptor[] {
  const layers = new Map<string, Descriptor>();
  for (const known of manifests.flatMap((manifest) => manifest?.layers ?? [])) layers.set(layerKey(known), known);
  return [...layers.set(layerKey(layer), layer).values()];
}

async function pushSignatures(
  repository: RemoteRepository,
  layers: Descriptor[],
  { subject, tag, options }: { subject?: Descriptor; tag?: string; options: Options },
): Promise<void> {
  // Readers of the tag scheme take the manifest for an image's and read its configuration.
  const image = {
    architecture: "",
    created: ZERO_TIME,
    history: layers.map(() => ({ created: ZERO_TIME })),
    os: "",
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.digest) },
    config: {},
  };
  const mediaType = subject === undefined ? MEDIA.config : ARTIFACT_TYPE;
  const config = await pushBytes(repository, { mediaType, bytes: Buffer.from(JSON.stringify(image)) }, options);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    ...(subject && { artifactType: ARTIFACT_TYPE }),
    config,
    layers,
    ...(subject && { subject: plainDescriptor(subject) }),
  };
  await pushManifestOf(repository, manifest, { tag, signal: options.signal });
}
