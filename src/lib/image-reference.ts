/**
 * Image references in Docker's grammar (the distribution project's reference format), with Docker Hub's short names:
 * "debian" means "docker.io/library/debian:latest".
 */
import { NaruError } from "./errors.ts";

export interface Reference {
  /** "docker.io", "localhost:5000", … */
  domain: string;
  /** "library/debian". */
  path: string;
  tag?: string;
  /** "sha256:…". */
  digest?: string;
}

const PATH_COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const DOMAIN_COMPONENT = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const DOMAIN = `(?:${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const TAG = "[\\w][\\w.-]{0,127}";
const DIGEST = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
const REFERENCE = new RegExp(`^(${DOMAIN})/(${PATH_COMPONENT}(?:/${PATH_COMPONENT})*)(?::(${TAG}))?(?:@(${DIGEST}))?$`);
const DIGEST_HEX_LENGTH: Record<string, number> = { sha256: 64, sha384: 96, sha512: 128 };
const MAX_NAME = 255;
const DEFAULT_DOMAIN = "docker.io";
const OFFICIAL_PREFIX = "library/";

function invalid(message: string): NaruError {
  return new NaruError("invalid", message);
}

/** Parses and completes a name; the tag is left out when it was. @throws invalid in Docker's words */
export function parseReference(text: string): Reference {
  if (/^[a-f0-9]{64}$/.test(text)) {
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const { domain, remainder } = splitDomain(text);
  const colon = remainder.indexOf(":");
  const remote = colon < 0 ? remainder : remainder.slice(0, colon);
  if (remote.toLowerCase() !== remote) {
    throw invalid(`invalid reference format: repository name (${remote}) must be lowercase`);
  }
  const match = REFERENCE.exec(`${domain}/${remainder}`);
  if (!match) throw invalid("invalid reference format");
  const [, name, path, tag, digest] = match;
  if (`${name}/${path}`.length > MAX_NAME) throw invalid("repository name must not be more than 255 characters");
  if (digest !== undefined) checkDigest(digest);
  return { domain: name!, path: path!, tag, digest };
}

function checkDigest(digest: string): void {
  const [algorithm, hex] = digest.split(":") as [string, string];
  const length = DIGEST_HEX_LENGTH[algorithm];
  if (length === undefined) throw invalid("unsupported digest algorithm");
  if (hex.length !== length) throw invalid("invalid checksum digest length");
  if (hex.toLowerCase() !== hex) throw invalid("invalid checksum digest format");
}

/** A first part is a host when it looks like one: a dot, a port, "localhost", or upper case, which no path has. */
function splitDomain(text: string): { domain: string; remainder: string } {
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(slash, 0));
  const isHost = slash >= 0 && (/[.:]/.test(first) || first === "localhost" || first.toLowerCase() !== first);
  const domain = !isHost || first === "index.docker.io" ? DEFAULT_DOMAIN : first;
  const remainder = isHost ? text.slice(slash + 1) : text;
  const isOfficial = domain === DEFAULT_DOMAIN && !remainder.includes("/");
  return { domain, remainder: isOfficial ? OFFICIAL_PREFIX + remainder : remainder };
}

/** "docker.io/library/debian": what identifies the repository. */
export function repositoryOf({ domain, path }: Reference): string {
  return `${domain}/${path}`;
}

/** The full form; without tag and digest it means "latest". A digest makes the tag irrelevant. */
export function canonicalReference(reference: Reference): string {
  const repository = repositoryOf(reference);
  if (reference.digest !== undefined) return `${repository}@${reference.digest}`;
  return `${repository}:${reference.tag ?? "latest"}`;
}

/** @throws invalid for a name that would be read as a digest: "sha256:…" */
export function refuseAmbiguousName(reference: Reference): void {
  if (familiarName(repositoryOf(reference)) !== "sha256") return;
  throw invalid("refusing to create an ambiguous tag using digest algorithm as name");
}

/**
 * The full form of the `repo` and `tag` that requests carry apart; a tag of its own replaces one in `repo`.
 * @throws invalid in Docker's words
 */
export function taggedReference(repo: string, tag: string): string {
  const reference = parseReference(repo);
  if (reference.digest !== undefined) throw invalid("cannot import digest reference");
  refuseAmbiguousName(reference);
  if (tag !== "" && !new RegExp(`^${TAG}$`).test(tag)) throw invalid("invalid tag format");
  return canonicalReference(tag === "" ? reference : { ...reference, tag });
}

/** The short form that people use: "debian:bookworm" for "docker.io/library/debian:bookworm". */
export function familiarName(canonical: string): string {
  if (!canonical.startsWith(`${DEFAULT_DOMAIN}/`)) return canonical;
  const short = canonical.slice(DEFAULT_DOMAIN.length + 1);
  // Repositories of other users on Docker Hub keep their first part.
  return short.startsWith(OFFICIAL_PREFIX) && !short.slice(OFFICIAL_PREFIX.length).includes("/")
    ? short.slice(OFFICIAL_PREFIX.length)
    : short;
}
