/** A signature policy as a value: rules by scope, and which of them an image falls under (containers-policy.json(5)). */
import type { KeyObject } from "node:crypto";
import type { Reference } from "../lib/image-reference.ts";
import { repositoryOf } from "../lib/image-reference.ts";
import type { SignedIdentity } from "./signed-identity.ts";

/** One thing that is demanded. */
export type Requirement =
  | { kind: "accept" }
  | { kind: "reject" }
  | {
      kind: "signed";
      /** A signature by any of them will do. */
      keys: readonly KeyObject[];
      /** Where they come from, for people. */
      keyNames: readonly string[];
      identity: SignedIdentity;
      annotations: Readonly<Record<string, string>>;
    };

/** The rule that an image falls under. */
export interface PolicyRule {
  /** For people: the scope, or "default". */
  name: string;
  /** All of them must hold. */
  requirements: readonly Requirement[];
}

export interface SignaturePolicy {
  /** By scope: "host/path:tag", "host/path", "host/part-of-path", "host[:port]", "*.domain". */
  scopes: ReadonlyMap<string, readonly Requirement[]>;
  /** For images of registries that no scope is for. */
  otherImages: readonly Requirement[];
  /** For images that have no name. */
  unnamed: readonly Requirement[];
}

/** The rule of the most precise scope. */
export function ruleFor(policy: SignaturePolicy, reference: Reference): PolicyRule {
  for (const scope of scopesOf(reference)) {
    const requirements = policy.scopes.get(scope);
    if (requirements) return { name: `the rule for ${JSON.stringify(scope)}`, requirements };
  }
  return { name: "the default rule", requirements: policy.otherImages };
}

function* scopesOf(reference: Reference): Generator<string> {
  const { domain, tag, digest } = reference;
  const repository = repositoryOf(reference);
  yield digest === undefined ? `${repository}:${tag ?? "latest"}` : `${repository}@${digest}`;
  for (let scope = repository; ; scope = scope.slice(0, scope.lastIndexOf("/"))) {
    yield scope;
    if (scope === domain) break;
  }
  for (let dot = domain.indexOf("."); dot >= 0; dot = domain.indexOf(".", dot + 1)) yield `*${domain.slice(dot)}`;
}
