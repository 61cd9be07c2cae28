/**
 * Signatures as cosign 3 stores them: a referrer that holds a "bundle" (sigstore's protobuf-specs, bundle v0.3, in JSON)
 * with a DSSE envelope around an in-toto statement, whose subject is the image. They tell a digest, but no name.
 */
import { algorithmOf, hexOf, isDigest } from "../lib/digest.ts";
import { errorText, NaruError } from "../lib/errors.ts";
import type { Digest } from "../model/image.ts";
import type { StoredSignature } from "./contract.ts";
import type { Claims } from "./simple-signing.ts";

/** Of the manifest and of its blob; the version follows. */
export const BUNDLE_MEDIA_TYPE = /^application\/vnd\.dev\.sigstore\.bundle(?:\.v\d|\+json)/;
/** What the statement claims: that the image is signed, rather than how it was built. */
export const SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1";
/** On the manifest, so that bundles of other claims need not be fetched. */
export const PREDICATE_ANNOTATION = "dev.sigstore.bundle.predicateType";
const CONTENT_ANNOTATION = "dev.sigstore.bundle.content";
const STATEMENT_PAYLOAD = "application/vnd.in-toto+json";
const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
const WRITTEN_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";

interface Bundle {
  dsseEnvelope?: { payload?: unknown; payloadType?: unknown; signatures?: { sig?: unknown }[] };
}

/** The statement that an image is signed; the signature is made of signedBytes(). */
export function writeStatement(digest: Digest, annotations: Readonly<Record<string, string>>): StoredSignature {
  const statement = {
    _type: STATEMENT_TYPE,
    subject: [{ digest: { [algorithmOf(digest)]: hexOf(digest) }, annotations }],
    predicateType: SIGN_PREDICATE,
    predicate: {},
  };
  return { payload: JSON.stringify(statement), payloadType: STATEMENT_PAYLOAD, signature: "" };
}

/** A signed statement as the document that is attached to its image. `keyHint`: SHA-256 of the public key, in hex. */
export function writeBundle({ payload, payloadType, signature }: StoredSignature, keyHint: string) {
  const bundle = {
    mediaType: WRITTEN_MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: Buffer.from(keyHint, "hex").toString("base64") } },
    dsseEnvelope: {
      payload: Buffer.from(payload).toString("base64"),
      payloadType,
      signatures: [{ sig: signature }],
    },
  };
  const annotations = { [CONTENT_ANNOTATION]: "dsse-envelope", [PREDICATE_ANNOTATION]: SIGN_PREDICATE };
  return { artifactType: WRITTEN_MEDIA_TYPE, bytes: Buffer.from(JSON.stringify(bundle)), annotations };
}

/** The signatures in a bundle; none when it holds another kind of content. @throws {NaruError} invalid */
export function readBundle(text: string): StoredSignature[] {
  let bundle: Bundle | null;
  try {
    bundle = JSON.parse(text);
  } catch (error) {
    throw new NaruError("invalid", `a signature bundle is damaged: ${errorText(error)}`);
  }
  const { payload, payloadType, signatures } = bundle?.dsseEnvelope ?? {};
  if (typeof payload !== "string" || payloadType !== STATEMENT_PAYLOAD || !Array.isArray(signatures)) return [];
  const statement = Buffer.from(payload, "base64").toString();
  return signatures.flatMap(({ sig }) =>
    typeof sig === "string" ? [{ payload: statement, signature: sig, payloadType }] : [],
  );
}

/** The bytes that were signed (DSSE's pre-authentication encoding, for a payload that has a type). */
export function signedBytes({ payload, payloadType }: StoredSignature): Uint8Array {
  const text = Buffer.from(payload);
  if (payloadType === undefined) return text;
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${text.length} `), text]);
}

/** What a statement says, once its signature is good. @throws {NaruError} invalid for one that signs no image */
export function readStatement(text: string): Claims {
  const refuse = (why: string) => new NaruError("invalid", `the signed statement is no image signature: ${why}`);
  let statement: { predicateType?: unknown; subject?: unknown } | null;
  try {
    statement = JSON.parse(text);
  } catch (error) {
    throw refuse(errorText(error));
  }
  if (statement?.predicateType !== SIGN_PREDICATE)
    throw refuse(`its type is ${JSON.stringify(statement?.predicateType)}`);
  const subjects = Array.isArray(statement.subject) ? statement.subject : [];
  const [subject] = subjects as { digest?: Record<string, unknown>; annotations?: unknown }[];
  const digest = Object.entries(subject?.digest ?? {})
    .map(([algorithm, hex]) => `${algorithm}:${hex}`)
    .find(isDigest);
  if (subjects.length !== 1 || digest === undefined) throw refuse("it names no single image");
  const annotations = typeof subject?.annotations === "object" ? subject.annotations : null;
  return {
    dockerReference: "",
    digest,
    type: SIGN_PREDICATE,
    optional: { ...annotations },
  };
}
