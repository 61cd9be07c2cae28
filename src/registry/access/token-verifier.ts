/** Checks bearer tokens: signature by a trusted key, issuer, audience, time. */
import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { errorText, NaruError } from "../../lib/errors.ts";
import { isSignedBy, type ParsedToken, parseToken } from "./json-web-token.ts";
import type { ScopedAccess } from "./scopes.ts";
import { keyId } from "./token-key.ts";

/** Clocks differ between machines. */
const LEEWAY_SECONDS = 60;

/** The keys whose tokens are believed. */
interface TrustedKeys {
  byId: ReadonlyMap<string, KeyObject>;
  /** Certificates that may sign those a token brings along (x5c). */
  roots: readonly X509Certificate[];
}

export interface TokenExpectation {
  issuer: string;
  audience: string;
  keys: TrustedKeys;
  /** Tokens of this "typ" only. */
  type?: string;
}

export interface VerifiedToken {
  /** Empty: anonymous. */
  subject: string;
  access: ScopedAccess[];
  claims: Record<string, unknown>;
}

/** Undefined when the token must not be believed. */
export async function verifyToken(
  text: string,
  expected: TokenExpectation,
  now = Date.now(),
): Promise<VerifiedToken | undefined> {
  const token = parseToken(text);
  if (token === undefined || !hasExpectedClaims(token, expected, now / 1000)) return undefined;
  const key = signerOf(token, expected.keys, now);
  if (key === undefined || !(await isSignedBy(token, key))) return undefined;
  const { sub, access } = token.claims;
  return { subject: typeof sub === "string" ? sub : "", access: parseAccess(access), claims: token.claims };
}

function hasExpectedClaims({ header, claims }: ParsedToken, expected: TokenExpectation, now: number): boolean {
  if (expected.type !== undefined && header.typ !== expected.type) return false;
  const audience = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
  const { exp, nbf = 0 } = claims;
  return (
    claims.iss === expected.issuer &&
    audience.includes(expected.audience) &&
    typeof exp === "number" &&
    exp + LEEWAY_SECONDS > now &&
    typeof nbf === "number" &&
    nbf - LEEWAY_SECONDS <= now
  );
}

/** As docker-registry chooses: the chain that the token brings, else the key that it names. */
function signerOf({ header }: ParsedToken, keys: TrustedKeys, now: number): KeyObject | undefined {
  if (Array.isArray(header.x5c) && header.x5c.length > 0) return signerOfChain(header.x5c, keys.roots, now);
  return typeof header.kid === "string" ? keys.byId.get(header.kid) : undefined;
}

function signerOfChain(encoded: string[], roots: readonly X509Certificate[], now: number): KeyObject | undefined {
  try {
    const chain = encoded.slice(0, 8).map((der) => new X509Certificate(Buffer.from(der, "base64")));
    const isInTime = (certificate: X509Certificate) =>
      Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo);
    if (!chain.every(isInTime)) return undefined;
    for (const [index, certificate] of chain.entries()) {
      const isTrusted = roots.some(
        (root) => root.fingerprint256 === certificate.fingerprint256 || isIssued(certificate, root),
      );
      if (isTrusted) return chain[0]!.publicKey;
      const issuer = chain[index + 1];
      if (issuer === undefined || !isIssued(certificate, issuer)) return undefined;
    }
  } catch {
    // A certificate that cannot be read proves nothing.
  }
  return undefined;
}

function isIssued(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function parseAccess(value: unknown): ScopedAccess[] {
  if (!Array.isArray(value)) return [];
  return value.filter(
    (item): item is ScopedAccess =>
      typeof item?.type === "string" && typeof item.name === "string" && Array.isArray(item.actions),
  );
}

/**
 * Keys of an outside token service, as docker-registry's configuration names them.
 * @throws {NaruError} invalid naming the file
 */
export async function readTrustedKeys(files: { rootCertBundle?: string; jwks?: string }): Promise<TrustedKeys> {
  const byId = new Map<string, KeyObject>();
  const roots: X509Certificate[] = [];
  if (files.rootCertBundle !== undefined) {
    roots.push(...(await readFileAs(files.rootCertBundle, "certificate bundle", parseBundle)));
    for (const { publicKey } of roots) byId.set(keyId(publicKey), publicKey);
  }
  if (files.jwks !== undefined) {
    for (const [id, key] of await readFileAs(files.jwks, "key set", parseKeySet)) byId.set(id, key);
  }
  return { byId, roots };
}

function parseBundle(text: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g);
  if (blocks === null) throw new Error("it holds no PEM certificate");
  return blocks.map((block) => new X509Certificate(block));
}

function parseKeySet(text: string): [string, KeyObject][] {
  const { keys } = JSON.parse(text) as { keys?: Record<string, unknown>[] };
  if (!Array.isArray(keys) || keys.length === 0) throw new Error("it holds no keys");
  return keys.map((jwk) => {
    const key = createPublicKey({ key: jwk, format: "jwk" } as never);
    return [typeof jwk.kid === "string" ? jwk.kid : keyId(key), key];
  });
}

async function readFileAs<T>(path: string, what: string, parse: (text: string) => T): Promise<T> {
  try {
    return parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new NaruError("invalid", `the token service's ${what} ${path} cannot be read: ${errorText(error)}`);
  }
}
