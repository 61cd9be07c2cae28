/** Whether the signatures found for an image are good enough: who made them, of what, under which name. */
import type { KeyObject } from "node:crypto";
import { errorText } from "../lib/errors.ts";
import type { Reference } from "../lib/image-reference.ts";
import type { Digest } from "../model/image.ts";
import type { StoredSignature } from "./contract.ts";
import { isSignedBy } from "./key-signature.ts";
import { fitsIdentity, type SignedIdentity } from "./signed-identity.ts";
import { readStatement, signedBytes } from "./sigstore-bundle.ts";
import { type Claims, hasAnnotations, readPayload } from "./simple-signing.ts";

/** What a signature must be to count. */
interface SignatureDemand {
  /** Any of these keys. */
  keys: readonly KeyObject[];
  /** Any of these digests. */
  digests: readonly Digest[];
  /** The image's name and how the signature's must fit it; undefined: any name will do, as for cosign. */
  identity?: { image: Reference; rule: SignedIdentity };
  annotations?: Readonly<Record<string, string>>;
}

const NAMELESS = 'it tells no name, as those of cosign 3 do not (the identity "any" accepts it)';

export interface GoodSignature {
  signature: StoredSignature;
  claims: Claims;
  key: KeyObject;
}

/** Why a signature does not count, worst first: one that fails later was closer to being good. */
type Fault = "other-key" | "not-understood" | "other-digest" | "other-name" | "other-annotations";
const FAULTS: readonly Fault[] = ["other-key", "not-understood", "other-digest", "other-name", "other-annotations"];

interface Rejection {
  fault: Fault;
  /** For people: "it is by another key". */
  reason: string;
}

export interface Judgement {
  good: GoodSignature[];
  rejected: Rejection[];
}

export function judgeSignatures(signatures: readonly StoredSignature[], demand: SignatureDemand): Judgement {
  const judgement: Judgement = { good: [], rejected: [] };
  for (const signature of signatures) {
    const verdict = judge(signature, demand);
    if ("fault" in verdict) judgement.rejected.push(verdict);
    else judgement.good.push(verdict);
  }
  return judgement;
}

/** The rejection that came closest to being good: the most useful one to tell. */
export function closestRejection(rejected: readonly Rejection[]): Rejection | undefined {
  return [...rejected].sort((a, b) => FAULTS.indexOf(b.fault) - FAULTS.indexOf(a.fault))[0];
}

function judge(signature: StoredSignature, demand: SignatureDemand): GoodSignature | Rejection {
  const bytes = signedBytes(signature);
  // Nothing in the payload is believed before its signature is good.
  const key = demand.keys.find((candidate) => isSignedBy(candidate, bytes, signature.signature));
  if (key === undefined) {
    const keys = demand.keys.length === 1 ? "the given key" : `any of the ${demand.keys.length} given keys`;
    return { fault: "other-key", reason: `it was not made with ${keys}, or was changed afterwards` };
  }
  let claims: Claims;
  try {
    claims = signature.payloadType === undefined ? readPayload(signature.payload) : readStatement(signature.payload);
  } catch (error) {
    return { fault: "not-understood", reason: errorText(error) };
  }
  if (!demand.digests.includes(claims.digest)) {
    return {
      fault: "other-digest",
      reason: `it signs another image: ${claims.digest} (${claims.dockerReference || "no name"})`,
    };
  }
  const { identity, annotations = {} } = demand;
  if (identity && !fitsIdentity(identity.image, claims.dockerReference, identity.rule)) {
    const name = claims.dockerReference;
    return { fault: "other-name", reason: name ? `it was made for another name: ${name}` : NAMELESS };
  }
  if (!hasAnnotations(claims, annotations)) {
    const wanted = Object.entries(annotations).map(([name, value]) => `${name}=${value}`);
    return { fault: "other-annotations", reason: `it lacks an annotation that is asked for (${wanted.join(", ")})` };
  }
  return { signature, claims, key };
}
