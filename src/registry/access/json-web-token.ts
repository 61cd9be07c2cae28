/** JSON web tokens (RFC 7519) with ES256/384/512 and RS256/384/512 signatures, and nothing weaker. */
import { type KeyObject, sign, verify } from "node:crypto";
import { promisify } from "node:util";

const HASHES: Record<string, string> = { "256": "sha256", "384": "sha384", "512": "sha512" };
const CURVES: Record<string, string> = { ES256: "prime256v1", ES384: "secp384r1", ES512: "secp521r1" };
const MAX_TOKEN = 64 * 1024;

interface TokenHeader {
  alg: string;
  typ?: string;
  kid?: string;
  /** Base64 DER certificates, the signer's first. */
  x5c?: string[];
}
export interface ParsedToken {
  header: TokenHeader;
  claims: Record<string, unknown>;
  signed: string;
  signature: Buffer;
}

export async function signToken(
  header: { typ: string; kid: string },
  claims: Record<string, unknown>,
  key: KeyObject,
): Promise<string> {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${encode({ alg: "ES256", ...header })}.${encode(claims)}`;
  const options = { key, dsaEncoding: "ieee-p1363" } as never;
  const signature = (await promisify(sign)("sha256", Buffer.from(text), options)) as unknown as Buffer;
  return `${text}.${signature.toString("base64url")}`;
}

/** Undefined when it is no token at all. Nothing in it is proved yet. */
export function parseToken(text: string): ParsedToken | undefined {
  const parts = text.length <= MAX_TOKEN ? text.split(".") : [];
  if (parts.length !== 3 || !parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part))) return undefined;
  try {
    const header = JSON.parse(Buffer.from(parts[0]!, "base64url").toString());
    const claims = JSON.parse(Buffer.from(parts[1]!, "base64url").toString());
    if (typeof header?.alg !== "string" || typeof claims !== "object" || claims === null) return undefined;
    return { header, claims, signed: `${parts[0]}.${parts[1]}`, signature: Buffer.from(parts[2]!, "base64url") };
  } catch {
    return undefined;
  }
}

/** True when `key` signed the token, with an algorithm that belongs to the key. */
export async function isSignedBy(token: ParsedToken, key: KeyObject): Promise<boolean> {
  const { alg } = token.header;
  const hash = HASHES[alg.slice(2)];
  if (hash === undefined) return false;
  // The token must not choose how a key is used: an EC key verifies only its own curve's algorithm.
  const isElliptic = key.asymmetricKeyType === "ec" && CURVES[alg] === key.asymmetricKeyDetails?.namedCurve;
  const isRsa = key.asymmetricKeyType === "rsa" && alg.startsWith("RS");
  if (!isElliptic && !isRsa) return false;
  const options = isElliptic ? { key, dsaEncoding: "ieee-p1363" } : { key };
  return (await promisify(verify)(
    hash,
    Buffer.from(token.signed),
    options as never,
    token.signature,
  )) as unknown as boolean;
}
