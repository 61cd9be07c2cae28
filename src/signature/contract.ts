/**
 * Contract of signatures. A signature is a small JSON text (the *payload*: cosign's "simple signing" format) that names an
 * image by its repository and manifest digest, and a signature of those bytes by a private key. Signatures lie beside
 * the image in its registry. A *policy* says of which images signatures are demanded.
 */
import type { RemoteRepository } from "../distribution/contract.ts";
import type { Reference } from "../lib/image-reference.ts";
import type { Digest } from "../model/image.ts";

/** A signature as it was stored; nothing about it has been checked. */
export interface StoredSignature {
  /** The very text that was signed. */
  payload: string;
  /** Base64. */
  signature: string;
  /** Of a payload in a DSSE envelope, whose type is signed with it; undefined for simple signing. */
  payloadType?: string;
}

/** An image of a registry as a policy judges it. */
export interface PolicyImage {
  reference: Reference;
  /** What the name leads to, and the manifest of the wanted platform when that is another: a signature of either counts. */
  digests: readonly Digest[];
}

/** Which images may be pulled and run. The rules may change at any time; each question is answered by those of the moment. */
export interface ImagePolicy {
  /**
   * To be asked before any layer is fetched. What follows must be fetched by these digests, since a tag may move
   * meanwhile. The signatures that were good are kept for admitRun().
   * @throws {NaruError} forbidden, naming the rule; those of the registry's client
   */
  admitPull(image: PolicyImage, repository: RemoteRepository, options?: { signal?: AbortSignal }): Promise<void>;
  /**
   * To be asked before a container is made of an image that is here. Asks no registry: signatures kept by admitPull() are
   * checked again, by the rules and keys of now. `ref` is what the user called it. An image that was called by its id is
   * judged by all of its names: one that is allowed is enough.
   * @throws {NaruError} forbidden, naming the rule
   */
  admitRun(
    ref: string,
    image: { id: Digest; manifest: Digest; repoTags: readonly string[]; repoDigests: readonly string[] },
  ): void;
}
