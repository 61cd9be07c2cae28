/** Policy files in both forms: what they mean, and that a slip in one is told and never opens a door. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseReference } from "../../../src/lib/image-reference.ts";
import type { Descriptor } from "../../../src/model/image.ts";
import { FilePolicy } from "../../../src/signature/image-policy.ts";
import { loadPolicyFile, parsePolicy } from "../../../src/signature/policy-file.ts";
import { signImage } from "../../../src/signature/sign-image.ts";
import { ruleFor } from "../../../src/signature/signature-policy.ts";
import { MemoryRepository } from "../../support/memory-repository.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { pushImage } from "../../support/registry-content.ts";

const pem = (key: KeyObject) => key.export({ type: "spki", format: "pem" }).toString();
const alice = generateKeyPairSync("ec", { namedCurve: "P-256" });
const bob = generateKeyPairSync("ec", { namedCurve: "P-256" });
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "naru-policy-"));
  await writeFile(join(folder, "alice.pub"), pem(alice.publicKey));
  await writeFile(join(folder, "bob.pub"), pem(bob.publicKey));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const keys = {
  fromFile: async (path: string) => ({ key: alice.publicKey, name: path }),
  fromBase64: (_data: string, name: string) => ({ key: alice.publicKey, name }),
};
const accept = [{ type: "insecureAcceptAnything" }];
const reject = [{ type: "reject" }];

describe("the scope that counts is the most precise one", () => {
  const scopes = [
    "r.test/a/b:1",
    "r.test/a/b",
    "r.test/a",
    "r.test",
    "*.r.test",
    "*.test",
    "docker.io/library",
    "localhost:5000",
  ];
  test.each([
    ["r.test/a/b:1", '"r.test/a/b:1"'],
    ["r.test/a/b:2", '"r.test/a/b"'],
    [`r.test/a/b@sha256:${"1".repeat(64)}`, '"r.test/a/b"'],
    ["r.test/a/bc:1", '"r.test/a"'],
    ["r.test/ab:1", '"r.test"'],
    ["x.r.test/a/b:1", '"*.r.test"'],
    ["y.test/a", '"*.test"'],
    ["r.test:5000/a/b:1", "default"],
    ["debian", '"docker.io/library"'],
    ["someone/debian", "default"],
    ["localhost:5000/x", '"localhost:5000"'],
  ])("%s: %s", async (name, expected) => {
    const docker = Object.fromEntries(scopes.map((scope) => [scope, reject]));
    const policy = await parsePolicy(JSON.stringify({ default: accept, transports: { docker } }), keys);
    expect(ruleFor(policy, parseReference(name)).name).toContain(expected);
    const images = Object.fromEntries(scopes.map((scope) => [scope, "reject"]));
    const own = await parsePolicy(JSON.stringify({ default: "accept", images }), keys);
    expect(ruleFor(own, parseReference(name)).name).toContain(expected);
  });
});

const sigstore = (more: object) => ({ default: [{ type: "sigstoreSigned", ...more }] });
describe("containers-policy.json", () => {
  test.each([
    [{ keyPath: "/k" }, "repository-or-tag"],
    [{ keyPaths: ["/k", "/l"], signedIdentity: { type: "matchRepository" } }, "repository"],
    [{ keyData: "AAAA", signedIdentity: { type: "matchExact" } }, "exact"],
    [{ keyDatas: ["AAAA"], signedIdentity: { type: "exactReference", dockerReference: "r.test/a:1" } }, "this-name"],
    [{ keyPath: "/k", signedIdentity: { type: "exactRepository", dockerRepository: "r.test/a" } }, "this-repository"],
    [
      { keyPath: "/k", signedIdentity: { type: "remapIdentity", prefix: "a.test", signedPrefix: "b.test" } },
      "remapped",
    ],
    [{ keyPath: "/k", signedIdentity: { type: "matchRepoDigestOrExact" } }, "repository-or-tag"],
  ])("%j", async (more, identity) => {
    const policy = await parsePolicy(JSON.stringify(sigstore(more)), keys);
    expect(policy.otherImages).toMatchObject([{ kind: "signed", identity: { type: identity } }]);
  });

  test("the transport's own default, images without a name, and transports that are not naru's", async () => {
    const transports = {
      docker: { "": reject },
      "docker-daemon": { "": accept },
      atomic: { x: [{ type: "signedBy" }] },
    };
    const policy = await parsePolicy(JSON.stringify({ default: accept, transports }), keys);
    expect(policy.otherImages).toEqual([{ kind: "reject" }]);
    expect(policy.unnamed).toEqual([{ kind: "accept" }]);
  });

  test.each([
    [{}, '"default" is missing'],
    [{ default: [] }, '"default" must be a list that is not empty'],
    [{ default: [{ type: "acceptAll" }] }, 'unknown type "acceptAll"'],
    [{ default: [{ type: "reject", keyPath: "/k" }] }, 'unknown key "keyPath"'],
    [{ default: [{ type: "signedBy", keyType: "GPGKeys", keyPath: "/k" }] }, "signature by GPG"],
    [{ default: accept, transport: {} }, 'unknown key "transport"'],
    [{ default: accept, transports: { docker: { "r.test": { type: "reject" } } } }, '"r.test" must be a list'],
    [sigstore({}), 'must have one of "keyPath"'],
    [sigstore({ keyPath: "/k", keyData: "AA" }), 'must have one of "keyPath"'],
    [sigstore({ fulcio: { caPath: "/c" } }), "certificates of Fulcio"],
    [sigstore({ keyPath: "/k", rekorPublicKeyPath: "/r" }), "transparency log"],
    [sigstore({ pki: {} }), "certificates of a PKI"],
    [sigstore({ keyPath: "/k", kayPath: "/x" }), 'unknown key "kayPath"'],
    [sigstore({ keyPath: "/k", signedIdentity: { type: "matchAny" } }), 'unknown type "matchAny"'],
    [sigstore({ keyPath: "/k", signedIdentity: { type: "exactReference" } }), '"dockerReference"'],
  ])("%j is refused", async (document, words) => {
    await expect(parsePolicy(JSON.stringify(document), keys)).rejects.toThrow(words);
  });
});

describe("naru's own form", () => {
  test("rules and their defaults", async () => {
    const images = {
      "r.test": { signedBy: ["a.pub", "b.pub"], annotations: { env: "prod" } },
      "r.test/x": { signedBy: ["a.pub"], identity: "exact" },
      "r.test/y": { signedBy: ["a.pub"], identity: "docker.io/library/y" },
    };
    const policy = await parsePolicy(JSON.stringify({ default: "reject", unnamed: "accept", images }), keys);
    expect(policy.otherImages).toEqual([{ kind: "reject" }]);
    expect(policy.unnamed).toEqual([{ kind: "accept" }]);
    expect(policy.scopes.get("r.test")).toMatchObject([
      { kind: "signed", keyNames: ["a.pub", "b.pub"], identity: { type: "repository" }, annotations: { env: "prod" } },
    ]);
    expect(policy.scopes.get("r.test/x")).toMatchObject([{ identity: { type: "exact" } }]);
    expect(policy.scopes.get("r.test/y")).toMatchObject([{ identity: { type: "this-repository" } }]);
  });

  test.each([
    [{ default: "allow" }, '"default" is "allow"; write "accept"'],
    [{ default: "accept", image: {} }, 'unknown key "image"'],
    [{ default: "accept", images: { debian: "reject" } }, '"debian" names no images'],
    [{ default: "accept", images: { "library/debian": "reject" } }, '"library/debian" names no images'],
    [{ default: "accept", images: { "https://r.test": "reject" } }, "names no images"],
    [{ default: "accept", images: { "r.test": { signedBy: [] } } }, "must be a list that is not empty"],
    [{ default: "accept", images: { "r.test": { signedBy: "a.pub" } } }, "must be a list"],
    [{ default: "accept", images: { "r.test": { signedBy: ["a"], annotations: { a: 1 } } } }, 'the annotation "a"'],
    [{ default: "accept", images: { "r.test": { signedBy: ["a"], match: "x" } } }, 'unknown key "match"'],
  ])("%j is refused", async (document, words) => {
    await expect(parsePolicy(JSON.stringify(document), keys)).rejects.toThrow(words);
  });
});

test("a file's keys are read beside it; every fault names the file", async () => {
  const path = join(folder, "policy.json");
  await writeFile(path, JSON.stringify({ default: { signedBy: ["alice.pub"] } }));
  expect((await loadPolicyFile(path)).otherImages).toMatchObject([{ keyNames: [join(folder, "alice.pub")] }]);
  await writeFile(path, JSON.stringify({ default: { signedBy: ["nobody.pub"] } }));
  await expect(loadPolicyFile(path)).rejects.toThrow(`the signature policy ${path} cannot be used: ENOENT`);
  await writeFile(path, "[]");
  await expect(loadPolicyFile(path)).rejects.toThrow("it is no JSON object");
  await expect(loadPolicyFile(join(folder, "absent"))).rejects.toThrow("cannot be used: ENOENT");
});

describe("a daemon's policy", () => {
  const NAME = "registry.test/team/app:1";
  const reference = parseReference(NAME);

  async function daemonWith(document: object) {
    const path = join(folder, `${crypto.randomUUID()}.json`);
    await writeFile(path, JSON.stringify(document));
    const repository = new MemoryRepository();
    const image = await pushImage(repository, "1");
    const store = new MemoryStore();
    return { path, repository, image, store, policy: await FilePolicy.open(path, store) };
  }
  const signedBy = (...names: string[]) => ({
    default: "accept",
    images: { "registry.test": { signedBy: names.map((name) => `${name}.pub`) } },
  });
  const local = (image: Descriptor, names = [NAME]) => ({
    id: image.digest,
    manifest: image.digest,
    repoTags: names,
    repoDigests: [],
  });
  async function signBy(key: KeyObject, repository: MemoryRepository, image: Descriptor) {
    const options = { dockerReference: NAME, annotations: {}, places: ["tag" as const], isRecursive: false };
    await Array.fromAsync(signImage(repository, image, { keys: [key], ...options }));
  }

  test("an unsigned image is neither pulled nor run; a signed one is, by the rules of the moment", async () => {
    const { policy, repository, image, path } = await daemonWith(signedBy("alice"));
    const pulled = () => policy.admitPull({ reference, digests: [image.digest] }, repository);
    const run = () => policy.admitRun(NAME, local(image));
    await expect(pulled()).rejects.toMatchObject({
      kind: "forbidden",
      message: `the pull of ${NAME} is refused by the signature policy ${path}: the rule for "registry.test" demands a signature by ${folder}/alice.pub, and it has none`,
    });
    expect(run).toThrow("and none was kept here when it came; pull it, signed, from its registry");
    await signBy(bob.privateKey, repository, image);
    await expect(pulled()).rejects.toThrow("and its signature is not good: it was not made with the given key");
    await signBy(alice.privateKey, repository, image);
    await pulled();
    run();
    // The key is taken out of the policy: what was pulled by it no longer runs.
    await writeFile(path, JSON.stringify(signedBy("bob")));
    await policy.load(path);
    expect(run).toThrow("its signature is not good");
    await pulled();
    run();
    await writeFile(path, "{");
    await expect(policy.load(path)).rejects.toThrow("cannot be used");
    run();
  });

  test("a signature of the index counts for the image of it that is wanted, and the other way round", async () => {
    const { policy, repository, image } = await daemonWith(signedBy("alice"));
    const other = await pushImage(repository, "2", { architecture: "arm64" });
    await signBy(alice.privateKey, repository, image);
    await policy.admitPull({ reference, digests: [image.digest, other.digest] }, repository);
    await policy.admitPull({ reference, digests: [other.digest, image.digest] }, repository);
    policy.admitRun(NAME, { ...local(other), manifest: image.digest });
    await expect(policy.admitPull({ reference, digests: [other.digest] }, repository)).rejects.toThrow("has none");
  });

  test("by id all names count; images without a name have a rule of their own", async () => {
    const { policy, image } = await daemonWith({ ...signedBy("alice"), unnamed: "reject" });
    const { digest } = image;
    policy.admitRun(digest, local(image, [NAME, "free.test/x:1"]));
    policy.admitRun(digest.slice(7, 19), local(image, [NAME, "free.test/x:1"]));
    expect(() => policy.admitRun(NAME, local(image, [NAME, "free.test/x:1"]))).toThrow("demands a signature");
    expect(() => policy.admitRun(digest, local(image, [NAME]))).toThrow("demands a signature");
    expect(() => policy.admitRun(digest, local(image, []))).toThrow("the rule for images without a name rejects it");
  });

  test("what was kept is forgotten with its image; without a file everything is allowed", async () => {
    const { policy, repository, image, store } = await daemonWith(signedBy("alice"));
    await signBy(alice.privateKey, repository, image);
    await policy.admitPull({ reference, digests: [image.digest] }, repository);
    await policy.forgetAllBut(new Set([image.digest]));
    policy.admitRun(NAME, local(image));
    // The signature of a platform's image came with its index.
    const index = await pushImage(repository, "index", { architecture: "index" });
    await policy.admitPull({ reference, digests: [index.digest, image.digest] }, repository);
    await policy.forgetAllBut(new Set([index.digest]));
    policy.admitRun(NAME, { ...local(image), id: index.digest });
    await policy.forgetAllBut(new Set());
    expect(() => policy.admitRun(NAME, local(image))).toThrow("none was kept");
    const open = await FilePolicy.open(undefined, store);
    open.admitRun(NAME, local(image));
    await open.admitPull({ reference, digests: [image.digest] }, repository);
  });

  test("of several demands in the containers' form all must hold", async () => {
    const keyPath = (name: string) => ({ type: "sigstoreSigned", keyPath: join(folder, `${name}.pub`) });
    const { policy, repository, image } = await daemonWith({ default: [keyPath("alice"), keyPath("bob")] });
    await signBy(alice.privateKey, repository, image);
    const pulled = () => policy.admitPull({ reference, digests: [image.digest] }, repository);
    await expect(pulled()).rejects.toThrow("bob.pub, and its signature is not good");
    await signBy(bob.privateKey, repository, image);
    await pulled();
    policy.admitRun(NAME, local(image));
  });
});
