/** Reads requests for certificates (PKCS #10, RFC 2986) and checks that who asks has the key. */

import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { DER, type DerElement, derElements, derObjectId, derParts } from "./der-reader.ts";
import { NaruError } from "./errors.ts";

const COMMON_NAME = "2.5.4.3";
const ORGANIZATION = "2.5.4.10";
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
const ALTERNATIVE_NAMES = "2.5.29.17";
/** Digest of each signature algorithm; null where the key's own algorithm has none to choose. */
const DIGESTS: Record<string, string | null> = {
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.3.101.112": null,
};

export interface SigningRequest {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** The whole name, in DER, as it will stand in the certificate. */
  readonly subject: Uint8Array;
  readonly publicKey: KeyObject;
  readonly names: AlternativeNames;
  /** The extension's value in DER; undefined without alternative names. */
  readonly alternativeNames: Uint8Array | undefined;
}

/** How many of each kind (RFC 5280, 4.2.1.6). */
interface AlternativeNames {
  readonly dns: readonly string[];
  readonly addresses: number;
  readonly emails: number;
  readonly uris: number;
}

/** @param text PEM @throws {NaruError} invalid: no request, an unknown signature algorithm, a signature that is not of the key */
export function readSigningRequest(text: string): SigningRequest {
  const match = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([\s\S]+?)-----END (?:NEW )?CERTIFICATE REQUEST-----/.exec(
    text,
  );
  if (match === null) throw new NaruError("invalid", "PEM block type must be CERTIFICATE REQUEST");
  const [outer] = derElements(new Uint8Array(Buffer.from(match[1]!, "base64")));
  const [info, algorithm, signature] = derParts(outer, DER.sequence);
  const [version, subject, key, attributes] = derParts(info, DER.sequence);
  if (version?.tag !== DER.integer || key === undefined)
    throw new NaruError("invalid", "asn1: it is no certificate request");
  const publicKey = keyOf(key.whole);
  const [algorithmId] = derParts(algorithm, DER.sequence);
  checkSignature(publicKey, derObjectId(algorithmId), info!.whole, signature);
  const alternativeNames = attributes === undefined ? undefined : alternativeNamesIn(attributes);
  return {
    ...namesOf(subject),
    subject: subject!.whole,
    publicKey,
    names: countNames(alternativeNames),
    alternativeNames,
  };
}

function keyOf(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  } catch {
    throw new NaruError("invalid", "the public key of the certificate request is of an unknown kind");
  }
}

function checkSignature(
  key: KeyObject,
  algorithm: string,
  signed: Uint8Array,
  signature: DerElement | undefined,
): void {
  const digest = DIGESTS[algorithm];
  if (digest === undefined) {
    throw new NaruError("invalid", `the signature algorithm ${algorithm} of the certificate request is not supported`);
  }
  const isGood = signature?.tag === DER.bits && signature.content[0] === 0 && isSigned(key, digest, signed, signature);
  if (!isGood) throw new NaruError("invalid", "the signature of the certificate request is not of its key");
}

function isSigned(key: KeyObject, digest: string | null, signed: Uint8Array, signature: DerElement): boolean {
  try {
    return verify(digest, signed, key, signature.content.subarray(1));
  } catch {
    // A key that cannot make such a signature did not make it.
    return false;
  }
}

function namesOf(subject: DerElement | undefined): { commonName: string; organizations: string[] } {
  const texts = new Map<string, string[]>([
    [COMMON_NAME, []],
    [ORGANIZATION, []],
  ]);
  for (const set of derParts(subject, DER.sequence)) {
    for (const pair of derParts(set, DER.set)) {
      const [id, value] = derParts(pair, DER.sequence);
      texts.get(derObjectId(id))?.push(new TextDecoder().decode(value?.content));
    }
  }
  return { commonName: texts.get(COMMON_NAME)!.at(-1) ?? "", organizations: texts.get(ORGANIZATION)! };
}

function alternativeNamesIn(attributes: DerElement): Uint8Array | undefined {
  for (const attribute of derParts(attributes, 0xa0)) {
    const [id, values] = derParts(attribute, DER.sequence);
    if (derObjectId(id) !== EXTENSION_REQUEST) continue;
    const [list] = derParts(values, DER.set);
    for (const extension of derParts(list, DER.sequence)) {
      const parts = derParts(extension, DER.sequence);
      if (derObjectId(parts[0]) === ALTERNATIVE_NAMES) return parts.at(-1)!.content;
    }
  }
  return undefined;
}

function countNames(value: Uint8Array | undefined): AlternativeNames {
  const names = value === undefined ? [] : derParts(derElements(value)[0], DER.sequence);
  const ofTag = (tag: number) => names.filter((name) => name.tag === tag);
  return {
    dns: ofTag(0x82).map(({ content }) => new TextDecoder().decode(content)),
    addresses: ofTag(0x87).length,
    emails: ofTag(0x81).length,
    uris: ofTag(0x86).length,
  };
}
