/** Policies in the form of containers-policy.json(5). What naru cannot check is refused, never taken for fulfilled. */
import { parseReference, repositoryOf } from "../lib/image-reference.ts";
import {
  allowOnly,
  asObject,
  asText,
  asTexts,
  type JsonObject,
  type NamedKey,
  type PolicyKeys,
} from "./policy-keys.ts";
import type { Requirement, SignaturePolicy } from "./signature-policy.ts";
import type { SignedIdentity } from "./signed-identity.ts";

/** Images of registries. */
const DOCKER = "docker";
/** Images of an engine that have no name: what containers/image calls them by. */
const UNNAMED = "docker-daemon";
const NOT_SUPPORTED: Readonly<Record<string, string>> = {
  fulcio: "certificates of Fulcio",
  pki: "certificates of a PKI",
  rekorPublicKeyPath: "proofs of the transparency log Rekor",
  rekorPublicKeyPaths: "proofs of the transparency log Rekor",
  rekorPublicKeyData: "proofs of the transparency log Rekor",
  rekorPublicKeyDatas: "proofs of the transparency log Rekor",
};

/** Of the transports only "docker" (and "docker-daemon" for images without a name) concerns naru. @throws Error in words for people */
export async function parseContainersPolicy(policy: JsonObject, keys: PolicyKeys): Promise<SignaturePolicy> {
  allowOnly(policy, ["default", "transports"], "the policy");
  const standard = await requirements(policy.default, '"default"', keys);
  const transports = asObject(policy.transports ?? {}, '"transports"');
  const scopes = new Map<string, readonly Requirement[]>();
  const docker = asObject(transports[DOCKER] ?? {}, `"transports.${DOCKER}"`);
  for (const [scope, list] of Object.entries(docker)) {
    scopes.set(scope, await requirements(list, `the rule for ${JSON.stringify(scope)}`, keys));
  }
  const unnamed = asObject(transports[UNNAMED] ?? {}, `"transports.${UNNAMED}"`)[""];
  return {
    scopes,
    otherImages: scopes.get("") ?? standard,
    unnamed: unnamed === undefined ? standard : await requirements(unnamed, `the rule for "${UNNAMED}"`, keys),
  };
}

async function requirements(value: unknown, place: string, keys: PolicyKeys): Promise<Requirement[]> {
  if (!Array.isArray(value) || value.length === 0) throw new Error(`${place} must be a list that is not empty`);
  return await Promise.all(value.map((one, index) => requirement(asObject(one, `${place}[${index}]`), place, keys)));
}

async function requirement(object: JsonObject, place: string, keys: PolicyKeys): Promise<Requirement> {
  switch (object.type) {
    case "insecureAcceptAnything":
    case "reject":
      allowOnly(object, ["type"], place);
      return { kind: object.type === "reject" ? "reject" : "accept" };
    case "sigstoreSigned":
      return await sigstoreSigned(object, place, keys);
    case "signedBy":
      throw new Error(
        `${place} demands a signature by GPG ("signedBy"), which naru does not check; use "sigstoreSigned"`,
      );
    default:
      throw new Error(`${place} has the unknown type ${JSON.stringify(object.type)}`);
  }
}

async function sigstoreSigned(object: JsonObject, place: string, keys: PolicyKeys): Promise<Requirement> {
  for (const [key, what] of Object.entries(NOT_SUPPORTED)) {
    if (object[key] !== undefined)
      throw new Error(`${place} demands ${what} ("${key}"), which naru does not check; use keys`);
  }
  allowOnly(object, ["type", "keyPath", "keyPaths", "keyData", "keyDatas", "signedIdentity"], place);
  const named = await sigstoreKeys(object, place, keys);
  return {
    kind: "signed",
    keys: named.map(({ key }) => key),
    keyNames: named.map(({ name }) => name),
    identity:
      object.signedIdentity === undefined ? { type: "repository-or-tag" } : identity(object.signedIdentity, place),
    annotations: {},
  };
}

async function sigstoreKeys(object: JsonObject, place: string, keys: PolicyKeys): Promise<NamedKey[]> {
  const { keyPath, keyPaths, keyData, keyDatas } = object;
  if ([keyPath, keyPaths, keyData, keyDatas].filter((given) => given !== undefined).length !== 1) {
    throw new Error(`${place} must have one of "keyPath", "keyPaths", "keyData" and "keyDatas"`);
  }
  if (keyPath !== undefined) return [await keys.fromFile(asText(keyPath, `"keyPath" of ${place}`))];
  if (keyPaths !== undefined) {
    return await Promise.all(asTexts(keyPaths, `"keyPaths" of ${place}`).map((path) => keys.fromFile(path)));
  }
  const datas =
    keyData === undefined ? asTexts(keyDatas, `"keyDatas" of ${place}`) : [asText(keyData, `"keyData" of ${place}`)];
  return datas.map((data, index) => keys.fromBase64(data, `key ${index + 1} of ${place}`));
}

function identity(value: unknown, place: string): SignedIdentity {
  const object = asObject(value, `"signedIdentity" of ${place}`);
  const field = (name: string) => {
    allowOnly(object, ["type", name], `"signedIdentity" of ${place}`);
    return asText(object[name], `"${name}" of ${place}`);
  };
  switch (object.type) {
    case "matchExact":
      return { type: "exact" };
    case "matchRepoDigestOrExact":
      return { type: "repository-or-tag" };
    case "matchRepository":
      return { type: "repository" };
    case "exactReference":
      return { type: "this-name", reference: parseReference(field("dockerReference")) };
    case "exactRepository":
      return { type: "this-repository", repository: repositoryOf(parseReference(field("dockerRepository"))) };
    case "remapIdentity": {
      allowOnly(object, ["type", "prefix", "signedPrefix"], `"signedIdentity" of ${place}`);
      const prefix = asText(object.prefix, `"prefix" of ${place}`);
      return { type: "remapped", prefix, signedPrefix: asText(object.signedPrefix, `"signedPrefix" of ${place}`) };
    }
    default:
      throw new Error(`"signedIdentity" of ${place} has the unknown type ${JSON.stringify(object.type)}`);
  }
}
