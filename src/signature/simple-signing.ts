/**
 * The text that is signed: containers' "simple signing" format as cosign uses it (sigstore's cosign signature
 * specification, SIGNATURE_SPEC; containers/image's policy for "sigstoreSigned" reads the same).
 */
import { errorText, NaruError } from "../lib/errors.ts";
import { NARU_VERSION } from "../lib/version.ts";
import type { Digest } from "../model/image.ts";

const PAYLOAD_TYPE = "cosign container image signature";
const DIGEST = /^[a-z0-9]+:[0-9a-f]{32,}$/;

/** What a signer says. */
export interface Claims {
  /** The image's name, as the signer called it: a repository, with or without a tag. Empty when it tells none. */
  dockerReference: string;
  digest: Digest;
  /** What kind of claim it is. */
  type: string;
  /** The signer's annotations, and what its program wrote of itself (`creator`, `timestamp`). */
  optional: Record<string, unknown>;
}

/** Keys of `optional` that programs write of themselves; readers of containers/image demand their types. */
export const OWN_ANNOTATIONS: readonly string[] = ["creator", "timestamp"];

/** The payload of a new signature. `signedAt` in milliseconds since 1970. */
export function writePayload(
  claims: { dockerReference: string; digest: Digest; annotations: Readonly<Record<string, string>> },
  signedAt: number,
): string {
  return JSON.stringify({
    critical: {
      identity: { "docker-reference": claims.dockerReference },
      image: { "docker-manifest-digest": claims.digest },
      type: PAYLOAD_TYPE,
    },
    optional: { creator: `naru ${NARU_VERSION}`, timestamp: Math.floor(signedAt / 1000), ...claims.annotations },
  });
}

/**
 * Reads a payload whose signature is good. What is not understood in its critical part is refused, as its name demands.
 * @throws {NaruError} invalid
 */
export function readPayload(text: string): Claims {
  const refuse = (why: string) => new NaruError("invalid", `the signed text is no image signature: ${why}`);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw refuse(errorText(error));
  }
  const { critical, optional, ...others } = asObject(document, "the text", refuse);
  if (Object.keys(others).length > 0) throw refuse(`unknown part "${Object.keys(others)[0]}"`);
  const { identity, image, type, ...unknown } = asObject(critical, "critical", refuse);
  if (Object.keys(unknown).length > 0) throw refuse(`unknown critical part "${Object.keys(unknown)[0]}"`);
  if (type !== PAYLOAD_TYPE) throw refuse(`its type is ${JSON.stringify(type)}`);
  const dockerReference = asObject(identity, "critical.identity", refuse)["docker-reference"];
  const digest = asObject(image, "critical.image", refuse)["docker-manifest-digest"];
  if (typeof dockerReference !== "string") throw refuse("it names no image");
  if (typeof digest !== "string" || !DIGEST.test(digest)) throw refuse("it names no digest");
  const annotations = optional === null || optional === undefined ? {} : asObject(optional, "optional", refuse);
  return { dockerReference, digest: digest as Digest, type: PAYLOAD_TYPE, optional: annotations };
}

function asObject(value: unknown, name: string, refuse: (why: string) => NaruError): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse(`${name} is no object`);
  return value as Record<string, unknown>;
}

/** True when `claims` has each of these annotations with that value. */
export function hasAnnotations(claims: Claims, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(
    ([key, value]) => Object.hasOwn(claims.optional, key) && String(claims.optional[key]) === value,
  );
}
