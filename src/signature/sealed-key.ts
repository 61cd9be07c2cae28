/**
 * Private keys under a passphrase in cosign's form: a JSON text that names scrypt's parameters and holds the PKCS#8 key in
 * a NaCl secretbox (the "encrypted" package of go-securesystemslib; cosign, skopeo and podman read and write it).
 */
import { randomBytes, scrypt } from "node:crypto";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { NaruError } from "../lib/errors.ts";

/** The cost that every cosign and skopeo accepts; newer ones also know 65536 and 131072. */
const WRITTEN_COST = 32768;
const KNOWN_COSTS: readonly unknown[] = [32768, 65536, 131072];
const SALT_BYTES = 32;
const NONCE_BYTES = 24;
const KEY_BYTES = 32;
const BLOCK_SIZE = 8;
const PARALLELISM = 1;

interface SealedKey {
  kdf: { name: string; params: { N: number; r: number; p: number }; salt: string };
  cipher: { name: string; nonce: string };
  ciphertext: string;
}

/** Seals a PKCS#8 key (DER). @returns the JSON text */
export async function sealKey(pkcs8: Uint8Array, passphrase: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const box = xsalsa20poly1305(await deriveKey(passphrase, salt, WRITTEN_COST), nonce).encrypt(pkcs8);
  const sealed: SealedKey = {
    kdf: {
      name: "scrypt",
      params: { N: WRITTEN_COST, r: BLOCK_SIZE, p: PARALLELISM },
      salt: salt.toString("base64"),
    },
    cipher: { name: "nacl/secretbox", nonce: nonce.toString("base64") },
    ciphertext: Buffer.from(box).toString("base64"),
  };
  return JSON.stringify(sealed);
}

/** @throws {NaruError} invalid for another form; unauthorized for a wrong passphrase */
export async function openSealedKey(text: string, passphrase: string): Promise<Uint8Array> {
  const { cost, salt, nonce, box } = readSealed(text);
  try {
    return xsalsa20poly1305(await deriveKey(passphrase, salt, cost), nonce).decrypt(box);
  } catch (cause) {
    throw new NaruError("unauthorized", "the passphrase is wrong, or the key file is damaged", { cause });
  }
}

function readSealed(text: string): { cost: number; salt: Buffer; nonce: Buffer; box: Buffer } {
  let sealed: Partial<SealedKey> | null;
  try {
    sealed = JSON.parse(text);
  } catch (cause) {
    throw new NaruError("invalid", "the key file holds no sealed key", { cause });
  }
  const params = sealed?.kdf?.params;
  if (sealed?.kdf?.name !== "scrypt" || sealed.cipher?.name !== "nacl/secretbox" || params === undefined) {
    throw new NaruError(
      "invalid",
      "the key is sealed in a way that naru does not know (only scrypt with nacl/secretbox)",
    );
  }
  // Anything may stand in a file: only costs that are in use, or a hostile one would take all memory.
  if (!KNOWN_COSTS.includes(params.N) || params.r !== BLOCK_SIZE || params.p !== PARALLELISM) {
    throw new NaruError("invalid", `the key is sealed with unusual scrypt parameters (${JSON.stringify(params)})`);
  }
  const bytes = (value: unknown) => Buffer.from(typeof value === "string" ? value : "", "base64");
  const nonce = bytes(sealed.cipher.nonce);
  if (nonce.length !== NONCE_BYTES)
    throw new NaruError("invalid", "the key file is damaged: its nonce has a wrong length");
  return { cost: params.N, salt: bytes(sealed.kdf.salt), nonce, box: bytes(sealed.ciphertext) };
}

function deriveKey(passphrase: string, salt: Uint8Array, cost: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const maxmem = 2 * 128 * cost * BLOCK_SIZE;
    scrypt(passphrase, salt, KEY_BYTES, { N: cost, r: BLOCK_SIZE, p: PARALLELISM, maxmem }, (error, key) => {
      if (error) reject(error);
      else resolve(new Uint8Array(key));
    });
  });
}
