/** Key files: ours, cosign's and skopeo's, openssl's; and what signatures by them are worth. */
import { describe, expect, test } from "bun:test";
import { createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { generateKeyFiles, readPrivateKey } from "../../../src/signature/key-file.ts";
import { isSignedBy, keyFingerprint, signBytes } from "../../../src/signature/key-signature.ts";
import { readPublicKey } from "../../../src/signature/public-key.ts";
import { openSealedKey, sealKey } from "../../../src/signature/sealed-key.ts";

const passphrase = (text: string) => async () => text;
const neverAsked = async (): Promise<string> => {
  throw new Error("the passphrase was asked for");
};

/** Made by skopeo 1.22 (`generate-sigstore-key`) for this test; its passphrase is "pw". */
const SKOPEO_KEY = `-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiI0ejl0c0xwVVJOcmduS1JncFd6dzdCSmhVTE1DTUtT
YWZsTEozLzMrM3RJPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJoNDgrVm9kNnk4dU5IU05WbEVpdkROVzRKMUNNQ2tYbCJ9LCJj
aXBoZXJ0ZXh0IjoiLzArQ3kySENRc2NPRXJiR21nM0NZZmc3djl2aVErWld2eWRN
b0RNZzRlU2ErS0RxVm1sQ1IrWnhzWFNvcUxUVXNGT3loMWRMMjVDMGd1SExpZGJ3
dU1KczFqekMrd1FLK1VrUDNnZHlldXVWK3ZMVXlRMjdrNjNwb0ltU0lNMS8vVWRu
eHJNSUZXT21qRkxLUmN6ZGtCNFVZbW5rV1hjQUNpSzJjb3cxWHYxNUwxQnJVWmZF
SkdtNjhoUmtGYkYxZVYzaFBsOXlEMkhkQ1E9PSJ9
-----END ENCRYPTED COSIGN PRIVATE KEY-----
`;
const SKOPEO_PUBLIC = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENMu9FVx4n63SvAJ9DEm/iovXAADM
3WFAaPH9rA4TbBzJuflBRHsDruNZVzhZdHUYWINOgmYdcJ/+VAJWUYPPGg==
-----END PUBLIC KEY-----
`;

describe.each(["ecdsa", "rsa", "ed25519"] as const)("%s", (algorithm) => {
  test("a new pair signs, verifies, and is under its passphrase", async () => {
    const { privatePem, publicPem } = await generateKeyFiles(algorithm, "secret");
    expect(privatePem).toStartWith("-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n");
    expect(publicPem).toStartWith("-----BEGIN PUBLIC KEY-----\n");
    const privateKey = await readPrivateKey(privatePem, "a.key", passphrase("secret"));
    const publicKey = readPublicKey(publicPem, "a.pub");
    const text = Buffer.from("signed text");
    const signature = signBytes(text, privateKey);
    expect(isSignedBy(publicKey, text, signature)).toBe(true);
    expect(isSignedBy(publicKey, Buffer.from("signed texT"), signature)).toBe(false);
    expect(isSignedBy(createPublicKey(generateKeyPairSync("ed25519").privateKey), text, signature)).toBe(false);
    expect(keyFingerprint(privateKey)).toBe(keyFingerprint(publicKey));
    await expect(readPrivateKey(privatePem, "a.key", passphrase("Secret"))).rejects.toThrow(
      "cannot use the private key a.key: the passphrase is wrong, or the key file is damaged",
    );
  });
});

test.each(["", "not base64!", Buffer.alloc(70).toString("base64"), Buffer.alloc(100_000).toString("base64")])(
  "a signature that is none verifies nothing (%#)",
  (signature) => {
    for (const key of [generateKeyPairSync("ec", { namedCurve: "P-256" }), generateKeyPairSync("ed25519")]) {
      expect(isSignedBy(key.publicKey, Buffer.from("x"), signature)).toBe(false);
    }
  },
);

test("skopeo's sealed key opens", async () => {
  const key = await readPrivateKey(SKOPEO_KEY, "skopeo.private", passphrase("pw"));
  expect(keyFingerprint(key)).toBe(keyFingerprint(readPublicKey(SKOPEO_PUBLIC, "skopeo.pub")));
});

test.each([
  ["PKCS#8", "ec", { type: "pkcs8", format: "pem" }, neverAsked],
  ["SEC 1", "ec", { type: "sec1", format: "pem" }, neverAsked],
  ["PKCS#1", "rsa", { type: "pkcs1", format: "pem" }, neverAsked],
  [
    "PKCS#8 under a passphrase",
    "ec",
    { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "p" },
    passphrase("p"),
  ],
] as const)("openssl's %s is read", async (_, type, form, ask) => {
  const pair =
    type === "ec"
      ? generateKeyPairSync("ec", { namedCurve: "P-384" })
      : generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = await readPrivateKey(String(pair.privateKey.export(form as never)), "k", ask);
  expect(keyFingerprint(key)).toBe(keyFingerprint(pair.publicKey));
});

test.each([
  ["no PEM", "hello", "k is no key in PEM form"],
  [
    "a public key",
    generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }).toString(),
    "signing needs the private one",
  ],
  ["damage", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "it is damaged or of an unknown kind"],
  [
    "a key that cannot sign",
    generateKeyPairSync("x25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    "of the kind x25519",
  ],
  [
    "a short RSA key",
    generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    "an RSA key of 1024 bits is too short",
  ],
  [
    "a sealed text that is none",
    "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----",
    "holds no sealed key",
  ],
])("a private key file with %s is refused", async (_, pem, words) => {
  await expect(readPrivateKey(pem, "k", passphrase("x"))).rejects.toThrow(words);
});

test("a sealed private key where a public one is needed: says how to get it", async () => {
  expect(() => readPublicKey(SKOPEO_KEY, "k.private")).toThrow("`naru key public k.private` prints it");
  expect(() => readPublicKey("rubbish", "k.pub")).toThrow("k.pub is no public key in PEM form");
});

describe("the sealed form", () => {
  test("equal keys are sealed differently each time", async () => {
    const der = randomBytes(100);
    const [one, two] = [await sealKey(der, "p"), await sealKey(der, "p")];
    expect(one).not.toBe(two);
    expect(Buffer.from(await openSealedKey(one, "p"))).toEqual(der);
  });

  test.each([
    ["a cost that takes all memory", { N: 2 ** 30, r: 8, p: 1 }, "unusual scrypt parameters"],
    ["many blocks", { N: 32768, r: 80000, p: 1 }, "unusual scrypt parameters"],
    ["many lanes", { N: 32768, r: 8, p: 1e9 }, "unusual scrypt parameters"],
  ])("%s is refused before anything is computed", async (_, params, words) => {
    const sealed = JSON.parse(await sealKey(Buffer.from("x"), "p"));
    sealed.kdf.params = params;
    await expect(openSealedKey(JSON.stringify(sealed), "p")).rejects.toThrow(words);
  });

  test("another cipher, another derivation, a short nonce are refused", async () => {
    const sealed = JSON.parse(await sealKey(Buffer.from("x"), "p"));
    const changed = (change: object) => JSON.stringify({ ...sealed, ...change });
    await expect(openSealedKey(changed({ cipher: { ...sealed.cipher, name: "aes" } }), "p")).rejects.toThrow(
      "does not know",
    );
    await expect(openSealedKey(changed({ kdf: { ...sealed.kdf, name: "md5" } }), "p")).rejects.toThrow("does not know");
    await expect(openSealedKey(changed({ cipher: { ...sealed.cipher, nonce: "AAAA" } }), "p")).rejects.toThrow("nonce");
  });
});
