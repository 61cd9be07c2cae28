/** Whether the name in a signature fits the name of an image (containers-policy.json(5), "signedIdentity"). */
import { canonicalReference, parseReference, type Reference, repositoryOf } from "../lib/image-reference.ts";

export type SignedIdentity =
  /** Whatever it says, also nothing: the digest is enough. */
  | { type: "any" }
  /** The very same name, tag included. */
  | { type: "exact" }
  /** The same name; for an image called by its digest, the same repository. */
  | { type: "repository-or-tag" }
  | { type: "repository" }
  | { type: "this-name"; reference: Reference }
  | { type: "this-repository"; repository: string }
  /** Names that begin with `prefix` are signed as `signedPrefix` (a mirror); then as "repository-or-tag". */
  | { type: "remapped"; prefix: string; signedPrefix: string };

/** `signedName` is what the signature says; a name that is none fits nothing. */
export function fitsIdentity(image: Reference, signedName: string, rule: SignedIdentity): boolean {
  if (rule.type === "any") return true;
  const signed = tryParse(signedName);
  if (signed === undefined) return false;
  switch (rule.type) {
    case "exact":
      return sameName(image, signed);
    case "repository-or-tag":
      return fitsTagOrRepository(image, signed);
    case "repository":
      return repositoryOf(image) === repositoryOf(signed);
    case "this-name":
      return sameName(rule.reference, signed);
    case "this-repository":
      return rule.repository === repositoryOf(signed);
    case "remapped":
      return fitsTagOrRepository(remap(image, rule), signed);
  }
}

function fitsTagOrRepository(image: Reference, signed: Reference): boolean {
  return image.digest === undefined ? sameName(image, signed) : repositoryOf(image) === repositoryOf(signed);
}

/** A signature that names no tag says nothing about which tag was meant. */
function sameName(image: Reference, signed: Reference): boolean {
  if (signed.tag === undefined && signed.digest === undefined) return false;
  return canonicalReference(image) === canonicalReference(signed);
}

function remap(image: Reference, { prefix, signedPrefix }: { prefix: string; signedPrefix: string }): Reference {
  const repository = repositoryOf(image);
  const rest = repository.slice(prefix.length);
  if (!repository.startsWith(prefix) || (rest !== "" && rest[0] !== "/")) return image;
  const renamed = tryParse(`${signedPrefix}${rest}`);
  return renamed === undefined ? image : { ...image, domain: renamed.domain, path: renamed.path };
}

function tryParse(name: string): Reference | undefined {
  try {
    return parseReference(name);
  } catch {
    return undefined;
  }
}
