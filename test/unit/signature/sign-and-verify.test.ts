/** Signatures in a repository: both places, several signers, indexes, and everything that can be wrong with one. */
import { beforeEach, describe, expect, test } from "bun:test";
import { createPublicKey, sign as cryptoSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Descriptor, Digest, Manifest } from "../../../src/model/image.ts";
import { MEDIA } from "../../../src/model/media-types.ts";
import { signBytes } from "../../../src/signature/key-signature.ts";
import { signImage } from "../../../src/signature/sign-image.ts";
import { listSignatures, type SignaturePlace, signatureTag } from "../../../src/signature/signature-storage.ts";
import { writePayload } from "../../../src/signature/simple-signing.ts";
import { closestRejection, judgeSignatures } from "../../../src/signature/verify-signature.ts";
import { MemoryRepository } from "../../support/memory-repository.ts";
import { digestOf, pushImage } from "../../support/registry-content.ts";

const NAME = "registry.test/team/app:1";
const newKey = () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const alice = newKey();
const bob = newKey();

let repository: MemoryRepository;
let image: Descriptor;
beforeEach(async () => {
  repository = new MemoryRepository();
  image = await pushImage(repository, "1");
});

interface Signing {
  keys?: KeyObject[];
  places?: SignaturePlace[];
  annotations?: Record<string, string>;
  isRecursive?: boolean;
  dockerReference?: string;
}

async function sign(target: Descriptor, options: Signing = {}) {
  const signed = signImage(repository, target, {
    keys: [alice],
    places: ["tag"],
    annotations: {},
    isRecursive: false,
    dockerReference: NAME,
    ...options,
  });
  return await Array.fromAsync(signed);
}

async function judge(key: KeyObject, digest: Digest = image.digest, more = {}) {
  const { signatures } = await listSignatures(repository, digest);
  return judgeSignatures(signatures, { keys: [createPublicKey(key)], digests: [digest], ...more });
}

async function fault(key: KeyObject, more = {}): Promise<string> {
  return closestRejection((await judge(key, image.digest, more)).rejected)?.reason ?? "good";
}

test.each([{ places: ["tag"] }, { places: ["referrer"] }, { places: ["tag", "referrer"] }] as {
  places: SignaturePlace[];
}[])("stored as $places: found, good, once", async ({ places }) => {
  await sign(image, { places });
  // One that lies in both places is one.
  expect((await judge(alice)).good).toHaveLength(1);
  expect(await fault(bob)).toContain("was not made with the given key");
});

test("the tag's manifest has the shape that cosign and skopeo read", async () => {
  await sign(image);
  const { bytes, descriptor } = await repository.fetchManifest(`sha256-${image.digest.slice(7)}.sig`);
  const manifest: Manifest = JSON.parse(new TextDecoder().decode(bytes));
  expect(descriptor.mediaType).toBe(MEDIA.manifest);
  expect(manifest.config.mediaType).toBe(MEDIA.config);
  expect(manifest.subject).toBeUndefined();
  expect(manifest.layers).toEqual([
    {
      mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
      digest: expect.stringMatching(/^sha256:/),
      size: expect.any(Number),
      annotations: { "dev.cosignproject.cosign/signature": expect.stringMatching(/^[A-Za-z0-9+/]+=*$/) },
    },
  ]);
  const config = JSON.parse(new TextDecoder().decode(repository.blobs.get(manifest.config.digest)));
  expect(config.rootfs.diff_ids).toEqual([manifest.layers[0]!.digest]);
});

test("a referrer's manifest says what it is, and of what", async () => {
  await sign(image, { places: ["referrer"] });
  const [found] = await repository.listReferrers(image.digest);
  const { bytes } = await repository.fetchManifest(found!.digest);
  const type = "application/vnd.dev.cosign.artifact.sig.v1+json";
  expect(JSON.parse(new TextDecoder().decode(bytes))).toMatchObject({
    artifactType: type,
    config: { mediaType: type },
    subject: { mediaType: MEDIA.manifest, digest: image.digest, size: image.size },
  });
});

test("several signers are kept side by side; signing again adds nothing; other words add one", async () => {
  expect(await sign(image)).toEqual([{ digest: image.digest, added: 1 }]);
  expect(await sign(image)).toEqual([{ digest: image.digest, added: 0 }]);
  expect(await sign(image, { keys: [alice, bob] })).toEqual([{ digest: image.digest, added: 1 }]);
  expect(await sign(image, { annotations: { env: "prod" } })).toEqual([{ digest: image.digest, added: 1 }]);
  expect(await sign(image, { annotations: { env: "prod" } })).toEqual([{ digest: image.digest, added: 0 }]);
  expect(await sign(image, { dockerReference: "registry.test/team/app:2" })).toEqual([
    { digest: image.digest, added: 1 },
  ]);
  expect((await judge(alice)).good).toHaveLength(3);
  expect((await judge(bob)).good).toHaveLength(1);
  expect((await judge(alice, image.digest, { annotations: { env: "prod" } })).good).toHaveLength(1);
});

test("another signer who had not seen ours puts its manifest in the place of ours: ours is added to it", async () => {
  await sign(image, { keys: [bob] });
  const tag = signatureTag(image.digest);
  const onlyBob = repository.tags.get(tag)!;
  repository.afterPush = async () => void repository.tags.set(tag, onlyBob);
  await sign(image);
  expect((await judge(alice)).good).toHaveLength(1);
  expect((await judge(bob)).good).toHaveLength(1);
});

test("what others keep among the signatures stays", async () => {
  await sign(image);
  const tag = signatureTag(image.digest);
  const manifest: Manifest = JSON.parse(new TextDecoder().decode((await repository.fetchManifest(tag)).bytes));
  const foreign = { mediaType: "application/x-other", digest: digestOf("other"), size: 5 };
  const bytes = new TextEncoder().encode(JSON.stringify({ ...manifest, layers: [foreign, ...manifest.layers] }));
  await repository.pushManifest(tag, { mediaType: MEDIA.manifest, bytes });
  await sign(image, { keys: [bob] });
  const after: Manifest = JSON.parse(new TextDecoder().decode((await repository.fetchManifest(tag)).bytes));
  expect(after.layers).toHaveLength(3);
  expect(after.layers[0]).toEqual(foreign);
});

test("an index: alone, or with each of its images and inner indexes once", async () => {
  const other = await pushImage(repository, "arm", { architecture: "arm64" });
  const pushIndex = (tag: string, manifests: Descriptor[]) =>
    repository.pushManifest(tag, {
      mediaType: MEDIA.index,
      bytes: new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.index, manifests })),
    });
  const inner = await pushIndex("inner", [other]);
  const index = await pushIndex("all", [image, inner, image]);
  expect((await sign(index)).map(({ digest }) => digest)).toEqual([index.digest]);
  const signed = (await sign(index, { isRecursive: true, keys: [bob] })).map(({ digest }) => digest);
  expect(signed).toEqual([image.digest, other.digest, inner.digest, index.digest]);
  for (const digest of signed) expect((await judge(bob, digest)).good).toHaveLength(1);
});

test.each(["creator", "timestamp"])("the annotation %s is naru's own", async (name) => {
  await expect(sign(image, { annotations: { [name]: "x" } })).rejects.toThrow("is written by naru itself");
});

describe("what is wrong with a signature is told", () => {
  /** Puts a signature of any kind beside the image. */
  async function plant(payload: string, key: KeyObject, options: { stored?: string; digest?: Digest } = {}) {
    const { stored = payload, digest = image.digest } = options;
    const bytes = new TextEncoder().encode(stored);
    const layer = {
      mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
      digest: digestOf(bytes),
      size: bytes.length,
      annotations: { "dev.cosignproject.cosign/signature": signBytes(new TextEncoder().encode(payload), key) },
    };
    repository.blobs.set(layer.digest, bytes);
    const manifest = { schemaVersion: 2, mediaType: MEDIA.manifest, config: layer, layers: [layer] };
    const text = new TextEncoder().encode(JSON.stringify(manifest));
    await repository.pushManifest(signatureTag(digest), { mediaType: MEDIA.manifest, bytes: text });
    return layer;
  }
  const payloadFor = (digest: Digest, dockerReference = NAME) =>
    writePayload({ dockerReference, digest, annotations: {} }, 0);

  test("the payload was changed after signing", async () => {
    const other = digestOf("another image");
    await plant(payloadFor(other), alice, { stored: payloadFor(image.digest) });
    expect(await fault(alice)).toBe("it was not made with the given key, or was changed afterwards");
  });

  test("a good signature of another image was copied here", async () => {
    const other = digestOf("another image");
    await plant(payloadFor(other), alice);
    expect(await fault(alice)).toBe(`it signs another image: ${other} (${NAME})`);
  });

  test("it was made for another name", async () => {
    await plant(payloadFor(image.digest, "registry.test/team/other:1"), alice);
    const reference = { domain: "registry.test", path: "team/app", tag: "1" };
    const identity = { image: reference, rule: { type: "exact" } };
    expect(await fault(alice, { identity })).toBe("it was made for another name: registry.test/team/other:1");
    expect(await fault(alice)).toBe("good");
  });

  test("it lacks an annotation", async () => {
    await plant(payloadFor(image.digest), alice);
    expect(await fault(alice, { annotations: { env: "prod" } })).toBe(
      "it lacks an annotation that is asked for (env=prod)",
    );
  });

  test("it signs something else", async () => {
    await plant('{"critical":{"type":"atomic container signature"}}', alice);
    expect(await fault(alice)).toContain("the signed text is no image signature");
  });

  test("the blob's bytes are others than its digest says: damage, and the others count", async () => {
    await sign(image, { keys: [bob], places: ["referrer"] });
    const layer = await plant(payloadFor(image.digest), alice);
    repository.blobs.set(layer.digest, new TextEncoder().encode(payloadFor(image.digest).replace("app", "apq")));
    const found = await listSignatures(repository, image.digest);
    expect(found.damage).toEqual([`the registry's bytes of the blob ${layer.digest} are others than its digest says`]);
    expect((await judge(bob)).good).toHaveLength(1);
  });

  test("the blob is missing, is huge, or the manifest is rubbish", async () => {
    const layer = await plant(payloadFor(image.digest), alice);
    repository.blobs.delete(layer.digest);
    expect((await listSignatures(repository, image.digest)).damage).toEqual([`blob ${layer.digest} not found`]);
    for (const [text, words] of [
      [{ layers: [{ ...layer, size: 10 ** 9 }] }, "too large"],
      [{ layers: [{ ...layer, digest: "sha256:../x" }] }, "lists no blobs"],
      [{ layers: 7 }, "lists no blobs"],
      [null, "lists no blobs"],
    ] as const) {
      const bytes = new TextEncoder().encode(JSON.stringify(text));
      await repository.pushManifest(signatureTag(image.digest), { mediaType: MEDIA.manifest, bytes });
      const { damage, signatures } = await listSignatures(repository, image.digest);
      expect(signatures).toEqual([]);
      expect(damage).toEqual([expect.stringContaining(words)]);
    }
  });
});

describe("bundles, as cosign 3 stores signatures", () => {
  const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
  const SIGN = "https://sigstore.dev/cosign/sign/v1";

  async function attach(statement: object, key: KeyObject, change: { sent?: object; predicate?: string } = {}) {
    const payload = JSON.stringify(statement);
    // DSSE v1's encoding, written out.
    const encoded = `DSSEv1 28 application/vnd.in-toto+json ${Buffer.byteLength(payload)} ${payload}`;
    const sig = cryptoSign("sha256", Buffer.from(encoded), key).toString("base64");
    const bundle = {
      mediaType: BUNDLE,
      verificationMaterial: { publicKey: { hint: "x" } },
      dsseEnvelope: {
        payload: Buffer.from(JSON.stringify(change.sent ?? statement)).toString("base64"),
        payloadType: "application/vnd.in-toto+json",
        signatures: [{ sig, keyid: "" }],
      },
    };
    const bytes = new TextEncoder().encode(JSON.stringify(bundle));
    repository.blobs.set(digestOf(bytes), bytes);
    const manifest = {
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      artifactType: BUNDLE,
      annotations: { "dev.sigstore.bundle.predicateType": change.predicate ?? SIGN },
      config: { mediaType: MEDIA.empty, digest: digestOf("{}"), size: 2 },
      layers: [{ mediaType: BUNDLE, digest: digestOf(bytes), size: bytes.length }],
      subject: { mediaType: MEDIA.manifest, digest: image.digest, size: image.size },
    };
    const text = new TextEncoder().encode(JSON.stringify(manifest));
    await repository.pushManifest(digestOf(text), { mediaType: MEDIA.manifest, bytes: text });
  }
  const statementOf = (digest: string, more = {}) => ({
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ digest: { sha256: digest.slice(7) }, annotations: { env: "prod" } }],
    predicateType: SIGN,
    predicate: {},
    ...more,
  });

  test("are found and verified; they tell a digest and annotations, but no name", async () => {
    await attach(statementOf(image.digest), alice);
    expect((await judge(alice)).good).toMatchObject([
      { claims: { digest: image.digest, dockerReference: "", type: SIGN, optional: { env: "prod" } } },
    ]);
    expect((await judge(alice, image.digest, { annotations: { env: "prod" } })).good).toHaveLength(1);
    const reference = { domain: "registry.test", path: "team/app", tag: "1" };
    expect(await fault(alice, { identity: { image: reference, rule: { type: "repository" } } })).toContain(
      "it tells no name",
    );
    expect(await fault(alice, { identity: { image: reference, rule: { type: "any" } } })).toBe("good");
    expect(await fault(bob)).toContain("was not made with the given key");
  });

  test("signing beside one leaves it as it is", async () => {
    await attach(statementOf(image.digest), bob);
    await sign(image, { places: ["referrer"] });
    expect((await judge(alice)).good).toHaveLength(1);
    expect((await judge(bob)).good).toHaveLength(1);
  });

  test.each([
    ["another image's", () => [statementOf(digestOf("other"))], "it signs another image"],
    [
      "changed afterwards",
      () => [statementOf(digestOf("other")), { sent: statementOf(image.digest) }],
      "was not made with the given key, or was changed",
    ],
    [
      "an attestation that says otherwise on its manifest",
      () => [statementOf(image.digest, { predicateType: "https://slsa.dev/provenance/v1" })],
      "its type is",
    ],
    ["of several images", () => [statementOf(image.digest, { subject: [1, 2] })], "it names no single image"],
    ["of none", () => [statementOf(image.digest, { subject: "x" })], "it names no single image"],
  ] as [
    string,
    () => Parameters<typeof attach> extends [infer S, KeyObject, (infer C)?] ? [S & object, (C & object)?] : never,
    string,
  ][])("one that is %s does not count", async (_, make, words) => {
    const [statement, change] = make();
    await attach(statement, alice, change);
    expect(await fault(alice)).toContain(words);
  });

  test("attestations are not even fetched; damaged bundles are told", async () => {
    await attach(statementOf(image.digest), alice, { predicate: "https://slsa.dev/provenance/v1" });
    expect(await listSignatures(repository, image.digest)).toEqual({ signatures: [], damage: [] });
    await attach(statementOf(image.digest), alice);
    for (const [digest, bytes] of repository.blobs) {
      if (Buffer.from(bytes).includes("dsseEnvelope")) repository.blobs.set(digest, Buffer.from(bytes).fill(32, 0, 1));
    }
    expect((await listSignatures(repository, image.digest)).damage).toEqual([
      expect.stringContaining("are others than its digest says"),
    ]);
  });
});
