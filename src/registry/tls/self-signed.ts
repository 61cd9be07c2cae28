/** Certificates that sign themselves: for the registry's TLS on wish, and for the token key (docker-registry's rootcertbundle). */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { isIP } from "node:net";
import { promisify } from "node:util";
import * as der from "./der.ts";

const DAY_MS = 86_400_000;
const ECDSA_SHA256 = "1.2.840.10045.4.3.2";

/** A new P-256 key as PKCS #8 PEM. */
export async function newKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }) as string;
}

/**
 * A version 3 certificate for `key` (RFC 5280). With `hosts` it serves TLS for those names and addresses; it is its own CA, so
 * that it can be given to clients as ca.crt.
 */
export async function selfSign(
  key: string,
  options: { commonName: string; hosts?: readonly string[]; days: number; now?: Date },
): Promise<string> {
  const publicKey = createPublicKey(createPrivateKey(key)).export({ type: "spki", format: "der" });
  const name = der.sequence(der.set(der.sequence(der.objectId("2.5.4.3"), der.utf8(options.commonName))));
  const from = options.now ?? new Date();
  const algorithm = der.sequence(der.objectId(ECDSA_SHA256));
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const toBeSigned = der.sequence(
    der.tagged(0, der.integer(Uint8Array.of(2))),
    der.integer(serial),
    algorithm,
    name,
    der.sequence(
      der.time(new Date(from.getTime() - DAY_MS)),
      der.time(new Date(from.getTime() + options.days * DAY_MS)),
    ),
    name,
    publicKey,
    der.tagged(3, der.sequence(...extensions(publicKey, options.hosts))),
  );
  const signature = await promisify(sign)("sha256", toBeSigned, { key, dsaEncoding: "der" } as never);
  return pem(der.sequence(toBeSigned, algorithm, der.bits(signature as Uint8Array)));
}

/** The hosts, SHA-256 fingerprint and end of a certificate, for messages. */
export function describeCertificate(certificate: string): { fingerprint: string; until: string } {
  const parsed = new X509Certificate(certificate);
  return { fingerprint: parsed.fingerprint256, until: parsed.validTo };
}

function extensions(publicKey: Uint8Array, hosts: readonly string[] | undefined): Uint8Array[] {
  const keyId = createHash("sha1").update(publicKey).digest();
  // digitalSignature and keyCertSign (RFC 5280, 4.2.1.3): bits 0 and 5.
  const list = [
    extension("2.5.29.19", der.sequence(der.yes()), true),
    extension("2.5.29.15", der.bits(Uint8Array.of(0x84), 2), true),
    extension("2.5.29.14", der.octets(keyId), false),
  ];
  if (hosts === undefined) return list;
  const serverAuth = der.sequence(der.objectId("1.3.6.1.5.5.7.3.1"));
  return [
    ...list,
    extension("2.5.29.37", serverAuth, false),
    extension("2.5.29.17", der.sequence(...hosts.map(generalName)), false),
  ];
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
