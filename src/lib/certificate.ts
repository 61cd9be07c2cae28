/** Makes X.509 certificates (RFC 5280) with P-256 keys: for the registry's TLS and the cluster's authority. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";
import { isIP } from "node:net";
import { promisify } from "node:util";
import * as der from "./der.ts";

const DAY_MS = 86_400_000;
const ECDSA_SHA256 = "1.2.840.10045.4.3.2";
const COMMON_NAME = "2.5.4.3";
const ORGANIZATION = "2.5.4.10";
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

export interface CertificateName {
  commonName: string;
  organizations?: readonly string[];
}

interface CertificateRequest {
  /** A name, or the DER of one. */
  subject: CertificateName | Uint8Array;
  /** Whose certificate it is. */
  publicKey: KeyObject;
  /** Who signs: PEM of the key, and the name that the signer's certificate has. */
  signer: { key: string; name: CertificateName };
  /** True: it may sign others. */
  isAuthority: boolean;
  /** True: the key may be used for signatures other than of certificates. */
  signsData: boolean;
  /** True: the key may be used to encrypt keys. */
  enciphersKeys?: boolean;
  /** Names and addresses that it serves TLS for; or the DER of the extension that names them. */
  hosts?: readonly string[] | Uint8Array;
  isServer?: boolean;
  isClient?: boolean;
  /** From a day before `now` (for clocks that differ) to so many days after it; or from when to when. */
  days: number | { from: Date; to: Date };
  /** Now when absent. */
  now?: Date;
}

/** A new P-256 key as PKCS #8 PEM. */
export async function newKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }) as string;
}

/** The public half of a PEM key. */
export function publicKeyOf(key: string): KeyObject {
  return createPublicKey(createPrivateKey(key));
}

/** A version 3 certificate as PEM. */
export async function signCertificate(request: CertificateRequest): Promise<string> {
  const publicKey = request.publicKey.export({ type: "spki", format: "der" });
  const now = (request.now ?? new Date()).getTime();
  const { days } = request;
  const time = typeof days === "number" ? { from: new Date(now - DAY_MS), to: new Date(now + days * DAY_MS) } : days;
  const algorithm = der.sequence(der.objectId(ECDSA_SHA256));
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const toBeSigned = der.sequence(
    der.tagged(0, der.integer(Uint8Array.of(2))),
    der.integer(serial),
    algorithm,
    nameOf(request.signer.name),
    der.sequence(der.time(time.from), der.time(time.to)),
    request.subject instanceof Uint8Array ? request.subject : nameOf(request.subject),
    publicKey,
    der.tagged(3, der.sequence(...extensions(request, publicKey))),
  );
  const options = { key: request.signer.key, dsaEncoding: "der" } as never;
  const signature = await promisify(sign)("sha256", toBeSigned, options);
  return pem(der.sequence(toBeSigned, algorithm, der.bits(signature as Uint8Array)));
}

function nameOf({ commonName, organizations = [] }: CertificateName): Uint8Array {
  const part = (id: string, text: string) => der.set(der.sequence(der.objectId(id), der.utf8(text)));
  return der.sequence(...organizations.map((text) => part(ORGANIZATION, text)), part(COMMON_NAME, commonName));
}

function keyId(publicKey: Uint8Array): Uint8Array {
  return createHash("sha1").update(publicKey).digest();
}

function extensions(request: CertificateRequest, publicKey: Uint8Array): Uint8Array[] {
  const { isAuthority, signsData, enciphersKeys, hosts, isServer, isClient, signer } = request;
  // digitalSignature, keyEncipherment and keyCertSign (RFC 5280, 4.2.1.3): bits 0, 2 and 5.
  const usage = (signsData ? 0x80 : 0) | (enciphersKeys ? 0x20 : 0) | (isAuthority ? 0x04 : 0);
  const unusedBits = isAuthority ? 2 : enciphersKeys ? 5 : 7;
  const list = [
    extension("2.5.29.19", isAuthority ? der.sequence(der.yes()) : der.sequence(), true),
    extension("2.5.29.15", der.bits(Uint8Array.of(usage), unusedBits), true),
    extension("2.5.29.14", der.octets(keyId(publicKey)), false),
  ];
  const signerKey = publicKeyOf(signer.key).export({ type: "spki", format: "der" });
  if (!isAuthority) {
    list.push(extension("2.5.29.35", der.sequence(der.taggedPrimitive(0, keyId(signerKey))), false));
  }
  const purposes = [...(isServer ? [SERVER_AUTH] : []), ...(isClient ? [CLIENT_AUTH] : [])];
  if (purposes.length > 0) list.push(extension("2.5.29.37", der.sequence(...purposes.map(der.objectId)), false));
  if (hosts !== undefined) {
    const value = hosts instanceof Uint8Array ? hosts : der.sequence(...hosts.map(generalName));
    list.push(extension("2.5.29.17", value, false));
  }
  return list;
}

function extension(id: string, value: Uint8Array, isCritical: boolean): Uint8Array {
  return der.sequence(der.objectId(id), ...(isCritical ? [der.yes()] : []), der.octets(value));
}

/** dNSName [2] or iPAddress [7] (RFC 5280, 4.2.1.6). */
function generalName(host: string): Uint8Array {
  const family = isIP(host);
  if (family === 0) return der.taggedPrimitive(2, new TextEncoder().encode(host));
  return der.taggedPrimitive(7, family === 4 ? Uint8Array.from(host.split(".").map(Number)) : ipv6Bytes(host));
}

function ipv6Bytes(host: string): Uint8Array {
  const [before = "", after] = host.split("::");
  const groups = (text: string | undefined) => (text ? text.split(":") : []);
  const [head, tail] = [groups(before), groups(after)];
  const all = [...head, ...Array<string>(8 - head.length - tail.length).fill("0"), ...tail];
  return Uint8Array.from(all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]));
}

function pem(certificate: Uint8Array): string {
  const lines = Buffer.from(certificate)
    .toString("base64")
    .match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
