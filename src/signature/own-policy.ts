/**
 * naru's own form of a policy:
 *
 *   { "default": "reject",
 *     "images": {
 *       "docker.io/library": "accept",
 *       "registry.example.com/team": { "signedBy": ["release.pub"], "identity": "repository", "annotations": {} } } }
 */
import { parseReference, repositoryOf } from "../lib/image-reference.ts";
import { allowOnly, asObject, asText, asTexts, type PolicyKeys } from "./policy-keys.ts";
import type { Requirement, SignaturePolicy } from "./signature-policy.ts";
import type { SignedIdentity } from "./signed-identity.ts";

const SCOPE =
  /^(?:\*\.[A-Za-z0-9.-]+(?::\d+)?|[A-Za-z0-9.-]+(?::\d+)?(?:\/[a-z0-9._/-]+(?::[\w.-]+|@sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128}))?)?)$/;

/** @throws Error in words for people */
export async function parseOwnPolicy(policy: Record<string, unknown>, keys: PolicyKeys): Promise<SignaturePolicy> {
  allowOnly(policy, ["default", "images", "unnamed"], "the policy");
  if (policy.default === undefined) throw new Error('"default" is missing: "accept", "reject" or {"signedBy": [...]}');
  const otherImages = [await requirement(policy.default, '"default"', keys)];
  const scopes = new Map<string, readonly Requirement[]>();
  for (const [scope, rule] of Object.entries(asObject(policy.images ?? {}, '"images"'))) {
    checkScope(scope);
    scopes.set(scope, [await requirement(rule, `the rule for ${JSON.stringify(scope)}`, keys)]);
  }
  const unnamed = policy.unnamed === undefined ? otherImages : [await requirement(policy.unnamed, '"unnamed"', keys)];
  return { scopes, otherImages, unnamed };
}

/** Scopes are whole names: a short one would silently mean nothing. */
function checkScope(scope: string): void {
  const host = scope.split("/")[0]!;
  const isHost = /[.:]/.test(host) || host === "localhost";
  if (SCOPE.test(scope) && isHost) return;
  throw new Error(
    `${JSON.stringify(scope)} names no images: write "host", "host/path", "host/path:tag" or "*.domain" (Docker Hub's are "docker.io/library/NAME")`,
  );
}

async function requirement(rule: unknown, place: string, keys: PolicyKeys): Promise<Requirement> {
  if (rule === "accept" || rule === "reject") return { kind: rule };
  if (typeof rule === "string")
    throw new Error(`${place} is "${rule}"; write "accept", "reject" or {"signedBy": [...]}`);
  const object = asObject(rule, place);
  allowOnly(object, ["signedBy", "identity", "annotations"], place);
  const named = await Promise.all(
    asTexts(object.signedBy, `"signedBy" of ${place}`).map((path) => keys.fromFile(path)),
  );
  const annotations = asObject(object.annotations ?? {}, `"annotations" of ${place}`);
  for (const [name, value] of Object.entries(annotations)) asText(value, `the annotation "${name}" of ${place}`);
  return {
    kind: "signed",
    keys: named.map(({ key }) => key),
    keyNames: named.map(({ name }) => name),
    identity: identity(object.identity ?? "repository", place),
    annotations: annotations as Record<string, string>,
  };
}

function identity(value: unknown, place: string): SignedIdentity {
  const text = asText(value, `"identity" of ${place}`);
  if (text === "any" || text === "repository" || text === "exact") return { type: text };
  const reference = parseReference(text);
  return reference.tag === undefined && reference.digest === undefined
    ? { type: "this-repository", repository: repositoryOf(reference) }
    : { type: "this-name", reference };
}
