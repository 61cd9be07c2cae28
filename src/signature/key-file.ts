/** Private keys in PEM files: cosign's sealed ones, and those of openssl (PKCS#8, SEC1, PKCS#1). */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { errorText, NaruError } from "../lib/errors.ts";
import { checkedKey, PEM, SEALED_LABELS } from "./public-key.ts";
import { openSealedKey, sealKey } from "./sealed-key.ts";

const LINE = 64;

export type KeyAlgorithm = "ecdsa" | "rsa" | "ed25519";

/** Both halves of a key pair as the files hold them. */
export interface KeyPairFiles {
  /** Sealed, in cosign's form. */
  privatePem: string;
  publicPem: string;
}

/** Makes a new key pair; ECDSA on P-256 is what cosign makes. */
export async function generateKeyFiles(algorithm: KeyAlgorithm, passphrase: string): Promise<KeyPairFiles> {
  return await sealKeyFiles(await generateKey(algorithm), passphrase);
}

async function generateKey(algorithm: KeyAlgorithm): Promise<KeyObject> {
  const generate = promisify(generateKeyPair);
  switch (algorithm) {
    case "ecdsa":
      return (await generate("ec", { namedCurve: "P-256" })).privateKey;
    case "rsa":
      return (await generate("rsa", { modulusLength: 3072 })).privateKey;
    case "ed25519":
      return (await generate("ed25519")).privateKey;
  }
}

export async function sealKeyFiles(key: KeyObject, passphrase: string): Promise<KeyPairFiles> {
  const sealed = await sealKey(key.export({ type: "pkcs8", format: "der" }), passphrase);
  return {
    privatePem: writePem(SEALED_LABELS[0]!, Buffer.from(sealed)),
    publicPem: createPublicKey(key).export({ type: "spki", format: "pem" }).toString(),
  };
}

function writePem(label: string, content: Buffer): string {
  const lines = content.toString("base64").match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/**
 * Reads a private key. `passphrase` is asked for only when the key is under one.
 * @throws {NaruError} invalid, unauthorized (wrong passphrase), naming the file
 */
export async function readPrivateKey(pem: string, name: string, passphrase: () => Promise<string>): Promise<KeyObject> {
  const match = PEM.exec(pem);
  if (!match) throw new NaruError("invalid", `${name} is no key in PEM form`);
  const [, label = "", body = ""] = match;
  // Asked for first: what goes wrong there is no fault of the key.
  const given = isUnderPassphrase(label, body) ? await passphrase() : undefined;
  try {
    return checkedKey(await openPrivateKey(pem, label, body, given));
  } catch (error) {
    const kind = error instanceof NaruError ? error.kind : "invalid";
    throw new NaruError(kind, `cannot use the private key ${name}: ${privateKeyProblem(error)}`, { cause: error });
  }
}

function isUnderPassphrase(label: string, body: string): boolean {
  return SEALED_LABELS.includes(label) || label === "ENCRYPTED PRIVATE KEY" || body.includes("Proc-Type: 4,ENCRYPTED");
}

async function openPrivateKey(
  pem: string,
  label: string,
  body: string,
  passphrase: string | undefined,
): Promise<KeyObject> {
  if (SEALED_LABELS.includes(label)) {
    const der = await openSealedKey(Buffer.from(body, "base64").toString(), passphrase ?? "");
    return createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
  }
  if (label.endsWith("PUBLIC KEY") || label === "CERTIFICATE") {
    throw new NaruError("invalid", "it is a public key; signing needs the private one");
  }
  return createPrivateKey({ key: pem, passphrase });
}

function privateKeyProblem(error: unknown): string {
  if (error instanceof NaruError) return error.message;
  return /BAD_DECRYPT|bad decrypt/i.test(errorText(error))
    ? "the passphrase is wrong"
    : "it is damaged or of an unknown kind";
}
