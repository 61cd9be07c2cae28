/**
 * The key that signs naru's tokens, made once and kept under the registry's root:
 *
 *     <root>/access/token-key.pem            private, mode 0600
 *     <root>/access/token-certificate.pem    for another registry that trusts these tokens (docker-registry's rootcertbundle)
 *     <root>/access/token-jwks.json          the same as a key set
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { newKey } from "../../lib/certificate.ts";
import { errorText, NaruError } from "../../lib/errors.ts";
import { writeWhole } from "../../lib/whole-file.ts";
import { selfSign } from "../tls/self-signed.ts";

const CERTIFICATE_DAYS = 3650;

export interface TokenKey {
  privateKey: KeyObject;
  publicKey: KeyObject;
  id: string;
  /** The JSON web key set that holds the public key. */
  keySet: { keys: Record<string, unknown>[] };
}

/** @throws {NaruError} invalid when the key file is there and holds no P-256 key */
export async function openTokenKey(root: string): Promise<TokenKey> {
  const folder = join(root, "access");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, "token-key.pem");
  const privateKey = await readKey(
    path,
    (await readFile(path, "utf8").catch(() => undefined)) ?? (await makeKey(path)),
  );
  const publicKey = createPublicKey(privateKey);
  const id = keyId(publicKey);
  const keySet = { keys: [{ ...publicKey.export({ format: "jwk" }), kid: id, use: "sig", alg: "ES256" }] };
  await writeWhole(join(folder, "token-jwks.json"), `${JSON.stringify(keySet, null, 2)}\n`, 0o644);
  return { privateKey, publicKey, id, keySet };
}

/**
 * How docker-registry names keys: the first 30 bytes of the SHA-256 of the public key's DER form, in base32, in groups of
 * four letters.
 */
export function keyId(key: KeyObject): string {
  const hash = createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest()
    .subarray(0, 30);
  return base32(hash).match(/.{4}/g)!.join(":");
}

async function makeKey(path: string): Promise<string> {
  const key = await newKey();
  const certificate = await selfSign(key, { commonName: "naru registry tokens", days: CERTIFICATE_DAYS });
  await writeWhole(path.replace("token-key", "token-certificate"), certificate, 0o644);
  await writeWhole(path, key, 0o600);
  return key;
}

async function readKey(path: string, text: string): Promise<KeyObject> {
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyDetails?.namedCurve === "prime256v1") return key;
    throw new Error("it is not of the curve P-256");
  } catch (error) {
    throw new NaruError(
      "invalid",
      `the token key ${path} cannot be used: ${errorText(error)}; remove it to make a new one`,
    );
  }
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

function base32(bytes: Uint8Array): string {
  let text = "";
  for (let bit = 0; bit < bytes.length * 8; bit += 5) {
    const pair = ((bytes[bit >> 3] ?? 0) << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    text += BASE32[(pair >> (11 - (bit & 7))) & 31];
  }
  return text;
}
