import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { newKey, publicKeyOf, signCertificate } from "../../../src/lib/certificate.ts";
import { derElements, derObjectId } from "../../../src/lib/der-reader.ts";
import { isKind } from "../../../src/lib/errors.ts";
import { readSigningRequest } from "../../../src/lib/signing-request.ts";
import { JANE, MANY_NAMES, MASTER, NODE_CLIENT, NODE_SERVING } from "../../support/signing-requests.ts";

test("requests tell names, key and alternative names", () => {
  const table: [string, string, string[], string, [string[], number, number, number]][] = [
    [JANE, "jane", ["team", "other"], "ec", [[], 0, 0, 0]],
    [NODE_SERVING, "system:node:one", ["system:nodes"], "ec", [["one"], 1, 0, 0]],
    [NODE_CLIENT, "system:node:one", ["system:nodes"], "ed25519", [[], 0, 0, 0]],
    [MASTER, "eve", ["system:masters"], "rsa", [[], 0, 0, 0]],
    [MANY_NAMES, "all", [], "ec", [["a.b", "*.c"], 1, 1, 1]],
  ];
  for (const [text, commonName, organizations, key, [dns, addresses, emails, uris]] of table) {
    const request = readSigningRequest(text);
    expect(request).toMatchObject({ commonName, organizations, names: { dns, addresses, emails, uris } });
    expect(request.publicKey.asymmetricKeyType as string).toBe(key);
  }
});

test("what is no request, or not of its key, is told", () => {
  const bytes = Buffer.from(JANE.replace(/-----.*-----|\s/g, ""), "base64");
  const pem = (content: Uint8Array) =>
    `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(content).toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
  const renamed = Buffer.from(bytes);
  renamed[renamed.indexOf("jane")] = "J".charCodeAt(0);
  const table: [string, string][] = [
    ["hello", "PEM block type must be CERTIFICATE REQUEST"],
    [pem(renamed), "the signature of the certificate request is not of its key"],
    [pem(Buffer.from("nothing")), "asn1: malformed data"],
    [pem(new Uint8Array()), "asn1: malformed data"],
  ];
  for (const [text, words] of table) expect(() => readSigningRequest(text)).toThrow(words);
  // Cut anywhere, it fails in words and not otherwise.
  for (let length = 0; length < bytes.length; length++) {
    let failure: unknown;
    try {
      readSigningRequest(pem(bytes.subarray(0, length)));
    } catch (error) {
      failure = error;
    }
    expect([length, isKind(failure, "invalid")]).toEqual([length, true]);
  }
});

test("lengths and identifiers that are not DER are refused", () => {
  const hostile = [[0x30], [0x30, 0x05, 1], [0x30, 0x80], [0x30, 0x85, 1, 1, 1, 1, 1], [0x1f, 1, 1], [0x30, 0x82, 1]];
  for (const bytes of hostile) expect(() => derElements(Uint8Array.from(bytes))).toThrow("asn1: malformed data");
  expect(derObjectId(derElements(Uint8Array.from([6, 3, 0x55, 4, 3]))[0])).toBe("2.5.4.3");
  expect(derObjectId(derElements(Uint8Array.from([6, 6, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]))[0])).toBe(
    "1.2.840.113549",
  );
});

test("a certificate has the request's names and key, and the time and purposes that it is given", async () => {
  const key = await newKey();
  const request = readSigningRequest(NODE_SERVING);
  const certificate = new X509Certificate(
    await signCertificate({
      subject: request.subject,
      publicKey: request.publicKey,
      signer: { key, name: { commonName: "signer" } },
      isAuthority: false,
      signsData: true,
      enciphersKeys: true,
      isServer: true,
      hosts: request.alternativeNames!,
      days: { from: new Date("2026-01-01T00:00:00Z"), to: new Date("2026-01-01T01:00:00Z") },
    }),
  );
  expect(certificate.subject).toBe("O=system:nodes\nCN=system:node:one");
  expect(certificate.subjectAltName).toBe("DNS:one, IP Address:10.0.0.1");
  expect([Date.parse(certificate.validFrom), Date.parse(certificate.validTo)]).toEqual([
    Date.parse("2026-01-01T00:00:00Z"),
    Date.parse("2026-01-01T01:00:00Z"),
  ]);
  expect(certificate.publicKey.equals(request.publicKey)).toBe(true);
  expect(certificate.verify(publicKeyOf(key))).toBe(true);
});
