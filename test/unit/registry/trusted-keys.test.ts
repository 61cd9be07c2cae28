import { afterAll, beforeAll, expect, test } from "bun:test";
import { createPrivateKey, generateKeyPairSync, sign, X509Certificate } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newKey } from "../../../src/lib/certificate.ts";
import { readTrustedKeys, verifyToken } from "../../../src/registry/access/token-verifier.ts";
import { selfSign } from "../../../src/registry/tls/self-signed.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "naru-keys-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const claims = { iss: "i", aud: "s", sub: "ann", exp: Math.floor(Date.now() / 1000) + 300 };

function token(header: Record<string, unknown>, key: Parameters<typeof sign>[2], hash: string): string {
  const text = `${encode({ typ: "JWT", ...header })}.${encode(claims)}`;
  return `${text}.${sign(hash, Buffer.from(text), key as never).toString("base64url")}`;
}

test("keys of a JSON key set verify RS256 and ES256, each only its own algorithm", async () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const elliptic = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keys = [
    { ...rsa.publicKey.export({ format: "jwk" }), kid: "rsa" },
    { ...elliptic.publicKey.export({ format: "jwk" }), kid: "ec" },
  ];
  const path = join(folder, "jwks.json");
  await Bun.write(path, JSON.stringify({ keys }));
  const trusted = { issuer: "i", audience: "s", keys: await readTrustedKeys({ jwks: path }) };
  const es = { key: elliptic.privateKey, dsaEncoding: "ieee-p1363" } as never;
  for (const [text, isGood] of [
    [token({ alg: "RS256", kid: "rsa" }, rsa.privateKey, "sha256"), true],
    [token({ alg: "RS512", kid: "rsa" }, rsa.privateKey, "sha512"), true],
    [token({ alg: "ES256", kid: "ec" }, es, "sha256"), true],
    [token({ alg: "ES256", kid: "rsa" }, es, "sha256"), false],
    [token({ alg: "ES384", kid: "ec" }, es, "sha384"), false],
    [token({ alg: "RS256", kid: "ec" }, rsa.privateKey, "sha256"), false],
  ] as const) {
    expect((await verifyToken(text, trusted))?.subject).toBe(isGood ? "ann" : undefined);
  }
});

test("a certificate that the token brings counts when a root of the bundle signed it", async () => {
  const key = await newKey();
  const certificate = await selfSign(key, { commonName: "tokens", days: 10 });
  const path = join(folder, "roots.pem");
  await Bun.write(path, `${await selfSign(await newKey(), { commonName: "other", days: 10 })}\n${certificate}`);
  const trusted = { issuer: "i", audience: "s", keys: await readTrustedKeys({ rootCertBundle: path }) };
  const signer = { key: createPrivateKey(key), dsaEncoding: "ieee-p1363" } as never;
  const x5c = [new X509Certificate(certificate).raw.toString("base64")];
  expect((await verifyToken(token({ alg: "ES256", x5c }, signer, "sha256"), trusted))?.subject).toBe("ann");
  // In a year it is not valid any more.
  const late = Date.now() + 11 * 86_400_000;
  expect(await verifyToken(token({ alg: "ES256", x5c }, signer, "sha256"), trusted, late)).toBeUndefined();
  for (const wrong of [["AAAA"], [], [x5c[0]!.slice(0, 40)]]) {
    expect(await verifyToken(token({ alg: "ES256", x5c: wrong }, signer, "sha256"), trusted)).toBeUndefined();
  }
});

test.each([
  [{ jwks: "/no/such" }, "the token service's key set /no/such cannot be read"],
  [
    { rootCertBundle: "/dev/null" },
    "the token service's certificate bundle /dev/null cannot be read: it holds no PEM certificate",
  ],
])("readTrustedKeys(%j) says %p", async (files, words) => {
  await expect(readTrustedKeys(files)).rejects.toThrow(words);
});

test("selfSign() makes a certificate for names and addresses that OpenSSL's checks accept", async () => {
  const hosts = ["registry.lan", "192.0.2.7", "2001:db8::1"];
  const key = await newKey();
  const certificate = new X509Certificate(await selfSign(key, { commonName: hosts[0]!, hosts, days: 400 }));
  expect(certificate.checkHost("registry.lan")).toBe("registry.lan");
  expect(certificate.checkHost("other.lan")).toBeUndefined();
  expect(certificate.checkIP("192.0.2.7")).toBe("192.0.2.7");
  expect(certificate.checkIP("2001:db8::1")).toBe("2001:db8::1");
  expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.ca).toBe(true);
  expect(Date.parse(certificate.validFrom)).toBeLessThan(Date.now());
});
