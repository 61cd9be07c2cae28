/** Certificates that sign themselves: for the registry's TLS on wish, and for the token key (docker-registry's rootcertbundle). */
import { X509Certificate } from "node:crypto";
import { publicKeyOf, signCertificate } from "../../lib/certificate.ts";

/**
 * A version 3 certificate for `key` (PEM). With `hosts` it serves TLS for those names and addresses; it is its own CA, so
 * that it can be given to clients as ca.crt.
 */
export async function selfSign(
  key: string,
  options: { commonName: string; hosts?: readonly string[]; days: number; now?: Date },
): Promise<string> {
  const name = { commonName: options.commonName };
  return await signCertificate({
    subject: name,
    signer: { key, name },
    publicKey: publicKeyOf(key),
    isAuthority: true,
    signsData: true,
    isServer: options.hosts !== undefined,
    ...options,
  });
}

/** The hosts, SHA-256 fingerprint and end of a certificate, for messages. */
export function describeCertificate(certificate: string): { fingerprint: string; until: string } {
  const parsed = new X509Certificate(certificate);
  return { fingerprint: parsed.fingerprint256, until: parsed.validTo };
}
