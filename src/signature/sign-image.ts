/** Signing images that lie in a registry. The private key stays here. */
import type { KeyObject } from "node:crypto";
import { createPublicKey } from "node:crypto";
import type { RemoteRepository } from "../distribution/contract.ts";
import { errorText, NaruError } from "../lib/errors.ts";
import type { Descriptor, Digest, Index } from "../model/image.ts";
import { isIndexType } from "../model/media-types.ts";
import type { StoredSignature } from "./contract.ts";
import { keyFingerprint, signBytes } from "./key-signature.ts";
import { listSignatures, type SignaturePlace, storeBundle, storeSignature } from "./signature-storage.ts";
import { signedBytes, writeStatement } from "./sigstore-bundle.ts";
import { OWN_ANNOTATIONS, writePayload } from "./simple-signing.ts";
import { judgeSignatures } from "./verify-signature.ts";

interface SignOptions {
  keys: readonly KeyObject[];
  /** What the signature calls the image. */
  dockerReference: string;
  annotations: Readonly<Record<string, string>>;
  places: readonly SignaturePlace[];
  /** Also the images of an index, and indexes in it. */
  isRecursive: boolean;
  signal?: AbortSignal;
}

interface SignedImage {
  digest: Digest;
  /** Signatures that were added; fewer than keys when an equal one by the same key was there. */
  added: number;
}

/** Signs a manifest or index of the repository, and what it lists when told so. Yields each when it is done. */
export async function* signImage(
  repository: RemoteRepository,
  target: Descriptor,
  options: SignOptions,
): AsyncGenerator<SignedImage> {
  for (const name of OWN_ANNOTATIONS) {
    if (Object.hasOwn(options.annotations, name)) {
      throw new NaruError("invalid", `the annotation "${name}" is written by naru itself; choose another name`);
    }
  }
  for await (const image of imagesToSign(repository, target, options)) {
    let added = 0;
    for (const key of options.keys) if (await signWith(key, repository, image, options)) added += 1;
    yield { digest: image.digest, added };
  }
}

/** Images of an index come before it: once the index is signed, all of it is. */
async function* imagesToSign(
  repository: RemoteRepository,
  target: Descriptor,
  options: SignOptions,
  seen = new Set<Digest>(),
): AsyncGenerator<Descriptor> {
  if (seen.has(target.digest)) return;
  seen.add(target.digest);
  if (options.isRecursive && isIndexType(target.mediaType)) {
    const { bytes } = await repository.fetchManifest(target.digest, { signal: options.signal });
    for (const child of parseIndex(bytes, target.digest).manifests) {
      yield* imagesToSign(repository, child, options, seen);
    }
  }
  yield target;
}

function parseIndex(bytes: Uint8Array, digest: Digest): Index {
  try {
    const index: Partial<Index> | null = JSON.parse(new TextDecoder().decode(bytes));
    if (Array.isArray(index?.manifests)) return index as Index;
    throw new Error("it lists no manifests");
  } catch (error) {
    throw new NaruError("invalid", `cannot read the index ${digest}: ${errorText(error)}`);
  }
}

/** False when the image has an equal signature by this key everywhere it was to be. */
async function signWith(
  key: KeyObject,
  repository: RemoteRepository,
  image: Descriptor,
  { dockerReference, annotations, places, signal }: SignOptions,
): Promise<boolean> {
  const { digest } = image;
  const simple = sign(
    { payload: writePayload({ dockerReference, digest, annotations }, Date.now()), signature: "" },
    key,
  );
  const statement = sign(writeStatement(digest, annotations), key);
  let isAdded = false;
  for (const place of places) {
    const isBundle = place === "bundle";
    const { signatures } = await listSignatures(repository, digest, { signal, only: place });
    // A statement tells no name.
    const wanted = { dockerReference: isBundle ? "" : dockerReference, digest, annotations };
    if (hasEqual(signatures, key, wanted)) continue;
    if (isBundle) await storeBundle(repository, image, statement, keyFingerprint(key), { signal });
    else await storeSignature(repository, image, simple, place, { signal });
    isAdded = true;
  }
  return isAdded;
}

function sign(text: StoredSignature, key: KeyObject): StoredSignature {
  return { ...text, signature: signBytes(signedBytes(text), key) };
}

/** Signing twice must not make two signatures that say the same. */
function hasEqual(
  signatures: readonly StoredSignature[],
  key: KeyObject,
  wanted: { dockerReference: string; digest: Digest; annotations: Readonly<Record<string, string>> },
): boolean {
  const { annotations, digest } = wanted;
  const { good } = judgeSignatures(signatures, { keys: [createPublicKey(key)], digests: [digest], annotations });
  const count = Object.keys(annotations).length;
  return good.some(
    ({ claims }) =>
      claims.dockerReference === wanted.dockerReference &&
      Object.keys(claims.optional).filter((name) => !OWN_ANNOTATIONS.includes(name)).length === count,
  );
}
