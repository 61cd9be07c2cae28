/** Signing bytes with a key as sigstore does: ECDSA (ASN.1) and RSA (PKCS#1 v1.5) over SHA-256, Ed25519 over the bytes. */
import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";

/** @returns base64 */
export function signBytes(bytes: Uint8Array, privateKey: KeyObject): string {
  return sign(hashesOf(privateKey)[0]!, bytes, privateKey).toString("base64");
}

/** False also for a signature that is none. */
export function isSignedBy(publicKey: KeyObject, bytes: Uint8Array, signature: string): boolean {
  const raw = Buffer.from(signature, "base64");
  return hashesOf(publicKey).some((hash) => {
    try {
      return verify(hash, bytes, publicKey, raw);
    } catch {
      return false;
    }
  });
}

/** Newer cosign takes the longer hash with the longer curves. The first is what is signed with. */
function hashesOf(key: KeyObject): (string | null)[] {
  if (key.asymmetricKeyType === "ed25519") return [null];
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (curve === "secp384r1") return ["sha256", "sha384"];
  if (curve === "secp521r1") return ["sha256", "sha512"];
  return ["sha256"];
}

/** SHA-256 of a key's public half (SPKI, DER), in hex: what tells keys apart. */
export function keyFingerprint(key: KeyObject): string {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  return createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
}
