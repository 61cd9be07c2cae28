/**
 * Where signatures lie in a registry (sigstore's cosign signature specification). Each is a blob, the payload, listed in a
 * manifest with the signature as an annotation. The manifest is found in one of two ways:
 *   tag       sha256-<hex of the image's digest>.sig; what every cosign, skopeo and podman looks for
 *   referrer  its `subject` is the image (OCI 1.1); cosign's "oci-1-1" mode
 * All signatures of an image lie in one manifest each way, as cosign expects. Cosign 3 writes a third form: a referrer for
 * each, with a *bundle* (sigstore-bundle.ts). All three are read.
 */
import type { RemoteRepository } from "../distribution/contract.ts";
import { algorithmOf } from "../lib/digest.ts";
import { errorText, isKind, NaruError } from "../lib/errors.ts";
import type { Descriptor, Digest, Manifest } from "../model/image.ts";
import { MEDIA } from "../model/media-types.ts";
import {
  attachDocument,
  fetchArtifact,
  fetchBytes,
  plainDescriptor,
  pushBytes,
  pushManifestOf,
} from "./attached-artifact.ts";
import type { StoredSignature } from "./contract.ts";
import { BUNDLE_MEDIA_TYPE, PREDICATE_ANNOTATION, readBundle, SIGN_PREDICATE, writeBundle } from "./sigstore-bundle.ts";

export type SignaturePlace = "tag" | "referrer" | "bundle";

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

/** A sha512 digest is longer than a tag may be. */
function fitsTag(digest: Digest): boolean {
  return algorithmOf(digest) === "sha256";
}

/** Signatures of both places, each once. Finding none is no error. @throws {NaruError} those of the registry's client */
export async function listSignatures(
  repository: RemoteRepository,
  digest: Digest,
  { only, ...options }: Options & { only?: SignaturePlace } = {},
): Promise<FoundSignatures> {
  const found = new SignatureCollection(repository, options);
  if (only === undefined || only === "tag")
    await found.addManifest(await findTagged(repository, digest, found.damage, options));
  if (only !== "tag") {
    for (const manifest of await listReferring(repository, digest, found.damage, options)) {
      await found.addManifest(manifest);
    }
  }
  return { signatures: [...found.signatures.values()], damage: found.damage };
}

/** Fetches what manifests list, each signature once. */
class SignatureCollection {
  readonly signatures = new Map<string, StoredSignature>();
  readonly damage: string[] = [];
  private fetched = 0;

  constructor(
    private readonly repository: RemoteRepository,
    private readonly options: Options,
  ) {}

  async addManifest(manifest: Manifest | undefined): Promise<void> {
    for (const layer of manifest?.layers ?? []) {
      const isBundle = BUNDLE_MEDIA_TYPE.test(layer.mediaType);
      const isPayload = layer.mediaType === PAYLOAD_MEDIA_TYPE && signatureOf(layer) !== "";
      if ((!isBundle && !isPayload) || this.signatures.has(layerKey(layer))) continue;
      this.fetched += 1;
      if (this.fetched > MAX_SIGNATURES) {
        this.damage.push(`only the first ${MAX_SIGNATURES} signatures were read`);
        return;
      }
      try {
        await this.addLayer(layer, isBundle);
      } catch (error) {
        keepDamage(error, this.damage);
      }
    }
  }

  private async addLayer(layer: Descriptor, isBundle: boolean): Promise<void> {
    const bytes = await fetchBytes(this.repository, layer, { ...this.options, maxBytes: MAX_PAYLOAD_BYTES });
    const text = new TextDecoder().decode(bytes);
    const signatures = isBundle ? readBundle(text) : [{ payload: text, signature: signatureOf(layer) }];
    for (const [index, signature] of signatures.entries()) {
      this.signatures.set(index === 0 ? layerKey(layer) : `${layerKey(layer)} ${index}`, signature);
    }
  }
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
  if (!fitsTag(digest)) return undefined;
  try {
    return await fetchArtifact(repository, signatureTag(digest), options);
  } catch (error) {
    if (isKind(error, "not-found")) return undefined;
    keepDamage(error, damage);
    return undefined;
  }
}

/** Manifests of signatures, and of cosign 3's bundles that sign. A registry that lists no referrers has none to hide. */
async function listReferring(
  repository: RemoteRepository,
  digest: Digest,
  damage: string[],
  options: Options,
): Promise<Manifest[]> {
  let referrers: Descriptor[];
  try {
    referrers = await repository.listReferrers(digest, options);
  } catch (error) {
    if (isKind(error, "unavailable") || isKind(error, "unauthorized")) throw error;
    damage.push(`what refers to it cannot be listed: ${errorText(error)}`);
    return [];
  }
  const manifests: Manifest[] = [];
  for (const { digest: referrer } of referrers.filter(maySign).slice(0, MAX_SIGNATURES)) {
    try {
      const manifest = await fetchArtifact(repository, referrer, options);
      if (manifest.subject?.digest === digest && isSigning(manifest)) manifests.push(manifest);
    } catch (error) {
      keepDamage(error, damage);
    }
  }
  return manifests;
}

/**
 * By what the list tells. Where clients keep it themselves, cosign puts the type of the empty configuration there; only the
 * manifest tells more then.
 */
function maySign(listed: Descriptor): boolean {
  const { artifactType = "" } = listed;
  return artifactType === "" || artifactType === MEDIA.empty || isSigning(listed);
}

type Typed = Pick<Descriptor, "artifactType" | "annotations">;

/** `config`: of a manifest, whose type is its own where none is told. */
function isSigning({ config, artifactType = config?.mediaType ?? "", annotations }: Typed & { config?: Descriptor }) {
  if (artifactType === ARTIFACT_TYPE) return true;
  const predicate = annotations?.[PREDICATE_ANNOTATION];
  return BUNDLE_MEDIA_TYPE.test(artifactType) && (predicate === undefined || predicate === SIGN_PREDICATE);
}

function signatureOf({ annotations }: Descriptor): string {
  const signature = annotations?.[SIGNATURE_ANNOTATION];
  return typeof signature === "string" ? signature : "";
}

function layerKey(layer: Descriptor): string {
  return `${layer.digest} ${signatureOf(layer)}`;
}

/** Attaches a signed statement to its image. @throws {NaruError} those of the registry's client */
export async function storeBundle(
  repository: RemoteRepository,
  subject: Descriptor,
  statement: StoredSignature,
  keyHint: string,
  options: Options = {},
): Promise<void> {
  await attachDocument(repository, subject, writeBundle(statement, keyHint), options);
}

/** Adds a signature to those that the image has. @throws {NaruError} those of the registry's client */
export async function storeSignature(
  repository: RemoteRepository,
  subject: Descriptor,
  signature: StoredSignature,
  place: Exclude<SignaturePlace, "bundle">,
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
    const referring = await listReferring(repository, subject.digest, [], options);
    const known = referring.filter((manifest) => manifest.layers.every((one) => one.mediaType === PAYLOAD_MEDIA_TYPE));
    await pushSignatures(repository, withLayer(known, layer), { subject, options });
    return;
  }
  if (!fitsTag(subject.digest)) {
    throw new NaruError("invalid", `no tag is long enough for signatures of ${subject.digest}: use --store referrer`);
  }
  for (let attempt = 1; attempt <= STORE_ATTEMPTS; attempt += 1) {
    const known = await findTagged(repository, subject.digest, [], options);
    await pushSignatures(repository, withLayer([known], layer), { tag: signatureTag(subject.digest), options });
    const after = await findTagged(repository, subject.digest, [], options);
    if (after?.layers.some((one) => layerKey(one) === layerKey(layer))) return;
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
