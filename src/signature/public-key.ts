/** Public keys in PEM files, apart from private ones: the daemon needs no more. */
import { createPublicKey, type KeyObject } from "node:crypto";
import { errorText, NaruError } from "../lib/errors.ts";

/** The first is what every cosign and skopeo reads; cosign 2 and later write the second. */
export const SEALED_LABELS: readonly string[] = ["ENCRYPTED COSIGN PRIVATE KEY", "ENCRYPTED SIGSTORE PRIVATE KEY"];
/** Label and content. */
export const PEM = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n?([\s\S]*?)-----END \1-----/;
const ALGORITHMS: readonly unknown[] = ["ec", "rsa", "ed25519"];
const MIN_RSA_BITS = 2048;

/** Reads a public key; a private one that is not sealed also tells its public half. @throws {NaruError} invalid, naming the source */
export function readPublicKey(pem: string, name: string): KeyObject {
  const label = PEM.exec(pem)?.[1];
  if (label !== undefined && SEALED_LABELS.includes(label)) {
    throw new NaruError(
      "invalid",
      `${name} is a private key; verifying takes the public one (\`naru key public ${name}\` prints it)`,
    );
  }
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw new NaruError("invalid", `${name} is no public key in PEM form`, { cause });
  }
  try {
    return checkedKey(key);
  } catch (error) {
    throw new NaruError("invalid", `cannot use the public key ${name}: ${errorText(error)}`);
  }
}

/** @throws {NaruError} invalid for a key that cannot sign images, or whose signatures are worth nothing */
export function checkedKey(key: KeyObject): KeyObject {
  const type = key.asymmetricKeyType;
  if (!ALGORITHMS.includes(type)) {
    throw new NaruError("invalid", `it is of the kind ${type}; only ECDSA, RSA and Ed25519 keys sign images`);
  }
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (type === "rsa" && bits !== undefined && bits < MIN_RSA_BITS) {
    throw new NaruError("invalid", `an RSA key of ${bits} bits is too short; at least ${MIN_RSA_BITS} are needed`);
  }
  return key;
}
